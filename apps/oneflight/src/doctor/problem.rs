//! Why an examination was not begun, or came to nothing.

use super::observe::Taken;
use super::probe::{Left, Stopped};
use crate::exit::Exit;

/// Why there is no report. None of these holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoctorError {
    #[error("this may end the session it examines, and nobody is here to be asked")]
    Unasked,
    #[error("nothing was done")]
    Declined,
    #[error("standard input holds {found} of {wanted} refresh tokens")]
    FewTokens { wanted: usize, found: usize },
    #[error("the sign-in brought no refresh token, so there is nothing to examine")]
    NoRefreshToken,
    #[error("the very first refresh failed: {}{}", stopped_words(.stopped), left_words(.left))]
    Stopped { stopped: Stopped, left: Left },
}

fn stopped_words(stopped: &Stopped) -> String {
    match stopped {
        Stopped::Refused {
            status,
            code: Some(code),
            ..
        } => format!("the server answered {status} {code}"),
        Stopped::Refused {
            status, code: None, ..
        } => format!("the server answered with {status}"),
        Stopped::Unclear(why) => why.clone(),
    }
}

/// Somebody may have to end what could not be ended here.
fn left_words(left: &Left) -> String {
    match left.alive {
        0 => String::new(),
        n => format!("; {n} refresh token(s) of this examination may be alive, and could not be revoked"),
    }
}

impl DoctorError {
    /// What the user can do about it.
    pub(crate) fn next_step(&self) -> String {
        match self {
            Self::Unasked => {
                "add --yes if the server and its users may learn of it, or --no-reuse to leave out what may end the session"
                    .to_owned()
            }
            Self::Declined => "answer with yes to go on".to_owned(),
            Self::FewTokens { .. } => {
                "hand in one refresh token per line, each of a sign-in of its own that nobody needs".to_owned()
            }
            Self::NoRefreshToken => {
                "ask for one (most servers give it for --scope offline_access), and see that the client may have one".to_owned()
            }
            Self::Stopped {
                stopped: Stopped::Refused { taken_for, .. },
                ..
            } => match taken_for {
                Taken::Dead | Taken::Interaction => {
                    "sign in anew, and see that the refresh token was issued to --client-id".to_owned()
                }
                Taken::Client | Taken::Request => {
                    "check --client-id, and whether the client needs a secret (--client-secret-file)".to_owned()
                }
            },
            Self::Stopped {
                stopped: Stopped::Unclear(_),
                ..
            } => "try again later".to_owned(),
        }
    }

    /// The exit code it ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Unasked | Self::FewTokens { .. } => Exit::Usage,
            Self::Declined => Exit::Interrupted,
            Self::NoRefreshToken => Exit::Configuration,
            Self::Stopped {
                stopped: Stopped::Refused { taken_for, .. },
                ..
            } => match taken_for {
                Taken::Dead | Taken::Interaction => Exit::SignIn,
                Taken::Client | Taken::Request => Exit::Configuration,
            },
            Self::Stopped {
                stopped: Stopped::Unclear(_),
                ..
            } => Exit::Environment,
        }
    }
}
