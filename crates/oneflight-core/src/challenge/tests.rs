use super::*;
use alloc::format;
use alloc::string::ToString as _;
use alloc::vec;

fn parse(value: &str) -> Challenges {
    Challenges::parse([value])
}

/// Scheme, then `token68`, then `name=value` of all parameters, one line per challenge.
fn shown(challenges: &Challenges) -> Vec<String> {
    let line = |challenge: &Challenge| {
        let mut line = challenge.scheme.clone();
        if let Some(token) = challenge.token68() {
            line += &format!(" {token}");
        }
        for (name, value) in &challenge.parameters {
            line += &format!(" {name}={value}");
        }
        line
    };
    challenges.iter().map(line).collect()
}

#[test]
fn r1_challenges_are_read_as_the_grammar_says() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("Bearer", &["Bearer"]),
        ("bEARER", &["bEARER"]),
        ("Bearer realm=\"a\"", &["Bearer realm=a"]),
        ("Bearer realm = \"a\" , error\t=\tx", &["Bearer realm=a error=x"]),
        (
            "Basic realm=\"a, Bearer error=\\\"x\\\"\"",
            &["Basic realm=a, Bearer error=\"x\""],
        ),
        ("Bearer e=\"a\\\\b\\\"c\\d\"", &["Bearer e=a\\b\"cd"]),
        (
            "Basic realm=\"a\", Bearer error=\"x\", scope=\"y z\"",
            &["Basic realm=a", "Bearer error=x scope=y z"],
        ),
        ("Negotiate, Bearer", &["Negotiate", "Bearer"]),
        (
            "Negotiate oRQwEqADCgEB==, Bearer error=x",
            &["Negotiate oRQwEqADCgEB==", "Bearer error=x"],
        ),
        ("Negotiate a/b+c-d.e_f~g", &["Negotiate a/b+c-d.e_f~g"]),
        (",, ,Bearer ,, error=x,,", &["Bearer error=x"]),
        (
            "Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
            &[
                "Newauth realm=apps type=1 title=Login to \"apps\"",
                "Basic realm=simple",
            ],
        ),
        ("Bearer   error=x", &["Bearer error=x"]),
        ("Bearer, error=x", &["Bearer error=x"]),
        ("Bearer e=\"\"", &["Bearer e="]),
    ];
    for (value, expected) in cases {
        assert_eq!(shown(&parse(value)), *expected, "{value:?}");
    }
}

#[test]
fn r1_repeated_headers_are_one_list() {
    let challenges = Challenges::parse([
        "Basic realm=\"x\"",
        "",
        "Bearer error=\"invalid_token\"",
        "Digest",
    ]);
    assert_eq!(
        shown(&challenges),
        ["Basic realm=x", "Bearer error=invalid_token", "Digest"]
    );
    // A parameter never belongs to a challenge of another header.
    let challenges = Challenges::parse(["Bearer", "error=\"insufficient_scope\""]);
    assert_eq!(shown(&challenges), ["Bearer"]);
    assert!(Challenges::parse::<&str>([]).is_empty());
}

#[test]
fn r1_what_the_grammar_forbids_is_read_as_best_it_can_be() {
    let cases: &[(&[u8], &[&str])] = &[
        (b"error=\"invalid_token\"", &[]),
        (b"\"stray\"", &[]),
        (b"=;=", &[]),
        (b"Bearer error=\"invalid_token", &["Bearer error=invalid_token"]),
        (b"Bearer error=\"a\\", &["Bearer error=a"]),
        (b"Bearer realm=\"a\" error=\"b\"", &["Bearer realm=a error=b"]),
        (b"Bearer realm=\"a\"; error=\"b\"", &["Bearer realm=a error=b"]),
        (b"Bearer realm=, error=x", &["Bearer realm= error=x"]),
        (b"Bearer error=", &["Bearer error="]),
        (
            b"Basic realm=\"a\" Bearer error=x",
            &["Basic realm=a", "Bearer error=x"],
        ),
        (
            b"OAuth \"Platform\" \"invalid_token\" \"Expired, sorry\"",
            &["OAuth"],
        ),
        (b"Bearer realm=\"caf\xe9\"", &["Bearer realm=café"]),
        (b"Bearer realm=\"caf\xc3\xa9\"", &["Bearer realm=café"]),
        (b"\xff\x00Bearer\x01", &["Bearer"]),
        (b"Bearer realm=(x), error=y", &["Bearer realm=", "x error=y"]),
    ];
    for (value, expected) in cases {
        let shown = shown(&Challenges::parse([value]));
        assert_eq!(shown, *expected, "{}", String::from_utf8_lossy(value));
    }
}

