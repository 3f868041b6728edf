//! S: one flight.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use http::StatusCode;
use oneflight::Error;
use oneflight_testkit::{Fault, Hold, Point};

use crate::{Failure, Req, Stack, World, spawn};

/// N requests whose refusals leave the API only when all N have come in.
async fn storm<S: Stack>(requests: usize) {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let all_at_once = Hold::answers(Point::Api).with_status(401).until_arrived(requests);
    let gate = world.server.hold(all_at_once);
    let sending = (0..requests).map(|number| spawn(&client, Req::get(world.notes()).id(number)));
    for outcome in join_all(sending).await {
        assert_eq!(outcome.unwrap().unwrap().status, StatusCode::OK);
    }
    drop(gate);
    let counters = world.server.counters();
    assert_eq!(counters.refresh_posts, 1, "{counters:?}");
    assert_eq!(counters.reuse_detected, 0, "{counters:?}");
    assert_eq!(counters.families_dead, 0, "{counters:?}");
    let mut tries = BTreeMap::new();
    for seen in world.server.api_requests() {
        *tries.entry(seen.request_id).or_insert(0) += 1;
    }
    assert_eq!(tries.len(), requests);
    assert!(tries.values().all(|tries| *tries == 2), "{tries:?}");
}

/// The smallest storm.
pub async fn s1_one_request_with_a_refused_token_costs_one_post<S: Stack>() {
    storm::<S>(1).await;
}

/// The smallest that can go wrong.
pub async fn s1_two_requests_with_a_refused_token_cost_one_post<S: Stack>() {
    storm::<S>(2).await;
}

/// A page that loads.
pub async fn s1_fifty_requests_with_a_refused_token_cost_one_post<S: Stack>() {
    storm::<S>(50).await;
}

/// A back end at work.
pub async fn s1_five_hundred_requests_with_a_refused_token_cost_one_post<S: Stack>() {
    storm::<S>(500).await;
}

/// One is refused before the refresh, one while it runs, one when it is over.
pub async fn s2_staggered_refusals_cost_one_post<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let refusals = |path| {
        world
            .server
            .hold(Hold::answers(Point::Api).with_status(401).on_path(path))
    };
    let gates = ["/api/before", "/api/during", "/api/after"].map(refusals);
    let refresh = world.server.hold(Hold::answers(Point::Refresh));
    let [before, during, after] = ["before", "during", "after"].map(|when| {
        let url = world.server.api_url(&format!("/api/{when}"));
        spawn(&client, Req::get(url).id(when))
    });
    for gate in &gates {
        gate.arrived(1).await;
    }
    let [open_before, open_during, open_after] = gates;
    open_before.open();
    refresh.arrived(1).await;
    open_during.open();
    refresh.open();
    for sent in [before, during] {
        assert_eq!(sent.await.unwrap().unwrap().status, StatusCode::OK);
    }
    open_after.open();
    assert_eq!(after.await.unwrap().unwrap().status, StatusCode::OK);
    assert_eq!(world.posts(), 1);
    for when in ["before", "during", "after"] {
        assert_eq!(world.sequences(when), [Some(1), Some(2)], "{when}");
    }
}

/// The refusal leaves the API when others have long had the new token.
pub async fn s3_a_late_refusal_replays_without_a_refresh<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let late = Hold::answers(Point::Api).with_status(401).on_path("/api/late");
    let gate = world.server.hold(late);
    let late = spawn(&client, Req::get(world.server.api_url("/api/late")).id("late"));
    gate.arrived(1).await;
    let first = client.send(Req::get(world.notes())).await.unwrap();
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(world.posts(), 1);
    gate.open();
    assert_eq!(late.await.unwrap().unwrap().status, StatusCode::OK);
    assert_eq!(world.posts(), 1);
    assert_eq!(world.sequences("late"), [Some(1), Some(2)]);
}

