//! One refresh, however many callers.

use std::time::Duration;

use crate::support::server::Gate;
use crate::support::{Answer, LIFETIME, World, settle};
use futures_util::future::join_all;
use oneflight::{Action, Error};

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
async fn s4_an_expired_token_is_not_given_out() {
    let world = World::new();
    let session = world.signed_in().await;
    let expired = session.token().await.unwrap();
    tokio::time::advance(LIFETIME + Duration::from_secs(1)).await;
    let tokens = join_all((0..20).map(|_| session.token())).await;
    for token in tokens {
        assert_ne!(
            token.unwrap().access_token().expose(),
            expired.access_token().expose()
        );
    }
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn l6_without_a_sign_in_the_answer_is_to_sign_in() {
    let world = World::new();
    let session = world.builder().build().unwrap();
    let error = session.token().await.unwrap_err();
    assert!(matches!(error, Error::NeverSignedIn), "{error:?}");
    assert_eq!(error.action(), Action::SignIn);
    assert_eq!(world.server.posts(), 0);
}
