//! S: one flight.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use http::StatusCode;
use oneflight_testkit::{Hold, Point};

use crate::{Req, Stack, World};

/// N requests whose refusals leave the API only when all N have come in.
async fn storm<S: Stack>(requests: usize) {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let all_at_once = Hold::answers(Point::Api).with_status(401).until_arrived(requests);
    let gate = world.server.hold(all_at_once);
    let sending = (0..requests).map(|number| {
        let (client, request) = (client.clone(), Req::get(world.notes()).id(number));
        tokio::spawn(async move { client.send(request).await.unwrap().status })
    });
    for status in join_all(sending).await {
        assert_eq!(status.unwrap(), StatusCode::OK);
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
