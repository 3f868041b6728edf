//! The judgement itself, in the order that the module's documentation gives.

use core::time::Duration;

use super::verdict::{ErrorCode, LossCause, NotProcessedCause, Setting, Verdict};
use super::{Answer, AnswerRules, Body, Exchange, Loss, MAX_LIFETIME, Members, Value};
use crate::retry_after::RetryAfter;
use crate::{RefreshToken, Secret, TokenSet};

/// What an `error` code means, wherever it stands.
#[derive(Clone, Copy)]
enum Meaning {
    Dead,
    Interaction,
    Configuration(Setting),
    Transient(NotProcessedCause),
    Ambiguous(LossCause),
}

const CODES: [(&str, Meaning); 19] = [
    ("invalid_grant", Meaning::Dead),
    ("interaction_required", Meaning::Interaction),
    ("login_required", Meaning::Interaction),
    ("consent_required", Meaning::Interaction),
    ("account_selection_required", Meaning::Interaction),
    (
        "invalid_client",
        Meaning::Configuration(Setting::ClientAuthentication),
    ),
    ("unauthorized_client", Meaning::Configuration(Setting::GrantType)),
    (
        "unsupported_grant_type",
        Meaning::Configuration(Setting::GrantType),
    ),
    ("invalid_scope", Meaning::Configuration(Setting::Scope)),
    ("invalid_target", Meaning::Configuration(Setting::Target)),
    ("invalid_request", Meaning::Configuration(Setting::Request)),
    ("invalid_dpop_proof", Meaning::Configuration(Setting::Dpop)),
    ("use_dpop_nonce", Meaning::Configuration(Setting::Dpop)),
    (
        "temporarily_unavailable",
        Meaning::Transient(NotProcessedCause::Unavailable),
    ),
    ("slow_down", Meaning::Transient(NotProcessedCause::Throttled)),
    (
        "too_many_requests",
        Meaning::Transient(NotProcessedCause::Throttled),
    ),
    (
        "rate_limit_exceeded",
        Meaning::Transient(NotProcessedCause::Throttled),
    ),
    (
        "over_request_rate_limit",
        Meaning::Transient(NotProcessedCause::Throttled),
    ),
    ("server_error", Meaning::Ambiguous(LossCause::ServerError)),
];

/// Says what the reply of the token endpoint means, an answer or the loss of one, by the tables in the [module's documentation](super).
///
/// ```
/// use oneflight_core::WallTime;
/// use oneflight_core::answer::{
///     Answer, AnswerRules, Body, Exchange, Members, Value, Verdict, judge,
/// };
///
/// let rules = AnswerRules::default();
/// let exchange = Exchange { rules: &rules, secrets: &["old"], received_at: WallTime::default() };
/// let judge_json = |members| {
///     let answer = Answer { status: 200, retry_after: None, body: Body::Json(members) };
///     judge(Ok(&answer), &exchange)
/// };
///
/// let renewed = Members {
///     access_token: Value::Text("new"),
///     refresh_token: Value::Text("newer"),
///     expires_in: Value::Number(900.0),
///     ..Members::default()
/// };
/// assert!(matches!(judge_json(renewed), Verdict::Renewed(_)));
///
/// let dead = Members { error: Value::Text("invalid_grant"), ..Members::default() };
/// assert!(matches!(judge_json(dead), Verdict::Dead { .. }));
/// ```
#[must_use]
pub fn judge(reply: Result<&Answer<'_>, Loss>, exchange: &Exchange<'_>) -> Verdict {
    let answer = match reply {
        Ok(answer) => answer,
        Err(Loss::NotConnected) => return transient(NotProcessedCause::NotConnected, None),
        Err(Loss::TimedOut) => return ambiguous(LossCause::TimedOut, None),
        Err(Loss::Reset) => return ambiguous(LossCause::Reset, None),
        Err(Loss::Unknown) => return ambiguous(LossCause::Unknown, None),
    };
    if let Some(verdict) = by_gateway(answer) {
        return verdict;
    }
    let members = match answer.body {
        Body::Torn => return ambiguous(LossCause::Torn, answer.retry_after),
        Body::TooLarge => return ambiguous(LossCause::TooLarge, answer.retry_after),
        Body::Json(members) => members,
        Body::NotJson { .. } | Body::Empty => Members::default(),
    };
    by_error(answer, &members, exchange).unwrap_or_else(|| by_status(answer, &members, exchange))
}

