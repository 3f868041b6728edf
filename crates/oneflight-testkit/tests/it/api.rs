//! The protected API and what the server remembers of requests to it.

use oneflight_testkit::{Challenge, Cors, Credentials, Origin, SessionTerms, TestServer};
use serde_json::json;

use crate::client::{call, http, send, start};

#[tokio::test]
async fn the_api_echoes_what_came_except_the_token() {
    let server = start().await;
    let session = server.issue_session();
    let request = http()
        .put(server.api_url("/api/orders/7?page=2&x=%20"))
        .bearer_auth(&session.access_token)
        .header("x-request-id", "r-1")
        .header("x-many", "one")
        .header("x-many", "two")
        .body("abc");
    let answer = send(request).await.unwrap();
    assert!(!answer.text.contains(&session.access_token));
    let body = answer.json();
    assert_eq!(
        (body["method"].as_str(), body["path"].as_str()),
        (Some("PUT"), Some("/api/orders/7"))
    );
    assert_eq!(
        (body["query"].as_str(), body["body"].as_str()),
        (Some("page=2&x=%20"), Some("abc"))
    );
    assert_eq!(body["token"], json!({ "family": 1, "sequence": 1 }));
    // SHA-256 of "abc" (FIPS 180-4, appendix).
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(body["body_sha256"], abc);

    let seen = server.api_requests().pop().unwrap();
    assert_eq!(
        (seen.number, seen.status, seen.origin),
        (1, Some(200), Origin::Auth)
    );
    assert_eq!((seen.request_id.as_deref(), seen.body_bytes), (Some("r-1"), 3));
    assert_eq!(seen.body_sha256, abc);
    let many: Vec<_> = seen.headers.iter().filter(|(name, _)| name == "x-many").collect();
    assert_eq!(many.len(), 2);
    assert!(seen.headers.iter().all(|(name, _)| name != "authorization"));
}

#[tokio::test]
async fn credentials_that_came_are_told_apart() {
    let server = start().await;
    let session = server.issue_session();
    let ask = || http().get(server.api_url("/api"));
    let with = |value: &str| ask().header("authorization", value);
    for request in [
        ask(),
        with("Bearer nonsense"),
        with("Basic YTpi"),
        with(&format!("bEARER  {}", session.access_token)),
        with("Bearer one").header("authorization", "Bearer two"),
    ] {
        send(request).await.unwrap();
    }
    let seen: Vec<_> = server
        .api_requests()
        .iter()
        .map(|one| (one.credentials, one.status))
        .collect();
    assert_eq!(
        seen,
        [
            (Credentials::None, Some(401)),
            (Credentials::UnknownToken, Some(401)),
            (Credentials::Foreign, Some(401)),
            (Credentials::Token(session.token), Some(200)),
            (Credentials::Foreign, Some(401)),
        ]
    );
    assert_eq!(server.counters().api_by_status, [(200, 1), (401, 4)].into());
}

