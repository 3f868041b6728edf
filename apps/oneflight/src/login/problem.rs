//! What can go wrong with a login.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use oneflight::TokenError;
use openidconnect::ClaimsVerificationError;

use super::wire::WireError;

use crate::exit::Exit;
use crate::moment::in_words;
use crate::profile::ProfileName;

/// Why nobody was signed in. None of these holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("nothing says where profile {name} is to sign in, and as which client")]
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
    #[error("the server does not offer {what}")]
    NotOffered { what: &'static str },
    #[error("the {what} that the server names cannot be used: {why}")]
    BadUrl { what: &'static str, why: String },
    #[error("port {} on 127.0.0.1 cannot be used", port.unwrap_or(0))]
    Port { port: Option<u16>, source: io::Error },
    #[error("the browser's answer can no longer be waited for")]
    Listener { source: io::Error },
    #[error("nobody signed in within {}", in_words(*waited))]
    NobodyCame { waited: Duration },
    #[error("the answer is of {found}, and not of the server that was asked: somebody mixes servers up")]
    MixedUp { found: String },
    #[error("the answer does not say which server it is of, though this one promises to (RFC 9207)")]
    Unnamed,
    #[error("{0}")]
    Refused(Refusal),
    #[error("{asked} could not be reached")]
    Unreachable { asked: &'static str, source: WireError },
    #[error("the answer of {asked} cannot be used: {why}")]
    Unusable { asked: &'static str, why: String },
    #[error("the tokens that the server gave cannot be used")]
    BadTokens { source: oneflight::Error },
    #[error("the server gave no ID token, so nobody knows who signed in")]
    NoIdToken,
    #[error("the ID token cannot be checked: {why}")]
    NoKeys { why: String },
    #[error(
        "the ID token is not for this sign-in; nobody was signed in, and what came with it is given back"
    )]
    IdToken { source: ClaimsVerificationError },
    #[error("signals cannot be listened to")]
    Signals { source: io::Error },
}

/// An error code of the server (RFC 6749 §4.1.2.1 and §5.2, RFC 8628 §3.5), and what it says to it.
#[derive(Debug)]
pub(crate) struct Refusal {
    asked: &'static str,
    code: String,
    description: Option<String>,
}

impl Refusal {
    pub(super) fn new(asked: &'static str, code: &str, description: Option<&str>) -> Self {
        Self {
            asked,
            code: printable(code),
            description: description
                .map(printable)
                .filter(|description| !description.trim().is_empty()),
        }
    }

    fn exit(&self) -> Exit {
        match self.code.as_str() {
            "access_denied"
            | "expired_token"
            | "invalid_grant"
            | "login_required"
            | "consent_required"
            | "interaction_required"
            | "account_selection_required" => Exit::SignIn,
            "server_error" | "temporarily_unavailable" => Exit::Environment,
            _ => Exit::Configuration,
        }
    }

    fn next_step(&self) -> &'static str {
        match self.code.as_str() {
            "access_denied" => "sign in again, and consent; or ask who runs the server for access",
            "expired_token" => "log in again; the code must be entered before it runs out",
            "invalid_client" => {
                "check --client-id, and whether the client needs a secret (--client-secret-file)"
            }
            "unauthorized_client" | "unsupported_grant_type" | "unsupported_response_type" => {
                "let who runs the server allow this client to sign in this way"
            }
            "invalid_scope" => "ask for what the server knows, with --scope",
            "invalid_target" => "check --resource and --audience",
            "invalid_request" => {
                "see what the server says, and how the client is registered there; its redirect URI is \
                 http://127.0.0.1/callback with any port, or with that of --port"
            }
            _ => match self.exit() {
                Exit::SignIn => "log in again",
                Exit::Environment => "try again later",
                _ => "see how the client is registered at the server",
            },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} says {}", self.asked, self.code)?;
        match &self.description {
            Some(description) => write!(f, ": {description}"),
            None => Ok(()),
        }
    }
}

/// No more of a stranger's text is shown, in characters.
const MOST_CHARACTERS: usize = 300;

/// A stranger's text, so that it cannot write anything else to the terminal.
pub(super) fn printable(text: &str) -> String {
    let shown = text.chars().take(MOST_CHARACTERS);
    shown.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl LoginError {
    /// For URLs that the server names, and that parse as none.
    pub(super) fn bad_url<E: fmt::Display>(what: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::BadUrl {
            what,
            why: error.to_string(),
        }
    }

    /// For those that would show secrets to the network.
    pub(super) fn insecure(what: &'static str) -> impl Fn(String) -> Self {
        move |why| Self::BadUrl { what, why }
    }

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
                "say `--encrypt keyring`, `--encrypt env VARIABLE`, `--encrypt key-file PATH` or `--encrypt none`".to_owned()
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
            Self::NotOffered { .. } => {
                "choose another way: a browser, --device, or --with-refresh-token".to_owned()
            }
            Self::BadUrl { .. } | Self::Unusable { .. } | Self::BadTokens { .. } | Self::NoIdToken
            | Self::NoKeys { .. } => "see that --issuer is the right server, and tell who runs it".to_owned(),
            Self::Port { port: Some(port), .. } => format!(
                "end the program that listens there (ss -ltnp 'sport = :{port}' shows it), or choose another port that the client may use"
            ),
            Self::Port { port: None, .. } | Self::Listener { .. } => {
                "check that this machine lets programs listen on 127.0.0.1, and that files may still be opened (ulimit -n)"
                    .to_owned()
            }
            Self::NobodyCame { .. } => "log in again; --timeout gives more time".to_owned(),
            Self::MixedUp { .. } | Self::Unnamed => {
                "do not go on: see that --issuer is the right server, and that nothing stands between".to_owned()
            }
            Self::Refused(refusal) => refusal.next_step().to_owned(),
            Self::Unreachable { .. } => "try again; nothing was changed here".to_owned(),
            Self::IdToken { source: ClaimsVerificationError::Expired(_) } => {
                "see whether the clock of this machine is right".to_owned()
            }
            Self::IdToken { .. } => "do not go on: see that --issuer and --client-id are the right ones".to_owned(),
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
            Self::Authentication { .. }
            | Self::NotOffered { .. }
            | Self::BadUrl { .. }
            | Self::MixedUp { .. }
            | Self::Unnamed
            | Self::Unusable { .. }
            | Self::BadTokens { .. }
            | Self::NoIdToken
            | Self::NoKeys { .. }
            | Self::IdToken { .. } => Exit::Configuration,
            Self::NobodyCame { .. } => Exit::SignIn,
            Self::Refused(refusal) => refusal.exit(),
            Self::Unproved { source } => Exit::of(source),
            Self::SecretFile { .. }
            | Self::Input { .. }
            | Self::Port { .. }
            | Self::Listener { .. }
            | Self::Unreachable { .. }
            | Self::Signals { .. } => Exit::Environment,
        }
    }
}
