//! What an answer of the token endpoint means.
//!
//! The driver does the exchange and parses the JSON with whatever its platform offers; it hands over what it found as an
//! [`Answer`], or a [`Loss`], and [`judge`] says what that proves. Only an answer that proves the grant dead ends a session; an answer
//! that may have rotated the refresh token without our learning the new one is *ambiguous*, and that is where sessions
//! are lost or kept.
//!
//! # The order of the judgement
//! 1. Without an answer: [`Loss`] says whether the request surely was not processed.
//! 2. A status that speaks for a gateway or a limiter, not for the grant (408, 425, 429, 502, 503, 504, 511), decides
//!    alone, whatever the body says.
//! 3. A body that ended early or is over the limit is ambiguous.
//! 4. A [throttle marker](AnswerRules::throttle_markers) of the profile.
//! 5. A code that means dead: `invalid_grant`, and what the [profile adds](AnswerRules::dead_codes).
//! 6. A [status that means dead](AnswerRules::dead_statuses) to the profile.
//! 7. Any other `error`, also in a 200.
//! 8. The status, and in a 2xx the tokens.
//!
//! # `error` codes
//! They compare in any case. `null`, an empty string, `false` and `0` are no error. Of an object, the driver passes the
//! first text among its members [`ERROR_OBJECT_MEMBERS`].
//!
//! | `error` | verdict |
//! |---|---|
//! | `invalid_grant` (RFC 6749 §5.2), in a 200, 400, 401, 403 or 500 alike | dead |
//! | `interaction_required`, `login_required`, `consent_required`, `account_selection_required` (OpenID Connect Core §3.1.2.6) | interaction |
//! | `invalid_client`, `unauthorized_client`, `unsupported_grant_type`, `invalid_scope`, `invalid_request` (RFC 6749 §5.2), `invalid_target` (RFC 8707 §2), `invalid_dpop_proof`, `use_dpop_nonce` (RFC 9449) | configuration |
//! | `temporarily_unavailable`, `slow_down` (RFC 8628 §3.5), `too_many_requests`, `rate_limit_exceeded`, `over_request_rate_limit` | transient |
//! | `server_error` | ambiguous |
//! | unknown, in a 2xx | ambiguous |
//! | unknown, else | as the status alone |
//!
//! # Status without a known code
//!
//! | status | verdict | because |
//! |---|---|---|
//! | 2xx, usable | renewed | any 2xx: home-grown back ends answer 201 |
//! | 2xx, not usable: no JSON, empty, no access token, a token that no header can carry, a foreign `token_type` | ambiguous | the old refresh token may be spent; a new one that can be read is [salvaged](Verdict::Ambiguous) |
//! | 301, 308 | configuration (URL) | the endpoint has moved for good, and token requests follow no redirect |
//! | 302, 303, 307 | transient | a captive portal, or a gateway that wants a sign-in of its own |
//! | 400, 402, other 4xx | configuration (request) | RFC 6749 asks for a code; the request is wrong in a way we cannot know |
//! | 401 | configuration (client authentication) | never a refusal of the API's kind |
//! | 403 with HTML | transient | a firewall or a portal between us and the server |
//! | 403 otherwise | configuration (request) | |
//! | 404, 405, 410 | configuration (URL) | no token endpoint there, with HTML or without |
//! | 407, 511 | transient | the proxy's or the portal's word; heals with the network |
//! | 408 | ambiguous | somebody on the way stopped waiting |
//! | 409 | ambiguous | some servers say so of concurrent refreshes |
//! | 421, 425, 429, 503 | transient | said to be not processed |
//! | 501 | configuration (URL) | |
//! | 500, 502, 504, other 5xx, 1xx, other 3xx, no status at all | ambiguous | |
//!
//! # Members of a 2xx
//!
//! | member | read as |
//! |---|---|
//! | `token_type` | absent, `null`, empty: `Bearer`. Any case. Another type must not be used (RFC 6749 §7.1): ambiguous, unless the profile [says it is used alike](AnswerRules::bearer_types). `DPoP` is such a type |
//! | `refresh_token` | absent, `null`, empty: the old one stays. Not a usable text: ambiguous, for the old one may be spent |
//! | `expires_in` | seconds: integers, fractions (rounded down) and decimal strings. Negative: already expired. Longer than [`MAX_LIFETIME`]: that. Anything else: unknown |
//! | `scope`, `id_token` | handed on if they are texts, else passed over: nothing wrong with them loses the tokens |

