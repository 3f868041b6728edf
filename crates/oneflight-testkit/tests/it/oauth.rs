//! The token endpoint's manners, revocation, metadata.

use oneflight_testkit::{AcceptPolicy, Client, ClientAuth, Death, Reach, SessionTerms, TestServer, Via};
use serde_json::json;

use crate::client::{Answer, call, http, post_form, refresh, send, start};

fn refresh_form(token: &str) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", token.to_owned()),
    ]
}

#[tokio::test]
async fn both_metadata_documents_lead_to_the_endpoints() {
    let server = start().await;
    for path in ["oauth-authorization-server", "openid-configuration"] {
        let url = format!("{}/.well-known/{path}", server.issuer());
        let document = send(http().get(url)).await.unwrap().json();
        assert_eq!(document["issuer"], server.issuer());
        assert_eq!(document["token_endpoint"], server.token_url());
        assert_eq!(document["authorization_endpoint"], server.authorization_url());
        assert_eq!(document["revocation_endpoint"], server.revocation_url());
        assert_eq!(document["userinfo_endpoint"], server.userinfo_url());
        let keys = send(http().get(document["jwks_uri"].as_str().unwrap()))
            .await
            .unwrap();
        assert_eq!(keys.json(), json!({ "keys": [] }));
    }
    assert_eq!(server.counters().metadata_requests, 2);
}

#[tokio::test]
async fn a_client_with_a_secret_may_send_it_in_either_way_and_the_server_says_which() {
    let server = start().await;
    let session = server.issue_session_with(SessionTerms::new().client("service"));
    let request = http()
        .post(server.token_url())
        .form(&refresh_form(session.refresh_token()));
    let first = send(request.basic_auth("service", Some("secret"))).await.unwrap();
    let mut form = refresh_form(&first.member("refresh_token"));
    form.push(("client_id", "service".to_owned()));
    form.push(("client_secret", "secret".to_owned()));
    let second = send(http().post(server.token_url()).form(&form)).await.unwrap();
    assert_eq!(second.status, 200);
    let seen: Vec<_> = server
        .refresh_requests()
        .into_iter()
        .map(|one| (one.via, one.client))
        .collect();
    let service = |auth| (Via::Form, Some(("service".to_owned(), auth)));
    assert_eq!(
        seen,
        [
            service(ClientAuth::ClientSecretBasic),
            service(ClientAuth::ClientSecretPost)
        ]
    );
}

#[tokio::test]
async fn wrong_client_authentication_is_invalid_client_and_spends_nothing() {
    let only_post = Client::confidential("post", "s").only(ClientAuth::ClientSecretPost);
    let server = TestServer::builder().client(only_post).start().await.unwrap();
    let session = server.issue_session_with(SessionTerms::new().client("service"));
    let ask = || {
        http()
            .post(server.token_url())
            .form(&refresh_form(session.refresh_token()))
    };
    for (id, secret) in [
        ("service", "wrong"),
        ("nobody", "secret"),
        ("app", "secret"),
        ("post", "s"),
    ] {
        let answer = send(ask().basic_auth(id, Some(secret))).await.unwrap();
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, "invalid_client"),
            "{id}"
        );
        assert_eq!(
            answer.header("www-authenticate"),
            Some(r#"Basic realm="oneflight-testkit""#)
        );
    }
    // Without any, and with a public client's way for a client that has a secret.
    assert_eq!(send(ask()).await.unwrap().error(), "invalid_client");
    let mut form = refresh_form(session.refresh_token());
    form.push(("client_id", "service".to_owned()));
    let answer = send(http().post(server.token_url()).form(&form)).await.unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"));
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(server.counters().rotations, 0);
}

#[tokio::test]
async fn basic_credentials_are_form_encoded_before_they_are_joined() {
    let client = Client::confidential("a:b c", "p%&=+");
    let server = TestServer::builder().client(client).start().await.unwrap();
    let form = [("grant_type", "client_credentials")];
    let request = http().post(server.token_url()).form(&form);
    let encoded = send(request.basic_auth("a%3Ab+c", Some("p%25%26%3D%2B")))
        .await
        .unwrap();
    assert_eq!(encoded.status, 200);
}

