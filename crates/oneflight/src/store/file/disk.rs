//! What is done to the file, synchronously.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use oneflight_core::machine::Swap;
use oneflight_core::{Record, Stored, Version};

use super::error::FileStoreError;
use super::many::Folder;
use super::names::KEY_MAX_BYTES;
use super::news::Told;
use super::{flock, format, place, read};
use crate::store::record::{RecordCodec, next_version};

/// The file and those beside it: `.lock`, whose owner renews, `.turn`, whose owner looks at the version and replaces the
/// file, moments only, and `.new`, which will replace it.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) path: PathBuf,
    /// What binds a record to this file: its name.
    place: String,
    /// The key, where it cannot be read in the name.
    key: Option<Box<str>>,
    codec: RecordCodec,
}

/// Whether to wait while somebody else writes.
#[derive(Clone, Copy)]
pub(super) enum Patience<'a> {
    None,
    /// And to ask after that: nobody may want it any more.
    Wait {
        wanted: &'a dyn Fn() -> bool,
    },
}

impl Disk {
    pub(super) fn open(given: &Path, codec: RecordCodec) -> Result<Self, FileStoreError> {
        let path = resolve(given)?;
        place::check(path.parent().unwrap_or(&path))?;
        let disk = Self {
            place: read::place(&path),
            path,
            key: None,
            codec,
        };
        disk.load()?;
        // What cannot be locked is better known before there is a token to keep.
        flock::open(&disk.beside(".lock"))?;
        flock::open(&disk.beside(".turn"))?;
        Ok(disk)
    }

    /// The file of one key. Nothing is touched.
    pub(super) fn of_key(folder: &Folder, name: &str, hidden_key: Option<&str>) -> Self {
        Self {
            path: folder.path.join(name),
            place: name.to_owned(),
            key: hidden_key.map(Into::into),
            codec: folder.codec.clone(),
        }
    }

    /// A key that is longer than any may be.
    pub(super) fn fit(&self) -> Result<(), FileStoreError> {
        match self.key.as_deref().map(str::len) {
            Some(bytes) if bytes > KEY_MAX_BYTES => Err(FileStoreError::Key { bytes }),
            _ => Ok(()),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.place
    }

    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        beside(&self.path, ending)
    }

    pub(super) fn load(&self) -> Result<Option<Stored>, FileStoreError> {
        self.fit()?;
        read::stored(&self.path, &self.place, &self.codec)
    }

    /// Replaces the file if it is of this version. `None`: somebody else writes.
    pub(super) fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: &Record,
        patience: Patience<'_>,
        told: &Told,
    ) -> Result<Option<Swap>, FileStoreError> {
        self.fit()?;
        let turn = self.beside(".turn");
        let _turn = match patience {
            Patience::None => match flock::try_lock(&turn)? {
                Some(turn) => turn,
                None => return Ok(None),
            },
            Patience::Wait { wanted } => {
                let turn = flock::wait(&turn)?;
                if !wanted() {
                    return Ok(Some(Swap::Conflict));
                }
                turn
            }
        };
        let standing = self.load()?.map(|stored| stored.version);
        if standing != expected {
            return Ok(Some(Swap::Conflict));
        }
        let version = next_version(standing);
        let line = self.codec.write(&self.place, version, record);
        let line = line.map_err(|problem| FileStoreError::Record {
            path: self.path.clone(),
            problem,
        })?;
        let whole = format::write(version, self.key.as_deref(), &line);
        told.writing(version);
        let replaced = self.replace(&whole);
        if replaced.is_err() {
            told.not_written();
        }
        replaced.map_err(|source| FileStoreError::Io {
            path: self.path.clone(),
            what: "replaced",
            source,
        })?;
        Ok(Some(Swap::Written(version)))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        // One that was left by a process that died. Whoever has the turn is the only one to touch it.
        let fresh = self.beside(".new");
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fault::point("before-temporary");
        let mut file = flock::private().write(true).create_new(true).open(&fresh)?;
        let written = write_all(&mut file, bytes).and_then(|()| fs::rename(&fresh, &self.path));
        if written.is_err() {
            // The file of before still stands; what was meant to replace it holds tokens and need not.
            let _ = fs::remove_file(&fresh);
        }
        written?;
        fault::point("renamed");
        sync_folder(self.path.parent().unwrap_or(&self.path))?;
        fault::point("synced");
        Ok(())
    }
}

/// What stands beside the file.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// The true place of the file. A link is followed now: renaming over it would leave the file that it points to behind,
/// with a spent token.
fn resolve(given: &Path) -> Result<PathBuf, FileStoreError> {
    let not_a_file = || FileStoreError::NotAFile {
        path: given.to_owned(),
    };
    match given.canonicalize() {
        Ok(path) if path.is_file() => return Ok(path),
        Ok(_) => return Err(not_a_file()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => {
            return Err(FileStoreError::Io {
                path: given.to_owned(),
                what: "found",
                source,
            });
        }
    }
    let name = given.file_name().ok_or_else(not_a_file)?;
    let folder = given.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(make_folder(folder.unwrap_or(Path::new(".")))?.join(name))
}

/// The true place of the folder, made if there is none.
pub(super) fn make_folder(given: &Path) -> Result<PathBuf, FileStoreError> {
    let io = |what| {
        move |source| FileStoreError::Io {
            path: given.to_owned(),
            what,
            source,
        }
    };
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .recursive(true)
        .create(given)
        .map_err(io("given a folder"))?;
    given.canonicalize().map_err(io("found"))
}

fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    fault::point("half-written");
    file.write_all(second)?;
    fault::point("written");
    file.sync_all()?;
    fault::point("file-synced");
    Ok(())
}

/// A rename is durable when the folder is.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

/// Where tests end the process.
mod fault {
    #[cfg(test)]
    pub(super) fn point(name: &str) {
        if std::env::var_os("ONEFLIGHT_DIE_AT").is_some_and(|at| at == name) {
            std::process::abort();
        }
    }

    #[cfg(not(test))]
    pub(super) fn point(_name: &str) {}
}
