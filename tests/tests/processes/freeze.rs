//! A holder is frozen after it sent, past its lease, and wakes when another has gone on.

use std::time::Duration;

use oneflight_testkit::{Fault, Point, Rotation, TestServer};
use oneflight_tests::faults::{IN_CONNECTION, SAVE_REFUSED};

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

/// Stops the first holder at a point and freezes it there; the other one is asked, and goes on when the lease is over.
async fn frozen_at(point: &str, place: &Place, server: &TestServer) -> (Process, Process) {
    let mut first = Process::start(server, place, "frozen", SHORT).await;
    let mut next = Process::start(server, place, "frozen", SHORT).await;
    first.sign_in(&server.issue_session()).await;
    server.expire_access_tokens();
    first.tell(&format!("stop {point}"));
    first.tell(&format!("tell {SAVE_REFUSED}"));
    first.tell("ask 3");
    first.hear(&format!("at {point}")).await;
    first.freeze();
    next.tell("ask 3");
    (first, next)
}

/// The token is presented twice, and a server with a grace window forgives that.
async fn answer_in_hand(place: &Place) {
    let rotation = Rotation::grace(Duration::from_secs(60));
    let server = TestServer::builder().rotation(rotation).start().await.unwrap();
    let (mut first, mut next) = frozen_at("answered", place, &server).await;
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
    let (first, mut next) = frozen_at("answered", place, &server).await;
    assert_eq!(next.asked().await, (0, "dead-after-loss".to_owned()));
    drop(first);
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.reuse_detected), (2, 1));
}

/// When it wakes, the deadline of its request is over: it sends nothing, and adopts.
async fn before_its_send(place: &Place) {
    let server = TestServer::start().await.unwrap();
    let (mut first, mut next) = frozen_at("before-send", place, &server).await;
    assert_eq!(next.asked().await, (3, "none".to_owned()));
    first.thaw();
    // An answer to this comes after its clocks have gone on.
    first.tell("ask 0");
    first.asked().await;
    first.tell("go");
    assert_eq!(first.asked().await, (3, "none".to_owned()));
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.reuse_detected), (1, 0));
    assert_eq!(counters.families_alive, 1);
}

/// Its connection had taken the request, and sends it when both wake: what another one has spent meanwhile. No store can prevent
/// it.
async fn in_its_connection(place: &Place) {
    let server = TestServer::start().await.unwrap();
    let (mut first, mut next) = frozen_at(IN_CONNECTION, place, &server).await;
    assert_eq!(next.asked().await, (3, "none".to_owned()));
    first.thaw();
    // It has given the request up …
    assert_eq!(first.asked().await, (3, "none".to_owned()));
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.reuse_detected), (1, 0));
    // … which arrives nevertheless.
    first.tell("go");
    server.wait_for_refresh_posts(2).await;
    for holder in [&mut first, &mut next] {
        holder.tell("ask 3");
        assert_eq!(holder.asked().await, (0, "dead".to_owned()));
    }
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.reuse_detected), (3, 1));
    assert_eq!(counters.families_alive, 0);
}

/// The lock of a file is its holder's while it sleeps: the other one waits, and nothing is sent twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_a_frozen_holder_keeps_the_lock_of_a_file_and_loses_nothing() {
    let server = TestServer::start().await.unwrap();
    let place = Place::file();
    let (mut first, mut next) = frozen_at("answered", &place, &server).await;
    let (ok, error) = next.asked().await;
    assert_eq!(ok, 0);
    assert!(
        error.starts_with("Transient") && error.contains("LockBusy"),
        "{error}"
    );
    first.thaw();
    first.tell("go");
    assert_eq!(first.asked().await, (3, "none".to_owned()));
    next.tell("retry");
    next.tell("ask 3");
    assert_eq!(next.asked().await, (3, "none".to_owned()));
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.reuse_detected), (1, 0));
}

/// Over both stores at once: nearly all of it is waiting.
async fn over_each(case: impl AsyncFn(&Place)) {
    let over = async |place: Option<Place>| {
        if let Some(place) = place {
            case(&place).await;
        }
    };
    tokio::join!(over(Place::redis()), over(Place::postgres()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p15_a_holder_frozen_before_its_send_wakes_too_late_to_send() {
    over_each(before_its_send).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p15_an_owner_frozen_between_its_last_check_and_its_send_costs_a_strict_server_one_sign_in() {
    over_each(in_its_connection).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_p15_a_holder_frozen_after_a_request_that_was_lost_wakes_and_adopts() {
    over_each(request_lost).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_a_holder_frozen_with_its_answer_wakes_to_a_save_that_is_refused_and_adopts() {
    over_each(answer_in_hand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_frozen_with_its_answer_past_its_lease_costs_a_strict_server_one_sign_in() {
    over_each(strict_server).await;
}
