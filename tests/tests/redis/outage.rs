//! Redis dies, stands still, comes back.

use futures_util::StreamExt as _;
use oneflight::{Store as _, Swap};
use oneflight_tests::redis::RedisServer;
use oneflight_tests::within;
use std::time::Duration;

use crate::{builder, live, stores};

#[tokio::test]
async fn p7_a_server_that_was_killed_and_comes_back_serves_the_same_stores() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    within(async {
        let store = stores(&server).await.store("user");
        let mut changes = store.changes().unwrap();
        let guard = store.lock().await.unwrap();
        store.compare_and_swap(None, live(0)).await.unwrap();
        server.kill();
        for error in [
            store.load().await.err().unwrap(),
            store.compare_and_swap(None, live(0)).await.unwrap_err(),
        ] {
            let said = error.to_string();
            assert!(
                said.contains("cannot be reached") || said.contains("was lost"),
                "{said}"
            );
        }
        guard.release().await;

        // Its scripts and its subscriptions are gone with it.
        server.start_again();
        assert!(store.load().await.unwrap().is_none(), "it kept nothing");
        let swap = store.compare_and_swap(None, live(1)).await.unwrap();
        let Swap::Written(version) = swap else {
            panic!("{swap:?}")
        };
        store.lock().await.unwrap().release().await;
        // It may have begun to listen again before there was anything to read.
        store.announce(version).await;
        assert_eq!(changes.next().await, Some(version));
    })
    .await;
}

#[tokio::test]
async fn p5_who_waits_for_a_lease_does_not_hang_when_the_server_dies_and_comes_back() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    within(async {
        let (ours, theirs) = (
            stores(&server).await.store("user"),
            stores(&server).await.store("user"),
        );
        let guard = theirs.lock().await.unwrap();
        let waiting = tokio::spawn(async move { ours.lock().await.map(drop) });
        crate::lease::listened(&server, 1).await;
        server.start_again();
        // The lease is lost with the server, so the waiter gets it when it listens again.
        waiting.await.unwrap().unwrap();
        drop(guard);
    })
    .await;
}

#[tokio::test]
async fn p7_a_server_that_stands_still_is_an_error_in_time_and_serves_again_afterwards() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let stores = builder(&server)
            .timeout(Duration::from_millis(200))
            .connect()
            .await
            .unwrap();
        let store = stores.store("user");
        let Swap::Written(version) = store.compare_and_swap(None, live(0)).await.unwrap() else {
            panic!()
        };
        server.freeze();
        for said in [
            store.load().await.err().unwrap().to_string(),
            store
                .compare_and_swap(Some(version), live(1))
                .await
                .unwrap_err()
                .to_string(),
            store.lock().await.err().unwrap().to_string(),
        ] {
            assert!(said.contains("did not answer within 200ms"), "{said}");
        }
        server.thaw();
        // The claim that was given up may have arrived all the same; it is given back.
        store.lock().await.unwrap().release().await;
        let stored = store.load().await.unwrap().unwrap();
        store
            .compare_and_swap(Some(stored.version), live(2))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn p7_connections_that_the_server_ends_are_made_anew_without_an_error() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let store = stores(&server).await.store("user");
        store.compare_and_swap(None, live(0)).await.unwrap();
        for _ in 0..5 {
            let _: i64 = redis::cmd("CLIENT")
                .arg("KILL")
                .arg("SKIPME")
                .arg("yes")
                .query_async(&mut server.raw().await)
                .await
                .unwrap();
            store.load().await.unwrap().unwrap();
            store.lock().await.unwrap().release().await;
        }
    })
    .await;
}