#[tokio::test]
async fn two_client_authentications_at_once_are_refused() {
    let server = start().await;
    let mut form = refresh_form("any");
    form.push(("client_secret", "secret".to_owned()));
    let request = http().post(server.token_url()).form(&form);
    let answer = send(request.basic_auth("service", Some("secret"))).await.unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn a_refresh_token_is_of_no_use_to_another_client() {
    let server = start().await;
    let session = server.issue_session_with(SessionTerms::new().client("service"));
    let answer = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!(answer.error(), "invalid_grant");
    assert_eq!(server.counters().families_alive, 1);
}

#[tokio::test]
async fn client_credentials_give_an_access_token_alone() {
    let server = start().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "read"),
        ("audience", "a"),
    ];
    let request = http().post(server.token_url()).form(&form);
    let answer = send(request.basic_auth("service", Some("secret"))).await.unwrap();
    let body = answer.json();
    assert_eq!(
        (body["scope"].as_str(), body["audience"].as_str()),
        (Some("read"), Some("a"))
    );
    assert!(body.get("refresh_token").is_none(), "{body}");
    assert_eq!(call(&server, &answer.member("access_token")).await.status, 200);

    let public = [("grant_type", "client_credentials"), ("client_id", "app")];
    let refused = post_form(&server.token_url(), &public).await.unwrap();
    assert_eq!(
        (refused.status, refused.error().as_str()),
        (400, "unauthorized_client")
    );
}

#[tokio::test]
async fn malformed_requests_are_told_apart() {
    let server = start().await;
    let url = server.token_url();
    let json = send(http().post(&url).json(&json!({ "grant_type": "refresh_token" })))
        .await
        .unwrap();
    assert_eq!((json.status, json.error().as_str()), (400, "invalid_request"));
    let twice = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("client_id", "app"),
    ];
    assert_eq!(post_form(&url, &twice).await.unwrap().error(), "invalid_request");
    let none = [("client_id", "app")];
    assert_eq!(post_form(&url, &none).await.unwrap().error(), "invalid_request");
    let unknown = [("client_id", "app"), ("grant_type", "password")];
    assert_eq!(
        post_form(&url, &unknown).await.unwrap().error(),
        "unsupported_grant_type"
    );
    let empty = [
        ("client_id", "app"),
        ("grant_type", "refresh_token"),
        ("refresh_token", ""),
    ];
    assert_eq!(post_form(&url, &empty).await.unwrap().error(), "invalid_request");
    assert_eq!(send(http().get(&url)).await.unwrap().status, 405);
}

#[tokio::test]
async fn scope_may_be_narrowed_and_resource_and_audience_are_recorded() {
    let server = start().await;
    let session = server.issue_session_with(SessionTerms::new().scope("read write"));
    let mut form = refresh_form(session.refresh_token());
    form.push(("client_id", "app".to_owned()));
    form.push(("scope", "read admin".to_owned()));
    let send_form = |form: Vec<(&'static str, String)>| send(http().post(server.token_url()).form(&form));
    let beyond = send_form(form.clone()).await.unwrap();
    assert_eq!((beyond.status, beyond.error().as_str()), (400, "invalid_scope"));

    form[3].1 = "read".to_owned();
    form.push(("resource", "https://one.example".to_owned()));
    form.push(("resource", "https://two.example".to_owned()));
    form.push(("audience", "api".to_owned()));
    let narrowed = send_form(form).await.unwrap();
    assert_eq!(narrowed.member("scope"), "read");
    assert_eq!(
        narrowed.json()["resource"],
        json!(["https://one.example", "https://two.example"])
    );
    let token = narrowed.member("access_token");
    let scoped = |path: &'static str| {
        let url = server.api_url(path);
        send(http().get(url).bearer_auth(&token))
    };
    assert_eq!(scoped("/api/scope/read").await.unwrap().status, 200);
    assert_eq!(scoped("/api/scope/write").await.unwrap().status, 403);

    let seen = server.refresh_requests().pop().unwrap();
    let names: Vec<_> = seen.parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "grant_type",
            "client_id",
            "scope",
            "resource",
            "resource",
            "audience"
        ]
    );
}

