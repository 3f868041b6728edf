//! Who holds the lease, for how long, and who is next.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use oneflight::Store as _;
use oneflight_redis::{RedisStore, RedisStoreError};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_one_holder_at_a_time_has_the_lease() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let inside = Arc::new(AtomicUsize::new(0));
    within(async {
        let mut holders = Vec::new();
        for _ in 0..4 {
            let process = stores(&server).await;
            for _ in 0..3 {
                let (store, inside) = (process.store("user"), Arc::clone(&inside));
                holders.push(tokio::spawn(async move {
                    for _ in 0..20 {
                        let guard = store.lock().await.unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "alone");
                        store.load().await.unwrap();
                        assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1, "still alone");
                        guard.release().await;
                    }
                }));
            }
        }
        for holder in holders {
            holder.await.unwrap();
        }
    })
    .await;
    let left: Option<String> = server.raw().await.get(LEASE).await.unwrap();
    assert_eq!(left, None);
}

/// With the safety net alone, which is 5 s at the least, these rounds would take longer than the test may.
#[tokio::test]
async fn p3_who_waits_is_woken_by_the_end_of_the_lease() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let (ours, theirs) = (
            stores(&server).await.store("user"),
            stores(&server).await.store("user"),
        );
        let mut guard = ours.lock().await.unwrap();
        for round in 0..20 {
            let waits = if round % 2 == 0 { &theirs } else { &ours };
            let waiting = waits.lock();
            let release = async {
                listened(&server, 1).await;
                guard.release().await;
            };
            let (next, ()) = tokio::join!(waiting, release);
            guard = next.unwrap();
            listened(&server, 0).await;
        }
    })
    .await;
}

#[tokio::test]
async fn p5_the_lease_of_a_dead_owner_ends_and_the_next_goes_on() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let short = |server: &RedisServer| {
            let (request, save) = (Duration::from_millis(200), Duration::from_secs(2));
            builder(server)
                .deadlines(request, save)
                .lease(Duration::from_millis(2_500))
        };
        let dead = short(&server).connect().await.unwrap();
        // Killed: nothing is given back, and nobody says so.
        std::mem::forget(dead.store("user").lock().await.unwrap());
        let next = short(&server).connect().await.unwrap();
        let guard = next.store("user").lock().await.unwrap();
        assert!(guard.lease().unwrap() > Duration::ZERO);
    })
    .await;
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

/// It wakes after its lease has ended, and does not know it.
#[tokio::test]
async fn p5_an_owner_that_wakes_late_does_not_end_the_next_ones_lease() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let (slept, next) = (stores(&server).await, stores(&server).await);
        let mut raw = server.raw().await;
        for dropped in [true, false] {
            let late = slept.store("user").lock().await.unwrap();
            let _: i64 = raw.del(LEASE).await.unwrap();
            let guard = next.store("user").lock().await.unwrap();
            let asked_before = server.commands().await["evalsha"];
            match dropped {
                true => drop(late),
                false => late.release().await,
            }
            asked(&server, asked_before + 1).await;
            assert!(raw.exists::<_, bool>(LEASE).await.unwrap(), "dropped: {dropped}");
            guard.release().await;
        }
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

#[tokio::test]
async fn a_guard_that_is_dropped_gives_its_lease_back() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let (ours, theirs) = (stores(&server).await, stores(&server).await);
        for _ in 0..5 {
            drop(ours.store("user").lock().await.unwrap());
            drop(theirs.store("user").lock().await.unwrap());
            let release = ours.store("user").lock().await.unwrap().release();
            drop(release);
        }
    })
    .await;
}

/// Drops the future at its first, second, … await, until it comes to its end before.
#[tokio::test]
async fn a_lock_that_is_given_up_at_any_point_does_not_stay_held() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let server = Arc::new(server);
    within(async {
        let (ours, theirs) = (stores(&server).await, stores(&server).await);
        for held in [false, true] {
            let mut most = 0;
            while !gives_up_after(
                most,
                &server,
                ours.store("user"),
                held.then(|| theirs.store("user")),
            )
            .await
            {
                // Had it stayed held, this would wait for ten minutes.
                theirs.store("user").lock().await.unwrap().release().await;
                most += 1;
            }
            let least = if held { 3 } else { 1 };
            assert!(most >= least, "it was given up at {most} awaits");
        }
    })
    .await;
}

/// Whether the lock came before it was given up.
async fn gives_up_after(
    awaits: usize,
    server: &Arc<RedisServer>,
    store: RedisStore,
    holder: Option<RedisStore>,
) -> bool {
    let releasing = match holder {
        None => None,
        Some(holder) => {
            let (guard, server) = (holder.lock().await.unwrap(), Arc::clone(server));
            Some(tokio::spawn(async move {
                listened(&server, 1).await;
                guard.release().await;
            }))
        }
    };
    let mut left = awaits;
    let mut locking = pin!(store.lock());
    let done = poll_fn(|cx| match locking.as_mut().poll(cx) {
        Poll::Ready(guard) => Poll::Ready(Some(guard.unwrap())),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await;
    if let Some(releasing) = releasing {
        // Its guard goes with it.
        releasing.abort();
    }
    match done {
        Some(guard) => {
            guard.release().await;
            true
        }
        None => false,
    }
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
