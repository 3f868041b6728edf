//! The lock around a renewal: the operating system's, on a file of its own.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{io, thread};

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, oneshot};

use super::error::FileStoreError;
use super::flock;
use super::means::Means;
use crate::store::Guard;

type Waited = Result<Locked, FileStoreError>;

/// What the clones of a store share of the lock.
#[derive(Default)]
pub(super) struct Turns {
    /// Those of this process queue here, fairly; only the first waits for the system.
    queue: Arc<tokio::sync::Mutex<()>>,
    waiting: Arc<Mutex<Waiting>>,
    /// The lock while it is held. A write under way keeps it too.
    held: Mutex<Weak<Locked>>,
}

/// The one thread that waits for the system. A wait inside the system cannot be given up, so when its future is dropped
/// the thread stays, and the next who waits takes it over.
#[derive(Default)]
struct Waiting {
    has_thread: bool,
    sender: Option<oneshot::Sender<Waited>>,
}

/// The lock, and what allows to have it.
pub(super) struct Locked {
    _file: File,
    _permit: OwnedSemaphorePermit,
}

struct Held {
    _lock: Arc<Locked>,
    _turn: OwnedMutexGuard<()>,
}

impl Guard for Held {}

impl Turns {
    /// Waits for the lock on this file.
    pub(super) async fn take(&self, path: &Path, means: &Means) -> Result<Box<dyn Guard>, FileStoreError> {
        let turn = Arc::clone(&self.queue).lock_owned().await;
        let lock = Arc::new(self.locked(path, means).await?);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&lock);
        Ok(Box::new(Held {
            _lock: lock,
            _turn: turn,
        }))
    }

    /// Keeps the lock, if this store has it, as long as the result lives.
    pub(super) fn keep(&self) -> Option<Arc<Locked>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    async fn locked(&self, path: &Path, means: &Means) -> Waited {
        let receiver = match self.join() {
            Some(receiver) => receiver,
            None => {
                let permit = means.hold().await;
                if let Some(file) = flock::try_lock(path)? {
                    return Ok(Locked {
                        _file: file,
                        _permit: permit,
                    });
                }
                drop(permit);
                self.begin(path, means.wait().await)?
            }
        };
        receiver.await.unwrap_or_else(|_| {
            let ended = io::Error::other("the thread that waited for it ended");
            Err(failed(path, ended))
        })
    }

    /// Takes over the thread that waits, if there is one.
    fn join(&self) -> Option<oneshot::Receiver<Waited>> {
        let mut waiting = self.waiting();
        waiting.has_thread.then(|| waiting.receiver())
    }

    fn begin(
        &self,
        path: &Path,
        permit: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Waited>, FileStoreError> {
        let mut waiting = self.waiting();
        let (shared, owned) = (Arc::clone(&self.waiting), path.to_owned());
        let named = thread::Builder::new().name("oneflight-lock".to_owned());
        named
            .spawn(move || wait(&shared, &owned, permit))
            .map_err(|error| failed(path, error))?;
        waiting.has_thread = true;
        Ok(waiting.receiver())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn receiver(&mut self) -> oneshot::Receiver<Waited> {
        let (sender, receiver) = oneshot::channel();
        self.sender = Some(sender);
        receiver
    }
}

/// Waits for the system, and gives the lock to whoever wants it then. If nobody does, the file is dropped, and with it
/// the lock.
fn wait(shared: &Mutex<Waiting>, path: &Path, permit: OwnedSemaphorePermit) {
    let locked = flock::wait(path).map(|file| Locked {
        _file: file,
        _permit: permit,
    });
    let mut waiting = shared.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.has_thread = false;
    if let Some(sender) = waiting.sender.take() {
        let _ = sender.send(locked);
    }
}

fn failed(path: &Path, source: io::Error) -> FileStoreError {
    FileStoreError::Io {
        path: path.to_owned(),
        what: "locked",
        source,
    }
}
