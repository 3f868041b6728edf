//! `oneflight login` where things go wrong between the browser, the server and us; and servers without OpenID.

mod support;

use oneflight_testkit::{Fault, Point, RetryAfter, TestServer};
use serde_json::{Value, json};
use support::home::Home;
use support::provider::{Decision, walk};
use support::signing_in::SigningIn;
use support::{stderr, stdout};
use url::Url;

fn server() -> TestServer {
    TestServer::builder().start_in_thread().expect("a server")
}

fn begin(home: &Home, server: &TestServer, more: &[&str]) -> SigningIn {
    let issuer = server.issuer().to_owned();
    let args = ["login", "--no-browser", "--client-id", "app", "--issuer", &issuer];
    SigningIn::start(home.command(&[&args[..], more].concat()))
}

/// A parameter of the address that the user was told to open.
fn parameter(address: &str, name: &str) -> Option<String> {
    let address = Url::parse(address).expect("a URL");
    let found = address.query_pairs().find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned())
}

/// The address that the browser comes back to, with these parameters, and the right state.
fn landing(address: &str, parameters: &[(&str, &str)]) -> String {
    let back = parameter(address, "redirect_uri").expect("a redirect URI");
    let mut back = Url::parse(&back).expect("a URL");
    let state = parameter(address, "state").expect("a state");
    back.query_pairs_mut()
        .extend_pairs(parameters)
        .append_pair("state", &state);
    back.into()
}

#[tokio::test]
async fn c3_a_server_without_openid_signs_in_too() {
    let (server, home) = (server(), Home::new());
    let resource = [
        "--scope",
        "notes",
        "--scope",
        "files  mail",
        "--resource",
        "https://api.example",
    ];
    let mut login = begin(&home, &server, &resource);
    let address = login.address();
    assert_eq!(parameter(&address, "scope").as_deref(), Some("notes files mail"));
    assert_eq!(
        parameter(&address, "resource").as_deref(),
        Some("https://api.example")
    );
    assert_eq!(parameter(&address, "prompt"), None);
    assert_eq!(walk(&address, Decision::Consent).await.0, 200);
    let (code, said) = login.end();
    assert_eq!(code, Some(0), "{said}");
    let output = home.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(status["scope"], "notes files mail");
}

#[tokio::test]
async fn c3_other_parameters_are_sent_and_kept_but_none_that_a_login_makes_itself() {
    let (server, home) = (server(), Home::new());
    let mut login = begin(&home, &server, &["--parameter", "access_type=offline"]);
    let address = login.address();
    assert_eq!(parameter(&address, "access_type").as_deref(), Some("offline"));
    assert_eq!(walk(&address, Decision::Consent).await.0, 200);
    assert_eq!(login.end().0, Some(0));
    let mut login = SigningIn::start(home.command(&["login", "--no-browser"]));
    assert_eq!(
        parameter(&login.address(), "access_type").as_deref(),
        Some("offline")
    );
    drop(login);
    for own in [
        "state=x",
        "redirect_uri=https://evil.example",
        "scope=all",
        "nothing",
        "=x",
    ] {
        let output = home.run(&["login", "--parameter", own]);
        assert_eq!(output.status.code(), Some(2), "{own}: {}", stderr(&output));
    }
}

#[tokio::test]
async fn c3_what_does_not_belong_to_the_login_is_turned_away_and_waited_past() {
    let (server, home) = (server(), Home::new());
    let mut login = begin(&home, &server, &[]);
    let address = login.address();
    let back = parameter(&address, "redirect_uri").expect("a redirect URI");
    let root = back.strip_suffix("/callback").expect("our path");
    for (stray, status) in [
        (format!("{root}/favicon.ico"), 404),
        (root.to_owned(), 404),
        (back.clone(), 400),
        (format!("{back}?code=stolen&state=wrong"), 400),
        (format!("{back}?error=access_denied"), 400),
    ] {
        assert_eq!(walk(&stray, Decision::Consent).await.0, status, "{stray}");
    }
    assert_eq!(server.counters().token_posts, 0);
    assert_eq!(walk(&address, Decision::Consent).await.0, 200);
    let (code, said) = login.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("does not belong"), "{said}");
    assert!(!said.contains("stolen"), "{said}");
}