#[test]
fn r1_names_compare_in_any_case_and_the_first_counts() {
    let challenges = parse("Bearer ERROR=one, error=two");
    let challenge = challenges.iter().next().unwrap();
    assert_eq!(challenge.parameter("Error"), Some("one"));
    assert_eq!(challenge.parameter("scope"), None);
    assert!(challenge.is("BEARER") && !challenge.is("Basic"));
}

#[test]
fn o5_a_header_without_end_is_bounded() {
    let many = parse(&"Basic, ".repeat(MAX_CHALLENGES + 1));
    assert_eq!(many.iter().count(), MAX_CHALLENGES);
    assert!(many.is_truncated());
    let exact = parse(&"Basic, ".repeat(MAX_CHALLENGES));
    assert!(!exact.is_truncated());
    let repeated = Challenges::parse(vec!["Basic"; MAX_CHALLENGES + 1]);
    assert_eq!(repeated.iter().count(), MAX_CHALLENGES);
    assert!(repeated.is_truncated());

    let parameters: String = (0..=MAX_PARAMETERS).map(|n| format!("p{n}=v,")).collect();
    let wide = parse(&format!("Bearer {parameters}"));
    let challenge = wide.iter().next().unwrap();
    assert_eq!(challenge.parameters.len(), MAX_PARAMETERS);
    assert!(wide.is_truncated());

    let long = format!("Bearer realm=\"{}\"", "x".repeat(MAX_CHALLENGE_BYTES));
    let cut = Challenges::parse([long.as_str(), "Basic"]);
    let kept: usize = cut.iter().map(|challenge| challenge.parameters[0].1.len()).sum();
    assert!(kept < MAX_CHALLENGE_BYTES && cut.is_truncated());
    assert_eq!(cut.iter().count(), 1);
}

#[test]
fn r1_a_refused_token_of_ours_is_renewed() {
    for value in [
        "",
        ",,",
        "\"garbage",
        "Bearer",
        "bearer realm=\"x\"",
        "Bearer error=\"invalid_token\"",
        "BEARER ERROR=INVALID_TOKEN",
        "Bearer error=\"token_expired\"",
        "Bearer error=\"invalid_request\"",
        "Bearer error=\"\"",
        "Basic realm=\"x\", Bearer",
        "Bearer, Negotiate",
        "Bearer error=\"invalid_token\", DPoP algs=\"ES256\"",
        "DPoP algs=\"ES256\", error=\"use_dpop_nonce\", Bearer error=\"invalid_token\"",
        "Bearer error=\"insufficient_scope\", Bearer error=\"invalid_token\"",
        "Basic error=\"insufficient_scope\", Bearer",
        "Token",
        "JWT realm=\"api\"",
        "OAuth \"Platform\" \"invalid_token\"",
    ] {
        let judged = refusal(401, &parse(value), SentCredential::Ours);
        assert_eq!(judged, Refusal::Renewable, "{value}");
    }
    let none = Challenges::default();
    assert_eq!(refusal(401, &none, SentCredential::Ours), Refusal::Renewable);
}

