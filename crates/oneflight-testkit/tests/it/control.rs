//! The control plane, as a test in another language would use it.

use oneflight_testkit::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, call, http, is_reset, refresh, send, start};

async fn get(server: &TestServer, path: &str) -> Value {
    let answer = send(http().get(server.control_url(path))).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn order(server: &TestServer, method: Method, path: &str, body: Value) -> Answer {
    let request = http().request(method, server.control_url(path)).json(&body);
    send(request).await.unwrap()
}

async fn post(server: &TestServer, path: &str, body: Value) -> Answer {
    order(server, Method::POST, path, body).await
}

#[tokio::test]
async fn a_session_is_made_expired_and_revoked_over_http() {
    let server = start().await;
    let terms = json!({ "user": "ada", "scope": "read", "lifetime_ms": 5000 });
    let session = post(&server, "/sessions", terms).await;
    let token = session.member("access_token");
    assert_eq!(
        (session.json()["expires_in"].clone(), session.member("scope")),
        (json!(5), "read".into())
    );
    assert_eq!(call(&server, &token).await.status, 200);
    assert_eq!(post(&server, "/expire", json!({ "family": 1 })).await.status, 204);
    assert_eq!(call(&server, &token).await.status, 401);
    let renewed = refresh(&server, &session.member("refresh_token")).await.unwrap();
    assert_eq!(post(&server, "/revoke", json!({ "family": 1 })).await.status, 204);
    assert_eq!(call(&server, &renewed.member("access_token")).await.status, 401);
    assert_eq!(post(&server, "/revoke", json!({ "family": 9 })).await.status, 404);
    let family = get(&server, "/families/1").await;
    assert_eq!(
        (family["subject"].as_str(), family["death"].as_str()),
        (Some("ada"), Some("by_command"))
    );
    assert_eq!(get(&server, "/families").await[0], family);
    let counters = get(&server, "/counters").await;
    assert_eq!(counters, serde_json::to_value(server.counters()).unwrap());
    assert_eq!(counters["api_by_status"], json!({ "200": 1, "401": 2 }));
    assert_eq!(get(&server, "/requests/api?after=2").await[0]["number"], 3);
    assert_eq!(get(&server, "/requests/refresh").await[0]["status"], 200);
}

#[tokio::test]
async fn settings_are_patched_member_by_member() {
    let server = start().await;
    let patch = json!({
        "rotation": { "kind": "grace", "window_ms": 1500, "replay": "same_pair" },
        "access_token_lifetime_ms": 0,
    });
    let answer = order(&server, Method::PATCH, "/settings", patch).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let settings = get(&server, "/settings").await;
    assert_eq!(settings["rotation"]["window_ms"], 1500);
    assert_eq!(
        (&settings["access_token_lifetime_ms"], &settings["password"]),
        (&json!(0), &json!("password"))
    );
    let session = server.issue_session();
    let first = refresh(&server, session.refresh_token()).await.unwrap();
    let again = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!(first.json(), again.json());
    for wrong in [json!({ "rotatoin": 1 }), json!({ "rotation": "sometimes" })] {
        assert_eq!(
            order(&server, Method::PATCH, "/settings", wrong).await.status,
            400
        );
    }
    assert_eq!(get(&server, "/settings").await, settings);
}

#[tokio::test]
async fn faults_are_queued_and_cleared_over_http() {
    let server = start().await;
    let session = server.issue_session();
    let fault = json!({ "kind": "unavailable", "retry_after": { "seconds": 3 } });
    let body = json!({ "point": "refresh", "times": 2, "fault": fault });
    assert_eq!(post(&server, "/faults", body).await.status, 204);
    let answer = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("3")));
    let always = json!({ "point": "api", "always": true, "fault": { "kind": "lose_answer" } });
    assert_eq!(post(&server, "/faults", always).await.status, 204);
    let lost = http().get(server.api_url("/api")).send().await.unwrap_err();
    assert!(is_reset(&lost));
    let clear = http().delete(server.control_url("/faults"));
    assert_eq!(send(clear).await.unwrap().status, 204);
    assert_eq!(
        refresh(&server, session.refresh_token()).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn every_kind_of_fault_can_be_ordered_over_http() {
    let server = start().await;
    for fault in [
        json!({ "kind": "none", "delay_ms": 1, "delay_answer_ms": 1, "set_status": 201, "headers": { "x": "y" } }),
        json!({ "kind": "lose_request" }),
        json!({ "kind": "lose_answer" }),
        json!({ "kind": "close" }),
        json!({ "kind": "hang" }),
        json!({ "kind": "hang_answer" }),
        json!({ "kind": "swallow" }),
        json!({ "kind": "torn_body" }),
        json!({ "kind": "trickle", "bytes": 1, "pause_ms": 10 }),
        json!({ "kind": "oversized", "bytes": 100 }),
        json!({ "kind": "status", "status": 404 }),
        json!({ "kind": "answer", "status": 200, "content_type": "text/plain", "body": "x" }),
        json!({ "kind": "json", "status": 200, "body": {} }),
        json!({ "kind": "unavailable" }),
        json!({ "kind": "too_many_requests", "retry_after": { "date_in": 5 } }),
        json!({ "kind": "bad_gateway_html", "processed": true }),
        json!({ "kind": "internal_error_html" }),
        json!({ "kind": "html200" }),
        json!({ "kind": "oauth_error", "status": 403, "code": "invalid_grant" }),
        json!({ "kind": "error_as_object", "code": "invalid_grant" }),
        json!({ "kind": "empty_body" }),
        json!({ "kind": "body", "body": "x" }),
        json!({ "kind": "content_type", "content_type": "text/plain" }),
        json!({ "kind": "with_member", "name": "x", "value": 1, "members": { "y": 2 } }),
        json!({ "kind": "without_member", "name": "token_type" }),
        json!({ "kind": "same_tokens", "processed": false }),
    ] {
        let body = json!({ "point": "refresh", "fault": fault });
        let answer = post(&server, "/faults", body).await;
        assert_eq!(answer.status, 204, "{fault}: {}", answer.text);
    }
}

#[tokio::test]
async fn wrong_orders_are_refused_with_the_reason() {
    let server = start().await;
    let fault = |fault: Value| json!({ "point": "refresh", "fault": fault });
    for (body, why) in [
        (fault(json!({ "kind": "status" })), "needs `status`"),
        (fault(json!({ "kind": "nonsense" })), "unknown variant"),
        (fault(json!({ "kind": "none", "dely_ms": 1 })), "unknown field"),
        (
            json!({ "point": "nowhere", "fault": { "kind": "none" } }),
            "unknown variant",
        ),
        (
            json!({ "point": "api", "times": 1, "always": true, "fault": { "kind": "none" } }),
            "choose one",
        ),
    ] {
        let answer = post(&server, "/faults", body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.error().contains(why), "{}", answer.text);
    }
    let no_json = http().post(server.control_url("/expire")).body("{}");
    assert_eq!(send(no_json).await.unwrap().status, 415);
    let rebound = http()
        .get(server.control_url("/counters"))
        .header("host", "attacker.example");
    assert_eq!(send(rebound).await.unwrap().status, 403);
}

#[tokio::test]
async fn the_control_plane_can_be_left_out() {
    let server = TestServer::builder().without_control().start().await.unwrap();
    let answer = send(http().get(server.control_url("/counters"))).await.unwrap();
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn the_clock_is_read_and_moved_over_http() {
    let options = json!({ "virtual_clock_unix_secs": 1000 });
    let options: oneflight_testkit::RunOptions = serde_json::from_value(options).unwrap();
    let server = oneflight_testkit::Builder::from(options).start().await.unwrap();
    assert_eq!(
        get(&server, "/clock").await,
        json!({ "unix_ms": 1_000_000, "virtual": true })
    );
    let moved = post(&server, "/clock", json!({ "advance_ms": 1500 }))
        .await
        .json();
    assert_eq!(moved["unix_ms"], 1_001_500);
    let far: oneflight_testkit::RunOptions =
        serde_json::from_value(json!({ "virtual_clock_unix_secs": u64::MAX })).unwrap();
    let server = oneflight_testkit::Builder::from(far).start().await.unwrap();
    assert_eq!(server.clock().unix().as_secs(), 253_402_300_799);
}

#[tokio::test]
async fn gates_are_closed_watched_and_opened_over_http() {
    let server = start().await;
    let session = server.issue_session();
    let hold = json!({ "point": "api", "stage": "answer", "status": 200 });
    let gate = post(&server, "/gates", hold).await;
    assert_eq!((gate.status, &gate.json()["id"]), (201, &json!(1)));
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let (server, token) = (server.clone(), session.access_token.clone());
            tokio::spawn(async move { call(&server, &token).await.status })
        })
        .collect();
    while get(&server, "/gates").await[0]["arrivals"] != 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        post(&server, "/gates/1/release", json!({ "count": 1 }))
            .await
            .status,
        204
    );
    server
        .wait_until(|counters| counters.api_by_status.get(&200) == Some(&1))
        .await;
    let open = || http().delete(server.control_url("/gates/1"));
    assert_eq!(send(open()).await.unwrap().status, 204);
    assert_eq!(send(open()).await.unwrap().status, 404);
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
}

