//! A store around the one that is tried, which fails when the case wants it to.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oneflight::store::{Changes, Guard};
use oneflight::{BoxFuture, Record, State, Store, StoreError, Stored, Swap, Version};
use tokio::sync::Semaphore;

use super::subject::Shown;

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    Failed,
    /// It lands, and fails.
    DoneAndFailed,
}

type Judge = fn(&Record) -> Fate;

/// Clones share their faults.
#[derive(Clone)]
pub(super) struct Faulty {
    inner: Arc<dyn Shown>,
    faults: Arc<Faults>,
}

struct Faults {
    judge: Mutex<Judge>,
    /// Neither reading nor locking works.
    is_down: AtomicBool,
    locks_wanted: Semaphore,
}

impl Faulty {
    pub(super) fn over(inner: Arc<dyn Shown>) -> Self {
        Self {
            inner,
            faults: Arc::new(Faults {
                judge: Mutex::new(|_| Fate::Done),
                is_down: AtomicBool::new(false),
                locks_wanted: Semaphore::new(0),
            }),
        }
    }

    /// From now on writes end as this says.
    pub(super) fn judge(&self, judge: Judge) {
        *self.faults.judge.lock().unwrap_or_else(PoisonError::into_inner) = judge;
    }

    /// From now on nothing works.
    pub(super) fn go_down(&self) {
        self.judge(|_| Fate::Failed);
        self.faults.is_down.store(true, Ordering::SeqCst);
    }

    /// From now on everything works.
    pub(super) fn heal(&self) {
        self.judge(|_| Fate::Done);
        self.faults.is_down.store(false, Ordering::SeqCst);
    }

    fn up(&self) -> Result<(), StoreError> {
        match self.faults.is_down.load(Ordering::SeqCst) {
            true => Err(StoreError::new("the test wants the store to fail")),
            false => Ok(()),
        }
    }

    /// Until somebody wants the lock.
    pub(super) async fn lock_wanted(&self) {
        self.faults
            .locks_wanted
            .acquire()
            .await
            .expect("it is not closed")
            .forget();
    }
}

pub(super) fn is_mark(record: &Record) -> bool {
    matches!(record.state, State::Live { mark: Some(_), .. })
}

/// A renewed token set.
pub(super) fn is_renewed(record: &Record) -> bool {
    record.set > 0 && matches!(record.state, State::Live { mark: None, .. })
}

pub(super) fn is_tombstone(record: &Record) -> bool {
    matches!(record.state, State::Ended(_))
}

impl Store for Faulty {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(async move {
            self.up()?;
            self.inner.load().await
        })
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        self.faults.locks_wanted.add_permits(1);
        Box::pin(async move {
            self.up()?;
            self.inner.lock().await
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        let judge = *self.faults.judge.lock().unwrap_or_else(PoisonError::into_inner);
        let fate = judge(&record);
        Box::pin(async move {
            if fate != Fate::Failed {
                let swap = self.inner.compare_and_swap(expected, record).await?;
                if fate == Fate::Done || swap == Swap::Conflict {
                    return Ok(swap);
                }
            }
            Err(StoreError::new("the test wants this write to fail"))
        })
    }

    fn lease(&self) -> Option<Duration> {
        self.inner.lease()
    }

    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        self.inner.announce(version)
    }

    fn changes(&self) -> Option<Changes> {
        self.inner.changes()
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Faulty").field(&self.inner).finish()
    }
}

/// A store that hears of nothing.
#[derive(Debug)]
pub(super) struct Deaf(pub(super) Arc<dyn Shown>);

impl Store for Deaf {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        self.0.load()
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        self.0.lock()
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        self.0.compare_and_swap(expected, record)
    }

    fn lease(&self) -> Option<Duration> {
        self.0.lease()
    }

    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        self.0.announce(version)
    }
}
