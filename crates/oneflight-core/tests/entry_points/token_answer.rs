//! The token endpoint: any answer.

use oneflight_core::answer::{
    Answer, AnswerRules, Body, ErrorCode, Exchange, MAX_ERROR_CODE_BYTES, MAX_LIFETIME, Members, Value,
    Verdict, judge,
};
use oneflight_core::retry_after::RetryAfter;
use oneflight_core::{AccessToken, RefreshToken, WallTime};

/// The refresh token that all requests carried.
pub(crate) const SENT: &str = "~sent~refresh~token~";

/// Judges an answer, by the plain rules and by those of a server that has many of its own.
pub(crate) fn check(answer: &Answer<'_>) {
    let own = AnswerRules::default()
        .dead_code("bad_refresh_token")
        .dead_status(403)
        .interaction_code("mfa_required")
        .throttle_marker("AADSTS50196")
        .bearer_type("bot");
    for rules in [AnswerRules::default(), own] {
        let exchange = Exchange {
            rules: &rules,
            secrets: &[SENT],
            received_at: WallTime::from_unix_millis(1),
        };
        check_verdict(answer, &rules, &judge(Ok(answer), &exchange));
    }
}

fn check_verdict(answer: &Answer<'_>, rules: &AnswerRules, verdict: &Verdict) {
    let members = match answer.body {
        Body::Json(members) => members,
        _ => Members::default(),
    };
    let success = (200..300).contains(&answer.status);
    let new_token = text(members.refresh_token).filter(|token| success && RefreshToken::new(token).is_ok());
    match verdict {
        Verdict::Renewed(set) => {
            assert!(success, "only a success renews");
            assert_eq!(Some(set.access_token.expose()), text(members.access_token));
            assert!(AccessToken::new(set.access_token.expose()).is_ok());
            assert_eq!(set.refresh_token.as_ref().map(RefreshToken::expose), new_token);
            assert!(set.expires_in.is_none_or(|lifetime| lifetime <= MAX_LIFETIME));
        }
        Verdict::Dead { code } => {
            check_code(code.as_ref());
            check_proof(answer, members, rules);
        }
        Verdict::Interaction { code } => {
            check_code(code.as_ref());
            assert!(has_error(members), "nobody asked for the user");
        }
        Verdict::Configuration { code, .. } => check_code(code.as_ref()),
        Verdict::Transient { retry_after, .. } => assert_eq!(*retry_after, answer.retry_after),
        Verdict::Ambiguous {
            salvaged,
            retry_after,
            ..
        } => {
            assert_eq!(*retry_after, answer.retry_after);
            let salvaged = salvaged.as_ref().map(RefreshToken::expose);
            assert_eq!(salvaged, new_token, "a rotated token is never lost");
        }
    }
    let renewed = matches!(verdict, Verdict::Renewed(_) | Verdict::Ambiguous { .. });
    assert!(
        renewed || !success || has_error(members),
        "a 2xx may have rotated"
    );
    check_silence(members, verdict);
}

/// A grant is dead only if the server said so, in words or by a status that means it.
fn check_proof(answer: &Answer<'_>, members: Members<'_>, rules: &AnswerRules) {
    assert!(![408, 425, 429, 502, 503, 504, 511].contains(&answer.status));
    let code = match members.error {
        Value::Text(code) | Value::Object { code: Some(code) } => code,
        _ => "",
    };
    let by_code = code.eq_ignore_ascii_case("invalid_grant")
        || rules
            .dead_codes
            .iter()
            .any(|dead| dead.eq_ignore_ascii_case(code));
    let by_status = rules.dead_statuses.contains(&answer.status);
    assert!(by_code || by_status, "no proof");
    assert!(!matches!(
        answer.body,
        Body::Torn | Body::TooLarge | Body::NotJson { html: true }
    ));
}

fn check_code(code: Option<&ErrorCode>) {
    let Some(code) = code.map(ErrorCode::as_str) else {
        return;
    };
    assert!(!code.is_empty() && code.len() <= MAX_ERROR_CODE_BYTES);
    assert!(
        code.bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
    );
}

/// No token shows in the `Debug` of a verdict, where it could go to a log.
fn check_silence(members: Members<'_>, verdict: &Verdict) {
    let told = format!("{verdict:?}");
    assert!(!told.contains(SENT));
    // The scope is public; a server that puts a token there has published it. Words of our own are no secrets: a tilde
    // is in none of them.
    let scope = text(members.scope).unwrap_or_default();
    for value in [members.access_token, members.refresh_token, members.id_token] {
        let Some(token) = text(value) else { continue };
        let telling = token.len() >= 8 && token.contains('~') && !scope.contains(token);
        assert!(!telling || !told.contains(token));
    }
}

fn has_error(members: Members<'_>) -> bool {
    match members.error {
        Value::Absent | Value::Text("") | Value::Flag(false) => false,
        Value::Number(number) => number != 0.0,
        _ => true,
    }
}

fn text(value: Value<'_>) -> Option<&str> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Makes an answer of any bytes, and judges it.
pub(crate) fn check_bytes(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let status = u16::from(bytes.next()) << 8 | u16::from(bytes.next());
    // Most numbers are no status; fold some of them onto those that are.
    let status = if status < 0x8000 {
        200 + status % 400
    } else {
        status
    };
    let retry_after = RetryAfter::parse(bytes.text(), WallTime::default());
    let body = match bytes.next() {
        0 => Body::Empty,
        1 => Body::Torn,
        2 => Body::TooLarge,
        3 => Body::NotJson { html: false },
        4 => Body::NotJson { html: true },
        _ => Body::Json(Members {
            access_token: bytes.value(),
            refresh_token: bytes.value(),
            token_type: bytes.value(),
            expires_in: bytes.value(),
            scope: bytes.value(),
            id_token: bytes.value(),
            error: bytes.value(),
            error_description: bytes.value(),
        }),
    };
    check(&Answer {
        status,
        retry_after,
        body,
    });
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    fn text(&mut self) -> &'a str {
        let length = usize::from(self.next()).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        core::str::from_utf8(text).unwrap_or("invalid_grant")
    }

    fn value(&mut self) -> Value<'a> {
        match self.next() % 8 {
            0 => Value::Absent,
            1 => Value::Flag(self.next().is_multiple_of(2)),
            2 => Value::Array,
            3 => Value::Object { code: None },
            4 => Value::Object {
                code: Some(self.text()),
            },
            5 => Value::Number(f64::from_bits(u64::from_le_bytes(core::array::from_fn(|_| {
                self.next()
            })))),
            _ => Value::Text(self.text()),
        }
    }
}
