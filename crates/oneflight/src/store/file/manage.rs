//! What is done to many records: listing, pruning, removing.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::{Stream, TryStreamExt as _, stream};
use oneflight_core::{State, Version};

use super::disk::{beside, sync_folder};
use super::error::FileStoreError;
use super::lane::{Lane, Stuck};
use super::many::{FileStores, Folder};
use super::names::{self, Named};
use super::{flock, read};
use crate::clock::Clock as _;
use crate::{SystemClock, WallTime};

/// So many records are looked at for pruning in one go. Writes come in between.
const PAGE: usize = 500;

/// What is to be pruned.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Prune {
    ended_for: Duration,
    unwritten_for: Option<Duration>,
}

impl Prune {
    /// Sessions that ended this long ago. Longer than any holder that still has the session in memory goes without reading.
    pub fn ended_for(length: Duration) -> Self {
        Self {
            ended_for: length,
            unwritten_for: None,
        }
    }

    /// And live ones that were not written for this long: nobody has renewed them since. Their users must sign in again.
    pub fn or_unwritten_for(mut self, length: Duration) -> Self {
        self.unwritten_for = Some(length);
        self
    }

    fn wants(&self, has_ended: bool, age: Duration) -> bool {
        match has_ended {
            true => age >= self.ended_for,
            false => self.unwritten_for.is_some_and(|length| age >= length),
        }
    }
}

/// What pruning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Records that were looked at.
    pub seen: u64,
    /// Records that are gone.
    pub removed: u64,
    /// Files named as records that are none which can be read with these keys; they were left as they are.
    pub foreign: u64,
}

impl FileStores {
    /// The keys that have a record. Keys that come or go meanwhile may be in it or not. Files that are not named as records are
    /// left out. All names are in memory at once.
    ///
    /// # Errors
    /// [`FileStoreError`], after which the stream ends.
    pub fn keys(&self) -> impl Stream<Item = Result<String, FileStoreError>> + Send + use<> {
        let folder = Arc::clone(self.folder());
        let listing = async move {
            let listed = Arc::clone(&folder);
            let listed = folder.means.reads.run(move |_| listed.keys()).await;
            let keys = listed.map_err(|Stuck| folder.stuck())??;
            Ok(stream::iter(keys.into_iter().map(Ok)))
        };
        stream::once(listing).try_flatten()
    }

    /// Removes records of sessions that are over, by this machine's clock and the times of the files, and lock files that no
    /// record has any more. A record that is written meanwhile, or is of no use without another key, stays.
    ///
    /// # Errors
    /// [`FileStoreError`]; what was removed until then is gone.
    pub async fn prune(&self, prune: Prune) -> Result<Pruned, FileStoreError> {
        let now = SystemClock.wall();
        let folder = Arc::clone(self.folder());
        let listed = folder.means.reads.run({
            let folder = Arc::clone(&folder);
            move |_| folder.names()
        });
        let names = listed.await.map_err(|Stuck| folder.stuck())??;
        let (names, mut pruned) = (Arc::new(names), Pruned::default());
        for begin in (0..names.len()).step_by(PAGE) {
            let (names, work) = (Arc::clone(&names), Arc::clone(&folder));
            let done = folder.means.writes.run(move |_| {
                let page = names.iter().skip(begin).take(PAGE);
                prune_page(&work, page, prune, now, pruned)
            });
            pruned = done.await.map_err(|Stuck| folder.stuck())??;
        }
        Ok(pruned)
    }

    /// Removes the record of this key, and says whether there was one. Nobody is told: sign out first, if the session lives.
    ///
    /// # Errors
    /// [`FileStoreError`]; what is no record is left as it is.
    pub async fn remove(&self, key: impl AsRef<str>) -> Result<bool, FileStoreError> {
        let folder = Arc::clone(self.folder());
        let name = names::name(key.as_ref()).0;
        // On a thread of its own: it may wait for a writer.
        let permit = folder.means.wait().await;
        let work = move |_: &dyn Fn() -> bool| {
            let _permit = permit;
            let path = folder.path.join(&name);
            match read::stored(&path, &name, &folder.codec) {
                Ok(None) => return Ok(false),
                // Of another key's, but a record.
                Ok(Some(_)) | Err(FileStoreError::Record { .. }) => {}
                Err(error) => return Err(error),
            }
            let turn = flock::wait(&beside(&path, ".turn"))?;
            let removed = remove_record(&path, None)?;
            drop(turn);
            sync(&folder)?;
            Ok(removed)
        };
        let done = Lane::default().run(work).await;
        done.map_err(|Stuck| self.folder().stuck())?
    }
}

