//! What an answer was found to mean.

use alloc::boxed::Box;
use core::fmt;

use crate::retry_after::RetryAfter;
use crate::{RefreshToken, TokenSet};

/// The longest `error` code that is kept, in bytes. The longest registered one has 32.
pub const MAX_ERROR_CODE_BYTES: usize = 64;

/// How many bytes of a secret in a row are too many in an `error` code.
const REVEALING_BYTES: usize = 8;

/// What an answer of the token endpoint means.
#[derive(Debug)]
pub enum Verdict {
    /// A new token set. Without a refresh token in it, the old one stays.
    Renewed(TokenSet),
    /// The grant is dead, if the token that was refused still is the stored one.
    Dead {
        /// The server's `error` code, if it gave one that can be shown.
        code: Option<ErrorCode>,
    },
    /// The server wants the user.
    Interaction {
        /// The server's `error` code, if it can be shown.
        code: Option<ErrorCode>,
    },
    /// The server refuses this client, or what it asks for. Nothing was processed.
    Configuration {
        /// What to look at.
        setting: Setting,
        /// The server's `error` code, if it gave one that can be shown.
        code: Option<ErrorCode>,
    },
    /// The request surely was not processed.
    Transient {
        /// What happened.
        cause: NotProcessedCause,
        /// When the server wants to be asked again, if it said so.
        retry_after: Option<RetryAfter>,
    },
    /// The request may have been processed, and the refresh token spent.
    Ambiguous {
        /// What happened.
        cause: LossCause,
        /// When the server wants to be asked again, if it said so.
        retry_after: Option<RetryAfter>,
        /// The new refresh token of a 2xx that could not be used otherwise. The old one is spent then: this is the one
        /// to store and to present next.
        salvaged: Option<RefreshToken>,
    },
}

/// Why a request surely was not processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotProcessedCause {
    /// The connection was not established.
    NotConnected,
    /// The server limits how often it may be asked.
    Throttled,
    /// The server is not there for now.
    Unavailable,
    /// Somebody on the way answered in the server's place: a captive portal, a proxy, a firewall.
    Intercepted,
}

impl fmt::Display for NotProcessedCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConnected => "no connection to the token endpoint",
            Self::Throttled => "the token endpoint was asked too often",
            Self::Unavailable => "the token endpoint is not available for now",
            Self::Intercepted => "a portal, proxy or firewall answered in place of the token endpoint",
        })
    }
}

/// Why nobody can know whether a request was processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossCause {
    /// The deadline passed.
    TimedOut,
    /// The connection ended before the answer began.
    Reset,
    /// The exchange ended in a way that does not tell.
    Unknown,
    /// The connection ended before the body did.
    Torn,
    /// The body was over the limit.
    TooLarge,
    /// A status that says nothing about the grant.
    Status(u16),
    /// The server failed while it worked on the request (`server_error`).
    ServerError,
    /// A 2xx with an `error` that is not known.
    ErrorInSuccess,
    /// A 2xx without a body.
    Empty,
    /// A 2xx with something else than a JSON object.
    NotJson,
    /// A 2xx without an access token.
    NoAccessToken,
    /// A 2xx with a token that is no text, or holds a byte that no header may carry.
    UnusableToken,
    /// A 2xx with a token of a type that we cannot use (RFC 6749 §7.1).
    TokenType,
}

impl fmt::Display for LossCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "the token endpoint did not answer in time",
            Self::Reset => "the connection ended before the token endpoint answered",
            Self::Unknown => "the exchange with the token endpoint ended unexpectedly",
            Self::Torn => "the answer of the token endpoint ended early",
            Self::TooLarge => "the answer of the token endpoint is over the size limit",
            Self::Status(status) => return write!(f, "the token endpoint answered with {status}"),
            Self::ServerError => "the token endpoint failed (server_error)",
            Self::ErrorInSuccess => "the token endpoint reported success and an unknown error at once",
            Self::Empty => "the token endpoint reported success without a body",
            Self::NotJson => "the token endpoint answered with something else than a JSON object",
            Self::NoAccessToken => "the token response holds no access token",
            Self::UnusableToken => {
                "the token response holds a token that is no text, or has characters that no header may carry"
            }
            Self::TokenType => "the token response holds a token that is not of type Bearer",
        })
    }
}

/// Which setting a [`Verdict::Configuration`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// The client's id, its secret, or how they are sent.
    ClientAuthentication,
    /// What the client is registered for: it may not refresh.
    GrantType,
    /// The scope that is asked for.
    Scope,
    /// The resource or audience that is asked for.
    Target,
    /// The URL of the token endpoint.
    EndpointUrl,
    /// The client is registered for DPoP (RFC 9449), which we do not speak.
    Dpop,
    /// Something in the request; the server does not say what.
    Request,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientAuthentication => {
                "check the client id, its secret, and the way the client authenticates"
            }
            Self::GrantType => "check that the client is registered for this grant type",
            Self::Scope => "check the scope that is asked for",
            Self::Target => "check the resource or audience that is asked for",
            Self::EndpointUrl => "check the URL of the token endpoint",
            Self::Dpop => "register the client for bearer tokens: it is registered for DPoP",
            Self::Request => "check the parameters of the token request",
        })
    }
}

/// The server's `error` code, safe to show: bounded, of the characters that RFC 6749 §5.2 allows, and no part of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ErrorCode(Box<str>);

impl ErrorCode {
    /// Takes a code; `None` if it is empty, longer than [`MAX_ERROR_CODE_BYTES`], holds a character outside
    /// `%x20-21 / %x23-5B / %x5D-7E`, or shares eight or more characters in a row with one of the secrets.
    #[must_use]
    pub fn new<'a>(code: &str, secrets: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let legal = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let shown = !code.is_empty()
            && code.len() <= MAX_ERROR_CODE_BYTES
            && code.bytes().all(legal)
            && !secrets.into_iter().any(|secret| reveals(code, secret));
        shown.then(|| Self(code.into()))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ErrorCode> for Box<str> {
    fn from(code: ErrorCode) -> Self {
        code.0
    }
}

/// Whether a code holds a whole secret, or enough of one to be worth hiding.
fn reveals(code: &str, secret: &str) -> bool {
    let (code, secret) = (code.as_bytes(), secret.as_bytes());
    let length = secret.len().min(REVEALING_BYTES);
    length > 0
        && secret
            .windows(length)
            .any(|part| code.windows(length).any(|shown| shown == part))
}
