//! The token endpoint, or the store, is away for a while.

use futures_util::future::join_all;
use oneflight_testkit::{Fault, Point, RetryAfter, TestServer};

use crate::process::{LONG, Place, Process};

/// The pause after the first failure is in the record, and longer than the test.
async fn outage(place: &Place) {
    let server = TestServer::start().await.unwrap();
    let mut holders = join_all((0..10).map(|_| Process::start(&server, place, "grant", LONG))).await;
    holders[0].sign_in(&server.issue_session()).await;
    server.expire_access_tokens();
    server.inject_always(Point::Refresh, Fault::unavailable(RetryAfter::Absent));
    for _ in 0..2 {
        for holder in &mut holders {
            holder.tell("ask 5");
        }
        for holder in &mut holders {
            let (ok, error) = holder.asked().await;
            assert_eq!(ok, 0);
            assert!(error.starts_with("Transient"), "{error}");
        }
    }
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.families_alive), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p16_an_outage_costs_ten_processes_one_post_per_pause_over_a_file() {
    outage(&Place::file()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p16_an_outage_costs_ten_processes_one_post_per_pause_over_redis() {
    if let Some(place) = Place::redis() {
        outage(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p16_an_outage_costs_ten_processes_one_post_per_pause_over_postgresql() {
    if let Some(place) = Place::postgres() {
        outage(&place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p7_a_redis_that_is_killed_and_comes_back_with_its_data_signs_nobody_out() {
    let Some(mut place) = Place::durable_redis() else {
        return;
    };
    let server = TestServer::start().await.unwrap();
    let mut holders = join_all((0..3).map(|_| Process::start(&server, &place, "grant", LONG))).await;
    holders[0].sign_in(&server.issue_session()).await;
    for holder in &mut holders {
        holder.tell("ask 5");
        assert_eq!(holder.asked().await, (5, "none".to_owned()));
    }
    let Place::Redis(redis) = &mut place else {
        unreachable!("it was made of Redis")
    };
    redis.kill();
    // A valid token needs no store …
    for holder in &mut holders {
        holder.tell("ask 5");
        assert_eq!(holder.asked().await, (5, "none".to_owned()));
    }
    // … and without one none is renewed.
    server.expire_access_tokens();
    for holder in &mut holders {
        holder.tell("ask 5");
        let (ok, error) = holder.asked().await;
        assert_eq!(ok, 0);
        assert!(error.starts_with("Transient"), "{error}");
    }
    assert_eq!(server.counters().refresh_posts, 0);
    redis.start_again();
    for holder in &mut holders {
        let mut tries = 0;
        loop {
            holder.tell("retry");
            holder.tell("ask 5");
            match holder.asked().await {
                (5, _) => break,
                (_, error) => assert!(error.starts_with("Transient") && tries < 50, "{error}"),
            }
            tries += 1;
        }
    }
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.reuse_detected), (1, 0));
}
