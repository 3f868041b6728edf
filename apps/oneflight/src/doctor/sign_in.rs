//! The sign-ins that are made for an examination. No profile is read or written.

use clap::Args;
use oneflight::TokenSet;

use super::DoctorError;
use crate::exit::Problem;
use crate::login;

/// How to sign in.
#[derive(Debug, Args)]
pub(crate) struct SignInArgs {
    /// Read a refresh token from standard input, of a sign-in that nobody needs; with --sessions 2, one on each line
    #[arg(long, required = true)]
    with_refresh_token: bool,
}

impl SignInArgs {
    /// So many sessions, each of a sign-in of its own.
    ///
    /// # Errors
    /// [`Problem`] if there are not so many.
    pub(super) async fn obtain(&self, wanted: usize) -> Result<Vec<TokenSet>, Problem> {
        let mut sessions = login::read_each()?;
        if sessions.len() < wanted {
            let found = sessions.len();
            return Err(DoctorError::FewTokens { wanted, found }.into());
        }
        sessions.truncate(wanted);
        Ok(sessions)
    }
}