use core::fmt;

mod judge;
mod rules;
mod verdict;

pub use judge::judge;
pub use rules::AnswerRules;
pub use verdict::{ErrorCode, LossCause, MAX_ERROR_CODE_BYTES, NotProcessedCause, Setting, Verdict};

use core::time::Duration;

use crate::WallTime;
use crate::retry_after::RetryAfter;

/// The longest lifetime of an access token that is believed: a hundred years of 365 days.
pub const MAX_LIFETIME: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Where an `error` that is an object keeps its code: the first of these members that is a text.
pub const ERROR_OBJECT_MEMBERS: [&str; 4] = ["code", "error", "type", "message"];

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// The request surely did not leave: the name did not resolve, the connection or its TLS was not established.
    NotConnected,
    /// The deadline passed.
    TimedOut,
    /// The connection ended before the answer began.
    Reset,
    /// The exchange ended in a way that does not tell whether the request left; a panic, for one.
    Unknown,
}

/// An answer of the token endpoint, parsed.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header, if it could be read.
    pub retry_after: Option<RetryAfter>,
    /// The body.
    pub body: Body<'a>,
}

/// What the body of an answer was.
///
/// Drivers try JSON whatever the `Content-Type` says; servers get that header wrong more often than the body.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// A JSON object.
    Json(Members<'a>),
    /// Anything else that is whole; JSON that is no object is among it.
    NotJson {
        /// It is a page for people: [`looks_like_html`] says so.
        html: bool,
    },
    /// Nothing.
    Empty,
    /// The connection ended before the body did.
    Torn,
    /// It grew over the driver's limit, and the rest was not read.
    TooLarge,
}

/// Whether a body is a page for people, by its `Content-Type` or its first character.
#[must_use]
pub fn looks_like_html(content_type: Option<&[u8]>, body: &[u8]) -> bool {
    const HTML: &[u8] = b"text/html";
    const XHTML: &[u8] = b"application/xhtml";
    let begins = |content_type: &[u8], with: &[u8]| {
        content_type
            .get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    content_type.is_some_and(|value| begins(value, HTML) || begins(value, XHTML))
        || body.trim_ascii_start().first() == Some(&b'<')
}

/// The members of a token response (RFC 6749 §5) that are looked at, under the names the RFC gives them.
///
/// Endpoints with other names map them first. All are [`Value::Absent`] by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Members<'a> {
    /// The access token.
    pub access_token: Value<'a>,
    /// The refresh token.
    pub refresh_token: Value<'a>,
    /// How the access token is to be used.
    pub token_type: Value<'a>,
    /// Its lifetime in seconds.
    pub expires_in: Value<'a>,
    /// What it was granted for.
    pub scope: Value<'a>,
    /// The ID token (OpenID Connect Core §12.2).
    pub id_token: Value<'a>,
    /// The error code (RFC 6749 §5.2).
    pub error: Value<'a>,
    /// What the server says about the error. Searched for throttle markers, and not kept: some servers put the token
    /// into it.
    pub error_description: Value<'a>,
}

/// A JSON value, as far as it is looked at. `Debug` shows its type only.
#[derive(Clone, Copy, Default)]
pub enum Value<'a> {
    /// No such member, or `null`.
    #[default]
    Absent,
    /// A string.
    Text(&'a str),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// An object.
    Object {
        /// The first text among its members [`ERROR_OBJECT_MEMBERS`].
        code: Option<&'a str>,
    },
    /// An array.
    Array,
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "absent",
            Self::Text(_) => "text",
            Self::Number(_) => "number",
            Self::Flag(_) => "flag",
            Self::Object { .. } => "object",
            Self::Array => "array",
        })
    }
}

/// What the judgement needs to know beside the reply.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// What the profile of the authorization server says about its answers.
    pub rules: &'a AnswerRules,
    /// The secrets the request carried: the refresh token, the client's secret. An `error` code that holds one of them,
    /// or a part of it, is dropped.
    pub secrets: &'a [&'a str],
    /// When the answer arrived.
    pub received_at: WallTime,
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("rules", self.rules)
            .field("received_at", &self.received_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