/// The request is still on its way to the API when the flight ends, and is refused after.
pub async fn s8_a_request_under_way_when_the_flight_ends_is_served_by_its_result<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let gate = world.server.hold(Hold::arrivals(Point::Api).on_path("/api/slow"));
    let slow = spawn(&client, Req::get(world.server.api_url("/api/slow")).id("slow"));
    gate.arrived(1).await;
    let first = client.send(Req::get(world.notes())).await.unwrap();
    assert_eq!(first.status, StatusCode::OK);
    gate.open();
    assert_eq!(slow.await.unwrap().unwrap().status, StatusCode::OK);
    let counters = world.server.counters();
    assert_eq!((counters.refresh_posts, counters.reuse_detected), (1, 0));
    assert_eq!(world.sequences("slow"), [Some(1), Some(2)]);
}

/// Nobody sends what is known to have expired.
pub async fn s4_requests_with_an_expired_token_wait_for_one_renewal_and_are_sent_once<S: Stack>() {
    const REQUESTS: usize = 50;
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    world.expire();
    let sending = (0..REQUESTS).map(|_| spawn(&client, Req::get(world.notes()).id("all")));
    for outcome in join_all(sending).await {
        assert_eq!(outcome.unwrap().unwrap().status, StatusCode::OK);
    }
    assert_eq!(world.posts(), 1);
    assert_eq!(world.sequences("all"), [Some(2); REQUESTS]);
}

/// The request that began the flight goes away; the others have it all the same.
pub async fn s5_dropping_the_first_request_leaves_the_others_their_token<S: Stack>() {
    const OTHERS: u64 = 5;
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let refresh = world.server.hold(Hold::arrivals(Point::Refresh));
    let first = spawn(&client, Req::get(world.notes()));
    refresh.arrived(1).await;
    let others: Vec<_> = (0..OTHERS)
        .map(|_| spawn(&client, Req::get(world.notes())))
        .collect();
    world.server.wait_for_api_requests(1 + OTHERS).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    refresh.open();
    for outcome in join_all(others).await {
        assert_eq!(outcome.unwrap().unwrap().status, StatusCode::OK);
    }
    assert_eq!(world.posts(), 1);
}

/// All of them go away: the flight ends, and what it brought is there for the next.
pub async fn s5_dropping_every_request_lets_the_flight_end<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let refused = session.current().unwrap().stamp();
    let client = S::of(&session);
    let refresh = world.server.hold(Hold::answers(Point::Refresh));
    let requests = [(); 3].map(|()| spawn(&client, Req::get(world.notes())));
    refresh.arrived(1).await;
    for request in requests {
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }
    refresh.open();
    session.newer_than(refused).await.unwrap();
    let next = client.send(Req::get(world.notes()).id("next")).await.unwrap();
    assert_eq!(next.status, StatusCode::OK);
    assert_eq!(world.sequences("next"), [Some(2)]);
    assert_eq!(world.posts(), 1);
}

/// The caller's patience ends, here at the very moment when the refresh arrives; the flight does not.
pub async fn s6_a_caller_that_gives_up_leaves_the_flight_alone<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    world.expire();
    let refresh = world.server.hold(Hold::arrivals(Point::Refresh));
    tokio::select! {
        outcome = client.send(Req::get(world.notes()).id("impatient")) => panic!("{outcome:?}"),
        () = refresh.arrived(1) => {}
    }
    refresh.open();
    let next = client.send(Req::get(world.notes()).id("next")).await.unwrap();
    assert_eq!(next.status, StatusCode::OK);
    assert_eq!(world.posts(), 1);
    assert!(world.seen("impatient").is_empty());
    assert_eq!(world.sequences("next"), [Some(2)]);
}

/// The server gives back what the API has just refused.
pub async fn s12_the_same_token_again_is_a_failure_and_does_not_loop<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    world.server.inject(Point::Refresh, Fault::same_tokens());
    let outcome = client.send(Req::get(world.notes()).id("one")).await;
    let Err(Failure::Renewal { error, refusal }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(error, Error::SameToken), "{error:?}");
    assert_eq!(refusal.status, StatusCode::UNAUTHORIZED);
    assert_eq!((world.posts(), world.seen("one").len()), (1, 1));
}
