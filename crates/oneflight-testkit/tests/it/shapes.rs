//! Odd lifetimes, odd numbers, odd tokens.

use std::time::{Duration, UNIX_EPOCH};

use oneflight_testkit::{Clock, Death, ExpiresIn, OldAccessTokens, Rotation, SessionTerms, TestServer};
use serde_json::{Value, json};

use crate::client::{call, refresh, refresh_json, start};

#[tokio::test]
async fn expires_in_can_be_spelled_in_every_wrong_way() {
    let server = start().await;
    let mut token = server.issue_session().refresh_token().to_owned();
    let value = |value: Value| ExpiresIn::Value { value };
    for (spelling, wanted) in [
        (ExpiresIn::Truthful, json!(900)),
        (ExpiresIn::Omitted, Value::Null),
        (ExpiresIn::Text, json!("900")),
        (ExpiresIn::Float, json!(900.0)),
        (value(json!(-1)), json!(-1)),
        (value(json!(u64::MAX)), json!(u64::MAX)),
        (value(json!([1])), json!([1])),
    ] {
        server.update_settings(|settings| settings.expires_in = spelling);
        let answer = refresh(&server, &token).await.unwrap();
        assert_eq!(
            answer.json().get("expires_in").cloned().unwrap_or_default(),
            wanted
        );
        let answer = refresh_json(&server, &answer.member("refresh_token"))
            .await
            .unwrap();
        assert_eq!(
            answer.json().get("expiresIn").cloned().unwrap_or_default(),
            wanted
        );
        token = answer.member("refreshToken");
    }
}

#[tokio::test]
async fn an_access_token_may_be_dead_on_arrival() {
    let server = TestServer::builder()
        .access_token_lifetime(Duration::ZERO)
        .start()
        .await
        .unwrap();
    let session = server.issue_session();
    assert_eq!(call(&server, &session.access_token).await.status, 401);
    let answer = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!(answer.json()["expires_in"], 0);
    assert_eq!(call(&server, &answer.member("access_token")).await.status, 401);
}

#[tokio::test]
async fn one_session_may_live_shorter_than_the_others() {
    let server = TestServer::builder()
        .clock(Clock::virtual_at(UNIX_EPOCH))
        .start()
        .await
        .unwrap();
    let brief = server.issue_session_with(SessionTerms::new().lifetime(Duration::from_secs(1)));
    let usual = server.issue_session();
    server.advance(Duration::from_secs(1));
    assert_eq!(call(&server, &brief.access_token).await.status, 401);
    assert_eq!(call(&server, &usual.access_token).await.status, 200);
    server.expire_access_tokens_of(brief.family());
    assert_eq!(call(&server, &usual.access_token).await.status, 200);
}

#[tokio::test]
async fn tokens_of_64_kib_work() {
    let server = TestServer::builder()
        .with_settings(|settings| settings.token_shape.length = 64 * 1024)
        .start()
        .await
        .unwrap();
    let session = server.issue_session();
    assert_eq!(session.access_token.len(), 64 * 1024);
    let answer = refresh(&server, session.refresh_token()).await.unwrap();
    let token = answer.member("access_token");
    assert_eq!(token.len(), 64 * 1024);
    assert_eq!(call(&server, &token).await.status, 200);
}

#[tokio::test]
async fn tokens_with_line_breaks_come_as_json_carries_them() {
    let server = start().await;
    let session = server.issue_session();
    server.update_settings(|settings| settings.token_shape.line_breaks = true);
    let answer = refresh(&server, session.refresh_token()).await.unwrap();
    assert!(answer.member("access_token").contains("\r\nX-Injected:"));
}

#[tokio::test]
async fn without_rotation_the_refresh_token_stays_and_is_left_out_or_repeated() {
    let server = TestServer::builder()
        .rotation(Rotation::None)
        .start()
        .await
        .unwrap();
    let session = server.issue_session();
    for repeat in [false, true] {
        server.update_settings(|settings| settings.repeat_refresh_token = repeat);
        let answer = refresh(&server, session.refresh_token()).await.unwrap().json();
        let again = answer.get("refresh_token").and_then(Value::as_str);
        assert_eq!(again, repeat.then_some(session.refresh_token()));
    }
    let counters = server.counters();
    assert_eq!((counters.refreshes_granted, counters.rotations), (2, 0));
    assert_eq!(server.family(1).unwrap().issued, 3);
}

#[tokio::test]
async fn refresh_tokens_and_families_can_expire() {
    let day = Duration::from_secs(86_400);
    let server = TestServer::builder()
        .clock(Clock::virtual_at(UNIX_EPOCH))
        .with_settings(|settings| {
            settings.refresh_token_lifetime = Some(day);
            settings.family_lifetime = Some(2 * day);
        })
        .start()
        .await
        .unwrap();
    let idle = server.issue_session();
    let busy = server.issue_session();
    let almost = day - Duration::from_secs(1);
    server.advance(almost);
    let renewed = refresh(&server, busy.refresh_token()).await.unwrap();
    assert_eq!(renewed.status, 200);
    server.advance(Duration::from_secs(1));
    assert_eq!(
        refresh(&server, idle.refresh_token()).await.unwrap().error(),
        "invalid_grant"
    );
    let again = refresh(&server, &renewed.member("refresh_token")).await.unwrap();
    assert_eq!(again.status, 200);
    server.advance(almost + Duration::from_secs(1));
    let late = refresh(&server, &again.member("refresh_token")).await.unwrap();
    assert_eq!(late.error(), "invalid_grant");
    assert_eq!(server.family(busy.family()).unwrap().death, Some(Death::Expired));
}

#[tokio::test]
async fn a_refresh_may_kill_the_access_tokens_of_before() {
    let server = TestServer::builder()
        .with_settings(|settings| settings.old_access_tokens = OldAccessTokens::Die)
        .start()
        .await
        .unwrap();
    let session = server.issue_session();
    let answer = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!(call(&server, &session.access_token).await.status, 401);
    assert_eq!(call(&server, &answer.member("access_token")).await.status, 200);
}
