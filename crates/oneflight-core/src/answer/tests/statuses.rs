//! Statuses, bodies, and answers that never came.

use super::*;
use crate::retry_after::RetryAfter;

#[test]
fn f1_f13_every_status_without_a_code_has_its_class() {
    let cases: &[(u16, Body<'static>, &str)] = &[
        (0, Body::Empty, "ambiguous Status(0)"),
        (101, Body::Empty, "ambiguous Status(101)"),
        (200, Body::Empty, "ambiguous Empty"),
        (200, html(), "ambiguous NotJson"),
        (200, plain(), "ambiguous NotJson"),
        (204, Body::Empty, "ambiguous Empty"),
        (301, Body::Empty, "configuration EndpointUrl -"),
        (302, html(), "transient Intercepted"),
        (303, Body::Empty, "transient Intercepted"),
        (304, Body::Empty, "ambiguous Status(304)"),
        (307, Body::Empty, "transient Intercepted"),
        (308, Body::Empty, "configuration EndpointUrl -"),
        (400, Body::Empty, "configuration Request -"),
        (400, html(), "configuration Request -"),
        (400, json(Members::default()), "configuration Request -"),
        (402, Body::Empty, "configuration Request -"),
        (403, html(), "transient Intercepted"),
        (403, plain(), "configuration Request -"),
        (403, json(Members::default()), "configuration Request -"),
        (404, html(), "configuration EndpointUrl -"),
        (404, json(Members::default()), "configuration EndpointUrl -"),
        (405, html(), "configuration EndpointUrl -"),
        (407, html(), "transient Intercepted"),
        (408, Body::Empty, "ambiguous Status(408)"),
        (409, json(Members::default()), "ambiguous Status(409)"),
        (410, Body::Empty, "configuration EndpointUrl -"),
        (415, plain(), "configuration Request -"),
        (421, Body::Empty, "transient Unavailable"),
        (425, Body::Empty, "transient Unavailable"),
        (429, html(), "transient Throttled"),
        (500, json(Members::default()), "ambiguous Status(500)"),
        (501, Body::Empty, "configuration EndpointUrl -"),
        (502, html(), "ambiguous Status(502)"),
        (503, html(), "transient Unavailable"),
        (504, html(), "ambiguous Status(504)"),
        (511, html(), "transient Intercepted"),
        (522, html(), "ambiguous Status(522)"),
        (999, Body::Empty, "ambiguous Status(999)"),
    ];
    for (status, body, expected) in cases {
        let verdict = judged(*status, *body);
        assert_eq!(shown(&verdict), *expected, "{status} {body:?}");
    }
}

#[test]
fn r7_a_401_of_the_token_endpoint_is_a_configuration_error() {
    let expected = "configuration ClientAuthentication -";
    for body in [Body::Empty, html(), plain(), json(Members::default())] {
        assert_eq!(shown(&judged(401, body)), expected);
    }
    let verdict = judged(401, json(error("invalid_token")));
    assert_eq!(
        shown(&verdict),
        "configuration ClientAuthentication invalid_token"
    );
}

#[test]
fn f1_f6_without_an_answer_only_a_missing_connection_is_sure() {
    let rules = AnswerRules::default();
    let exchange = Exchange {
        rules: &rules,
        secrets: &[SENT],
        received_at: WallTime::default(),
    };
    for (loss, expected) in [
        (Loss::NotConnected, "transient NotConnected"),
        (Loss::TimedOut, "ambiguous TimedOut"),
        (Loss::Reset, "ambiguous Reset"),
        (Loss::Unknown, "ambiguous Unknown"),
    ] {
        assert_eq!(shown(&judge(Err(loss), &exchange)), expected);
    }
}

#[test]
fn f1_a_torn_body_is_ambiguous_unless_the_status_says_enough() {
    for status in [200, 302, 400, 401, 403, 404, 500] {
        let verdict = judged(status, Body::Torn);
        assert_eq!(shown(&verdict), "ambiguous Torn", "{status}");
    }
    assert_eq!(shown(&judged(429, Body::Torn)), "transient Throttled");
    assert_eq!(shown(&judged(503, Body::Torn)), "transient Unavailable");
    assert_eq!(shown(&judged(504, Body::Torn)), "ambiguous Status(504)");
}

#[test]
fn o5_an_answer_over_the_limit_is_ambiguous() {
    for status in [200, 400, 500] {
        let verdict = judged(status, Body::TooLarge);
        assert_eq!(shown(&verdict), "ambiguous TooLarge", "{status}");
    }
}

#[test]
fn f4_retry_after_is_handed_on() {
    let rules = AnswerRules::default();
    let exchange = Exchange {
        rules: &rules,
        secrets: &[],
        received_at: WallTime::default(),
    };
    let wait = RetryAfter::Delay(Duration::from_secs(7));
    for (status, body) in [
        (429, Body::Empty),
        (503, html()),
        (502, html()),
        (500, Body::Empty),
        (200, Body::Empty),
        (200, Body::Torn),
        (302, Body::Empty),
        (403, html()),
        (400, json(error("slow_down"))),
        (400, json(error("server_error"))),
    ] {
        let answer = Answer {
            retry_after: Some(wait),
            ..answer(status, body)
        };
        match judge(Ok(&answer), &exchange) {
            Verdict::Transient { retry_after, .. } | Verdict::Ambiguous { retry_after, .. } => {
                assert_eq!(retry_after, Some(wait), "{status}");
            }
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[test]
fn f1_a_page_is_recognised_by_its_type_or_its_first_character() {
    for (content_type, body, html) in [
        (Some("text/html"), "", true),
        (Some("Text/HTML; charset=utf-8"), "{}", true),
        (Some("application/xhtml+xml"), "", true),
        (Some("application/json"), "\r\n <!DOCTYPE html>", true),
        (None, "<html>", true),
        (None, "", false),
        (Some("text/htm"), "oops", false),
        (Some("application/json"), "{\"a\":\"<\"}", false),
    ] {
        let found = looks_like_html(content_type.map(str::as_bytes), body.as_bytes());
        assert_eq!(found, html, "{content_type:?} {body}");
    }
}
