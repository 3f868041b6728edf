//! The `error` member, and what a profile adds.

use super::*;

#[test]
fn f1_every_error_code_has_its_class_whatever_the_status() {
    let cases = [
        ("invalid_grant", "dead invalid_grant"),
        ("interaction_required", "interaction interaction_required"),
        ("login_required", "interaction login_required"),
        ("consent_required", "interaction consent_required"),
        (
            "account_selection_required",
            "interaction account_selection_required",
        ),
        ("temporarily_unavailable", "transient Unavailable"),
        ("slow_down", "transient Throttled"),
        ("too_many_requests", "transient Throttled"),
        ("rate_limit_exceeded", "transient Throttled"),
        ("over_request_rate_limit", "transient Throttled"),
        ("server_error", "ambiguous ServerError"),
    ];
    for status in [200, 400, 401, 403, 404, 500] {
        for (code, expected) in cases {
            let verdict = judged(status, json(error(code)));
            assert_eq!(shown(&verdict), expected, "{status} {code}");
        }
    }
}

#[test]
fn f8_a_configuration_error_says_which_setting_is_wrong() {
    for (code, setting) in [
        ("invalid_client", "ClientAuthentication"),
        ("unauthorized_client", "GrantType"),
        ("unsupported_grant_type", "GrantType"),
        ("invalid_scope", "Scope"),
        ("invalid_target", "Target"),
        ("invalid_request", "Request"),
        ("invalid_dpop_proof", "Dpop"),
        ("use_dpop_nonce", "Dpop"),
    ] {
        for status in [200, 400, 401] {
            let verdict = judged(status, json(error(code)));
            assert_eq!(shown(&verdict), format!("configuration {setting} {code}"));
        }
    }
}