/// Statuses that speak for somebody in front of the server, or for a limiter, and decide alone.
fn by_gateway(answer: &Answer<'_>) -> Option<Verdict> {
    let cause = match answer.status {
        408 | 502 | 504 => return Some(ambiguous(LossCause::Status(answer.status), answer.retry_after)),
        429 => NotProcessedCause::Throttled,
        425 | 503 => NotProcessedCause::Unavailable,
        511 => NotProcessedCause::Intercepted,
        _ => return None,
    };
    Some(transient(cause, answer.retry_after))
}

fn by_error(answer: &Answer<'_>, members: &Members<'_>, exchange: &Exchange<'_>) -> Option<Verdict> {
    let rules = exchange.rules;
    let code = error_code(&members.error);
    let has_error = code.is_some();
    let code = code.unwrap_or_default();
    if has_error || !is_success(answer.status) {
        let description = text(&members.error_description).unwrap_or_default();
        if shows_limiter(rules, code) || shows_limiter(rules, description) {
            return Some(transient(NotProcessedCause::Throttled, answer.retry_after));
        }
    }
    let meaning = meaning(rules, code);
    let means_dead = match meaning {
        Some(Meaning::Dead) => true,
        Some(Meaning::Interaction | Meaning::Transient(_)) => false,
        Some(Meaning::Configuration(Setting::ClientAuthentication)) => false,
        _ => is_dead_status(answer, rules),
    };
    let code = shown(code, members, exchange);
    if means_dead {
        return Some(Verdict::Dead { code });
    }
    Some(match meaning? {
        Meaning::Dead => Verdict::Dead { code },
        Meaning::Interaction => Verdict::Interaction { code },
        Meaning::Configuration(setting) => Verdict::Configuration { setting, code },
        Meaning::Transient(cause) => transient(cause, answer.retry_after),
        Meaning::Ambiguous(cause) => Verdict::Ambiguous {
            cause,
            retry_after: answer.retry_after,
            salvaged: salvage(answer, members),
        },
    })
}

fn by_status(answer: &Answer<'_>, members: &Members<'_>, exchange: &Exchange<'_>) -> Verdict {
    let retry_after = answer.retry_after;
    let setting = match answer.status {
        200..=299 => {
            return by_tokens(answer, members, exchange).unwrap_or_else(|cause| Verdict::Ambiguous {
                cause,
                retry_after,
                salvaged: salvage(answer, members),
            });
        }
        302 | 303 | 307 | 407 => return transient(NotProcessedCause::Intercepted, retry_after),
        403 if matches!(answer.body, Body::NotJson { html: true }) => {
            return transient(NotProcessedCause::Intercepted, retry_after);
        }
        421 => return transient(NotProcessedCause::Unavailable, retry_after),
        301 | 308 | 404 | 405 | 410 | 501 => Setting::EndpointUrl,
        401 => Setting::ClientAuthentication,
        409 => return ambiguous(LossCause::Status(409), retry_after),
        400..=499 => Setting::Request,
        status => return ambiguous(LossCause::Status(status), retry_after),
    };
    let code = error_code(&members.error).and_then(|code| shown(code, members, exchange));
    Verdict::Configuration { setting, code }
}

/// The token set of a 2xx, or why there is none to use.
fn by_tokens(
    answer: &Answer<'_>,
    members: &Members<'_>,
    exchange: &Exchange<'_>,
) -> Result<Verdict, LossCause> {
    match answer.body {
        Body::Empty => return Err(LossCause::Empty),
        Body::NotJson { .. } => return Err(LossCause::NotJson),
        _ => {}
    }
    if error_code(&members.error).is_some() {
        return Err(LossCause::ErrorInSuccess);
    }
    let access_token = token(&members.access_token)?.ok_or(LossCause::NoAccessToken)?;
    let mut set = TokenSet::new(access_token, exchange.received_at).map_err(|_| LossCause::UnusableToken)?;
    if !is_bearer(exchange.rules, &members.token_type) {
        return Err(LossCause::TokenType);
    }
    if let Some(token) = token(&members.refresh_token)? {
        let token = RefreshToken::new(token).map_err(|_| LossCause::UnusableToken)?;
        set.refresh_token = Some(token);
    }
    set.expires_in = lifetime(&members.expires_in);
    set.scope = text(&members.scope).map(Into::into);
    set.id_token = text(&members.id_token).map(Secret::new);
    Ok(Verdict::Renewed(set))
}

/// The refresh token of a 2xx, whatever is wrong with the rest.
fn salvage(answer: &Answer<'_>, members: &Members<'_>) -> Option<RefreshToken> {
    if !is_success(answer.status) {
        return None;
    }
    text(&members.refresh_token).and_then(|token| RefreshToken::new(token).ok())
}

