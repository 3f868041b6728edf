//! Thousands of grants in one Redis.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use oneflight::{Store as _, Swap};
use oneflight_redis::Prune;
use oneflight_tests::redis::RedisServer;
use oneflight_tests::within;
use redis::AsyncCommands as _;

use crate::{builder, ended, live, stores};

const GRANTS: usize = 5_000;

#[tokio::test]
async fn five_thousand_grants_are_listed_and_pruned_over_two_connections() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let stores = builder(&server).keep_ended().connect().await.unwrap();
        let mut raw = server.raw().await;
        // Others' keys, and other programs' records.
        let _: () = raw.set("oneflight:{looks}:like", "one").await.unwrap();
        let _: () = raw.set("oneflight:{not-ours}:record", "text").await.unwrap();
        let other = builder(&server).prefix("other").connect().await.unwrap();
        other
            .store("user-1")
            .compare_and_swap(None, ended())
            .await
            .unwrap();

        let all: Vec<_> = (0..GRANTS)
            .map(|number| stores.store(format!("user-{number}")))
            .collect();
        stream::iter(all.iter().enumerate())
            .for_each_concurrent(256, async |(number, store)| {
                let record = if number % 5 == 0 {
                    ended()
                } else {
                    live(number as u64)
                };
                let swap = store.compare_and_swap(None, record).await.unwrap();
                assert_ne!(swap, Swap::Conflict);
            })
            .await;
        let keys: BTreeSet<String> = stores.keys().try_collect().await.unwrap();
        assert_eq!(keys.len(), GRANTS + 1, "and the one that is not ours");
        assert!(keys.contains("user-4999") && keys.contains("not-ours"));

        let pruned = stores
            .prune(Prune::ended_for(Duration::from_secs(3600)))
            .await
            .unwrap();
        assert_eq!(
            (pruned.removed, pruned.foreign),
            (0, 1),
            "none ended that long ago"
        );
        let pruned = stores.prune(Prune::ended_for(Duration::ZERO)).await.unwrap();
        assert_eq!((pruned.removed, pruned.foreign), (GRANTS as u64 / 5, 1));
        assert!(pruned.seen > GRANTS as u64);
        assert!(all[0].load().await.unwrap().is_none() && all[1].load().await.unwrap().is_some());
        let prune = Prune::ended_for(Duration::ZERO).or_unwritten_for(Duration::ZERO);
        assert_eq!(stores.prune(prune).await.unwrap().removed, GRANTS as u64 * 4 / 5);
        let keys: Vec<String> = stores.keys().try_collect().await.unwrap();
        assert_eq!(keys, ["not-ours"]);
        assert!(other.store("user-1").load().await.unwrap().is_some());

        let clients: String = redis::cmd("CLIENT")
            .arg("LIST")
            .query_async(&mut raw)
            .await
            .unwrap();
        assert!(clients.lines().count() <= 5, "two for each and ours: {clients}");
    })
    .await;
}

#[tokio::test]
async fn thousands_of_stores_listen_over_one_connection() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let (ours, theirs) = (stores(&server).await, stores(&server).await);
        let listening: Vec<_> = (0..3_000)
            .map(|number| ours.store(format!("user-{number}")).changes().unwrap())
            .collect();
        for (number, mut changes) in listening.into_iter().enumerate().step_by(97) {
            let store = theirs.store(format!("user-{number}"));
            let swap = store.compare_and_swap(None, live(0)).await.unwrap();
            let Swap::Written(version) = swap else {
                panic!("{swap:?}")
            };
            store.announce(version).await;
            // If nobody listened yet, it is found when listening begins.
            assert_eq!(changes.next().await, Some(version));
        }
    })
    .await;
}
