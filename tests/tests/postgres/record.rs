//! What stands in PostgreSQL, who may change it, and who learns of it.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use oneflight::{Store as _, Swap, Version};
use oneflight_postgres::Prune;
use oneflight_tests::within;

use crate::{ended, live, place};

fn written(swap: Swap) -> Version {
    match swap {
        Swap::Written(version) => version,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn others_are_told_of_a_version_also_after_their_listener_was_cut_off() {
    let Some(place) = place() else { return };
    within(async {
        let (ours, theirs) = (
            place.stores().await.store("user"),
            place.stores().await.store("user"),
        );
        let mut changes = theirs.changes().unwrap();
        let first = written(ours.compare_and_swap(None, live(0)).await.unwrap());
        ours.announce(first).await;
        assert_eq!(changes.next().await, Some(first));
        // Nobody announces this one: it is read when listening begins anew.
        let second = written(ours.compare_and_swap(Some(first), live(1)).await.unwrap());
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
        place.sql(cut).await;
        assert_eq!(changes.next().await, Some(second));
    })
    .await;
}

#[tokio::test]
async fn five_thousand_grants_are_listed_and_pruned() {
    let Some(place) = place() else { return };
    within(async {
        let stores = place.stores().await;
        stores.store("live").compare_and_swap(None, live(0)).await.unwrap();
        stores.store("ended").compare_and_swap(None, ended()).await.unwrap();
        place
            .sql(
                "INSERT INTO TABLE_record SELECT 'k' || n, 1, n % 2 = 0, clock_timestamp() - interval '2 days', '' \
                 FROM generate_series(1, 5000) n",
            )
            .await;
        let keys: Vec<String> = stores.keys().try_collect().await.unwrap();
        assert_eq!(keys.len(), 5_002);
        assert!(keys.is_sorted() && keys.contains(&"k5000".to_owned()));
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!(stores.prune(Prune::ended_for(day)).await.unwrap(), 2_500);
        let unused = Prune::ended_for(day).or_unwritten_for(day);
        assert_eq!(stores.prune(unused).await.unwrap(), 2_500);
        let keys: Vec<String> = stores.keys().try_collect().await.unwrap();
        assert_eq!(keys, ["ended", "live"]);
    })
    .await;
}

/// Nobody takes over what a dead owner left behind where nobody comes any more.
#[tokio::test]
async fn p5_leases_of_dead_owners_go_with_the_records_and_those_of_living_ones_stay() {
    let Some(place) = place() else { return };
    within(async {
        let stores = place.stores().await;
        for key in ["dead", "also dead", "living", "pruned"] {
            stores.store(key).compare_and_swap(None, ended()).await.unwrap();
            std::mem::forget(stores.store(key).lock().await.unwrap());
        }
        let left = async || {
            let rows = place.sql("SELECT key FROM TABLE_lease ORDER BY key").await;
            rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
        };
        let end = "UPDATE TABLE_lease SET until = clock_timestamp() WHERE key IN ('dead', 'also dead')";
        place.sql(end).await;
        assert!(stores.remove("dead").await.unwrap());
        assert_eq!(left().await, ["also dead", "living", "pruned"]);
        assert!(stores.remove("living").await.unwrap());
        assert_eq!(left().await, ["also dead", "living", "pruned"], "it is held");
        let ended = Prune::ended_for(Duration::ZERO);
        assert_eq!(stores.prune(ended).await.unwrap(), 2);
        assert_eq!(left().await, ["living", "pruned"]);
    })
    .await;
}
