//! Thousands of grants in one folder: a test alone in its process, because it counts threads and open files.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception covers test functions, not their helpers"
)]

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use oneflight::endpoint::{RefreshRequest, Reply, Verdict, endpoint_fn};
use oneflight::store::Prune;
use oneflight::{
    FileStores, Record, Session, SessionId, Sessions, State, Store as _, Swap, TokenSet, WallTime,
};

const GRANTS: u64 = 5_000;

/// Of the two holders in this process each may have 8 threads that read and write and 64 that wait for locks; and there are
/// the one that listens, those of the runtime, and those of the test.
const THREADS_MOST: usize = 2 * (8 + 64) + 12;

/// Locks that are held and waited for, what the threads have open, and the rest.
const FILES_MOST: usize = 2 * (256 + 64 + 3 * 8) + 30;

fn expired(number: u64) -> Record {
    let tokens = TokenSet::new("access", WallTime::from_unix_millis(1)).unwrap();
    let tokens = tokens.refresh_token(&format!("refresh-{number}-0")).unwrap();
    let state = State::Live {
        tokens: tokens.expires_in(Duration::from_secs(1)).into(),
        mark: None,
        back_off: None,
    };
    Record {
        session: SessionId(u128::from(number).to_be_bytes()),
        set: 0,
        state,
    }
}

/// A server that takes each refresh token once.
#[derive(Default)]
struct Server {
    spent: Mutex<HashSet<String>>,
}

impl Server {
    fn answer(&self, request: &RefreshRequest) -> Reply {
        let old = request.refresh_token().unwrap().expose().to_owned();
        let next = format!("{old}+");
        if !self.spent.lock().unwrap().insert(old) {
            return Reply::new(Verdict::Dead { code: None });
        }
        let tokens = TokenSet::new("new", request.now()).unwrap();
        let tokens = tokens.refresh_token(&next).unwrap();
        Reply::new(Verdict::Renewed(tokens.expires_in(Duration::from_secs(900))))
    }
}

fn holder(folder: &Path, server: &Arc<Server>) -> Sessions<u64> {
    let stores = FileStores::open(folder).unwrap();
    let server = Arc::clone(server);
    let endpoint = endpoint_fn(move |request: RefreshRequest| {
        let reply = server.answer(&request);
        async move {
            tokio::task::yield_now().await;
            reply
        }
    });
    let settings = Session::builder().endpoint(endpoint).without_origins();
    Sessions::new(settings, move |number: &u64| stores.store(number.to_string())).unwrap()
}

fn count(folder: &str) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn at_rest() -> bool {
    count("/proc/self/fd") < 40 && count("/proc/self/task") < 12
}

/// The most threads and open files that were seen.
async fn watch(most: &Mutex<(usize, usize)>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    loop {
        ticks.tick().await;
        let mut most = most.lock().unwrap();
        most.0 = most.0.max(count("/proc/self/task"));
        most.1 = most.1.max(count("/proc/self/fd"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_p18_five_thousand_grants_in_a_folder_renew_once_each_with_few_threads_and_open_files() {
    // Each save is synced to the disk, twice; memory is quicker.
    let memory = Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    };
    let stores = FileStores::open(folder.path()).unwrap();
    stream::iter(0..GRANTS)
        .for_each_concurrent(256, async |number| {
            let store = stores.store(number.to_string());
            let swap = store.compare_and_swap(None, expired(number)).await.unwrap();
            assert!(matches!(swap, Swap::Written(_)));
        })
        .await;

    let server = Arc::new(Server::default());
    let most = Mutex::new((0, 0));
    // Two holders, with locks between them as between processes.
    let holders = [holder(folder.path(), &server), holder(folder.path(), &server)];
    let ask = |number: u64| {
        let sessions = holders.each_ref().map(|holder| holder.session(&number).unwrap());
        async move {
            let [one, other] = &sessions;
            let (one, other) = tokio::join!(one.token(), other.token());
            assert_eq!(one.unwrap().header(), "Bearer new");
            assert_eq!(other.unwrap().header(), "Bearer new");
        }
    };
    tokio::select! {
        _ = futures_util::future::join_all((0..GRANTS).map(ask)) => {}
        () = watch(&most) => {}
    }
    assert_eq!(server.spent.lock().unwrap().len() as u64, GRANTS);
    let (threads, files) = *most.lock().unwrap();
    println!("{GRANTS} grants, two holders: {threads} threads and {files} open files at most");
    assert!(threads <= THREADS_MOST, "{threads} threads");
    assert!(files <= FILES_MOST, "{files} open files");

    // At rest they cost nothing: the last locks are being given back.
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..2_000 {
        ticks.tick().await;
        if at_rest() {
            break;
        }
    }
    assert!(at_rest());
    let keys: HashSet<String> = stores.keys().try_collect().await.unwrap();
    assert_eq!(keys.len() as u64, GRANTS);
    let prune = Prune::ended_for(Duration::ZERO).or_unwritten_for(Duration::ZERO);
    let pruned = stores.prune(prune).await.unwrap();
    assert_eq!((pruned.seen, pruned.removed, pruned.foreign), (GRANTS, GRANTS, 0));
    stores.prune(prune).await.unwrap();
    assert_eq!(count(folder.path().to_str().unwrap()), 0);
}