#[test]
fn r2_what_a_renewal_cannot_help_starts_none() {
    for (value, reason) in [
        (
            "Bearer error=\"insufficient_scope\", scope=\"admin\"",
            NotRenewable::InsufficientScope,
        ),
        ("bearer Error=Insufficient_Scope", NotRenewable::InsufficientScope),
        (
            "Token error=\"insufficient_scope\"",
            NotRenewable::InsufficientScope,
        ),
        (
            "Bearer error=\"insufficient_user_authentication\"",
            NotRenewable::StepUp,
        ),
        (
            "DPoP error=\"insufficient_user_authentication\"",
            NotRenewable::StepUp,
        ),
        ("DPoP error=\"use_dpop_nonce\"", NotRenewable::DpopNonce),
        ("Bearer error=\"use_dpop_nonce\"", NotRenewable::DpopNonce),
        ("Bearer, DPoP error=\"use_dpop_nonce\"", NotRenewable::DpopNonce),
        ("DPoP algs=\"ES256\"", NotRenewable::OtherScheme),
        ("DPoP error=\"invalid_token\"", NotRenewable::OtherScheme),
        ("Basic realm=\"x\"", NotRenewable::OtherScheme),
        ("Negotiate, NTLM", NotRenewable::OtherScheme),
        (
            "digest realm=\"x\", error=\"invalid_token\"",
            NotRenewable::OtherScheme,
        ),
    ] {
        let judged = refusal(401, &parse(value), SentCredential::Ours);
        assert_eq!(judged, Refusal::NotRenewable(reason), "{value}");
    }
}

#[test]
fn r2_r9_no_other_status_is_a_refusal_of_the_token() {
    let invalid = parse("Bearer error=\"invalid_token\"");
    for status in [0, 200, 302, 400, 402, 403, 407, 419, 440, 498, 500, 503, u16::MAX] {
        let judged = refusal(status, &invalid, SentCredential::Ours);
        assert_eq!(judged, Refusal::NotRenewable(NotRenewable::Status), "{status}");
    }
}

#[test]
fn r2_a_refused_credential_that_is_not_ours_is_not_renewed() {
    let invalid = parse("Bearer error=\"invalid_token\"");
    for sent in [SentCredential::Callers, SentCredential::None] {
        let not_ours = Refusal::NotRenewable(NotRenewable::NotOurs);
        assert_eq!(refusal(401, &invalid, sent), not_ours);
        assert_eq!(refusal(401, &Challenges::default(), sent), not_ours);
        assert_eq!(grpc_refusal("16", sent), not_ours);
    }
}

#[test]
fn r1_r2_grpc_refuses_a_token_with_status_16_alone() {
    assert_eq!(grpc_refusal("16", SentCredential::Ours), Refusal::Renewable);
    for other in ["", "0", "7", "160", "016", "-16", "sixteen"] {
        let judged = grpc_refusal(other, SentCredential::Ours);
        assert_eq!(judged, Refusal::NotRenewable(NotRenewable::Status), "{other}");
    }
}

#[test]
fn r2_a_step_up_says_what_it_asks_for() {
    let challenges = parse(
        "Basic, Bearer error=\"insufficient_user_authentication\", acr_values=\"gold silver\", max_age=\"5\"",
    );
    let asked = challenges.step_up().unwrap();
    assert_eq!(asked.acr_values, Some("gold silver"));
    assert_eq!(asked.max_age_seconds, Some(5));

    let vague = parse("Bearer error=insufficient_user_authentication, max_age=soon");
    let asked = vague.step_up().unwrap();
    assert_eq!((asked.acr_values, asked.max_age_seconds), (None, None));
    assert_eq!(parse("Bearer acr_values=gold").step_up(), None);
}

#[test]
fn o3_debug_of_challenges_shows_none_of_the_servers_words() {
    let challenges = parse("Bearer error_description=\"tok3n\", tok3n a=b, Negotiate tok3n, Basic tok3n=1");
    let shown = format!("{challenges:?}");
    assert!(shown.contains("Bearer") && !shown.contains("tok3n"), "{shown}");
    assert!(!NotRenewable::StepUp.to_string().is_empty());
}