#[tokio::test]
async fn the_challenge_takes_every_shape() {
    let server = start().await;
    let ask = |challenge: Challenge, token: &'static str| {
        server.update_settings(|settings| settings.challenge = challenge);
        let request = http().get(server.api_url("/api"));
        let request = if token.is_empty() {
            request
        } else {
            request.bearer_auth(token)
        };
        async {
            let answer = send(request).await.unwrap();
            assert_eq!(answer.status, 401);
            let values = answer.headers.get_all("www-authenticate").iter();
            values
                .map(|value| value.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        }
    };
    let none = ask(Challenge::Rfc6750, "").await;
    assert_eq!(none, [r#"Bearer realm="oneflight-testkit""#]);
    let invalid = ask(Challenge::Rfc6750, "x").await;
    assert!(invalid[0].contains(r#"error="invalid_token""#));
    assert_eq!(ask(Challenge::Bare, "x").await, ["Bearer"]);
    assert!(ask(Challenge::None, "x").await.is_empty());
    let several = ask(Challenge::Several, "x").await;
    assert_eq!(several.len(), 2);
    assert!(several[0].starts_with("Basic ") && several[0].contains("invalid_token"));
    let raw = vec!["DPoP error=\"use_dpop_nonce\"".to_owned(), "Bearer".to_owned()];
    assert_eq!(ask(Challenge::Raw { values: raw.clone() }, "x").await, raw);
}

#[tokio::test]
async fn a_token_without_the_scope_is_forbidden() {
    let server = start().await;
    let session = server.issue_session_with(SessionTerms::new().scope("read"));
    server.update_settings(|settings| settings.required_scope = Some("write".to_owned()));
    let answer = call(&server, &session.access_token).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (403, "insufficient_scope")
    );
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope", scope="write""#),
        "{challenge}"
    );
}

#[tokio::test]
async fn an_api_that_rejects_everything_does_so_until_told_otherwise() {
    let server = start().await;
    let session = server.issue_session();
    server.reject_everything(true);
    assert_eq!(call(&server, &session.access_token).await.status, 401);
    server.reject_everything(false);
    assert_eq!(call(&server, &session.access_token).await.status, 200);
}

#[tokio::test]
async fn any_status_and_redirect_can_be_asked_for() {
    let server = start().await;
    let token = server.issue_session().access_token;
    let ask = |path: &'static str| send(http().get(server.api_url(path)).bearer_auth(&token));
    assert_eq!(ask("/api/status/407").await.unwrap().status, 407);
    assert_eq!(ask("/api/status/99").await.unwrap().status, 400);
    let redirect = ask("/api/redirect?to=http%3A%2F%2F127.0.0.1%3A9%2Fx&status=302")
        .await
        .unwrap();
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (302, Some("http://127.0.0.1:9/x"))
    );
    assert_eq!(ask("/api/redirect?to=/api/x").await.unwrap().status, 307);
    assert_eq!(ask("/api/redirect").await.unwrap().status, 400);
}

#[tokio::test]
async fn the_api_may_live_elsewhere_and_a_stranger_counts_leaks() {
    let server = TestServer::builder()
        .api_port(0)
        .with_stranger()
        .start()
        .await
        .unwrap();
    assert_ne!(server.api_origin(), server.issuer());
    let session = server.issue_session();
    assert_eq!(call(&server, &session.access_token).await.status, 200);
    let not_here = format!("{}/api/things", server.issuer());
    assert_eq!(send(http().get(not_here)).await.unwrap().status, 404);

    let stranger = || http().get(server.stranger_url("/api/things"));
    assert_eq!(send(stranger()).await.unwrap().status, 401);
    assert_eq!(server.counters().leaked_tokens, 0);
    send(stranger().bearer_auth(&session.access_token)).await.unwrap();
    assert_eq!(server.counters().leaked_tokens, 1);
    let origins: Vec<_> = server.api_requests().iter().map(|one| one.origin).collect();
    assert_eq!(origins, [Origin::Api, Origin::Stranger, Origin::Stranger]);
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_only_if_asked() {
    let ask = |server: &TestServer| {
        let url = server.api_url("/api");
        send(http().get(url).header("origin", "http://page.example"))
    };
    let closed = start().await;
    assert_eq!(
        ask(&closed).await.unwrap().header("access-control-allow-origin"),
        None
    );

    let open = TestServer::builder()
        .cors(Cors::permissive())
        .start()
        .await
        .unwrap();
    let answer = ask(&open).await.unwrap();
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://page.example")
    );
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert_eq!(exposed, "www-authenticate,retry-after");
    let preflight = http()
        .request(reqwest::Method::OPTIONS, open.api_url("/api"))
        .header("origin", "http://page.example")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization");
    let answer = send(preflight).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("authorization")
    );
    assert_eq!(
        open.counters().api_requests,
        1,
        "a preflight is no request to the API"
    );

    let hiding = TestServer::builder().cors(Cors::hiding()).start().await.unwrap();
    let answer = ask(&hiding).await.unwrap();
    assert_eq!(answer.header("access-control-expose-headers"), None);
}

#[tokio::test]
async fn trailers_are_remembered_and_echoed() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = start().await;
    let token = server.issue_session().access_token;
    let address = server.issuer().strip_prefix("http://").unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "POST /api/x HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         trailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 42\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(r#""trailers":[["x-sum","42"]]"#), "{answer}");
    let seen = server.api_requests().pop().unwrap();
    assert_eq!(seen.trailers, [("x-sum".to_owned(), "42".to_owned())]);
}
