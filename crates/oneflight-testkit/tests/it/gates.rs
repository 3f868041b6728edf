//! Holding requests back.

use std::time::Duration;

use oneflight_testkit::{Hold, Point, TestServer};

use crate::client::{call, http, refresh, start};

fn spawn_calls(server: &TestServer, token: &str, count: usize) -> Vec<tokio::task::JoinHandle<u16>> {
    (0..count)
        .map(|_| {
            let (server, token) = (server.clone(), token.to_owned());
            tokio::spawn(async move { call(&server, &token).await.status })
        })
        .collect()
}

#[tokio::test]
async fn a_request_held_at_its_answer_was_judged_on_arrival() {
    let server = start().await;
    let session = server.issue_session();
    let gate = server.hold(Hold::answers(Point::Api));
    let calls = spawn_calls(&server, &session.access_token, 1);
    gate.arrived(1).await;
    server.expire_access_tokens();
    gate.open();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_request_held_at_its_arrival_is_judged_when_let_go() {
    let server = start().await;
    let session = server.issue_session();
    let gate = server.hold(Hold::arrivals(Point::Api));
    let calls = spawn_calls(&server, &session.access_token, 1);
    gate.arrived(1).await;
    server.expire_access_tokens();
    gate.open();
    for call in calls {
        assert_eq!(call.await.unwrap(), 401);
    }
}

#[tokio::test]
async fn late_refusals_are_held_while_other_answers_pass() {
    let server = start().await;
    let (old, new) = (server.issue_session(), server.issue_session());
    server.expire_access_tokens_of(old.family());
    let gate = server.hold(Hold::answers(Point::Api).with_status(401));
    let late = spawn_calls(&server, &old.access_token, 3);
    gate.arrived(3).await;
    assert_eq!(call(&server, &new.access_token).await.status, 200);
    assert!(late.iter().all(|call| !call.is_finished()));
    gate.release(2);
    // Two may pass, the third may not.
    server
        .wait_until(|counters| counters.api_by_status.get(&401) == Some(&2))
        .await;
    assert_eq!(gate.arrivals(), 3);
    drop(gate);
    for call in late {
        assert_eq!(call.await.unwrap(), 401);
    }
}

#[tokio::test]
async fn a_barrier_opens_for_good_when_enough_have_come() {
    let server = start().await;
    let session = server.issue_session();
    let gate = server.hold(Hold::answers(Point::Api).until_arrived(5));
    let first = spawn_calls(&server, &session.access_token, 4);
    gate.arrived(4).await;
    assert_eq!(server.counters().api_by_status.get(&200), None);
    for call in spawn_calls(&server, &session.access_token, 2)
        .into_iter()
        .chain(first)
    {
        assert_eq!(call.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_gate_holds_only_the_path_it_names() {
    let server = start().await;
    let session = server.issue_session();
    let _gate = server.hold(Hold::arrivals(Point::Api).on_path("/api/slow"));
    assert_eq!(call(&server, &session.access_token).await.status, 200);
}

#[tokio::test]
async fn a_refresh_held_at_its_answer_has_rotated() {
    let server = start().await;
    let session = server.issue_session();
    let gate = server.hold(Hold::answers(Point::Refresh));
    let (other, token) = (server.clone(), session.refresh_token().to_owned());
    let refreshing = tokio::spawn(async move { refresh(&other, &token).await.unwrap().status });
    gate.arrived(1).await;
    assert_eq!(server.counters().rotations, 1);
    assert!(!refreshing.is_finished());
    gate.open();
    assert_eq!(refreshing.await.unwrap(), 200);
}

#[tokio::test]
async fn a_refresh_whose_client_has_gone_is_processed_all_the_same() {
    let server = start().await;
    let session = server.issue_session();
    let gate = server.hold(Hold::arrivals(Point::Refresh));
    let (other, token) = (server.clone(), session.refresh_token().to_owned());
    let refreshing = tokio::spawn(async move { refresh(&other, &token).await });
    gate.arrived(1).await;
    refreshing.abort();
    assert!(refreshing.await.unwrap_err().is_cancelled());
    gate.open();
    server.wait_until(|counters| counters.rotations == 1).await;
}

#[tokio::test]
async fn a_streamed_body_stops_after_its_first_chunk_until_let_go() {
    let server = start().await;
    let session = server.issue_session();
    let gate = server.hold(Hold::bodies(Point::Api));
    let request = http()
        .get(server.api_url("/api/stream/3"))
        .bearer_auth(&session.access_token)
        .timeout(Duration::from_secs(20));
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.chunk().await.unwrap().unwrap(), "chunk 1\n");
    gate.arrived(1).await;
    gate.open();
    assert_eq!(response.text().await.unwrap(), "chunk 2\nchunk 3\n");
}
