//! What listening to files costs a process: a test alone in its process, because it counts threads and open files.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception covers test functions, not their helpers"
)]

use std::fs;
use std::time::Duration;

use futures_util::StreamExt as _;
use oneflight::store::Changes;
use oneflight::{FileStore, Record, SessionId, State, Store, Swap, TokenSet, WallTime};

fn threads(name: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|found| found.trim() == name).count()
}

fn watches() -> usize {
    let files = fs::read_dir("/proc/self/fd").unwrap();
    let links = files.filter_map(|file| fs::read_link(file.unwrap().path()).ok());
    links
        .filter(|link| link.to_string_lossy().contains("inotify"))
        .count()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time: {what}");
}

async fn first(changes: &mut Changes) {
    let next = tokio::time::timeout(Duration::from_secs(20), changes.next()).await;
    next.expect("it is told in time").unwrap();
}

#[tokio::test]
async fn p17_all_stores_of_a_process_listen_with_one_thread_which_ends_with_the_last() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut listening = Vec::new();
        for number in 0..200 {
            // Two folders.
            let path = folder.path().join(format!("{}/{number}", number % 2));
            let store = FileStore::open(path).unwrap();
            let tokens = TokenSet::new("access", WallTime::from_unix_millis(0)).unwrap();
            let state = State::Live {
                tokens: tokens.into(),
                mark: None,
                back_off: None,
            };
            let record = Record {
                session: SessionId([7; 16]),
                set: 0,
                state,
            };
            let standing = store.load().await.unwrap().map(|stored| stored.version);
            let swap = store.compare_and_swap(standing, record).await.unwrap();
            assert!(matches!(swap, Swap::Written(_)));
            // Another store, for what a store wrote itself is not told to it.
            let mut changes = FileStore::open(store.path()).unwrap().changes().unwrap();
            first(&mut changes).await;
            listening.push(changes);
        }
        assert_eq!((threads("oneflight-watch"), watches()), (1, 1));
        let last = listening.pop();
        drop(listening);
        assert_eq!((threads("oneflight-watch"), watches()), (1, 1));
        drop(last);
        until("the thread ends", || {
            threads("oneflight-watch") == 0 && watches() == 0
        })
        .await;
    }
}