#[tokio::test]
async fn c3_an_answer_of_another_server_or_with_an_error_signs_nobody_in() {
    let (server, home) = (server(), Home::new());
    for (parameters, exit, says) in [
        (
            &[("code", "c"), ("iss", "https://evil.example")][..],
            5,
            "https://evil.example",
        ),
        (&[("code", "c")], 5, "RFC 9207"),
        (
            &[("error", "invalid_scope"), ("iss", server.issuer())],
            5,
            "--scope",
        ),
        (
            &[("error", "server_error"), ("iss", server.issuer())],
            3,
            "try again later",
        ),
        (
            &[
                ("error", "access_denied"),
                ("error_description", "\u{1b}[31mno"),
                ("iss", server.issuer()),
            ],
            4,
            "access_denied",
        ),
    ] {
        let mut login = begin(&home, &server, &[]);
        let (page, _) = walk(&landing(&login.address(), parameters), Decision::Consent).await;
        assert_eq!(page, 403);
        let (code, said) = login.end();
        assert_eq!(code, Some(exit), "{said}");
        assert!(said.contains(says) && said.contains("next: "), "{said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
    assert_eq!(server.counters().token_posts, 0);
    assert!(!home.file("default.json").exists());
}

/// An ID token without a signature, as this server gives them, with these claims instead of the right ones.
fn id_token(server: &TestServer, claims: Value) -> Value {
    use base64::Engine as _;
    let encode = |part: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part.to_string());
    let mut whole = json!({
        "iss": server.issuer(), "aud": "app", "sub": "mallory", "iat": 1_700_000_000, "exp": 4_000_000_000_u64,
    });
    for (name, value) in claims.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    json!(format!(
        "{}.{}.",
        encode(&json!({ "alg": "none" })),
        encode(&whole)
    ))
}

#[tokio::test]
async fn c3_an_id_token_that_is_not_for_this_login_signs_nobody_in_and_the_tokens_are_given_back() {
    let (server, home) = (server(), Home::new());
    for (claims, says) in [
        (json!({ "nonce": "another" }), "nonce"),
        (json!({ "aud": "somebody" }), "audience"),
        (json!({ "iss": "https://evil.example" }), "issuer"),
        (json!({ "exp": 1_700_000_001 }), "clock"),
    ] {
        let mut login = begin(&home, &server, &[]);
        let address = login.address();
        let mut claims = claims;
        if claims.get("nonce").is_none() {
            claims["nonce"] = parameter(&address, "nonce").into();
        }
        let spoiled = Fault::with_member("id_token", id_token(&server, claims));
        server.inject(Point::Token, spoiled);
        walk(&address, Decision::Consent).await;
        let (code, said) = login.end();
        assert_eq!(code, Some(5), "{said}");
        assert!(
            said.to_lowercase().contains(says) && said.contains("next: "),
            "{says}: {said}"
        );
        let families = server.families();
        assert!(
            !families.last().expect("it was issued").is_alive(),
            "the tokens were revoked"
        );
    }
    server.inject(Point::Token, Fault::without_member("id_token"));
    let mut login = begin(&home, &server, &[]);
    walk(&login.address(), Decision::Consent).await;
    assert_eq!(login.end().0, Some(5));
    assert!(!home.file("default.json").exists());
}

#[tokio::test]
async fn c3_a_token_endpoint_that_does_not_answer_as_one_is_told_from_one_that_refuses() {
    let (server, home) = (server(), Home::new());
    for (fault, exit, says) in [
        (Fault::unavailable(RetryAfter::Absent), 3, "503"),
        (Fault::lose_request(), 3, "connection"),
        (Fault::html_200(), 5, "no JSON"),
        (Fault::oauth_error(400, "invalid_grant"), 4, "invalid_grant"),
    ] {
        let mut login = begin(&home, &server, &[]);
        let address = login.address();
        server.inject(Point::Token, fault);
        walk(&address, Decision::Consent).await;
        let (code, said) = login.end();
        assert_eq!(code, Some(exit), "{said}");
        assert!(said.contains(says) && said.contains("next: "), "{says}: {said}");
    }
    assert!(!home.file("default.json").exists());
}

#[tokio::test]
async fn c3_a_session_that_cannot_be_renewed_comes_with_a_warning() {
    let (server, home) = (server(), Home::new());
    server.inject(Point::Token, Fault::without_member("refresh_token"));
    let mut login = begin(&home, &server, &[]);
    walk(&login.address(), Decision::Consent).await;
    let (code, said) = login.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("warning: the server gave no refresh token"),
        "{said}"
    );
    assert!(stdout(&home.run(&["status"])).contains("none: when the access token has expired"));
}

#[tokio::test]
async fn c3_w4_an_answer_that_is_read_leniently_at_a_refresh_is_so_at_a_login() {
    let (server, home) = (server(), Home::new());
    let odd = Fault::with_member("expires_in", "900").member("team", "blue");
    server.inject(Point::Token, odd);
    let mut login = begin(&home, &server, &[]);
    walk(&login.address(), Decision::Consent).await;
    let (code, said) = login.end();
    assert_eq!(code, Some(0), "{said}");
    let output = home.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert!(
        status["access_token"]["expires_in_seconds"].as_u64() > Some(800),
        "{status}"
    );
    let held = std::fs::read_to_string(home.file("default.session")).expect("the session");
    assert!(held.contains("team"), "unknown members are kept: {held}");
}

#[test]
fn c3_x2_an_issuer_that_is_none_or_lies_is_named_before_anybody_signs_in() {
    let (server, home) = (server(), Home::new());
    let login = |issuer: &str| home.run(&["login", "--no-browser", "--client-id", "app", "--issuer", issuer]);
    let lying = server.issuer().replace("127.0.0.1", "localhost");
    let output = login(&lying);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("the metadata belongs to issuer"),
        "{}",
        stderr(&output)
    );
    let issuer = server.issuer().to_owned();
    drop(server);
    let output = login(&issuer);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert_eq!(login("http://as.example").status.code(), Some(2));
}

#[test]
fn c3_x2_a_port_that_is_taken_is_named() {
    let (server, home) = (server(), Home::new());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let (code, said) = begin(&home, &server, &["--port", &port]).end();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(&port) && said.contains("next: "), "{said}");
}

#[cfg(unix)]
#[test]
fn c3_an_interrupted_login_leaves_nothing_behind() {
    let (server, home) = (server(), Home::new());
    for signal in ["-INT", "-TERM"] {
        let mut login = begin(&home, &server, &[]);
        login.line("waiting");
        let sent = std::process::Command::new("kill")
            .args([signal, &login.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
        assert_eq!(login.end().0, Some(130));
    }
    assert!(!home.file("default.json").exists());
}
