//! Every fault point, on the socket.

use std::time::{Duration, UNIX_EPOCH};

use oneflight_testkit::{Clock, Fault, Point, RetryAfter, TestServer};
use serde_json::json;

use crate::client::{Answer, call, http, is_reset, refresh, refresh_json, start};

/// Strikes one refresh with a fault. Says what came of it, and whether the server rotated.
async fn strike(fault: Fault) -> (reqwest::Result<Answer>, bool) {
    let server = start().await;
    strike_at(&server, fault).await
}

async fn strike_at(server: &TestServer, fault: Fault) -> (reqwest::Result<Answer>, bool) {
    let session = server.issue_session();
    server.inject(Point::Refresh, fault);
    let result = refresh(server, session.refresh_token()).await;
    assert_eq!(server.counters().faults, 1);
    let rotated = server.family(session.family()).expect("a family").rotations == 1;
    (result, rotated)
}

async fn answered(fault: Fault) -> (Answer, bool) {
    let (result, rotated) = strike(fault).await;
    (result.expect("an answer"), rotated)
}

#[tokio::test]
async fn lost_requests_and_answers_are_resets_and_differ_in_rotation() {
    let (lost, rotated) = strike(Fault::lose_request()).await;
    assert!(is_reset(&lost.unwrap_err()) && !rotated);
    let (lost, rotated) = strike(Fault::lose_answer()).await;
    assert!(is_reset(&lost.unwrap_err()) && rotated);
}

#[tokio::test]
async fn a_close_is_no_reset() {
    let (lost, rotated) = strike(Fault::close()).await;
    let error = lost.unwrap_err();
    assert!(error.is_request() && !is_reset(&error), "{error:?}");
    assert!(rotated);
}

#[tokio::test]
async fn a_torn_body_brings_the_head_and_half() {
    let server = start().await;
    let session = server.issue_session();
    server.inject(Point::Refresh, Fault::torn_body());
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", session.refresh_token()),
    ];
    let mut response = http().post(server.token_url()).form(&form).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let announced = response.content_length().unwrap();
    let half = response.chunk().await.unwrap().unwrap();
    assert_eq!(half.len() as u64, announced / 2);
    let cut = response.chunk().await.unwrap_err();
    assert!(cut.is_decode() && !is_reset(&cut), "{cut:?}");
    assert_eq!(server.counters().rotations, 1);
}

#[tokio::test]
async fn outages_say_when_to_come_back_in_seconds_or_as_a_date() {
    let clock = Clock::virtual_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let server = TestServer::builder().clock(clock).start().await.unwrap();
    let session = server.issue_session();
    let mut seen = Vec::new();
    for fault in [
        Fault::unavailable(RetryAfter::Seconds(7)),
        Fault::too_many_requests(RetryAfter::DateIn(3600)),
        Fault::unavailable(RetryAfter::Absent),
    ] {
        server.inject(Point::Refresh, fault);
        let answer = refresh(&server, session.refresh_token()).await.unwrap();
        seen.push((answer.status, answer.header("retry-after").map(str::to_owned)));
    }
    let date = "Tue, 14 Nov 2023 23:13:20 GMT".to_owned();
    assert_eq!(
        seen,
        [(503, Some("7".to_owned())), (429, Some(date)), (503, None)]
    );
    assert_eq!(server.counters().rotations, 0);
    assert_eq!(server.counters().refresh_by_status, [(429, 1), (503, 2)].into());
}

#[tokio::test]
async fn gateways_and_portals_answer_with_pages() {
    for (fault, status) in [
        (Fault::bad_gateway_html(), 502),
        (Fault::internal_error_html(), 500),
        (Fault::html_200(), 200),
    ] {
        let (answer, rotated) = answered(fault).await;
        assert_eq!((answer.status, rotated), (status, false));
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(answer.text.starts_with("<!doctype html>"));
    }
}

#[tokio::test]
async fn a_made_up_answer_may_follow_a_rotation() {
    let (answer, rotated) = answered(Fault::bad_gateway_html().processed()).await;
    assert_eq!((answer.status, rotated), (502, true));
    let (answer, rotated) = answered(Fault::with_member("x", 1).unprocessed()).await;
    assert_eq!((answer.status, rotated), (500, false));
}

