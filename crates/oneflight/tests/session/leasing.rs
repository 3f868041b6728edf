//! P15: locks that are leases, as the driver keeps them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use oneflight::events::TransientCause;
use oneflight::store::Guard;
use oneflight::{BoxFuture, Error, MemoryStore, Record, Store, StoreError, Stored, Swap, Version};

use crate::support::{Answer, World, pass, policy, settle};

/// A store whose lock is a lease.
#[derive(Clone)]
struct Leasing {
    memory: MemoryStore,
    lease: Duration,
    renewals: Arc<AtomicUsize>,
    renewals_fail: Arc<AtomicBool>,
    held: Arc<AtomicUsize>,
}

struct Lease {
    _inner: Box<dyn Guard>,
    store: Leasing,
    until: tokio::time::Instant,
}

impl Leasing {
    fn new(lease: Duration) -> Self {
        Self {
            memory: MemoryStore::new(),
            lease,
            renewals: Arc::default(),
            renewals_fail: Arc::default(),
            held: Arc::default(),
        }
    }
}

impl Guard for Lease {
    fn lease(&self) -> Option<Duration> {
        Some(self.until.duration_since(tokio::time::Instant::now()))
    }

    fn renew(&mut self) -> BoxFuture<'_, Result<Duration, StoreError>> {
        Box::pin(async {
            self.store.renewals.fetch_add(1, Ordering::SeqCst);
            if self.store.renewals_fail.load(Ordering::SeqCst) {
                return Err(StoreError::new("scripted"));
            }
            self.until = tokio::time::Instant::now() + self.store.lease;
            Ok(self.store.lease)
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.store.held.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Store for Leasing {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        self.memory.load()
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        Box::pin(async move {
            let inner = self.memory.lock().await?;
            self.held.fetch_add(1, Ordering::SeqCst);
            let until = tokio::time::Instant::now() + self.lease;
            let lease: Box<dyn Guard> = Box::new(Lease {
                _inner: inner,
                store: self.clone(),
                until,
            });
            Ok(lease)
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        self.memory.compare_and_swap(expected, record)
    }
}

#[tokio::test(start_paused = true)]
async fn p11_a_lease_is_renewed_while_the_request_is_on_its_way() {
    let world = World::new();
    let store = Leasing::new(Duration::from_secs(60));
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    let refused = session.token().await.unwrap().stamp();
    world.server.script([Answer::After(Duration::from_secs(29))]);
    session.newer_than(refused).await.unwrap();
    assert_eq!(store.renewals.load(Ordering::SeqCst), 1, "after a third of it");
    settle().await;
    assert_eq!(store.held.load(Ordering::SeqCst), 0, "given back");
    pass(Duration::from_secs(600)).await;
    assert_eq!(store.renewals.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn p11_a_lease_shorter_than_a_request_sends_nothing() {
    let world = World::new();
    let store = Leasing::new(policy().request_deadline);
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    let refused = session.token().await.unwrap().stamp();
    let error = session.newer_than(refused).await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Transient {
                cause: TransientCause::LockFailed,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(world.server.posts(), 0);
    settle().await;
    assert_eq!(store.held.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn p11_a_lease_that_cannot_be_renewed_is_tried_again_and_lost_at_last() {
    let world = World::new();
    let store = Leasing::new(Duration::from_secs(60));
    store.renewals_fail.store(true, Ordering::SeqCst);
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    let refused = session.token().await.unwrap().stamp();
    world.server.script([Answer::After(Duration::from_secs(29))]);
    // The lease outlasts the request: the renewal did not matter yet.
    session.newer_than(refused).await.unwrap();
    assert_eq!(store.renewals.load(Ordering::SeqCst), 1);
    settle().await;
    assert_eq!(store.held.load(Ordering::SeqCst), 0);
}
