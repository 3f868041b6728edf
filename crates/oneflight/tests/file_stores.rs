//! Many records in one folder.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception covers test functions, not their helpers"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use oneflight::record::{Key, Keys, RecordCodec};
use oneflight::store::Prune;
use oneflight::{
    EndReason, FileStore, FileStores, Record, SessionId, State, Store as _, Swap, TokenSet, Version, WallTime,
};

fn record(state: State) -> Record {
    Record {
        session: SessionId([7; 16]),
        set: 0,
        state,
    }
}

fn live() -> Record {
    let tokens = TokenSet::new("access", WallTime::from_unix_millis(0)).unwrap();
    record(State::Live {
        tokens: tokens.into(),
        mark: None,
        back_off: None,
    })
}

fn ended() -> Record {
    record(State::Ended(EndReason::SignOut))
}

async fn write(store: &FileStore, expected: Option<Version>, record: Record) -> Version {
    match store.compare_and_swap(expected, record).await.unwrap() {
        Swap::Written(version) => version,
        Swap::Conflict => panic!("another version stands there"),
    }
}

async fn keys(stores: &FileStores) -> BTreeSet<String> {
    stores.keys().try_collect().await.unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn encrypted(byte: u8) -> RecordCodec {
    RecordCodec::encrypted(Keys::new(Key::new("k1", [byte; 32]).unwrap()))
}

#[tokio::test]
async fn p18_whatever_the_keys_each_has_its_record_and_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let stores = FileStores::open_with(folder.path(), encrypted(1)).unwrap();
    let long = "Ü\n".repeat(300);
    let all = [
        "",
        "user-4711",
        "User-4711",
        "a",
        "a.lock",
        "../up",
        "con",
        "ü 🦀",
        &long,
    ];
    let mut versions = Vec::new();
    for key in all {
        assert!(stores.store(key).load().await.unwrap().is_none(), "{key:?}");
        versions.push(write(&stores.store(key), None, live()).await);
    }
    for (key, version) in all.into_iter().zip(versions) {
        let loaded = stores.store(key).load().await.unwrap().unwrap();
        assert_eq!(loaded.version, version, "{key:?}");
    }
    // What is not ours is neither listed nor touched.
    fs::write(folder.path().join("README"), "not a record").unwrap();
    fs::write(folder.path().join("key-X"), "not a name of ours").unwrap();
    assert_eq!(keys(&stores).await, all.map(str::to_owned).into());
    // Another process sees the same.
    let theirs = FileStores::open_with(folder.path(), encrypted(1)).unwrap();
    assert_eq!(keys(&theirs).await.len(), all.len());
    assert!(theirs.store(&long).load().await.unwrap().is_some());
}

#[tokio::test]
async fn p18_a_key_that_is_too_long_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let stores = FileStores::open(folder.path()).unwrap();
    let store = stores.store("x".repeat(1_025));
    let errors = [
        store.load().await.unwrap_err(),
        store.lock().await.map(drop).unwrap_err(),
        store.compare_and_swap(None, live()).await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("1025 bytes is too long"), "{error}");
    }
    assert!(names(folder.path()).is_empty());
    write(&stores.store("x".repeat(1_024)), None, live()).await;
}

#[tokio::test]
async fn p3_p18_who_asks_for_the_same_key_waits_for_the_same_lock_and_other_keys_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (
        FileStores::open(folder.path()).unwrap(),
        FileStores::open(folder.path()).unwrap(),
    );
    let held = ours.store("a").lock().await.unwrap();
    let (again, there) = (ours.store("a"), theirs.store("a"));
    let (mut again, mut there) = (again.lock(), there.lock());
    assert!(futures_util::poll!(&mut again).is_pending());
    assert!(futures_util::poll!(&mut there).is_pending());
    drop(theirs.store("b").lock().await.unwrap());
    drop(held);
    let both = async {
        tokio::join!(async { drop(again.await.unwrap()) }, async {
            drop(there.await.unwrap())
        })
    };
    tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn p17_p18_a_record_hears_of_its_own_changes_only_whatever_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (
        FileStores::open(folder.path()).unwrap(),
        FileStores::open(folder.path()).unwrap(),
    );
    let long = "\u{1}".repeat(1_000);
    for key in ["short", &long] {
        let mut changes = ours.store(key).changes().unwrap();
        let mut others = ours.store("another").changes().unwrap();
        let version = write(&theirs.store(key), None, live()).await;
        let heard = tokio::time::timeout(Duration::from_secs(20), changes.next()).await;
        assert_eq!(heard.unwrap(), Some(version));
        assert!(futures_util::poll!(others.next()).is_pending());
    }
}

#[tokio::test]
async fn p18_pruning_takes_what_is_over_and_leaves_what_is_not_ours_to_take() {
    let folder = tempfile::tempdir().unwrap();
    let stores = FileStores::open_with(folder.path(), encrypted(1)).unwrap();
    write(&stores.store("live"), None, live()).await;
    write(&stores.store("ended"), None, ended()).await;
    let other = FileStores::open_with(folder.path(), encrypted(2)).unwrap();
    write(&other.store("of another key"), None, ended()).await;
    fs::write(folder.path().join("key-damaged"), "{}").unwrap();
    let long_ago = Prune::ended_for(Duration::from_secs(3_600));
    let pruned = stores.prune(long_ago).await.unwrap();
    assert_eq!((pruned.seen, pruned.removed, pruned.foreign), (4, 0, 2));
    let pruned = stores.prune(Prune::ended_for(Duration::ZERO)).await.unwrap();
    assert_eq!((pruned.removed, pruned.foreign), (1, 2));
    assert!(stores.store("live").load().await.unwrap().is_some());
    assert!(stores.store("ended").load().await.unwrap().is_none());
    // It can be written again.
    write(&stores.store("ended"), None, live()).await;
    let all = Prune::ended_for(Duration::ZERO).or_unwritten_for(Duration::ZERO);
    assert_eq!(stores.prune(all).await.unwrap().removed, 2);
    // Removing by name does not need the key, but a record.
    assert!(stores.remove("of another key").await.unwrap());
    assert!(!stores.remove("of another key").await.unwrap());
    stores.remove("damaged").await.unwrap_err();
    stores.prune(all).await.unwrap();
    assert_eq!(names(folder.path()), ["key-damaged".to_owned()].into());
}

#[cfg(unix)]
#[tokio::test]
async fn p18_pruning_leaves_a_lock_that_is_held_and_takes_it_when_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (
        FileStores::open(folder.path()).unwrap(),
        FileStores::open(folder.path()).unwrap(),
    );
    let all = Prune::ended_for(Duration::ZERO).or_unwritten_for(Duration::ZERO);
    let held = ours.store("a").lock().await.unwrap();
    write(&ours.store("a"), None, ended()).await;
    assert_eq!(theirs.prune(all).await.unwrap().removed, 1);
    theirs.prune(all).await.unwrap();
    assert_eq!(names(folder.path()), ["key-a.lock".to_owned()].into());
    // Others still wait for it.
    let store = theirs.store("a");
    let mut waits = store.lock();
    assert!(futures_util::poll!(&mut waits).is_pending());
    drop(held);
    drop(waits.await.unwrap());
    theirs.prune(all).await.unwrap();
    assert!(names(folder.path()).is_empty());
}
