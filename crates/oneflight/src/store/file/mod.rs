//! A store in a file.

mod disk;
mod error;
mod flock;
mod format;
mod lane;
mod manage;
mod many;
mod means;
mod names;
mod news;
mod place;
mod read;
#[cfg(test)]
mod tests;
mod turn;
#[cfg(target_os = "linux")]
mod watch;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use oneflight_core::machine::Swap;
use oneflight_core::{Record, Stored, Version};

pub use error::FileStoreError;
pub use format::Damage;
pub use manage::{Prune, Pruned};
pub use many::FileStores;

use super::record::RecordCodec;
use super::{Changes, Guard, Store, StoreError};
use crate::BoxFuture;
use disk::{Disk, Patience};
use lane::{Lane, Stuck};
use many::Folder;
use means::Means;
use news::Told;
use turn::Turns;

/// A store in a file, shared by all processes of a machine that open the same path.
///
/// - **The lock** is the operating system's, on `NAME.lock` beside the file. It ends with the process that holds it, however
///   that ends. Waiting for it happens on a thread of its own, which keeps no runtime from shutting down.
/// - **Writes** replace the file: `NAME.new` is written, synced and renamed over it, and the folder is synced. At every moment
///   the file holds the record of before or the one of after, whole. `NAME.turn` keeps two writers apart.
/// - **The content** has a format, a version and a checksum. A file that is damaged, or was written by a newer oneflight, is
///   an error that says so, and is never overwritten.
/// - **Permissions:** on Unix all these files are made with mode 0600. A file that others may use is refused.
/// - **Encryption:** [`open`](Self::open) does not encrypt, [`open_with`](Self::open_with) does. What is encrypted is bound
///   to the file's name: a copy under another name does not open.
/// - **Network file systems** are refused where they are recognised (on Linux: NFS, SMB, Ceph, AFS, Coda, Lustre, GPFS), and
///   doubtful ones (FUSE, 9p) cause a warning.
///
/// - **Changes:** on Linux the folder is watched (inotify), so a holder in another process hears of a sign-in, a renewal and a
///   sign-out at once, also when it is idle. All stores of a process share one thread and one watch per folder. Where the
///   system cannot watch, which is logged as a warning, and on other systems, holders learn of each other when they read. A
///   holder that waits for the lock gets it as soon as it is free, everywhere.
///
/// Clones, and stores opened on the same path, are the same record.
///
/// # Examples
/// ```
/// use oneflight::{FileStore, JsonTokens, Session};
/// # use bytes::Bytes;
/// # use http::{Request, Response};
/// # use oneflight::endpoint::{OAuthEndpoint, exchange_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let http = || exchange_fn(async |_: Request<Bytes>, _| Ok(Response::new(Bytes::from("{}"))));
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("my-program/session");
/// let session = |store| Session::builder()
///     .endpoint(OAuthEndpoint::builder("https://as.example/token", "my-client", http())
///         .build().expect("the settings are right"))
///     .origins(["https://api.example.com"])
///     .store(store)
///     .build();
///
/// // The first run of the program signs in …
/// let first = session(FileStore::open(&path)?)?;
/// first.sign_in(JsonTokens(r#"{"access_token":"a","refresh_token":"r","expires_in":900}"#)).await?;
///
/// // … and the second one finds the session.
/// let second = session(FileStore::open(&path)?)?;
/// assert_eq!(second.token().await?.header(), "Bearer a");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FileStore {
    shared: Arc<Shared>,
}

/// What clones share.
struct Shared {
    disk: Disk,
    turns: Turns,
    told: Told,
    means: Arc<Means>,
    /// If it is one of many.
    folder: Option<Arc<Folder>>,
}

impl Shared {
    fn new(disk: Disk, means: Arc<Means>, folder: Option<Arc<Folder>>) -> Self {
        Self {
            disk,
            turns: Turns::default(),
            told: Told::default(),
            means,
            folder,
        }
    }

    fn settled<T>(&self, done: Result<Result<T, FileStoreError>, Stuck>) -> Result<T, FileStoreError> {
        let path = || self.disk.path.clone();
        done.unwrap_or_else(|Stuck| Err(FileStoreError::Stuck { path: path() }))
    }

