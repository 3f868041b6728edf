use http::{HeaderValue, StatusCode};
use oneflight_core::answer::{LossCause, NotProcessedCause, Setting};
use proptest::prelude::*;

use super::*;

fn reader() -> Reader {
    Reader {
        names: Names::rfc(),
        rules: AnswerRules::default(),
        body_limit_bytes: 1024,
    }
}

fn read(status: u16, body: &str) -> Verdict {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    reader()
        .read(Ok(response), &["old-secret"], WallTime::default())
        .verdict
}

fn renewed(body: &str) -> oneflight_core::TokenSet {
    match read(200, body) {
        Verdict::Renewed(set) => set,
        verdict => panic!("{verdict:?}"),
    }
}

#[test]
fn f1_standard_answers_are_told_apart() {
    let set = renewed(
        r#"{"access_token":"a","token_type":"Bearer","expires_in":900,"refresh_token":"r","scope":"x y"}"#,
    );
    assert_eq!(set.access_token.expose(), "a");
    assert_eq!(set.refresh_token.unwrap().expose(), "r");
    assert_eq!(set.expires_in, Some(std::time::Duration::from_secs(900)));
    assert_eq!(set.scope.as_deref(), Some("x y"));
    assert!(matches!(
        read(400, r#"{"error":"invalid_grant"}"#),
        Verdict::Dead { .. }
    ));
    assert!(matches!(
        read(400, r#"{"error":"consent_required"}"#),
        Verdict::Interaction { .. }
    ));
    let client = read(401, r#"{"error":"invalid_client"}"#);
    assert!(
        matches!(
            client,
            Verdict::Configuration {
                setting: Setting::ClientAuthentication,
                ..
            }
        ),
        "{client:?}"
    );
    let throttled = read(429, "");
    assert!(
        matches!(
            throttled,
            Verdict::Transient {
                cause: NotProcessedCause::Throttled,
                ..
            }
        ),
        "{throttled:?}"
    );
}

#[test]
fn f1_non_standard_answers_are_told_apart() {
    for (status, body) in [
        (200, r#"{"error":"invalid_grant"}"#),
        (403, r#"{"error":"invalid_grant"}"#),
        (400, r#"{"error":{"code":"invalid_grant","message":"no"}}"#),
        (400, "\u{feff}{\"error\":\"invalid_grant\"}"),
        (400, r#"{"error":"inv\u0061lid_grant"}"#),
    ] {
        let verdict = read(status, body);
        assert!(
            matches!(verdict, Verdict::Dead { .. }),
            "{status} {body}: {verdict:?}"
        );
    }
    for (status, body) in [
        (502, "<html>Bad Gateway</html>"),
        (504, ""),
        (200, ""),
        (200, "<html>hello</html>"),
        (200, "[]"),
        (200, "{"),
        (200, r#"{"token_type":"Bearer"}"#),
        (200, r#"{"access_token":7}"#),
        (200, r#"{"access_token":"a","token_type":"mac"}"#),
    ] {
        let verdict = read(status, body);
        assert!(
            matches!(verdict, Verdict::Ambiguous { .. }),
            "{status} {body}: {verdict:?}"
        );
    }
    let moved = read(404, "not here");
    assert!(
        matches!(
            moved,
            Verdict::Configuration {
                setting: Setting::EndpointUrl,
                ..
            }
        ),
        "{moved:?}"
    );
}

#[test]
fn f1_lifetimes_come_in_many_shapes() {
    let cases = [
        ("900", Some(900)),
        ("\"900\"", Some(900)),
        ("899.9", Some(899)),
        ("9e2", Some(900)),
        ("0", Some(0)),
        ("-5", Some(0)),
        ("1e400", Some(3_153_600_000)),
        ("99999999999999999999999999", Some(3_153_600_000)),
        ("null", None),
        ("\"soon\"", None),
        ("{}", None),
    ];
    for (text, seconds) in cases {
        let set = renewed(&format!(r#"{{"access_token":"a","expires_in":{text}}}"#));
        assert_eq!(
            set.expires_in.map(|lifetime| lifetime.as_secs()),
            seconds,
            "{text}"
        );
    }
}

#[test]
fn w4_unknown_members_are_kept_as_they_came() {
    let set = renewed(
        r#"{"access_token":"a","refresh_token":"r","expires_in":1,"token_type":"bearer","id_token":"i",
            "scope":["x","y"],"big":12345678901234567890123,"nested":{"a" : 1}}"#,
    );
    let extra: Vec<(&str, &str)> = set
        .extra
        .iter()
        .map(|(name, text)| (&**name, text.expose()))
        .collect();
    assert_eq!(
        extra,
        [
            ("token_type", "\"bearer\""),
            ("scope", "[\"x\",\"y\"]"),
            ("big", "12345678901234567890123"),
            ("nested", "{\"a\" : 1}"),
        ]
    );
    assert_eq!(set.id_token.unwrap().expose(), "i");
}

#[test]
fn w4_nothing_wrong_with_an_id_token_loses_the_refresh_token() {
    let set = renewed(r#"{"access_token":"a","refresh_token":"r","id_token":{"not":"a token"}}"#);
    assert_eq!(set.refresh_token.unwrap().expose(), "r");
    assert!(set.id_token.is_none());
}

#[test]
fn o4_a_token_that_would_inject_a_header_is_refused_and_long_ones_work() {
    let injected = read(200, r#"{"access_token":"a\r\nX-Evil: 1","refresh_token":"r"}"#);
    let Verdict::Ambiguous { cause, salvaged, .. } = injected else {
        panic!("{injected:?}")
    };
    assert_eq!(cause, LossCause::UnusableToken);
    assert_eq!(salvaged.expect("the new refresh token is kept").expose(), "r");

    let long = "x".repeat(64 * 1024);
    let body = format!(r#"{{"access_token":"{long}"}}"#);
    let mut reader = reader();
    reader.body_limit_bytes = crate::endpoint::DEFAULT_BODY_LIMIT_BYTES;
    let reply = reader.read(Ok(Response::new(Bytes::from(body))), &[], WallTime::default());
    assert!(matches!(reply.verdict, Verdict::Renewed(set) if set.access_token.expose() == long));
}

#[test]
fn o5_an_answer_over_the_limit_is_not_read() {
    let body = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(2_000));
    let verdict = read(200, &body);
    assert!(
        matches!(
            verdict,
            Verdict::Ambiguous {
                cause: LossCause::TooLarge,
                ..
            }
        ),
        "{verdict:?}"
    );
}

#[test]
fn o3_an_error_code_never_shows_a_secret() {
    let verdict = read(400, r#"{"error":"bad token old-secret"}"#);
    assert!(!format!("{verdict:?}").contains("old-secret"), "{verdict:?}");
}

#[test]
fn f4_retry_after_is_read() {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("17"));
    let reply = reader().read(Ok(response), &[], WallTime::default());
    let Verdict::Transient { retry_after, .. } = reply.verdict else {
        panic!("{:?}", reply.verdict)
    };
    assert_eq!(
        retry_after,
        Some(RetryAfter::Delay(std::time::Duration::from_secs(17)))
    );
}

#[test]
fn f1_losses_are_told_apart() {
    let lost = |failure| reader().read(Err(ExchangeError::new(failure)), &[], WallTime::default());
    let unsent = lost(ExchangeFailure::NotConnected);
    assert!(matches!(unsent.verdict, Verdict::Transient { .. }), "{unsent:?}");
    for failure in [
        ExchangeFailure::TimedOut,
        ExchangeFailure::Reset,
        ExchangeFailure::TornBody,
        ExchangeFailure::TooLarge,
    ] {
        let reply = lost(failure);
        assert!(matches!(reply.verdict, Verdict::Ambiguous { .. }), "{reply:?}");
        assert!(reply.source.is_some());
    }
}

#[test]
fn w4_of_equal_members_the_last_counts() {
    assert_eq!(
        renewed(r#"{"access_token":"a","access_token":"b"}"#)
            .access_token
            .expose(),
        "b"
    );
}

proptest! {
    #[test]
    fn f1_no_body_makes_the_reader_panic(status in 100_u16..600, body in ".{0,200}") {
        let _ = read(status, &body);
    }

    #[test]
    fn o4_tokens_survive_any_escaping(token in "[ -~]{1,100}") {
        let body = serde_json::json!({ "access_token": token }).to_string();
        let set = renewed(&body);
        prop_assert_eq!(set.access_token.expose(), token);
    }
}
