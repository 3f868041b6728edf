//! What can be wrong with a file, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::format::Damage;
use crate::store::StoreError;
use crate::store::record::RecordError;

/// A file cannot serve as a store. Each says which file, and the next step; none holds a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileStoreError {
    /// The path names no file, but a folder or nothing.
    #[error("{path:?} cannot be a file: give the path of a file, which need not exist yet")]
    NotAFile {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The system would not do it.
    #[error(
        "{path:?} could not be {what}: see that this user may read and write it and its folder, and that the disk is not full"
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Others than the owner may read or write the file.
    #[error(
        "{path:?} holds tokens and may be used by others than its owner (mode {mode:03o}): run `chmod 600` on it, and sign in anew if somebody else may have read it"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file lies on another machine, where neither the lock nor the replacing can be relied on.
    #[error(
        "{path:?} lies on a network file system ({kind}), whose locks cannot be relied on: use a path on a local disk"
    )]
    Network {
        /// The folder.
        path: PathBuf,
        /// Which kind.
        kind: &'static str,
    },
    /// The content is not what was written. It was left as it is.
    #[error(
        "{path:?} holds no record of oneflight: {damage}. It was left as it is: restore it from a backup, or move it away and sign in again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A later version of this crate wrote the file. It was left as it is.
    #[error("{path:?} was written by a newer oneflight (format {format}, and this one knows {known}): use that version", known = super::format::FORMAT)]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u64,
    },
    /// Its content is whole, and is no record that can be read with these keys; or a record cannot be written into it.
    /// It was left as it is.
    #[error("{path:?} was left as it is: {problem}")]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with the record.
        problem: RecordError,
    },
    /// The key of a record is too long.
    #[error("a key of {bytes} bytes is too long: it may have {most} at most", most = super::names::KEY_MAX_BYTES)]
    Key {
        /// Its length.
        bytes: usize,
    },
    /// Too much is waiting for the disk already.
    #[error(
        "{path:?} was not touched, because earlier work on it does not end: see whether the disk, or a process that is stopped, hangs"
    )]
    Stuck {
        /// The file.
        path: PathBuf,
    },
}

impl From<FileStoreError> for StoreError {
    fn from(error: FileStoreError) -> Self {
        Self::new(error.to_string()).because(error)
    }
}
