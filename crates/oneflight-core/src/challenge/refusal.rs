//! Whether a renewal can help against a refusal.

use core::fmt;

use super::{Challenge, Challenges};

/// Whose credential the refused request carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SentCredential {
    /// A token of ours.
    Ours,
    /// An `Authorization` header that the caller had set.
    Callers,
    /// None: the request had opted out, or went to an origin that may not see the token.
    None,
}

/// What an answer of the API means for the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Our token was refused, and a newer one may not be.
    Renewable,
    /// A renewal cannot help: the answer is the caller's, as it came.
    NotRenewable(NotRenewable),
}

/// Why a renewal cannot help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotRenewable {
    /// The status is no refusal of a token.
    Status,
    /// What was refused was not our token.
    NotOurs,
    /// The token is good, but does not reach that far (RFC 6750 §3.1).
    InsufficientScope,
    /// The user has to sign in in a stronger way, or again (RFC 9470 §3); [`Challenges::step_up`] says how.
    StepUp,
    /// The server wants the same token with a proof that holds its nonce (RFC 9449 §9).
    DpopNonce,
    /// The server wants another kind of credential.
    OtherScheme,
}

impl fmt::Display for NotRenewable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status => "the status does not refuse the token",
            Self::NotOurs => "the request did not carry a token of this session",
            Self::InsufficientScope => "the token lacks a scope that this request needs",
            Self::StepUp => "the API asks for a stronger or a more recent sign-in",
            Self::DpopNonce => "the API asks for a DPoP proof with its nonce",
            Self::OtherScheme => "the API asks for another kind of credential",
        })
    }
}

/// Decides whether a renewal can help, by the table in the [module's documentation](super).
///
/// ```
/// use oneflight_core::challenge::{Challenges, NotRenewable, Refusal, SentCredential, refusal};
///
/// let expired = Challenges::parse([r#"Bearer error="invalid_token""#]);
/// assert_eq!(refusal(401, &expired, SentCredential::Ours), Refusal::Renewable);
///
/// let scope = Challenges::parse([r#"Bearer error="insufficient_scope", scope="admin""#]);
/// assert_eq!(
///     refusal(401, &scope, SentCredential::Ours),
///     Refusal::NotRenewable(NotRenewable::InsufficientScope),
/// );
/// ```
#[must_use]
pub fn refusal(status: u16, challenges: &Challenges, sent: SentCredential) -> Refusal {
    if status != 401 {
        return Refusal::NotRenewable(NotRenewable::Status);
    }
    if sent != SentCredential::Ours {
        return Refusal::NotRenewable(NotRenewable::NotOurs);
    }
    if challenges.is_empty() {
        return Refusal::Renewable;
    }
    let mut ruled_out = None;
    let mut token_wanted = false;
    for challenge in challenges.iter() {
        let error = challenge.parameter("error").unwrap_or_default();
        let takes_token = takes_token(challenge);
        if takes_token && error.eq_ignore_ascii_case("invalid_token") {
            return Refusal::Renewable;
        }
        token_wanted |= takes_token;
        if takes_token || challenge.is("DPoP") {
            ruled_out = ruled_out.or(exception(error));
        }
    }
    match ruled_out {
        Some(reason) => Refusal::NotRenewable(reason),
        None if token_wanted => Refusal::Renewable,
        None => Refusal::NotRenewable(NotRenewable::OtherScheme),
    }
}

/// The same for gRPC, which refuses a token by status 16 (`UNAUTHENTICATED`) within an HTTP 200.
///
/// `grpc_status` is the value of that header or trailer. Every other status, 7 (`PERMISSION_DENIED`) among them, is
/// about something else than the token.
#[must_use]
pub fn grpc_refusal(grpc_status: impl AsRef<[u8]>, sent: SentCredential) -> Refusal {
    if grpc_status.as_ref().trim_ascii() != b"16" {
        Refusal::NotRenewable(NotRenewable::Status)
    } else if sent != SentCredential::Ours {
        Refusal::NotRenewable(NotRenewable::NotOurs)
    } else {
        Refusal::Renewable
    }
}

/// The codes that say, in a 401, that a new token would be refused as well.
const EXCEPTIONS: [(&str, NotRenewable); 3] = [
    ("insufficient_scope", NotRenewable::InsufficientScope),
    ("insufficient_user_authentication", NotRenewable::StepUp),
    ("use_dpop_nonce", NotRenewable::DpopNonce),
];

fn exception(error: &str) -> Option<NotRenewable> {
    EXCEPTIONS
        .iter()
        .find(|(code, _)| code.eq_ignore_ascii_case(error))
        .map(|(_, reason)| *reason)
}

/// Schemes in the registry of IANA ("HTTP Authentication Schemes"), and in wide use beside it, that ask for something
/// else than a token to bear. `DPoP` is among them as long as we send no proofs.
const OTHER_SCHEMES: [&str; 15] = [
    "Basic",
    "Concealed",
    "Digest",
    "DPoP",
    "GNAP",
    "HOBA",
    "Kerberos",
    "Mutual",
    "Negotiate",
    "NTLM",
    "PrivateToken",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "Signature",
    "vapid",
];

fn takes_token(challenge: &Challenge) -> bool {
    !OTHER_SCHEMES.iter().any(|scheme| challenge.is(scheme))
}

/// The registered spelling of a scheme that is known here.
pub(super) fn known_scheme(scheme: &str) -> Option<&'static str> {
    let mut known = OTHER_SCHEMES.iter().chain(&["Bearer"]);
    known.find(|known| known.eq_ignore_ascii_case(scheme)).copied()
}

/// What the API asks of the user's authentication (RFC 9470 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepUp<'a> {
    /// The classes of authentication that would do, space-delimited, the preferred first; goes into the authorization
    /// request as it is.
    pub acr_values: Option<&'a str>,
    /// How long ago the user may have signed in, in seconds.
    pub max_age_seconds: Option<u64>,
}

pub(super) fn step_up(challenges: &Challenges) -> Option<StepUp<'_>> {
    let challenge = challenges
        .iter()
        .find(|challenge| challenge.parameter("error").and_then(exception) == Some(NotRenewable::StepUp))?;
    Some(StepUp {
        acr_values: challenge.parameter("acr_values"),
        max_age_seconds: challenge
            .parameter("max_age")
            .and_then(|seconds| seconds.parse().ok()),
    })
}
