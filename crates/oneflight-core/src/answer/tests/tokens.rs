//! What a 2xx holds.

use super::*;
use crate::TokenSet;

fn renewed(members: Members<'static>) -> TokenSet {
    match judged(200, json(members)) {
        Verdict::Renewed(set) => set,
        other => panic!("{other:?}"),
    }
}

#[test]
fn f1_a_good_answer_is_a_token_set() {
    let members = Members {
        scope: Value::Text("read write"),
        id_token: Value::Text("id"),
        ..good()
    };
    let set = renewed(members);
    assert_eq!(set.access_token.expose(), "access");
    assert_eq!(set.refresh_token.unwrap().expose(), NEXT);
    assert_eq!(set.expires_in, Some(Duration::from_secs(900)));
    assert_eq!(set.received_at, WallTime::from_unix_millis(1_000));
    assert_eq!(set.scope.as_deref(), Some("read write"));
    assert_eq!(set.id_token.unwrap().expose(), "id");
    for status in [200, 201, 203, 299] {
        assert_eq!(shown(&judged(status, json(good()))), "renewed");
    }
    for status in [199, 300, 400, 500] {
        assert_ne!(shown(&judged(status, json(good()))), "renewed");
    }
}

#[test]
fn w3_an_absent_refresh_token_is_no_new_one() {
    for absent in [Value::Absent, Value::Text("")] {
        let members = Members {
            refresh_token: absent,
            ..good()
        };
        assert!(renewed(members).refresh_token.is_none());
    }
}

#[test]
fn w4_nothing_wrong_with_other_members_loses_the_rotated_refresh_token() {
    let wrong = [
        Value::Number(1.0),
        Value::Flag(true),
        Value::Array,
        Value::Object { code: None },
    ];
    for value in wrong {
        let members = Members {
            id_token: value,
            scope: value,
            expires_in: Value::Array,
            error_description: value,
            ..good()
        };
        let set = renewed(members);
        assert_eq!(set.refresh_token.unwrap().expose(), NEXT);
        assert!(set.id_token.is_none() && set.scope.is_none() && set.expires_in.is_none());
    }
    let garbage = Members {
        id_token: Value::Text("no\r\nJWT \u{0}ü"),
        ..good()
    };
    assert_eq!(renewed(garbage).refresh_token.unwrap().expose(), NEXT);
}

#[test]
fn w4_a_2xx_without_a_usable_access_token_salvages_the_refresh_token() {
    let with = |access_token| Members {
        access_token,
        ..good()
    };
    for (access_token, cause) in [
        (Value::Absent, "NoAccessToken"),
        (Value::Text(""), "NoAccessToken"),
        (Value::Number(1.0), "UnusableToken"),
        (Value::Flag(false), "UnusableToken"),
        (Value::Array, "UnusableToken"),
        (Value::Text("a\r\nX-Evil: 1"), "UnusableToken"),
    ] {
        let verdict = judged(200, json(with(access_token)));
        assert_eq!(
            shown(&verdict),
            format!("ambiguous {cause}, keeps next-refresh-token")
        );
        let alone = Members {
            refresh_token: Value::Absent,
            ..with(access_token)
        };
        assert_eq!(shown(&judged(200, json(alone))), format!("ambiguous {cause}"));
        // Only a success can have rotated it.
        assert_eq!(
            shown(&judged(400, json(with(access_token)))),
            "configuration Request -"
        );
    }
}

#[test]
fn o4_a_token_that_no_header_can_carry_is_an_error() {
    for bad in ["a\r\nX-Evil: 1", "a\n", "a\0", "\u{7f}", "ü"] {
        let access = Members {
            access_token: Value::Text(bad),
            refresh_token: Value::Absent,
            ..good()
        };
        assert_eq!(shown(&judged(200, json(access))), "ambiguous UnusableToken");
        let refresh = Members {
            refresh_token: Value::Text(bad),
            ..good()
        };
        assert_eq!(shown(&judged(200, json(refresh))), "ambiguous UnusableToken");
    }
    for wrong in [
        Value::Number(7.0),
        Value::Array,
        Value::Flag(false),
        Value::Object { code: Some("x") },
    ] {
        let members = Members {
            refresh_token: wrong,
            ..good()
        };
        assert_eq!(shown(&judged(200, json(members))), "ambiguous UnusableToken");
    }
}

#[test]
fn o4_tokens_of_64_kib_are_taken() {
    let long: &'static str = alloc::boxed::Box::leak("x".repeat(64 * 1024).into_boxed_str());
    let members = Members {
        access_token: Value::Text(long),
        refresh_token: Value::Text(long),
        ..good()
    };
    let set = renewed(members);
    assert_eq!(set.access_token.expose(), long);
    assert_eq!(set.refresh_token.unwrap().expose(), long);
}

#[test]
fn f1_a_foreign_token_type_is_not_used() {
    let of = |token_type| Members { token_type, ..good() };
    for bearer in [
        Value::Absent,
        Value::Text(""),
        Value::Text("bearer"),
        Value::Text("BEARER"),
    ] {
        assert_eq!(shown(&judged(200, json(of(bearer)))), "renewed");
    }
    let foreign = [
        Value::Text("mac"),
        Value::Text("N_A"),
        Value::Text("DPoP"),
        Value::Number(1.0),
        Value::Array,
    ];
    for token_type in foreign {
        let verdict = judged(200, json(of(token_type)));
        assert_eq!(shown(&verdict), "ambiguous TokenType, keeps next-refresh-token");
    }
    let rules = AnswerRules::default().bearer_type("bot");
    let verdict = judged_by(&rules, 200, json(of(Value::Text("Bot"))));
    assert_eq!(shown(&verdict), "renewed");
}

#[test]
fn f1_t3_every_shape_of_expires_in_is_read() {
    let lifetime = |expires_in| renewed(Members { expires_in, ..good() }).expires_in;
    let max = MAX_LIFETIME.as_secs();
    for (value, expected) in [
        (Value::Number(3600.0), Some(3600)),
        (Value::Number(3599.9), Some(3599)),
        (Value::Number(0.0), Some(0)),
        (Value::Number(0.5), Some(0)),
        (Value::Number(-1.0), Some(0)),
        (Value::Number(f64::NEG_INFINITY), Some(0)),
        (Value::Number(315_360_000.0), Some(315_360_000)),
        (Value::Number(1e300), Some(max)),
        (Value::Number(f64::INFINITY), Some(max)),
        (Value::Number(f64::NAN), None),
        (Value::Text("3600"), Some(3600)),
        (Value::Text(" 3600 "), Some(3600)),
        (Value::Text("3599.9"), Some(3599)),
        (Value::Text("0"), Some(0)),
        (Value::Text("-60"), Some(0)),
        (Value::Text("99999999999999999999999999"), Some(max)),
        (Value::Text(""), None),
        (Value::Text("-"), None),
        (Value::Text("."), None),
        (Value::Text("1."), None),
        (Value::Text("1.2.3"), None),
        (Value::Text("1e3"), None),
        (Value::Text("+1"), None),
        (Value::Text("1h"), None),
        (Value::Text("٣"), None),
        (Value::Absent, None),
        (Value::Flag(true), None),
        (Value::Array, None),
        (Value::Object { code: None }, None),
    ] {
        let expected = expected.map(Duration::from_secs);
        assert_eq!(lifetime(value), expected, "{value:?} {expected:?}");
    }
}