const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

fn meaning(rules: &AnswerRules, code: &str) -> Option<Meaning> {
    let among = |codes: &[alloc::string::String]| {
        !code.is_empty() && codes.iter().any(|known| known.eq_ignore_ascii_case(code))
    };
    if among(&rules.dead_codes) {
        return Some(Meaning::Dead);
    }
    if among(&rules.interaction_codes) {
        return Some(Meaning::Interaction);
    }
    CODES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(code))
        .map(|(_, meaning)| *meaning)
}

fn is_dead_status(answer: &Answer<'_>, rules: &AnswerRules) -> bool {
    !is_success(answer.status)
        && rules.dead_statuses.contains(&answer.status)
        && !matches!(answer.body, Body::NotJson { html: true })
}

/// Whether a text holds one of the markers, in any case.
fn shows_limiter(rules: &AnswerRules, text: &str) -> bool {
    rules.throttle_markers.iter().any(|marker| {
        !marker.is_empty()
            && text
                .as_bytes()
                .windows(marker.len())
                .any(|part| part.eq_ignore_ascii_case(marker.as_bytes()))
    })
}

fn is_bearer(rules: &AnswerRules, token_type: &Value<'_>) -> bool {
    match token_type {
        Value::Absent | Value::Text("") => true,
        Value::Text(name) => {
            name.eq_ignore_ascii_case("bearer")
                || rules
                    .bearer_types
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(name))
        }
        _ => false,
    }
}

/// The code of an error: empty if there is an error without one, `None` if there is no error.
fn error_code<'a>(error: &Value<'a>) -> Option<&'a str> {
    match *error {
        Value::Absent | Value::Text("") | Value::Flag(false) => None,
        Value::Number(number) => (number != 0.0).then_some(""),
        Value::Text(code) => Some(code),
        Value::Object { code } => Some(code.unwrap_or_default()),
        Value::Flag(true) | Value::Array => Some(""),
    }
}

/// The code as it may be shown: a known one in its own spelling, any other if it holds no secret.
fn shown(code: &str, members: &Members<'_>, exchange: &Exchange<'_>) -> Option<ErrorCode> {
    let known = CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code));
    if let Some((known, _)) = known {
        return ErrorCode::new(known, []);
    }
    let answered = [&members.access_token, &members.refresh_token, &members.id_token];
    let secrets = exchange.secrets.iter().copied();
    ErrorCode::new(code, secrets.chain(answered.into_iter().filter_map(text)))
}

fn text<'a>(value: &Value<'a>) -> Option<&'a str> {
    match *value {
        Value::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// A token, `None` if there is none.
fn token<'a>(value: &Value<'a>) -> Result<Option<&'a str>, LossCause> {
    match *value {
        Value::Absent => Ok(None),
        Value::Text(token) => Ok((!token.is_empty()).then_some(token)),
        _ => Err(LossCause::UnusableToken),
    }
}

/// A lifetime in whole seconds, as a number or as digits in a string.
fn lifetime(value: &Value<'_>) -> Option<Duration> {
    let seconds = match *value {
        Value::Number(seconds) if !seconds.is_nan() => {
            // Saturates at both ends, and rounds towards zero.
            seconds as u64
        }
        Value::Text(text) => decimal(text.trim_ascii())?,
        _ => return None,
    };
    Some(Duration::from_secs(seconds).min(MAX_LIFETIME))
}

/// The whole part of a decimal number; 0 if it is negative. One too large to count is as large as any.
fn decimal(text: &str) -> Option<u64> {
    /// Ten times this, and a digit, can be counted.
    const LARGE: u64 = u64::MAX / 20;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut parts = digits.as_bytes().split(|byte| *byte == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or(b"0"));
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !is_number(whole) || !is_number(fraction) || parts.next().is_some() {
        return None;
    }
    let whole = whole.iter().fold(0, |value: u64, digit| {
        value.min(LARGE) * 10 + u64::from(digit - b'0')
    });
    Some(if digits.len() < text.len() { 0 } else { whole })
}

fn transient(cause: NotProcessedCause, retry_after: Option<RetryAfter>) -> Verdict {
    Verdict::Transient { cause, retry_after }
}

fn ambiguous(cause: LossCause, retry_after: Option<RetryAfter>) -> Verdict {
    Verdict::Ambiguous {
        cause,
        retry_after,
        salvaged: None,
    }
}
