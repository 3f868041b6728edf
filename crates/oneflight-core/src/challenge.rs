//! What an API says when it refuses a token: the parser of `WWW-Authenticate`, and the judgement whether a renewal can
//! help.
//!
//! # The parser
//! [`Challenges::parse`] takes every value of the header as it came. It reads several challenges in one value and in
//! repeated headers, in any case, with `token68`, quoted strings with escapes, and commas inside them (RFC 9110 §11.6.1).
//! What the grammar forbids is read as best it can be: a missing comma, a semicolon in its place, a string without its
//! end. Bytes that mean nothing are passed over; nothing makes it fail or panic, and its work grows with the length of
//! the header, which is bounded.
//!
//! # The judgement
//! [`refusal`] decides. A 401 means that the API did not accept what the request carried; so a renewal is tried unless
//! something shows that it cannot help:
//!
//! | answer | judgement |
//! |---|---|
//! | any status but 401 (403 and 407 among them) | [`NotRenewable::Status`] |
//! | 401 to a request that carried the caller's own credentials, or none | [`NotRenewable::NotOurs`] |
//! | 401 without a challenge, or with one that cannot be read | renewable (RFC 9110 demands one; APIs forget it) |
//! | 401, `Bearer` with `error="invalid_token"` (RFC 6750 §3.1) | renewable |
//! | 401, `Bearer` without `error` | renewable |
//! | 401, `Bearer` with an `error` we do not know (`token_expired`, `invalid_request`, …) | renewable: home-grown codes say "expired" in many ways, and the budget for such renewals bounds a wrong guess |
//! | 401, `insufficient_scope` (RFC 6750 §3.1) | [`NotRenewable::InsufficientScope`] |
//! | 401, `insufficient_user_authentication` (RFC 9470 §3) | [`NotRenewable::StepUp`] |
//! | 401, `use_dpop_nonce` (RFC 9449 §9) | [`NotRenewable::DpopNonce`] |
//! | 401, only schemes that ask for something else than a token (`Basic`, `Negotiate`, `DPoP`, …) | [`NotRenewable::OtherScheme`] |
//!
//! A scheme that nobody registered (`Token` at Salesforce, `OAuth` at Facebook, `JWT` at home) is read like `Bearer`: who
//! invents a scheme means the token. Of several challenges an explicit `invalid_token` counts first, then what rules a
//! renewal out, then the rest.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

mod parse;
mod refusal;

pub use refusal::{NotRenewable, Refusal, SentCredential, StepUp, grpc_refusal, refusal};

/// How much of the header is looked at, all its values together, in bytes.
pub const MAX_CHALLENGE_BYTES: usize = 16 * 1024;

/// How many challenges are kept, all header values together.
pub const MAX_CHALLENGES: usize = 32;

/// How many parameters of one challenge are kept.
pub const MAX_PARAMETERS: usize = 32;

/// One challenge: a scheme, and what it says (RFC 9110 §11.3).
///
/// `Debug` shows the scheme, if it is a known one, and nothing else: the rest is in the API's own words, and some APIs
/// put the token into them.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The authentication scheme, as the server spelled it.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether it has this scheme, in any case.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The value of a parameter, unescaped. Names compare in any case; of equal names the first counts.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All parameters, names and unescaped values, in the order they came.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The `token68` of schemes like `Negotiate`, which send one instead of parameters.
    #[must_use]
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = refusal::known_scheme(&self.scheme).unwrap_or("another scheme");
        f.debug_tuple("Challenge").field(&known).finish()
    }
}

/// All challenges of one answer, in the order they came.
///
/// ```
/// use oneflight_core::challenge::Challenges;
///
/// let challenges = Challenges::parse([
///     r#"Basic realm="a, b", bearer Error="invalid_token""#,
///     "Negotiate",
/// ]);
/// let schemes: Vec<&str> = challenges.iter().map(|challenge| challenge.scheme()).collect();
/// assert_eq!(schemes, ["Basic", "bearer", "Negotiate"]);
/// assert_eq!(challenges.iter().nth(1).and_then(|bearer| bearer.parameter("error")), Some("invalid_token"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenges {
    list: Vec<Challenge>,
    truncated: bool,
}

impl Challenges {
    /// Reads all values of `WWW-Authenticate`, in the order of the headers.
    ///
    /// Looks at no more than [`MAX_CHALLENGE_BYTES`] and keeps no more than [`MAX_CHALLENGES`].
    #[must_use]
    pub fn parse<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Self {
        let mut challenges = Self::default();
        let mut budget = MAX_CHALLENGE_BYTES;
        for value in values {
            let value = value.as_ref();
            let seen = &value[..value.len().min(budget)];
            parse::header(seen, &mut challenges);
            challenges.truncated |= seen.len() < value.len();
            budget -= seen.len();
        }
        challenges
    }

    /// The challenges, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &Challenge> {
        self.list.iter()
    }

    /// Whether there is none: no header, or nothing in it that can be read as one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether a limit was met, and something left out.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// What a stronger sign-in would have to show, if the API asks for one.
    #[must_use]
    pub fn step_up(&self) -> Option<StepUp<'_>> {
        refusal::step_up(self)
    }
}

#[cfg(test)]
mod tests;