impl Folder {
    /// All at once: while files are removed, a listing may leave out others.
    fn names(&self) -> Result<Vec<String>, FileStoreError> {
        let entries = fs::read_dir(&self.path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|source| FileStoreError::Io {
            path: self.path.clone(),
            what: "listed",
            source,
        })?;
        // Names of ours are text.
        let names = entries
            .into_iter()
            .filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.collect())
    }

    fn keys(&self) -> Result<Vec<String>, FileStoreError> {
        let keys = self
            .names()?
            .into_iter()
            .filter_map(|name| match names::read(&name) {
                Named::Key(key) => Some(key),
                Named::Hash => read::key(&self.path.join(&name)),
                Named::Beside(_) | Named::Foreign => None,
            });
        Ok(keys.collect())
    }

    fn stuck(&self) -> FileStoreError {
        FileStoreError::Stuck {
            path: self.path.clone(),
        }
    }
}

fn prune_page<'a>(
    folder: &Folder,
    names: impl Iterator<Item = &'a String>,
    prune: Prune,
    now: WallTime,
    mut pruned: Pruned,
) -> Result<Pruned, FileStoreError> {
    let before = pruned.removed;
    for name in names {
        match names::read(name) {
            Named::Key(_) | Named::Hash => {
                pruned.seen += 1;
                match prune_one(folder, name, prune, now)? {
                    Fate::Stays => {}
                    Fate::Removed => pruned.removed += 1,
                    Fate::Foreign => pruned.foreign += 1,
                }
            }
            // It may have gone with its record.
            Named::Beside(record) if folder.path.join(name).exists() => sweep(&folder.path.join(record)),
            Named::Beside(_) | Named::Foreign => {}
        }
    }
    if pruned.removed > before {
        sync(folder)?;
    }
    Ok(pruned)
}

enum Fate {
    Stays,
    Removed,
    Foreign,
}

fn prune_one(folder: &Folder, name: &str, prune: Prune, now: WallTime) -> Result<Fate, FileStoreError> {
    let path = folder.path.join(name);
    let Ok(written) = fs::metadata(&path).and_then(|found| found.modified()) else {
        return Ok(Fate::Stays);
    };
    let stored = match read::stored(&path, name, &folder.codec) {
        Ok(Some(stored)) => stored,
        Ok(None) => return Ok(Fate::Stays),
        Err(_) => return Ok(Fate::Foreign),
    };
    let now = Duration::from_millis(now.as_unix_millis());
    let age = now.saturating_sub(written.duration_since(UNIX_EPOCH).unwrap_or_default());
    if !prune.wants(matches!(stored.record.state, State::Ended(_)), age) {
        return Ok(Fate::Stays);
    }
    // Who writes now has something newer to say.
    let Some(_turn) = flock::try_lock(&beside(&path, ".turn"))? else {
        return Ok(Fate::Stays);
    };
    Ok(match remove_record(&path, Some(stored.version))? {
        true => Fate::Removed,
        false => Fate::Stays,
    })
}

/// Removes the record, and with it what stands beside it. The caller has the turn.
fn remove_record(path: &Path, expected: Option<Version>) -> Result<bool, FileStoreError> {
    if expected.is_some() && read::version(path) != expected {
        return Ok(false);
    }
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => {
            return Err(FileStoreError::Io {
                path: path.to_owned(),
                what: "removed",
                source,
            });
        }
    }
    remove_beside(path);
    Ok(true)
}

/// Removes what stands beside a record that is gone, unless somebody is at work on it. The caller has the turn.
fn remove_beside(path: &Path) {
    let _ = fs::remove_file(beside(path, ".new"));
    flock::remove_if(&beside(path, ".lock"), || true);
    if cfg!(unix) {
        // Whoever waits for it notices.
        let _ = fs::remove_file(beside(path, ".turn"));
    }
}

/// Removes what stands beside a record, if there is none.
fn sweep(path: &Path) {
    if path.exists() {
        return;
    }
    // A record that appears now had its turn before, or waits for it.
    if let Ok(Some(_turn)) = flock::try_lock(&beside(path, ".turn"))
        && !path.exists()
    {
        remove_beside(path);
    }
}

fn sync(folder: &Folder) -> Result<(), FileStoreError> {
    sync_folder(&folder.path).map_err(|source| FileStoreError::Io {
        path: folder.path.clone(),
        what: "synced",
        source,
    })
}
