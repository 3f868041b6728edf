//! The sign-ins that are made for an examination. No profile is read or written.

use clap::Args;
use oneflight::TokenSet;
use oneflight::endpoint::Metadata;

use super::DoctorError;
use crate::exit::Problem;
use crate::interrupt::Interrupts;
use crate::login::{self, How};
use crate::profile::{self, Settings};

/// How to sign in.
#[derive(Debug, Args)]
pub(crate) struct SignInArgs {
    #[command(flatten)]
    how: How,
    /// Read a refresh token from standard input, of a sign-in that nobody needs; with --sessions 2, one on each line
    #[arg(long, conflicts_with_all = ["device", "no_browser", "port", "prompt", "timeout"])]
    with_refresh_token: bool,
}

impl SignInArgs {
    /// So many sessions, each of a sign-in of its own; `None`: somebody interrupted. What was made until then is revoked.
    ///
    /// # Errors
    /// [`Problem`] if there are not so many.
    pub(super) async fn obtain(
        &self,
        wanted: usize,
        (settings, metadata): (&Settings, &Metadata),
        interrupts: &mut Interrupts,
    ) -> Result<Option<Vec<TokenSet>>, Problem> {
        if self.with_refresh_token {
            return given(wanted).map(Some);
        }
        let mut sessions = Vec::new();
        for number in 1..=wanted {
            if wanted > 1 {
                eprintln!("sign-in {number} of {wanted}, as the same user");
            }
            let granted = login::obtain(settings, metadata, &self.how, interrupts).await;
            let ended = match granted {
                Ok(Some(granted)) if granted.tokens.refresh_token.is_some() => {
                    sessions.push(granted.tokens);
                    continue;
                }
                Ok(Some(_)) => Err(DoctorError::NoRefreshToken.into()),
                Ok(None) => Ok(None),
                Err(problem) => Err(problem),
            };
            for tokens in sessions {
                // Why there is no examination is what has to be said, however this goes.
                profile::revoke(settings, tokens).await;
            }
            return ended;
        }
        Ok(Some(sessions))
    }
}

fn given(wanted: usize) -> Result<Vec<TokenSet>, Problem> {
    let mut sessions = login::read_each()?;
    if sessions.len() < wanted {
        let found = sessions.len();
        return Err(DoctorError::FewTokens { wanted, found }.into());
    }
    sessions.truncate(wanted);
    Ok(sessions)
}