#[tokio::test]
async fn errors_come_in_every_shape_and_kill_nothing() {
    let server = start().await;
    let session = server.issue_session();
    for (fault, status, error) in [
        (
            Fault::oauth_error(403, "invalid_grant"),
            403,
            json!("invalid_grant"),
        ),
        (
            Fault::oauth_error(200, "invalid_grant"),
            200,
            json!("invalid_grant"),
        ),
        (
            Fault::oauth_error(401, "invalid_client"),
            401,
            json!("invalid_client"),
        ),
        (
            Fault::error_as_object("invalid_grant"),
            400,
            json!({ "code": "invalid_grant", "message": "scripted by the test" }),
        ),
    ] {
        server.inject(Point::Refresh, fault);
        let answer = refresh(&server, session.refresh_token()).await.unwrap();
        assert_eq!((answer.status, &answer.json()["error"]), (status, &error));
    }
    assert_eq!(
        refresh(&server, session.refresh_token()).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn members_can_be_wrong_missing_or_more() {
    let (answer, rotated) = answered(Fault::with_member("access_token", 7)).await;
    assert!(answer.json()["access_token"] == 7 && rotated);
    let (answer, _) = answered(Fault::without_member("token_type")).await;
    assert!(answer.json().get("token_type").is_none());
    let (answer, _) = answered(Fault::with_member("token_type", "mac")).await;
    assert_eq!(answer.member("token_type"), "mac");
    let (answer, rotated) = answered(Fault::without_member("refresh_token")).await;
    assert!(answer.json().get("refresh_token").is_none() && rotated);
    let (answer, _) = answered(Fault::none().member("surprise", json!({ "a": 1 }))).await;
    assert_eq!(answer.json()["surprise"], json!({ "a": 1 }));
}

#[tokio::test]
async fn bodies_can_be_empty_other_or_mislabelled() {
    let (answer, rotated) = answered(Fault::empty_body()).await;
    assert_eq!((answer.status, answer.text.as_str(), rotated), (200, "", true));
    let (answer, rotated) = answered(Fault::body("{\"access_token\":")).await;
    assert_eq!((answer.text.as_str(), rotated), ("{\"access_token\":", true));
    let (answer, rotated) = answered(Fault::content_type("text/plain")).await;
    assert_eq!(
        (answer.header("content-type"), rotated),
        (Some("text/plain"), true)
    );
    assert_eq!(answer.member("token_type"), "Bearer");
    let (answer, rotated) = answered(Fault::answer(418, "text/teapot", "short and stout")).await;
    assert_eq!(
        (answer.status, answer.text.as_str(), rotated),
        (418, "short and stout", false)
    );
    let (answer, rotated) = answered(Fault::status(404)).await;
    assert_eq!((answer.status, answer.text.as_str(), rotated), (404, "", false));
    let (answer, _) = answered(Fault::status(302).header("location", "/elsewhere")).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (302, Some("/elsewhere"))
    );
    let (answer, rotated) = answered(Fault::none().set_status(201)).await;
    assert_eq!((answer.status, rotated), (201, true));
}

#[tokio::test]
async fn a_body_can_be_oversized() {
    let (answer, rotated) = answered(Fault::oversized(2 * 1024 * 1024)).await;
    assert!(answer.text.len() > 2 * 1024 * 1024 && rotated);
    assert_eq!(answer.member("token_type"), "Bearer");
}

#[tokio::test]
async fn a_slow_body_comes_in_pieces_as_the_clock_moves() {
    let clock = Clock::virtual_at(UNIX_EPOCH);
    let server = TestServer::builder().clock(clock).start().await.unwrap();
    server.inject(Point::Metadata, Fault::body("abcde"));
    server.inject(
        Point::Metadata,
        Fault::trickle(2, Duration::from_secs(1)).header("x-slow", "1"),
    );
    let url = format!("{}/.well-known/openid-configuration", server.issuer());
    assert_eq!(
        http().get(&url).send().await.unwrap().text().await.unwrap(),
        "abcde"
    );
    let mut response = http().get(&url).send().await.unwrap();
    assert_eq!(response.headers()["x-slow"], "1");
    let length = response.content_length().unwrap();
    for _ in 0..3 {
        server.advance(Duration::from_secs(1));
        assert_eq!(response.chunk().await.unwrap().unwrap().len(), 2);
    }
    server.advance(Duration::from_secs(length));
    // Each pause begins when the piece before it has gone: let time pass until all have.
    let pump = async {
        loop {
            server.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    let rest = tokio::select! {
        rest = response.bytes() => rest.unwrap(),
        () = pump => unreachable!("it pumps for ever"),
    };
    assert_eq!(rest.len() as u64, length - 6);
}

#[tokio::test]
async fn the_same_tokens_may_be_given_again() {
    let server = start().await;
    let session = server.issue_session();
    server.inject_times(Point::Refresh, 2, Fault::same_tokens());
    for _ in 0..2 {
        let answer = refresh(&server, session.refresh_token()).await.unwrap();
        assert_eq!(answer.member("access_token"), session.access_token);
        assert_eq!(answer.member("refresh_token"), session.refresh_token());
    }
    assert_eq!(server.counters().rotations, 0);
    assert_eq!(
        refresh(&server, session.refresh_token()).await.unwrap().status,
        200
    );
    assert_eq!(server.counters().rotations, 1);
}

#[tokio::test]
async fn a_delay_comes_before_or_after_the_rotation() {
    for (fault, rotates_first) in [
        (Fault::delayed(Duration::from_secs(5)), false),
        (Fault::none().delay_answer(Duration::from_secs(5)), true),
    ] {
        let clock = Clock::virtual_at(UNIX_EPOCH);
        let server = TestServer::builder().clock(clock).start().await.unwrap();
        let session = server.issue_session();
        server.inject(Point::Refresh, fault);
        let (other, token) = (server.clone(), session.refresh_token().to_owned());
        let refreshing = tokio::spawn(async move { refresh(&other, &token).await.unwrap().status });
        if rotates_first {
            server.wait_until(|counters| counters.rotations == 1).await;
        } else {
            server.wait_until(|counters| counters.faults == 1).await;
            assert_eq!(server.counters().rotations, 0);
        }
        assert!(!refreshing.is_finished());
        // The delay may begin a moment after it was counted: let time pass until it is over.
        while !refreshing.is_finished() {
            server.advance(Duration::from_secs(5));
            tokio::task::yield_now().await;
        }
        assert_eq!(refreshing.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn hanging_requests_go_on_or_are_lost_when_released() {
    let server = start().await;
    let session = server.issue_session();
    let spawn = || {
        let (other, token) = (server.clone(), session.refresh_token().to_owned());
        tokio::spawn(async move { refresh(&other, &token).await })
    };
    server.inject(Point::Refresh, Fault::swallow());
    let swallowed = spawn();
    server.wait_for_hung(1).await;
    server.release_hung();
    assert!(is_reset(&swallowed.await.unwrap().unwrap_err()));
    assert_eq!(server.counters().rotations, 0);

    server.inject(Point::Refresh, Fault::hang_answer());
    let hanging = spawn();
    server.wait_for_hung(1).await;
    assert_eq!(server.counters().rotations, 1);
    server.release_hung();
    assert_eq!(hanging.await.unwrap().unwrap().status, 200);
    assert_eq!(server.counters().hung, 0);
}

#[tokio::test]
async fn faults_queue_up_per_point_and_one_may_stand_below_them() {
    let server = start().await;
    let session = server.issue_session();
    server.inject_always(Point::Refresh, Fault::status(500));
    server.inject(Point::Refresh, Fault::status(501));
    server.inject_times(Point::Refresh, 2, Fault::status(502));
    server.inject(Point::Api, Fault::status(503));
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(refresh(&server, session.refresh_token()).await.unwrap().status);
    }
    assert_eq!(seen, [501, 502, 502, 500, 500]);
    assert_eq!(call(&server, &session.access_token).await.status, 503);
    server.clear_faults();
    assert_eq!(
        refresh(&server, session.refresh_token()).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn a_refresh_fault_strikes_json_too_and_a_token_fault_only_the_form() {
    let server = start().await;
    let session = server.issue_session();
    server.inject(Point::Refresh, Fault::status(500));
    assert_eq!(
        refresh_json(&server, session.refresh_token())
            .await
            .unwrap()
            .status,
        500
    );
    server.inject(Point::Token, Fault::status(500));
    assert_eq!(
        refresh_json(&server, session.refresh_token())
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(
        refresh(&server, session.refresh_token()).await.unwrap().status,
        500
    );
}

#[tokio::test]
async fn the_api_fails_only_where_it_is_told_to() {
    let server = start().await;
    let session = server.issue_session();
    server.inject_on_path(Point::Api, "/api/other", 1, Fault::lose_answer());
    assert_eq!(call(&server, &session.access_token).await.status, 200);
    let request = http()
        .get(server.api_url("/api/other/1"))
        .bearer_auth(&session.access_token);
    assert!(is_reset(&request.send().await.unwrap_err()));
    let last = server.api_requests().pop().unwrap();
    assert_eq!((last.path.as_str(), last.status), ("/api/other/1", None));
}

#[tokio::test]
async fn every_endpoint_has_its_fault_point() {
    let server = TestServer::builder().with_stranger().start().await.unwrap();
    let at = |path: &str| format!("{}{path}", server.issuer());
    for (point, url) in [
        (Point::Authorize, server.authorization_url()),
        (Point::Metadata, at("/.well-known/oauth-authorization-server")),
        (Point::Userinfo, server.userinfo_url()),
        (Point::Api, server.api_url("/api")),
        (Point::Stranger, server.stranger_url("/api")),
    ] {
        server.inject(point, Fault::status(599));
        assert_eq!(http().get(url).send().await.unwrap().status(), 599, "{point:?}");
    }
    for (point, url) in [
        (Point::Token, server.token_url()),
        (Point::Revoke, server.revocation_url()),
        (Point::Login, server.json_login_url()),
        (Point::Refresh, server.cookie_refresh_url()),
        (Point::Logout, server.json_logout_url()),
    ] {
        server.inject(point, Fault::status(599));
        assert_eq!(http().post(url).send().await.unwrap().status(), 599, "{point:?}");
    }
}
