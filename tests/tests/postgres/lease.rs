//! Who holds the lease, for how long, and who is next.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use oneflight::Store as _;
use oneflight_postgres::PostgresStoreError;
use oneflight_tests::within;

use crate::place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_one_holder_at_a_time_has_the_lease() {
    let Some(place) = place() else { return };
    let inside = Arc::new(AtomicUsize::new(0));
    within(async {
        let mut holders = Vec::new();
        for process in 0..4 {
            // One of them is never told.
            let builder = if process == 0 {
                place.polling()
            } else {
                place.builder()
            };
            let process = builder.connect().await.unwrap();
            for _ in 0..3 {
                let (store, inside) = (process.store("user"), Arc::clone(&inside));
                holders.push(tokio::spawn(async move {
                    for _ in 0..10 {
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
    assert!(place.sql("SELECT FROM TABLE_lease").await.is_empty());
}

/// With the safety net alone, which is 5 s at the least, these rounds would take longer than the test may.
#[tokio::test]
async fn p3_who_waits_is_woken_by_the_end_of_the_lease() {
    let Some(place) = place() else { return };
    within(async {
        let (ours, theirs) = (
            place.stores().await.store("user"),
            place.stores().await.store("user"),
        );
        let asked = || {
            let claim = format!("WITH taken AS (INSERT INTO \"public\".\"{}_lease\"", place.table);
            let statements = place.server.statements();
            statements.iter().filter(|sql| sql.starts_with(&claim)).count()
        };
        let mut guard = ours.lock().await.unwrap();
        for round in 0..20 {
            let waits = if round % 2 == 0 { &theirs } else { &ours };
            let before = asked();
            let release = async {
                while asked() == before {
                    tokio::task::yield_now().await;
                }
                guard.release().await;
            };
            let (next, ()) = tokio::join!(waits.lock(), release);
            guard = next.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn p5_p15_an_owner_that_slept_through_its_lease_neither_renews_nor_ends_the_next_ones() {
    let Some(place) = place() else { return };
    within(async {
        let (slept, next) = (place.stores().await, place.stores().await);
        let mut late = slept.store("user").lock().await.unwrap();
        assert!(late.renew().await.unwrap() <= crate::LONG, "it lives");
        place
            .sql("UPDATE TABLE_lease SET until = clock_timestamp()")
            .await;
        let guard = next.store("user").lock().await.unwrap();
        let owner = "SELECT owner FROM TABLE_lease";
        let before: String = place.sql(owner).await[0].get(0);
        let error = late.renew().await.unwrap_err();
        assert!(error.to_string().contains("was lost"), "{error}");
        assert_eq!(late.lease(), Some(Duration::ZERO));
        late.release().await;
        assert_eq!(place.sql(owner).await[0].get::<_, String>(0), before);
        guard.release().await;
        assert!(place.sql(owner).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn p5_the_lease_of_a_dead_owner_ends_and_the_next_goes_on() {
    let Some(place) = place() else { return };
    within(async {
        let short = || {
            let deadlines = place
                .builder()
                .deadlines(Duration::from_millis(100), Duration::from_secs(1));
            deadlines.lease(Duration::from_millis(1_200)).connect()
        };
        let dead = short().await.unwrap();
        // Killed: nothing is given back, and nobody says so.
        std::mem::forget(dead.store("user").lock().await.unwrap());
        let guard = short().await.unwrap().store("user").lock().await.unwrap();
        assert!(guard.lease().unwrap() > Duration::ZERO);
    })
    .await;
}

/// Drops the future at its first, second, … await, until it comes to its end before.
#[tokio::test]
async fn a_lock_that_is_given_up_at_any_point_does_not_stay_held() {
    let Some(place) = place() else { return };
    within(async {
        let (ours, theirs) = (
            place.stores().await.store("user"),
            place.stores().await.store("user"),
        );
        let mut awaits = 0;
        loop {
            let mut left = awaits;
            let mut locking = pin!(ours.lock());
            let done = poll_fn(|cx| match locking.as_mut().poll(cx) {
                Poll::Ready(guard) => Poll::Ready(Some(guard.unwrap())),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => {
                    left -= 1;
                    Poll::Pending
                }
            })
            .await;
            if done.is_some() {
                break;
            }
            awaits += 1;
            locking.set(Box::pin(std::future::pending()));
            // Had it stayed held, this would wait for ten minutes.
            theirs.lock().await.unwrap().release().await;
        }
        assert!(awaits >= 1, "it was given up at {awaits} awaits");
        // The last guard was dropped with its lock.
        theirs.lock().await.unwrap().release().await;
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_a_request_may_outlive_is_refused_with_its_numbers() {
    let Some(place) = place() else { return };
    let (request, save) = (Duration::from_secs(30), Duration::from_secs(5));
    let short = place.builder().deadlines(request, save).lease(request + save);
    let error = short.connect().await.unwrap_err();
    assert!(
        matches!(error, PostgresStoreError::LeaseTooShort { .. }),
        "{error:?}"
    );
    for number in ["35s", "30s", "5s", "35000 ms"] {
        assert!(error.to_string().contains(number), "{number}: {error}");
    }
}
