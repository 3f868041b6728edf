//! Who holds the lease, for how long, and who is next.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use oneflight::Store as _;
use oneflight_redis::RedisStoreError;
use oneflight_tests::redis::RedisServer;
use oneflight_tests::within;
use redis::AsyncCommands as _;

use crate::{builder, stores};

/// The name of the lease on the key `user`.
const LEASE: &str = "oneflight:{user}:lease";

/// Until so many processes listen for the lease: then they wait for it.
pub(crate) async fn listened(server: &RedisServer, by: i64) {
    let mut raw = server.raw().await;
    loop {
        let answer: (String, i64) = redis::cmd("PUBSUB")
            .arg("NUMSUB")
            .arg("oneflight:{user}")
            .query_async(&mut raw)
            .await
            .unwrap();
        if answer.1 == by {
            return;
        }
    }
}

/// Until the connections of all waiters have asked so often.
async fn asked(server: &RedisServer, times: u64) {
    while server
        .commands()
        .await
        .get("evalsha")
        .copied()
        .unwrap_or_default()
        < times
    {}
}

#[tokio::test]
async fn p5_p15_an_owner_that_slept_through_its_lease_neither_renews_nor_ends_the_next_ones() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let (slept, next) = (stores(&server).await, stores(&server).await);
        let mut late = slept.store("user").lock().await.unwrap();
        assert!(late.renew().await.unwrap() <= crate::LONG, "it lives");
        let mut raw = server.raw().await;
        let _: i64 = raw.del(LEASE).await.unwrap();
        let guard = next.store("user").lock().await.unwrap();
        let owner: String = raw.get(LEASE).await.unwrap();

        let error = late.renew().await.unwrap_err();
        assert!(error.to_string().contains("was lost"), "{error}");
        assert_eq!(late.lease(), Some(Duration::ZERO));
        late.release().await;
        assert_eq!(raw.get::<_, String>(LEASE).await.unwrap(), owner);

        guard.release().await;
        assert_eq!(raw.get::<_, Option<String>>(LEASE).await.unwrap(), None);
    })
    .await;
}

/// Its claim reaches the server after it was given up.
#[tokio::test]
async fn a_claim_whose_answer_was_not_seen_does_not_stay_held() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let short = builder(&server).timeout(Duration::from_millis(200));
        let (ours, theirs) = (short.connect().await.unwrap(), stores(&server).await);
        // Its script is known to the server from here on.
        ours.store("user").lock().await.unwrap().release().await;
        for _ in 0..3 {
            server.freeze();
            let error = ours.store("user").lock().await.err().unwrap();
            assert!(error.to_string().contains("did not answer"), "{error}");
            server.thaw();
            // Had it stayed held, this would wait for ten minutes.
            theirs.store("user").lock().await.unwrap().release().await;
            // Until everything of it is given back, and connected again.
            ours.store("user").load().await.unwrap();
        }
    })
    .await;
}

/// One asks for all of its process, and they get their turns in the order in which they came.
#[tokio::test]
async fn fifty_waiters_of_a_process_ask_as_one_and_are_served_in_order() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let (ours, theirs) = (stores(&server).await, stores(&server).await);
        let guard = theirs.store("user").lock().await.unwrap();
        let waiters: FuturesUnordered<_> = (0..50)
            .map(|number| {
                let store = ours.store("user");
                async move {
                    store.lock().await.unwrap().release().await;
                    number
                }
            })
            .collect();
        let order = tokio::spawn(waiters.collect::<Vec<_>>());
        listened(&server, 1).await;
        // Theirs; the first of ours, and its second look once it listens (the first call of a script loads it).
        asked(&server, 3).await;
        let asked_before = server.commands().await["set"];
        guard.release().await;
        let order = order.await.unwrap();
        assert_eq!(
            order,
            (0..50).collect::<Vec<_>>(),
            "in the order in which they came"
        );
        assert!(
            asked_before <= 3,
            "while they waited, one asked for all: {asked_before} tries"
        );
        assert!(
            server.commands().await["set"] <= asked_before + 52,
            "and then each once"
        );
    })
    .await;
}

#[tokio::test]
async fn leases_of_different_keys_do_not_meet() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let stores = stores(&server).await;
        let all = (0..200).map(|number| {
            let store = stores.store(format!("user-{number}"));
            async move { store.lock().await.unwrap() }
        });
        let guards = join_all(all).await;
        assert_eq!(guards.len(), 200);
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_a_request_may_outlive_is_refused_with_its_numbers() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (request, save) = (Duration::from_secs(30), Duration::from_secs(5));
    let short = builder(&server).deadlines(request, save).lease(request + save);
    let error = short.connect().await.unwrap_err();
    assert!(
        matches!(error, RedisStoreError::LeaseTooShort { .. }),
        "{error:?}"
    );
    for number in ["35s", "30s", "5s", "35000 ms"] {
        assert!(error.to_string().contains(number), "{number}: {error}");
    }
}
