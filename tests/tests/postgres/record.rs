//! What stands in PostgreSQL, who may change it, and who learns of it.

use std::time::Duration;

use futures_util::future::join_all;
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
async fn of_a_hundred_writers_one_wins_each_version() {
    let Some(place) = place() else { return };
    within(async {
        let processes = join_all((0..4).map(|_| async { place.stores().await.store("user") })).await;
        for round in 0..5 {
            let expected = processes[0].load().await.unwrap().map(|stored| stored.version);
            let writes =
                (0..100).map(|writer| processes[writer % 4].compare_and_swap(expected, live(writer as u64)));
            let swaps: Vec<Swap> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
            let winners: Vec<usize> = (0..100)
                .filter(|&writer| swaps[writer] != Swap::Conflict)
                .collect();
            assert_eq!(winners.len(), 1, "round {round}");
            let stored = processes[1].load().await.unwrap().unwrap();
            assert_eq!(stored.record.set, winners[0] as u64);
            assert_eq!(written(swaps[winners[0]]), stored.version);
        }
    })
    .await;
}

#[tokio::test]
async fn a_record_that_was_removed_and_made_anew_is_not_taken_for_the_old_one() {
    let Some(place) = place() else { return };
    let stores = place.stores().await;
    let store = stores.store("user");
    let first = written(store.compare_and_swap(None, live(0)).await.unwrap());
    assert!(stores.remove("user").await.unwrap() && !stores.remove("user").await.unwrap());
    let swap = store.compare_and_swap(Some(first), live(1)).await.unwrap();
    assert_eq!(swap, Swap::Conflict, "nothing there");
    let again = loop {
        let again = written(store.compare_and_swap(None, live(2)).await.unwrap());
        if again > first {
            break again;
        }
        stores.remove("user").await.unwrap();
    };
    assert_ne!(again, first);
    let swap = store.compare_and_swap(Some(first), live(3)).await.unwrap();
    assert_eq!(swap, Swap::Conflict);
    let beyond = store
        .compare_and_swap(Some(Version(u64::MAX - 1)), live(3))
        .await
        .unwrap();
    assert_eq!(beyond, Swap::Conflict, "beyond what a bigint can be");
}

#[tokio::test]
async fn p9_what_is_stored_shows_no_token() {
    let Some(place) = place() else { return };
    let store = place.stores().await.store("user");
    store.compare_and_swap(None, live(4)).await.unwrap();
    let rows = place.sql("SELECT bytes FROM TABLE_record").await;
    let bytes: &[u8] = rows[0].get(0);
    assert!(!bytes.windows(6).any(|part| part == b"s3cret"));
    assert_eq!(store.load().await.unwrap().unwrap().record.set, 4);
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
