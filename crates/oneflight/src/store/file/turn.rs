//! The lock around a renewal: the operating system's, on a file of its own.

use std::fs::{File, TryLockError};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use tokio::sync::{OwnedMutexGuard, oneshot};

use super::disk::{self, Disk};
use super::error::FileStoreError;
use crate::store::Guard;

type Sender = oneshot::Sender<Result<File, FileStoreError>>;

/// What the clones of a store share of the lock.
#[derive(Default)]
pub(super) struct Turns {
    /// Those of this process queue here, fairly; only the first waits for the system.
    queue: Arc<tokio::sync::Mutex<()>>,
    waiting: Arc<Mutex<Waiting>>,
    /// The lock while it is held. A write under way keeps it too.
    held: Mutex<Weak<File>>,
}

/// The one thread that waits for the system. A wait inside the system cannot be given up, so when its future is dropped
/// the thread stays, and the next who waits takes it over.
#[derive(Default)]
struct Waiting {
    has_thread: bool,
    sender: Option<Sender>,
}

struct Held {
    _lock: Arc<File>,
    _turn: OwnedMutexGuard<()>,
}

impl Guard for Held {}

impl Turns {
    pub(super) async fn take(&self, disk: &Arc<Disk>) -> Result<Box<dyn Guard>, FileStoreError> {
        let turn = Arc::clone(&self.queue).lock_owned().await;
        let file = match self.ask(disk)? {
            Asked::Locked(file) => file,
            Asked::Waiting(receiver) => receiver.await.unwrap_or_else(|_| {
                Err(failed(
                    disk,
                    io::Error::other("the thread that waited for it ended"),
                ))
            })?,
        };
        let lock = Arc::new(file);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&lock);
        Ok(Box::new(Held {
            _lock: lock,
            _turn: turn,
        }))
    }

    /// Keeps the lock, if this store has it, as long as the result lives.
    pub(super) fn keep(&self) -> Option<Arc<File>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    fn ask(&self, disk: &Arc<Disk>) -> Result<Asked, FileStoreError> {
        let mut waiting = self.waiting();
        if !waiting.has_thread {
            loop {
                let file = disk.private_file(&disk.lock)?;
                match file.try_lock() {
                    Ok(()) if still_there(&file, disk) => return Ok(Asked::Locked(file)),
                    // Somebody removed the file in between.
                    Ok(()) => {}
                    Err(TryLockError::WouldBlock) => break,
                    Err(TryLockError::Error(error)) => return Err(failed(disk, error)),
                }
            }
            let (shared, disk) = (Arc::clone(&self.waiting), Arc::clone(disk));
            let named = thread::Builder::new().name("oneflight-lock".to_owned());
            let path = Arc::clone(&disk);
            named
                .spawn(move || wait(&shared, &disk))
                .map_err(|error| failed(&path, error))?;
            waiting.has_thread = true;
        }
        let (sender, receiver) = oneshot::channel();
        waiting.sender = Some(sender);
        Ok(Asked::Waiting(receiver))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Asked {
    Locked(File),
    Waiting(oneshot::Receiver<Result<File, FileStoreError>>),
}

/// Waits for the system, and gives the lock to whoever wants it then. If nobody does, the file is dropped, and with it
/// the lock.
fn wait(shared: &Mutex<Waiting>, disk: &Disk) {
    let locked = loop {
        let file = match disk.private_file(&disk.lock) {
            Ok(file) => file,
            Err(error) => break Err(error),
        };
        match disk::lock(&file) {
            Ok(()) if still_there(&file, disk) => break Ok(file),
            Ok(()) => {}
            Err(error) => break Err(failed(disk, error)),
        }
    };
    let mut waiting = shared.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.has_thread = false;
    if let Some(sender) = waiting.sender.take() {
        let _ = sender.send(locked);
    }
}

/// Whether the file that is locked is the one that others would lock. Who cleans a folder up may have removed it.
#[cfg(unix)]
fn still_there(file: &File, disk: &Disk) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(&disk.lock)) {
        (Ok(ours), Ok(theirs)) => (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()),
        _ => false,
    }
}

/// A file that is open cannot be removed.
#[cfg(not(unix))]
fn still_there(_file: &File, _disk: &Disk) -> bool {
    true
}

fn failed(disk: &Disk, source: io::Error) -> FileStoreError {
    FileStoreError::Io {
        path: disk.lock.clone(),
        what: "locked",
        source,
    }
}