/// Reads server-sent events until one of this name has come; returns the names and the last id.
async fn events_until(response: &mut reqwest::Response, wanted: &str) -> (Vec<String>, u64) {
    let (mut text, marker) = (String::new(), format!("event: {wanted}\n"));
    while !text.contains(&marker) || !text.ends_with("\n\n") {
        let chunk = response.chunk().await.unwrap().expect("the stream goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let lines = |name: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| line.strip_prefix(name))
            .map(str::to_owned)
            .collect()
    };
    for data in lines("data: ") {
        serde_json::from_str::<oneflight_testkit::Event>(&data).expect("an event");
    }
    let last = lines("id: ").last().unwrap().parse().unwrap();
    (lines("event: "), last)
}

#[tokio::test]
async fn events_stream_the_log_from_any_place_and_through_an_outage() {
    let server = start().await;
    let session = server.issue_session();
    refresh(&server, session.refresh_token()).await.unwrap();
    let client = http();
    let url = server.control_url("/events");
    let mut stream = client.get(&url).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let (names, last) = events_until(&mut stream, "refresh_answered").await;
    assert_eq!(
        names,
        [
            "signed_in",
            "refresh_arrived",
            "refresh_granted",
            "refresh_answered"
        ]
    );
    refresh(&server, session.refresh_token()).await.unwrap();
    let (names, _) = events_until(&mut stream, "family_died").await;
    assert!(names.contains(&"reuse_detected".to_owned()), "{names:?}");

    let mut later = client
        .get(&url)
        .header("last-event-id", last.to_string())
        .send()
        .await
        .unwrap();
    let (names, _) = events_until(&mut later, "refresh_answered").await;
    assert_eq!(names[0], "refresh_arrived");
    let log = get(&server, &format!("/log?after={last}")).await;
    assert_eq!(log[0]["number"], last + 1);

    let answer = post(&server, "/offline", json!({ "for_ms": 0 })).await;
    assert_eq!(answer.status, 202);
    let (names, _) = events_until(&mut later, "went_online").await;
    assert!(names.contains(&"went_offline".to_owned()), "{names:?}");
    assert_eq!(call(&server, "x").await.status, 401);
}

#[tokio::test]
async fn hung_requests_are_released_and_connections_refused_over_http() {
    let server = start().await;
    let session = server.issue_session();
    let hang = json!({ "point": "refresh", "fault": { "kind": "hang" } });
    assert_eq!(post(&server, "/faults", hang).await.status, 204);
    let (other, token) = (server.clone(), session.refresh_token().to_owned());
    let hanging = tokio::spawn(async move { refresh(&other, &token).await.unwrap().status });
    server.wait_for_hung(1).await;
    assert_eq!(
        send(http().post(server.control_url("/release")))
            .await
            .unwrap()
            .status,
        204
    );
    assert_eq!(hanging.await.unwrap(), 200);
    assert_eq!(
        post(&server, "/refuse", json!({ "connections": 1 })).await.status,
        204
    );
    assert!(http().get(server.api_url("/api")).send().await.is_err());
    assert_eq!(server.counters().connections_refused, 1);
}