#[tokio::test]
async fn the_accept_header_is_respected_ignored_or_needed() {
    let server = start().await;
    let session = server.issue_session();
    let mut form = refresh_form(session.refresh_token());
    form.push(("client_id", "app".to_owned()));
    let ask = |form: &Vec<(&'static str, String)>, accept: &'static str| {
        send(
            http()
                .post(server.token_url())
                .header("accept", accept)
                .form(form),
        )
    };
    let html = ask(&form, "text/html").await.unwrap();
    assert_eq!(
        (html.status, html.header("content-type")),
        (400, Some("text/html; charset=utf-8"))
    );
    assert_eq!(server.counters().rotations, 0);
    let json = ask(&form, "text/html, application/json;q=0.5").await.unwrap();
    assert_eq!(json.status, 200);

    server.update_settings(|settings| settings.accept = AcceptPolicy::FormByDefault);
    form[1].1 = json.member("refresh_token");
    let as_form = ask(&form, "*/*").await.unwrap();
    assert_eq!(
        as_form.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert!(as_form.text.contains("token_type=Bearer"), "{}", as_form.text);
    assert_eq!(server.refresh_requests()[2].accept.as_deref(), Some("*/*"));

    server.update_settings(|settings| settings.accept = AcceptPolicy::Ignored);
    let ignored = ask(&form, "image/png").await.unwrap();
    assert_eq!(ignored.header("content-type"), Some("application/json"));
}

async fn revoke(server: &TestServer, token: &str) -> Answer {
    let form = [("client_id", "app"), ("token", token)];
    post_form(&server.revocation_url(), &form).await.unwrap()
}

#[tokio::test]
async fn revoking_either_token_ends_the_family_by_default() {
    let server = start().await;
    for pick in [0, 1] {
        let session = server.issue_session();
        let tokens = [session.refresh_token().to_owned(), session.access_token.clone()];
        assert_eq!(revoke(&server, &tokens[pick]).await.status, 200);
        assert_eq!(call(&server, &session.access_token).await.status, 401);
        let answer = refresh(&server, session.refresh_token()).await.unwrap();
        assert_eq!(answer.error(), "invalid_grant");
        assert_eq!(
            server.family(session.family()).unwrap().death,
            Some(Death::Revoked)
        );
    }
    assert_eq!(
        (server.counters().revocation_posts, server.counters().revocations),
        (2, 2)
    );
}

#[tokio::test]
async fn a_revocation_may_reach_less_or_further() {
    let server = start().await;
    let (one, two) = (server.issue_session(), server.issue_session());
    let other_user = server.issue_session_with(SessionTerms::new().user("ada"));
    server.update_settings(|settings| settings.revocation = Reach::Token);
    revoke(&server, one.refresh_token()).await;
    assert_eq!(call(&server, &one.access_token).await.status, 200);
    assert_eq!(
        refresh(&server, one.refresh_token()).await.unwrap().error(),
        "invalid_grant"
    );
    revoke(&server, &one.access_token).await;
    assert_eq!(call(&server, &one.access_token).await.status, 401);

    server.update_settings(|settings| settings.revocation = Reach::User);
    revoke(&server, one.refresh_token()).await;
    assert_eq!(call(&server, &two.access_token).await.status, 401);
    assert_eq!(call(&server, &other_user.access_token).await.status, 200);
}

#[tokio::test]
async fn revoking_nonsense_or_anothers_token_is_answered_200_and_does_nothing() {
    let server = start().await;
    let other = server.issue_session_with(SessionTerms::new().client("service"));
    assert_eq!(revoke(&server, "nonsense").await.status, 200);
    assert_eq!(revoke(&server, other.refresh_token()).await.status, 200);
    assert_eq!(revoke(&server, "").await.error(), "invalid_request");
    assert_eq!(
        (server.counters().revocations, server.counters().families_alive),
        (0, 1)
    );
}
