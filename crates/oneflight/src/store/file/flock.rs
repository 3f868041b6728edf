//! Locks of the operating system, each on a file of its own that is locked and never written.
//!
//! Such a file may be removed: by whoever cleans a folder up, and by pruning, which holds it then. Whoever has the lock on a
//! file that is gone has nothing, and goes on with the one in its place.

#[cfg(unix)]
use std::fs;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::error::FileStoreError;

/// Options for files that nobody but their owner may read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The file, made if need be.
pub(super) fn open(path: &Path) -> Result<File, FileStoreError> {
    let mut options = private();
    let options = options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(failed(path, "opened"))
}

/// The lock, if nobody has it.
pub(super) fn try_lock(path: &Path) -> Result<Option<File>, FileStoreError> {
    loop {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) if still_there(&file, path) => return Ok(Some(file)),
            // Somebody removed the file in between.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(path, "locked")(error)),
        }
    }
}

/// Waits for the lock. A signal is no reason to give up.
pub(super) fn wait(path: &Path) -> Result<File, FileStoreError> {
    loop {
        let file = open(path)?;
        match file.lock() {
            Ok(()) if still_there(&file, path) => return Ok(file),
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(path, "locked")(error)),
        }
    }
}

/// Removes the file if it is there, nobody has its lock, and it `may` go, which is asked while it is held.
#[cfg(unix)]
pub(super) fn remove_if(path: &Path, may: impl FnOnce() -> bool) {
    let Ok(file) = private().read(true).write(true).open(path) else {
        return;
    };
    if file.try_lock().is_ok() && still_there(&file, path) && may() {
        // Whoever waits for it notices. One that stays is tried again.
        let _ = fs::remove_file(path);
    }
}

/// Elsewhere a file that is open may not be removed, or keeps its name until it is closed.
#[cfg(not(unix))]
pub(super) fn remove_if(_path: &Path, _may: impl FnOnce() -> bool) {}

/// Whether the file that is locked is the one that others would lock.
#[cfg(unix)]
pub(super) fn still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(theirs)) => (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()),
        _ => false,
    }
}

/// A file that is open is not removed.
#[cfg(not(unix))]
pub(super) fn still_there(_file: &File, _path: &Path) -> bool {
    true
}

fn failed(path: &Path, what: &'static str) -> impl Fn(io::Error) -> FileStoreError {
    move |source| FileStoreError::Io {
        path: path.to_owned(),
        what,
        source,
    }
}
