//! S: one refresh, however many callers.

use std::time::Duration;

use futures_util::future::join_all;
use oneflight::{Action, Error, MemoryStore, Store};

use crate::support::server::Gate;
use crate::support::store::Fault;
use crate::support::{Answer, HostileStore, LIFETIME, World, settle};

async fn refused_by(callers: usize) {
    let world = World::new();
    let session = world.signed_in().await;
    let refused = session.token().await.unwrap();
    let gate = Gate::new();
    world.server.script([Answer::Gate(gate.clone())]);

    let demands: Vec<_> = (0..callers)
        .map(|_| {
            let (session, stamp) = (session.clone(), refused.stamp());
            tokio::spawn(async move { session.newer_than(stamp).await })
        })
        .collect();
    gate.wait_for_arrival().await;
    settle().await;
    gate.open.notify_one();

    for demand in join_all(demands).await {
        let token = demand.unwrap().unwrap();
        assert!(token.stamp().generation > refused.stamp().generation);
        assert_ne!(token.access_token().expose(), refused.access_token().expose());
    }
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.server.reuse_detected(), 0);
}

#[tokio::test(start_paused = true)]
async fn s1_one_caller_costs_one_post() {
    refused_by(1).await;
}

#[tokio::test(start_paused = true)]
async fn s1_two_callers_cost_one_post() {
    refused_by(2).await;
}

#[tokio::test(start_paused = true)]
async fn s1_fifty_callers_cost_one_post() {
    refused_by(50).await;
}

#[tokio::test(start_paused = true)]
async fn s1_ten_thousand_callers_cost_one_post() {
    refused_by(10_000).await;
}

#[tokio::test(start_paused = true)]
async fn s2_refusals_before_during_and_after_the_refresh_cost_one_post() {
    let world = World::new();
    let session = world.signed_in().await;
    let refused = session.token().await.unwrap().stamp();
    let gate = Gate::new();
    world.server.script([Answer::Gate(gate.clone())]);
    let ask = || {
        let session = session.clone();
        tokio::spawn(async move { session.newer_than(refused).await })
    };

    let first = ask();
    gate.wait_for_arrival().await;
    let during = ask();
    settle().await;
    gate.open.notify_one();
    let first = first.await.unwrap().unwrap();
    let after = ask().await.unwrap().unwrap();
    assert_eq!(first.stamp(), after.stamp());
    assert_eq!(first.stamp(), during.await.unwrap().unwrap().stamp());
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn s3_s8_a_late_refusal_is_served_without_a_post() {
    let world = World::new();
    let session = world.signed_in().await;
    let refused = session.token().await.unwrap().stamp();
    let newer = session.newer_than(refused).await.unwrap();
    assert_eq!(world.server.posts(), 1);

    tokio::time::advance(Duration::from_millis(40)).await;
    let late = session.newer_than(refused).await.unwrap();
    assert_eq!(late.stamp(), newer.stamp());
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.server.reuse_detected(), 0);
}

#[tokio::test(start_paused = true)]
async fn s4_an_expired_token_is_not_given_out() {
    let world = World::new();
    let session = world.signed_in().await;
    let expired = session.token().await.unwrap();
    tokio::time::advance(LIFETIME + Duration::from_secs(1)).await;
    for token in join_all((0..20).map(|_| session.token())).await {
        assert_ne!(
            token.unwrap().access_token().expose(),
            expired.access_token().expose()
        );
    }
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn s6_a_caller_that_stops_waiting_leaves_the_flight_alone() {
    let world = World::new();
    let session = world.signed_in().await;
    let refused = session.token().await.unwrap().stamp();
    world.server.script([Answer::After(Duration::from_secs(2))]);

    let patient = tokio::spawn({
        let session = session.clone();
        async move { session.newer_than(refused).await }
    });
    let impatient = tokio::time::timeout(Duration::from_secs(1), session.newer_than(refused)).await;
    assert!(impatient.is_err());
    patient.await.unwrap().unwrap();
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn s7_the_refresh_token_is_read_under_the_lock() {
    let world = World::new();
    let memory = MemoryStore::new();
    let slow = HostileStore::over(memory.clone());
    let (late, other) = (world.holder(slow.clone()), world.holder(memory));
    other.sign_in(world.grant()).await.unwrap();
    let refused = late.token().await.unwrap().stamp();

    // Between "I need a refresh" and "I refresh", the other holder renews.
    let gate = Gate::new();
    HostileStore::next(&slow.locks, [Fault::Gate(gate.clone())]);
    let demand = tokio::spawn({
        let late = late.clone();
        async move { late.newer_than(refused).await }
    });
    gate.wait_for_arrival().await;
    let theirs = other.token().await.unwrap().stamp();
    let renewed = other.newer_than(theirs).await.unwrap();
    gate.open.notify_one();

    let adopted = demand.await.unwrap().unwrap();
    assert_eq!(adopted.access_token().expose(), renewed.access_token().expose());
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.server.reuse_detected(), 0);
}

#[tokio::test(start_paused = true)]
async fn s12_a_refresh_that_returns_the_same_token_is_a_failure_and_does_not_loop() {
    let world = World::new();
    let session = world.signed_in().await;
    let refused = session.token().await.unwrap();
    world
        .server
        .always(Some(Answer::With(r#""access_token":"access-1-1""#)));
    assert_eq!(refused.access_token().expose(), "access-1-1");
    let error = session.newer_than(refused.stamp()).await.unwrap_err();
    assert!(matches!(error, Error::SameToken), "{error:?}");
    assert_eq!(error.action(), Action::FixConfiguration);
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn s13_a_hint_that_serves_the_demand_while_the_lock_is_awaited_saves_the_post() {
    let world = World::new();
    let memory = MemoryStore::new();
    let stuck = HostileStore::over(memory.clone());
    let (waiting, other) = (world.holder(stuck.clone()), world.holder(memory));
    other.sign_in(world.grant()).await.unwrap();
    let refused = waiting.token().await.unwrap().stamp();

    HostileStore::next(&stuck.locks, [Fault::Hang]);
    let demand = tokio::spawn({
        let waiting = waiting.clone();
        async move { waiting.newer_than(refused).await }
    });
    settle().await;
    let theirs = other.token().await.unwrap().stamp();
    let renewed = other.newer_than(theirs).await.unwrap();
    // No time passes: the lock is still awaited.
    let adopted = demand.await.unwrap().unwrap();
    assert_eq!(adopted.access_token().expose(), renewed.access_token().expose());
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn s14_a_newer_but_expired_record_is_the_base_and_given_to_nobody() {
    let world = World::new();
    let memory = MemoryStore::new();
    let deaf = HostileStore::over(memory.clone());
    let (session, other) = (world.holder(deaf), world.holder(memory.clone()));
    other.sign_in(world.grant()).await.unwrap();
    let refused = session.token().await.unwrap().stamp();
    let theirs = other.token().await.unwrap().stamp();
    // The other holder renews, and what it gets is over at once. Its hint is read, and helps nobody.
    *world.server.lifetime_seconds.lock().unwrap() = Some(0);
    let over = other.newer_than(theirs).await.unwrap();
    tokio::time::advance(Duration::from_secs(5)).await;
    *world.server.lifetime_seconds.lock().unwrap() = Some(900);

    let token = session.newer_than(refused).await.unwrap();
    assert_ne!(token.access_token().expose(), over.access_token().expose());
    assert_eq!(world.server.posts(), 2);
    assert_eq!(world.server.reuse_detected(), 0);
    assert!(memory.load().await.unwrap().is_some());
}