    async fn swap(
        self: Arc<Self>,
        expected: Option<Version>,
        record: Record,
    ) -> Result<Swap, FileStoreError> {
        let record = Arc::new(record);
        // A driver that ends drops its guard, not the write: until that has ended, the lock is kept.
        let kept = self.turns.keep();
        let work = {
            let (shared, record, kept) = (Arc::clone(&self), Arc::clone(&record), kept.clone());
            move |_: &dyn Fn() -> bool| {
                let _kept = kept;
                shared.write(expected, &record, Patience::None)
            }
        };
        if let Some(swap) = self.settled(self.means.writes.run(work).await)? {
            return Ok(swap);
        }
        // Waited for apart: writes to other files go on.
        let permit = self.means.wait().await;
        let shared = Arc::clone(&self);
        let work = move |wanted: &dyn Fn() -> bool| {
            let _kept = (kept, permit);
            shared.write(expected, &record, Patience::Wait { wanted })
        };
        let swap = self.settled(Lane::default().run(work).await)?;
        Ok(swap.unwrap_or(Swap::Conflict))
    }

    fn write(
        &self,
        expected: Option<Version>,
        record: &Record,
        patience: Patience<'_>,
    ) -> Result<Option<Swap>, FileStoreError> {
        self.disk.compare_and_swap(expected, record, patience, &self.told)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            folder.forget(self.disk.name());
        }
    }
}

impl FileStore {
    /// Opens the file, which need not exist; its folder is made if there is none. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// [`FileStoreError`] names the file and the next step. Nothing has been written then, except empty files beside it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileStoreError> {
        Self::open_with(path, RecordCodec::dangerously_unencrypted())
    }

    /// The same, with the codec that encrypts what is written and opens what is read.
    ///
    /// # Errors
    /// [`FileStoreError`] names the file and the next step; [`FileStoreError::Record`] if what is there does not open.
    ///
    /// # Examples
    /// ```
    /// use oneflight::FileStore;
    /// use oneflight::record::{Key, Keys, RecordCodec};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("session");
    /// # let text = Key::generate("2026-11")?.to_text();
    /// // From `Key::from_file`, `Key::from_env`, or wherever your secrets are.
    /// let key = Key::parse(&text)?;
    /// let store = FileStore::open_with(path, RecordCodec::encrypted(Keys::new(key)))?;
    /// # let _ = store;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_with(path: impl AsRef<Path>, codec: RecordCodec) -> Result<Self, FileStoreError> {
        let disk = Disk::open(path.as_ref(), codec)?;
        let means = Arc::new(Means::of_one());
        Ok(Self {
            shared: Arc::new(Shared::new(disk, means, None)),
        })
    }

    /// What a file holds at this moment; `None`: there is none. One read of one file, for programs that only want to know:
    /// no runtime, no lock, and no file is made. Whether it lies on a network file system is not looked at.
    ///
    /// At every moment the file is whole, so this may be done while other processes renew. What was read may be spent a
    /// moment later: a refresh token is for a [`Session`](crate::Session), which reads it under the lock.
    ///
    /// # Errors
    /// [`FileStoreError`] names the file and the next step, as when it is [opened](Self::open_with).
    ///
    /// # Examples
    /// ```
    /// use oneflight::record::RecordCodec;
    /// use oneflight::{FileStore, State};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("session");
    /// let stored = FileStore::peek(&path, &RecordCodec::dangerously_unencrypted())?;
    /// match stored.map(|stored| stored.record.state) {
    ///     Some(State::Live { tokens, .. }) => println!("a session, since {:?}", tokens.received_at),
    ///     Some(State::Ended(reason)) => println!("no session: {reason}"),
    ///     None => println!("nobody has signed in"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn peek(path: impl AsRef<Path>, codec: &RecordCodec) -> Result<Option<Stored>, FileStoreError> {
        read::peek(path.as_ref(), codec)
    }

    /// The file, links followed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.disk.path
    }
}

impl Store for FileStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let loaded = self.shared.means.reads.run(move |_| shared.disk.load());
            Ok(self.shared.settled(loaded.await)?)
        })
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        Box::pin(async move {
            let shared = &self.shared;
            shared.disk.fit()?;
            let path = shared.disk.beside(".lock");
            Ok(shared.turns.take(&path, &shared.means).await?)
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { Ok(shared.swap(expected, record).await?) })
    }

    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        // Other processes have seen the file change.
        self.shared.told.announce(version);
        Box::pin(std::future::ready(()))
    }

    fn changes(&self) -> Option<Changes> {
        Some(news::changes(&self.shared))
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("path", &self.shared.disk.path)
            .finish_non_exhaustive()
    }
}
