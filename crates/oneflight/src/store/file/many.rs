//! All records in one folder.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::disk::{self, Disk};
use super::error::FileStoreError;
use super::means::Means;
use super::{FileStore, Shared, names, place};
use crate::store::record::RecordCodec;

/// The records in one folder, a file for each key, shared by all processes of a machine that open the same folder.
///
/// Each store is a [`FileStore`], with all that it guarantees. However many there are, a process has at most 8 threads that
/// read and write, 64 that wait for locks of other processes, one that [listens](crate::Store::changes), and 256 locks held at a
/// time; more sessions that want to renew wait for their turn. A store that nobody uses costs no thread and no open file.
///
/// The files are called `key-` and the key, with what is not a lower-case letter, a digit, `-` or `_` written as `%xx`; a
/// key that makes too long a name is called by its SHA-256, `hash-…`, and stands in the file's first line. So whoever may list the
/// folder sees the keys: where they are secret, hash them before.
///
/// Cheap to clone; clones are the same.
///
/// # Examples
/// ```
/// use oneflight::endpoint::TokenEndpoint;
/// use oneflight::record::{Key, Keys, RecordCodec};
/// use oneflight::{FileStores, Session, Sessions};
///
/// fn service(endpoint: impl TokenEndpoint) -> Result<Sessions<u64>, Box<dyn std::error::Error>> {
///     let codec = RecordCodec::encrypted(Keys::new(Key::from_env("SESSION_KEY")?));
///     let stores = FileStores::open_with("/var/lib/shop/sessions", codec)?;
///     Ok(Sessions::new(
///         Session::builder().endpoint(endpoint).origins(["https://api.example.com"]),
///         move |user: &u64| stores.store(user.to_string()),
///     )?)
/// }
/// ```
#[derive(Clone)]
pub struct FileStores {
    folder: Arc<Folder>,
}

/// What the stores of a folder share.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) codec: RecordCodec,
    pub(super) means: Arc<Means>,
    /// By the name of the file, those that somebody has.
    stores: Mutex<HashMap<Box<str>, Weak<Shared>>>,
}

impl FileStores {
    /// Opens the folder, which is made if there is none. Blocks for as long as the disk takes. Nothing is encrypted.
    ///
    /// # Errors
    /// [`FileStoreError`] names the folder and the next step.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, FileStoreError> {
        Self::open_with(folder, RecordCodec::dangerously_unencrypted())
    }

    /// The same, with the codec that encrypts what is written and opens what is read.
    ///
    /// # Errors
    /// [`FileStoreError`] names the folder and the next step. Whether records open is seen when they are read.
    pub fn open_with(folder: impl AsRef<Path>, codec: RecordCodec) -> Result<Self, FileStoreError> {
        let path = disk::make_folder(folder.as_ref())?;
        place::check(&path)?;
        Ok(Self {
            folder: Arc::new(Folder {
                path,
                codec,
                means: Arc::new(Means::of_many()),
                stores: Mutex::default(),
            }),
        })
    }

    /// The store of this key: the same record for all who ask for it, in this process and in others. Does not touch the disk.
    /// A key of more than 1,024 bytes gives a store whose every operation fails with [`FileStoreError::Key`].
    #[must_use]
    pub fn store(&self, key: impl AsRef<str>) -> FileStore {
        let key = key.as_ref();
        let (name, is_hashed) = names::name(key);
        let mut stores = self.folder.stores();
        if let Some(shared) = stores.get(&*name).and_then(Weak::upgrade) {
            // What is dropped here is not the last: this one is another.
            return FileStore { shared };
        }
        let disk = Disk::of_key(&self.folder, &name, is_hashed.then_some(key));
        let shared = Arc::new(Shared::new(
            disk,
            Arc::clone(&self.folder.means),
            Some(Arc::clone(&self.folder)),
        ));
        stores.insert(name.into(), Arc::downgrade(&shared));
        FileStore { shared }
    }

    /// The folder, links followed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder.path
    }

    pub(super) fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }
}

impl Folder {
    fn stores(&self) -> MutexGuard<'_, HashMap<Box<str>, Weak<Shared>>> {
        // Nothing below can panic half-way through a change.
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a store that nobody has any more.
    pub(super) fn forget(&self, name: &str) {
        let mut stores = self.stores();
        // Another one may have come into its place.
        if stores.get(name).is_some_and(|store| store.strong_count() == 0) {
            stores.remove(name);
        }
    }
}

impl fmt::Debug for FileStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStores")
            .field("path", &self.folder.path)
            .finish_non_exhaustive()
    }
}
