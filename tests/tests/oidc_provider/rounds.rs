//! Rounds of expiry under parallel requests, and what may go wrong in between.

use std::sync::Arc;

use futures_util::future::join_all;
use oneflight::{EndReason, JsonTokens, Session, Status};
use oneflight_tests::login::login;
use oneflight_tests::provider::{Counters, Provider};
use serde_json::json;

use crate::clients::{Get, session};

/// Rounds of expiry for each number of parallel requests.
const ROUNDS: usize = 20;
const PARALLEL: [usize; 3] = [2, 50, 500];

/// A provider, a session that is signed in there, and a client over it.
pub(crate) struct Stage {
    provider: Provider,
    session: Session,
    get: Get,
}

impl Stage {
    pub(crate) async fn set(client: impl FnOnce(&Session) -> Get) -> Option<Self> {
        let provider = Provider::start().await?;
        let session = session(&provider).await;
        let tokens = login(&provider).await;
        let signed_in = session.sign_in(JsonTokens(&tokens.to_string())).await.unwrap();
        assert!(signed_in.saved);
        let get = client(&session);
        Some(Self {
            provider,
            session,
            get,
        })
    }

    /// Fires so many requests at once; how each ended.
    async fn fire(&self, requests: usize) -> Vec<Result<u16, String>> {
        join_all((0..requests).map(|_| (self.get)(self.provider.userinfo()))).await
    }

    /// Lets the token expire and fires: everybody succeeds. What the provider counted meanwhile.
    async fn round(&self, requests: usize) -> Counters {
        self.provider.expire().await;
        let before = self.provider.counters().await;
        let answers = self.fire(requests).await;
        let after = self.provider.counters().await;
        assert!(
            answers.iter().all(|answer| *answer == Ok(200)),
            "{before:?} {after:?} {answers:?}"
        );
        assert_eq!(after.invalid_grant, 0, "{after:?}");
        assert_eq!(after.grants_revoked, 0, "{after:?}");
        Counters {
            token_posts: after.token_posts - before.token_posts,
            userinfo_refused: after.userinfo_refused - before.userinfo_refused,
            ..after
        }
    }
}

/// 20 rounds each of 2, 50 and 500 requests: one POST per round, and the grant lives on.
pub(crate) async fn storms(client: impl FnOnce(&Session) -> Get) {
    let Some(stage) = Stage::set(client).await else {
        return;
    };
    for requests in PARALLEL {
        for _ in 0..ROUNDS {
            let counted = stage.round(requests).await;
            assert_eq!(counted.token_posts, 1, "{requests} requests");
            assert!(
                counted.userinfo_refused <= requests as u64,
                "each was refused once at most"
            );
        }
    }
    assert_eq!(stage.session.status(), Status::SignedIn);
}

/// A lost answer, a 502 and a 429 between healthy rounds.
pub(crate) async fn mishaps(client: impl FnOnce(&Session) -> Get) {
    let Some(stage) = Stage::set(client).await else {
        return;
    };
    stage.round(50).await;

    // Surely not processed: everybody is told to come back, nobody is thrown out.
    let limited = json!([{"kind": "status", "status": 429, "headers": {"retry-after": "1"}}]);
    stage.fails_once_then_heals(limited, 1).await;
    // Perhaps processed, and in truth never seen: one retry at once, and all is well.
    stage
        .provider
        .faults(json!([{"kind": "status", "status": 502, "body": "<html>bad gateway</html>"}]))
        .await;
    assert_eq!(stage.round(50).await.token_posts, 2);

    // Processed, but its answer is lost. This provider has no grace window, so the retry proves the grant dead: the user
    // is signed out, once, and the reason says that an answer was lost.
    stage.provider.faults(json!([{"kind": "lose"}])).await;
    stage.provider.expire().await;
    let before = stage.provider.counters().await;
    let answers = stage.fire(50).await;
    assert!(answers.iter().all(|answer| *answer != Ok(200)), "{answers:?}");
    let after = stage.provider.counters().await;
    assert_eq!(
        after.token_posts - before.token_posts,
        2,
        "the lost one and one retry"
    );
    assert_eq!(
        stage.session.status(),
        Status::SignedOut(EndReason::GrantDead { after_loss: true })
    );
    stage.fire(5).await;
    assert_eq!(
        stage.provider.counters().await.token_posts,
        after.token_posts,
        "nobody asks for a dead grant"
    );
}

impl Stage {
    async fn fails_once_then_heals(&self, faults: serde_json::Value, posts: u64) {
        self.provider.faults(faults).await;
        self.provider.expire().await;
        let before = self.provider.counters().await;
        let answers = self.fire(50).await;
        assert!(answers.iter().all(|answer| *answer != Ok(200)), "{answers:?}");
        let after = self.provider.counters().await;
        assert_eq!(
            after.token_posts - before.token_posts,
            posts,
            "a failure is shared"
        );
        assert_eq!(self.session.status(), Status::SignedIn);
        // The application knows that the server is well again.
        self.session.retry_now();
        assert_eq!(self.fire(50).await, vec![Ok(200); 50]);
    }
}

/// A sign-out while the provider works on the refresh: the late token is revoked, and with it the grant.
pub(crate) async fn sign_out_during_a_refresh(client: impl FnOnce(&Session) -> Get) {
    let Some(stage) = Stage::set(client).await else {
        return;
    };
    stage.provider.faults(json!([{"kind": "hold"}])).await;
    stage.provider.expire().await;
    let stage = Arc::new(stage);
    let waiting = tokio::spawn({
        let stage = Arc::clone(&stage);
        async move { stage.fire(50).await }
    });
    stage.provider.held().await;
    let signed_out = stage.session.sign_out().await;
    assert!(signed_out.landed);
    let answers = waiting.await.unwrap();
    assert!(
        answers.iter().all(|answer| *answer != Ok(200)),
        "waiters learn it at once: {answers:?}"
    );
    stage.provider.release().await;
    // Draining lets the orphaned flight end, its revocation included.
    assert!(!stage.session.close().await.unsaved);
    let counters = stage.provider.counters().await;
    assert_eq!(counters.token_posts, 2, "the login and one refresh: {counters:?}");
    assert!(counters.revocations >= 1, "{counters:?}");
    assert_eq!(stage.session.status(), Status::SignedOut(EndReason::SignOut));
}
