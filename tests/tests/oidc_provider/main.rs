//! Against a certified OpenID provider (npm `oidc-provider`): strict rotation, where using a refresh token twice ends the
//! grant. The counts are the provider's own.

#![allow(clippy::unwrap_used)]

mod clients;
mod naive;
mod rounds;

use oneflight_tests::login::login;
use oneflight_tests::provider::Provider;

#[tokio::test]
async fn s1_a_naive_client_loses_the_grant_in_the_same_rounds() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let tokens = naive::shared(&login(&provider).await);
    assert_eq!(
        naive::storm(&provider, &tokens, 20).await,
        20,
        "all is well before the expiry"
    );
    provider.expire().await;

    naive::storm(&provider, &tokens, 20).await;
    let counters = provider.counters().await;
    assert!(counters.refresh_posts > 1, "{counters:?}");
    assert!(counters.invalid_grant > 0, "{counters:?}");
    assert!(counters.grants_revoked > 0, "{counters:?}");
    assert_eq!(
        naive::storm(&provider, &tokens, 1).await,
        0,
        "the user is thrown out"
    );
}

#[tokio::test]
async fn s1_s3_one_refresh_per_round_through_reqwest() {
    rounds::storms(clients::reqwest).await;
}

#[tokio::test]
async fn f3_f5_f7_mishaps_between_rounds_through_reqwest() {
    rounds::mishaps(clients::reqwest).await;
}

#[tokio::test]
async fn l1_l3_l4_a_sign_out_during_a_refresh_through_reqwest() {
    rounds::sign_out_during_a_refresh(clients::reqwest).await;
}

#[tokio::test]
async fn s1_s3_one_refresh_per_round_through_tower() {
    rounds::storms(clients::tower).await;
}

#[tokio::test]
async fn f3_f5_f7_mishaps_between_rounds_through_tower() {
    rounds::mishaps(clients::tower).await;
}

#[tokio::test]
async fn l1_l3_l4_a_sign_out_during_a_refresh_through_tower() {
    rounds::sign_out_during_a_refresh(clients::tower).await;
}
