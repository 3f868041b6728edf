//! A holder is killed at each point of an attempt, and another one goes on.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use oneflight_testkit::{Fault, Hold, Point, Rotation, TestServer};
use oneflight_tests::faults::POINTS;

use crate::process::{LONG, Lengths, Place, Process, SHORT};

/// The server never processed the request.
const SWALLOWED: &str = "sent, not processed";
/// The server rotated, and its answer never came.
const HELD: &str = "processed, not answered";

/// From the rotation to the save, only the holder that is killed could know the new token.
const LOST: [&str; 3] = [HELD, "answered", "before-save"];

/// What a case came to.
struct Seen {
    posts: u64,
    error: String,
    recovery: Duration,
}

async fn case(place: &Place, lengths: Lengths, rotation: Rotation, point: &str) -> Seen {
    let server = TestServer::builder().rotation(rotation).start().await.unwrap();
    let key = format!(
        "{}-{}",
        server.issuer().replace([':', '/'], "-"),
        point.replace([' ', ','], "-")
    );
    let mut first = Process::start(&server, place, &key, lengths).await;
    first.sign_in(&server.issue_session()).await;
    server.expire_access_tokens();
    match point {
        SWALLOWED => {
            server.inject(Point::Refresh, Fault::swallow());
            first.tell("ask 1");
            server.wait_for_refresh_posts(1).await;
            first.kill();
        }
        HELD => {
            let held = server.hold(Hold::answers(Point::Refresh));
            first.tell("ask 1");
            held.arrived(1).await;
            first.kill();
        }
        point => {
            first.tell(&format!("die {point}"));
            first.tell("ask 1");
            first.died().await;
        }
    }
    let began = Instant::now();
    let mut next = Process::start(&server, place, &key, lengths).await;
    next.tell("ask 1");
    let (ok, error) = next.asked().await;
    assert_eq!(ok == 1, error == "none", "{error}");
    Seen {
        posts: server.counters().refresh_posts,
        error,
        recovery: began.elapsed(),
    }
}

/// Kills at each point, with both kinds of servers, all cases at once; prints what they came to.
async fn every_point(place: &Place, lengths: Lengths) {
    let points: Vec<&str> = POINTS.into_iter().chain([SWALLOWED, HELD]).collect();
    let rotations = [
        ("strict", Rotation::Strict),
        ("grace", Rotation::grace(Duration::from_secs(60))),
    ];
    println!(
        "{:<8} {:<24} {:>5}  {:>8}  error",
        "server", "killed", "POSTs", "recovery"
    );
    for (server, rotation) in rotations {
        let cases = points.iter().map(|point| case(place, lengths, rotation, point));
        for (point, seen) in points.iter().zip(join_all(cases).await) {
            let Seen {
                posts,
                error,
                recovery,
            } = seen;
            println!(
                "{server:<8} {point:<24} {posts:>5}  {:>5} ms  {error}",
                recovery.as_millis()
            );
            let lost = LOST.contains(point);
            let again = lost || *point == SWALLOWED;
            assert_eq!(posts, if again { 2 } else { 1 }, "{server}, {point}");
            let signed_out = lost && rotation == Rotation::Strict;
            let expected = if signed_out { "dead-after-loss" } else { "none" };
            assert_eq!(error, expected, "{server}, {point}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_p5_a_holder_killed_anywhere_costs_a_sign_in_only_where_its_answer_was_lost_over_a_file() {
    every_point(&Place::file(), LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_p5_a_holder_killed_anywhere_costs_a_sign_in_only_where_its_answer_was_lost_over_redis() {
    if let Some(place) = Place::redis() {
        every_point(&place, SHORT).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_p5_a_holder_killed_anywhere_costs_a_sign_in_only_where_its_answer_was_lost_over_postgresql() {
    if let Some(place) = Place::postgres() {
        every_point(&place, SHORT).await;
    }
}

/// It waits for the lock when its owner is killed.
async fn waiting(place: &Place, lengths: Lengths) {
    let server = TestServer::start().await.unwrap();
    let mut first = Process::start(&server, place, "waiting", lengths).await;
    let mut next = Process::start(&server, place, "waiting", lengths).await;
    first.sign_in(&server.issue_session()).await;
    server.expire_access_tokens();
    server.inject(Point::Refresh, Fault::swallow());
    first.tell("ask 1");
    server.wait_for_refresh_posts(1).await;
    next.tell("tell before-lock");
    next.tell("ask 5");
    next.hear("at before-lock").await;
    first.kill();
    assert_eq!(next.asked().await, (5, "none".to_owned()));
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.reuse_detected), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_who_waits_for_the_lock_goes_on_when_its_owner_is_killed_over_a_file() {
    waiting(&Place::file(), LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_who_waits_for_the_lock_goes_on_when_its_owner_is_killed_over_redis() {
    if let Some(place) = Place::redis() {
        waiting(&place, SHORT).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_who_waits_for_the_lock_goes_on_when_its_owner_is_killed_over_postgresql() {
    if let Some(place) = Place::postgres() {
        waiting(&place, SHORT).await;
    }
}
