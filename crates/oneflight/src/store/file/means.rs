//! Threads and locks that stores share, so that however many there are do with so many.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lane::Lane;

/// What the clones of one store share, or all stores of a folder.
pub(super) struct Means {
    /// Apart, so that nobody reads behind a write that does not end.
    pub(super) reads: Lane,
    pub(super) writes: Lane,
    held: Arc<Semaphore>,
    waits: Arc<Semaphore>,
}

/// Threads that read, and threads that write, for a folder.
const THREADS_MOST: usize = 4;

/// So many reads, and so many writes, may wait for those threads: a few for each of ten thousand stores.
const JOBS_MOST: usize = 65_536;

/// So many locks a process has in one folder at a time. Each is an open file, and a process may have 1,024 of them by default.
const HELD_MOST: usize = 256;

/// So many threads wait for a lock that another process has.
const WAITS_MOST: usize = 64;

impl Means {
    /// For one file.
    pub(super) fn of_one() -> Self {
        Self {
            reads: Lane::default(),
            writes: Lane::default(),
            held: Arc::new(Semaphore::new(1)),
            waits: Arc::new(Semaphore::new(THREADS_MOST)),
        }
    }

    /// For a folder of them.
    pub(super) fn of_many() -> Self {
        let lane = || Lane::wide(THREADS_MOST, JOBS_MOST);
        Self {
            reads: lane(),
            writes: lane(),
            held: Arc::new(Semaphore::new(HELD_MOST)),
            waits: Arc::new(Semaphore::new(WAITS_MOST)),
        }
    }

    /// To have a lock, or to try for one.
    pub(super) async fn hold(&self) -> OwnedSemaphorePermit {
        take(&self.held).await
    }

    /// To wait for one on a thread, and to have it then. The permit goes with the thread: a wait inside the system cannot be
    /// given up.
    pub(super) async fn wait(&self) -> OwnedSemaphorePermit {
        take(&self.waits).await
    }
}

async fn take(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.expect("these semaphores are never closed")
}
