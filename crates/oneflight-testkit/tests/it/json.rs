//! The JSON endpoints, with body and cookie.

use oneflight_testkit::{Death, TestServer, Via};
use serde_json::json;

use crate::client::{Answer, builder, call, http, refresh_json, send, start};

async fn login(url: String, password: &str) -> Answer {
    let credentials = json!({ "username": "ada", "password": password });
    send(http().post(url).json(&credentials)).await.unwrap()
}

#[tokio::test]
async fn login_refresh_and_logout_in_json() {
    let server = start().await;
    let answer = login(server.json_login_url(), "password").await;
    assert_eq!(answer.json()["expiresIn"], 900);
    let renewed = refresh_json(&server, &answer.member("refreshToken"))
        .await
        .unwrap();
    assert_eq!(call(&server, &renewed.member("accessToken")).await.status, 200);
    let body = json!({ "refreshToken": renewed.member("refreshToken") });
    let out = send(http().post(server.json_logout_url()).json(&body))
        .await
        .unwrap();
    assert_eq!(out.status, 204);
    let family = server.family(1).unwrap();
    assert_eq!(
        (family.subject.as_str(), family.death),
        ("ada", Some(Death::SignedOut))
    );
    assert_eq!(call(&server, &renewed.member("accessToken")).await.status, 401);
    let counters = server.counters();
    assert_eq!(
        (
            counters.login_posts,
            counters.refresh_posts,
            counters.logout_posts
        ),
        (1, 1, 1)
    );
    assert_eq!(counters.token_posts, 0);
}

#[tokio::test]
async fn a_wrong_password_and_a_malformed_body_are_refused() {
    let server = start().await;
    let wrong = login(server.json_login_url(), "guess").await;
    assert_eq!(
        (wrong.status, wrong.error().as_str()),
        (401, "invalid_credentials")
    );
    let malformed = send(http().post(server.json_login_url()).body("[1]"))
        .await
        .unwrap();
    assert_eq!(malformed.status, 400);
    assert_eq!(refresh_json(&server, "").await.unwrap().status, 400);
    assert_eq!(server.counters().families_alive, 0);
}

#[tokio::test]
async fn a_dead_refresh_token_may_be_refused_with_403() {
    let server = TestServer::builder()
        .with_settings(|settings| settings.json_refusal_status = 403)
        .start()
        .await
        .unwrap();
    let session = server.issue_session();
    server.revoke_family(session.family());
    let answer = refresh_json(&server, session.refresh_token()).await.unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (403, "invalid_grant"));
}

#[tokio::test]
async fn the_cookie_variant_hides_the_refresh_token_from_scripts() {
    let server = start().await;
    let jar = builder().cookie_store(true).build().unwrap();
    let credentials = json!({ "username": "ada", "password": "password" });
    let answer = send(jar.post(server.cookie_login_url()).json(&credentials))
        .await
        .unwrap();
    assert!(answer.json().get("refreshToken").is_none());
    let cookie = answer.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/cookie/auth"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    for _ in 0..2 {
        let renewed = send(jar.post(server.cookie_refresh_url())).await.unwrap();
        assert_eq!(renewed.status, 200);
        assert_eq!(call(&server, &renewed.member("accessToken")).await.status, 200);
    }
    assert_eq!(server.refresh_requests()[1].via, Via::Cookie);
    assert_eq!(server.counters().rotations, 2);
    assert_eq!(
        send(jar.post(server.cookie_logout_url())).await.unwrap().status,
        204
    );
    assert_eq!(
        send(jar.post(server.cookie_refresh_url())).await.unwrap().status,
        400
    );
    assert_eq!(server.counters().families_dead, 1);
}
