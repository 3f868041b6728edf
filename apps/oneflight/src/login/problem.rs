//! What can go wrong with a login.

use std::io;
use std::path::PathBuf;

use oneflight::TokenError;

use crate::exit::Exit;
use crate::profile::ProfileName;

/// Why nobody was signed in. None of these holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("there is no profile {name} yet, and nothing says where to sign in")]
    NoIssuer { name: ProfileName },
    #[error(
        "profile {name} holds a session of client {client_id} at {issuer}, which is not where this login goes"
    )]
    OtherServer {
        name: ProfileName,
        issuer: String,
        client_id: String,
    },
    #[error("{encrypt:?} names no place of a key")]
    Encrypt { encrypt: String },
    #[error("the session of profile {name} is encrypted, and this login would leave it readable")]
    WouldDecrypt { name: ProfileName },
    #[error("the client secret could not be read from {path:?}")]
    SecretFile { path: PathBuf, source: io::Error },
    #[error("the client secret is empty")]
    EmptySecret,
    #[error("the server lets clients authenticate by {offered} only, which this program does not speak")]
    Authentication { offered: String },
    #[error("standard input gives no refresh token: it {what}")]
    NoToken { what: &'static str },
    #[error("standard input could not be read")]
    Input { source: io::Error },
    #[error("what standard input gives is no refresh token")]
    BadToken { source: TokenError },
    #[error("the refresh token could not be proved")]
    Unproved { source: oneflight::Error },
    #[error("signals cannot be listened to")]
    Signals { source: io::Error },
}

impl LoginError {
    /// What the user can do about it.
    pub(crate) fn next_step(&self) -> String {
        match self {
            Self::NoIssuer { .. } => {
                "name the server with --issuer and the client with --client-id".to_owned()
            }
            Self::OtherServer { name, .. } => format!(
                "choose another --profile, or end that session first with `oneflight logout --profile {name}`"
            ),
            Self::Encrypt { .. } => {
                "say `--encrypt env VARIABLE`, `--encrypt key-file PATH` or `--encrypt none`".to_owned()
            }
            Self::WouldDecrypt { name } => {
                format!(
                    "leave --encrypt out, or remove the profile first: `oneflight profiles remove {name}`"
                )
            }
            Self::SecretFile { .. } => "check the path and who may read it".to_owned(),
            Self::EmptySecret => "give the secret, or leave it out if the client has none".to_owned(),
            Self::Authentication { .. } => {
                "register the client for client_secret_basic, client_secret_post or none".to_owned()
            }
            Self::NoToken { .. } => {
                "hand it in from a file: `oneflight login --with-refresh-token … < FILE`".to_owned()
            }
            Self::Input { .. } => "check where standard input comes from".to_owned(),
            Self::BadToken { .. } => "hand in the refresh token alone, as the server gave it".to_owned(),
            Self::Unproved { source } => match Exit::of(source) {
                Exit::SignIn => {
                    "the server does not take it: get a new one, and see that it was issued to --client-id"
                        .to_owned()
                }
                Exit::Configuration => {
                    "check --client-id, and whether the client needs a secret (--client-secret-file)"
                        .to_owned()
                }
                _ => "try again; nothing was changed here".to_owned(),
            },
            Self::Signals { .. } => "see how many files this user may have open (ulimit -n)".to_owned(),
        }
    }

    /// The exit code it ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::NoIssuer { .. }
            | Self::OtherServer { .. }
            | Self::Encrypt { .. }
            | Self::WouldDecrypt { .. }
            | Self::EmptySecret
            | Self::NoToken { .. }
            | Self::BadToken { .. } => Exit::Usage,
            Self::Authentication { .. } => Exit::Configuration,
            Self::Unproved { source } => Exit::of(source),
            Self::SecretFile { .. } | Self::Input { .. } | Self::Signals { .. } => Exit::Environment,
        }
    }
}
