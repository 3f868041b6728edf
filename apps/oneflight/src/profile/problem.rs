//! What can be wrong with a profile.

use std::io;
use std::path::{Path, PathBuf};

use oneflight::record::KeyError;
use oneflight::{ConfigError, FileStoreError, StoreError};

use super::ProfileName;
use super::settings::FORMAT;
use crate::exit::Exit;

/// Why a profile cannot be used. Names the file or the profile; none holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    #[error("there is no profile {name}")]
    Unknown { name: ProfileName },
    #[error("the session of profile {name} gives no token")]
    Session {
        name: ProfileName,
        source: oneflight::Error,
    },
    #[error("nothing says where profiles are kept: neither ONEFLIGHT_HOME nor the user's home is set")]
    NoHome,
    #[error("ONEFLIGHT_HOME is {path:?}, which depends on where the command is called")]
    RelativeHome { path: PathBuf },
    #[error("{path:?} keeps sessions, and others than its owner may write into it (mode {mode:03o})")]
    ExposedFolder { path: PathBuf, mode: u32 },
    #[error("{path:?} may be used by others than its owner (mode {mode:03o})")]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{path:?} could not be {what}")]
    Io {
        path: PathBuf,
        what: &'static str,
        source: io::Error,
    },
    #[error("{path:?} does not hold the settings of a profile (line {line}, column {column})")]
    Foreign {
        path: PathBuf,
        line: usize,
        column: usize,
    },
    #[error("{path:?} was written by a newer oneflight (format {format}, and this one knows {FORMAT})")]
    Newer { path: PathBuf, format: u64 },
    #[error("the settings of profile {name} cannot be used")]
    Settings { name: ProfileName, source: ConfigError },
    #[error("the key of profile {name} cannot be had")]
    Key { name: ProfileName, source: KeyError },
    #[error(transparent)]
    Store(#[from] FileStoreError),
    #[error(
        "the new tokens of profile {name} could not be saved, and the refresh token that stands there is spent"
    )]
    NotKept { name: ProfileName },
    #[error("the sign-in succeeded, and could not be saved in profile {name}; {revoked}")]
    Unsaved {
        name: ProfileName,
        revoked: &'static str,
        source: Option<Box<ProfileError>>,
    },
    #[error("there is a profile {name} already, or a session of that name")]
    Exists { name: ProfileName },
    #[error("another process keeps the session of profile {name} busy")]
    Busy { name: ProfileName },
    #[error("the session could not be moved")]
    Moving(#[from] StoreError),
    #[error("the session could be written neither as {name} nor back to where it was; it is lost")]
    Lost { name: ProfileName, source: StoreError },
    #[error("the HTTP client could not be built")]
    HttpClient { source: reqwest::Error },
}

impl ProfileError {
    pub(crate) fn io(path: &Path, what: &'static str, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            what,
            source,
        }
    }

    /// What the user can do about it.
    pub(crate) fn next_step(&self) -> String {
        match self {
            Self::Unknown { name } => format!(
                "make it with `oneflight login --profile {name} --issuer URL --client-id ID`, or see `oneflight profiles`"
            ),
            Self::Session { name, source } => match Exit::of(source) {
                Exit::SignIn => format!("sign in again with `oneflight login --profile {name}`"),
                Exit::Configuration => format!(
                    "see how the client is registered at the server; `oneflight login --profile {name}` takes other settings"
                ),
                _ => "the session is kept; try again later".to_owned(),
            },
            Self::NoHome | Self::RelativeHome { .. } => {
                "set ONEFLIGHT_HOME to an absolute path of a folder of yours".to_owned()
            }
            Self::ExposedFolder { path, .. } => {
                format!(
                    "run `chmod go-w {}`, and sign in again if somebody else may have written there",
                    path.display()
                )
            }
            Self::Exposed { path, .. } => format!(
                "run `chmod 600 {}`, and change the client secret if somebody else may have read it",
                path.display()
            ),
            Self::Io { .. } => {
                "see that this user may read and write it and its folder, and that the disk is not full"
                    .to_owned()
            }
            Self::Foreign { .. } => {
                "it was left as it is: restore it from a backup, or move it away and log in anew".to_owned()
            }
            Self::Newer { .. } => "it was left as it is: use that version of oneflight".to_owned(),
            Self::Settings { name, .. } => {
                format!("log in anew with `oneflight login --profile {name}` and the right settings")
            }
            Self::Key { name, .. } => format!(
                "provide the key; if it is lost, `oneflight profiles remove {name} --force`, and log in anew"
            ),
            Self::Store(_) => "nothing was sent and nothing overwritten; do what the error says".to_owned(),
            Self::NotKept { name } => format!(
                "see what keeps its files from being written (a full disk?), and sign in again with `oneflight login --profile {name}`"
            ),
            Self::Unsaved { .. } => {
                "see what keeps the files of the profile from being written (a full disk?), and log in anew"
                    .to_owned()
            }
            Self::Exists { name } => format!(
                "choose another name, or remove that one first with `oneflight profiles remove {name}`"
            ),
            Self::Busy { .. } => "try again; if it stays so, see which process hangs".to_owned(),
            Self::Moving(_) => "nothing was changed; see whether the disk is full, and try again".to_owned(),
            Self::Lost { .. } => "see what keeps the files from being written, and sign in again".to_owned(),
            Self::HttpClient { .. } => "check the system's certificates (package ca-certificates)".to_owned(),
        }
    }

    /// The exit code it ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Unknown { .. } | Self::Lost { .. } => Exit::SignIn,
            Self::Exists { .. } => Exit::Usage,
            Self::Session { source, .. } => Exit::of(source),
            Self::Settings { .. } | Self::Key { .. } | Self::Store(FileStoreError::Record { .. }) => {
                Exit::Configuration
            }
            _ => Exit::Environment,
        }
    }
}
