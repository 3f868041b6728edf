//! A holder is frozen after it sent, past its lease, and wakes when another has gone on.

use std::time::Duration;

use oneflight_testkit::{Fault, Point, Rotation, TestServer};
use oneflight_tests::faults::SAVE_REFUSED;

use crate::process::{Place, Process, SHORT};

/// Its request was lost: the other one's is the only one that the server processes.
async fn request_lost(place: &Place) {
    let server = TestServer::start().await.unwrap();
    let mut first = Process::start(&server, place, "frozen", SHORT).await;
    let mut next = Process::start(&server, place, "frozen", SHORT).await;
    first.sign_in(&server.issue_session()).await;
    server.expire_access_tokens();
    server.inject(Point::Refresh, Fault::swallow());
    first.tell("ask 3");
    server.wait_for_refresh_posts(1).await;
    first.freeze();
    next.tell("ask 3");
    assert_eq!(next.asked().await, (3, "none".to_owned()));
    first.thaw();
    assert_eq!(first.asked().await, (3, "none".to_owned()));
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.reuse_detected), (2, 0));
    assert_eq!(counters.families_alive, 1);
}

/// Stops the first holder with the answer in its hands, until the other one has presented the same token again.
async fn frozen_with_the_answer(place: &Place, server: &TestServer) -> (Process, Process) {
    let mut first = Process::start(server, place, "frozen", SHORT).await;
    let mut next = Process::start(server, place, "frozen", SHORT).await;
    first.sign_in(&server.issue_session()).await;
    server.expire_access_tokens();
    first.tell("stop answered");
    first.tell(&format!("tell {SAVE_REFUSED}"));
    first.tell("ask 3");
    first.hear("at answered").await;
    first.freeze();
    next.tell("ask 3");
    (first, next)
}

/// The token is presented twice, and a server with a grace window forgives that.
async fn answer_in_hand(place: &Place) {
    let rotation = Rotation::grace(Duration::from_secs(60));
    let server = TestServer::builder().rotation(rotation).start().await.unwrap();
    let (mut first, mut next) = frozen_with_the_answer(place, &server).await;
    assert_eq!(next.asked().await, (3, "none".to_owned()));
    first.thaw();
    first.tell("go");
    first.hear("at save-refused").await;
    assert_eq!(first.asked().await, (3, "none".to_owned()));
    assert_eq!(server.counters().refresh_posts, 2);
    // Both hold what was saved: the next expiry costs one request.
    server.expire_access_tokens();
    for holder in [&mut first, &mut next] {
        holder.tell("ask 3");
        assert_eq!(holder.asked().await, (3, "none".to_owned()));
    }
    assert_eq!(server.counters().refresh_posts, 3);
}

/// To the other holder it is as if the first had been killed with its answer.
async fn strict_server(place: &Place) {
    let server = TestServer::start().await.unwrap();
    let (first, mut next) = frozen_with_the_answer(place, &server).await;
    assert_eq!(next.asked().await, (0, "dead-after-loss".to_owned()));
    drop(first);
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.reuse_detected), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_p15_a_holder_frozen_after_a_request_that_was_lost_wakes_and_adopts_over_redis() {
    if let Some(place) = Place::redis() {
        request_lost(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_p15_a_holder_frozen_after_a_request_that_was_lost_wakes_and_adopts_over_postgresql() {
    if let Some(place) = Place::postgres() {
        request_lost(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_a_holder_frozen_with_its_answer_wakes_to_a_save_that_is_refused_and_adopts_over_redis() {
    if let Some(place) = Place::redis() {
        answer_in_hand(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_a_holder_frozen_with_its_answer_wakes_to_a_save_that_is_refused_and_adopts_over_postgresql() {
    if let Some(place) = Place::postgres() {
        answer_in_hand(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_frozen_with_its_answer_past_its_lease_costs_a_strict_server_one_sign_in_over_redis() {
    if let Some(place) = Place::redis() {
        strict_server(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_frozen_with_its_answer_past_its_lease_costs_a_strict_server_one_sign_in_over_postgresql() {
    if let Some(place) = Place::postgres() {
        strict_server(&place).await;
    }
}