#[test]
fn f1_an_error_has_many_shapes() {
    let of = |error| Members {
        error,
        ..Members::default()
    };
    let cases: &[(u16, Value<'static>, &str)] = &[
        (200, Value::Text("INVALID_GRANT"), "dead invalid_grant"),
        (
            400,
            Value::Object {
                code: Some("invalid_grant"),
            },
            "dead invalid_grant",
        ),
        (
            400,
            Value::Object { code: Some("190") },
            "configuration Request 190",
        ),
        (400, Value::Object { code: None }, "configuration Request -"),
        (400, Value::Array, "configuration Request -"),
        (400, Value::Number(190.0), "configuration Request -"),
        (400, Value::Flag(true), "configuration Request -"),
        (500, Value::Text("oops"), "ambiguous Status(500)"),
        (200, Value::Text("oops"), "ambiguous ErrorInSuccess"),
        (200, Value::Object { code: None }, "ambiguous ErrorInSuccess"),
        (200, Value::Flag(true), "ambiguous ErrorInSuccess"),
        (200, Value::Number(1.0), "ambiguous ErrorInSuccess"),
        (200, Value::Array, "ambiguous ErrorInSuccess"),
    ];
    for (status, value, expected) in cases {
        let verdict = judged(*status, json(of(*value)));
        assert_eq!(shown(&verdict), *expected, "{status}");
    }
}

#[test]
fn f1_an_error_wins_over_the_tokens_of_a_200() {
    let with = |error| Members { error, ..good() };
    let verdict = judged(200, json(with(Value::Text("invalid_grant"))));
    assert_eq!(shown(&verdict), "dead invalid_grant");
    let verdict = judged(200, json(with(Value::Text("oops"))));
    assert_eq!(
        shown(&verdict),
        "ambiguous ErrorInSuccess, keeps next-refresh-token"
    );
    let verdict = judged(200, json(with(Value::Text("server_error"))));
    assert_eq!(shown(&verdict), "ambiguous ServerError, keeps next-refresh-token");
    for none in [
        Value::Absent,
        Value::Text(""),
        Value::Flag(false),
        Value::Number(0.0),
    ] {
        assert_eq!(shown(&judged(200, json(with(none)))), "renewed");
    }
}

#[test]
fn f2_f3_a_gateway_or_limiter_proves_no_grant_dead() {
    let rules = AnswerRules::default()
        .dead_status(429)
        .dead_status(503)
        .dead_status(200);
    for (status, expected) in [
        (408, "ambiguous Status(408)"),
        (425, "transient Unavailable"),
        (429, "transient Throttled"),
        (502, "ambiguous Status(502)"),
        (503, "transient Unavailable"),
        (504, "ambiguous Status(504)"),
        (511, "transient Intercepted"),
    ] {
        let verdict = judged_by(&rules, status, json(error("invalid_grant")));
        assert_eq!(shown(&verdict), expected);
    }
    assert_eq!(shown(&judged_by(&rules, 200, json(good()))), "renewed");
    assert_eq!(shown(&judged_by(&rules, 200, Body::Empty)), "ambiguous Empty");
}

#[test]
fn f1_a_profile_adds_codes_and_statuses_that_mean_dead() {
    let rules = AnswerRules::default()
        .dead_code("bad_refresh_token")
        .dead_status(403)
        .interaction_code("mfa_required");
    let cases: &[(u16, Body<'static>, &str)] = &[
        (200, json(error("bad_refresh_token")), "dead bad_refresh_token"),
        (400, json(error("Bad_Refresh_Token")), "dead Bad_Refresh_Token"),
        (
            403,
            json(error("unauthorized_client")),
            "dead unauthorized_client",
        ),
        (403, json(error("oops")), "dead oops"),
        (403, json(Members::default()), "dead -"),
        (403, Body::Empty, "dead -"),
        (403, plain(), "dead -"),
        (403, html(), "transient Intercepted"),
        (403, Body::Torn, "ambiguous Torn"),
        (
            403,
            json(error("invalid_client")),
            "configuration ClientAuthentication invalid_client",
        ),
        (403, json(error("login_required")), "interaction login_required"),
        (403, json(error("slow_down")), "transient Throttled"),
        (403, json(error("mfa_required")), "interaction mfa_required"),
        (
            400,
            json(error("unauthorized_client")),
            "configuration GrantType unauthorized_client",
        ),
    ];
    for (status, body, expected) in cases {
        assert_eq!(shown(&judged_by(&rules, *status, *body)), *expected, "{status}");
    }
    // Without the profile the same answers mean something else.
    let verdict = judged(403, json(error("unauthorized_client")));
    assert_eq!(shown(&verdict), "configuration GrantType unauthorized_client");
}

#[test]
fn f1_a_throttle_error_in_disguise_proves_nothing() {
    let rules = AnswerRules::default()
        .throttle_marker("AADSTS50196")
        .throttle_marker("")
        .dead_status(401);
    let throttled = Members {
        error_description: Value::Text("aadsts50196: a client request loop"),
        ..error("invalid_grant")
    };
    let verdict = judged_by(&rules, 400, json(throttled));
    assert_eq!(shown(&verdict), "transient Throttled");
    let unnamed = Members {
        error: Value::Absent,
        ..throttled
    };
    let verdict = judged_by(&rules, 401, json(unnamed));
    assert_eq!(shown(&verdict), "transient Throttled");

    let expired = Members {
        error_description: Value::Text("AADSTS700082: expired"),
        ..error("invalid_grant")
    };
    assert_eq!(
        shown(&judged_by(&rules, 400, json(expired))),
        "dead invalid_grant"
    );
    // What a success says beside its tokens is no error.
    let renewed = Members {
        error_description: Value::Text("AADSTS50196"),
        ..good()
    };
    assert_eq!(shown(&judged_by(&rules, 200, json(renewed))), "renewed");
}

#[test]
fn o3_no_error_code_shows_a_secret() {
    let rules = AnswerRules::default().dead_code("sent-refresh-token");
    for code in [
        SENT,
        "token sent-refresh-token is dead",
        "refresh-",
        "xxnext-refxx",
        "the access",
        "with \"quotes\"",
        "back\\slash",
        "line\r\nbreak",
        "ünicode",
        "a code that is longer than sixty-four characters is no code at all",
    ] {
        let members = Members {
            error: Value::Text(code),
            ..good()
        };
        for status in [200, 400, 401] {
            let verdict = judged_by(&rules, status, json(members));
            let told = format!("{verdict:?}");
            assert!(!told.contains(code), "{told}");
        }
    }
    let verdict = judged_by(&rules, 400, json(error(SENT)));
    assert_eq!(shown(&verdict), "dead -");
    // What only looks a little alike stays.
    let verdict = judged(400, json(error("refresh_failed")));
    assert_eq!(shown(&verdict), "configuration Request refresh_failed");
}

#[test]
fn o3_debug_of_an_answer_shows_no_text_of_it() {
    let members = Members {
        error: Value::Object { code: Some("tok3n") },
        error_description: Value::Text("tok3n"),
        access_token: Value::Text("tok3n"),
        ..Members::default()
    };
    let rules = AnswerRules::default();
    let exchange = Exchange {
        rules: &rules,
        secrets: &["tok3n"],
        received_at: WallTime::default(),
    };
    let told = format!("{:?} {exchange:?}", answer(200, json(members)));
    assert!(
        told.contains("error_description") && !told.contains("tok3n"),
        "{told}"
    );
}

#[test]
fn f10_every_cause_and_setting_has_words() {
    for cause in [LossCause::Status(504), LossCause::Torn, LossCause::TokenType] {
        assert!(format!("{cause}").len() > 10);
    }
    assert!(format!("{}", LossCause::Status(504)).contains("504"));
    assert!(format!("{}", Setting::EndpointUrl).contains("URL"));
    assert!(format!("{}", NotProcessedCause::Intercepted).contains("proxy"));
}
