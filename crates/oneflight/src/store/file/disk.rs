//! What is done to the file, synchronously.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use oneflight_core::machine::Swap;
use oneflight_core::{Record, Stored, Version};

use super::error::FileStoreError;
use super::news::Told;
use super::{format, place, read};
use crate::store::record::{RecordCodec, RecordError, next_version};

/// The file and those beside it.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) path: PathBuf,
    folder: PathBuf,
    /// Who holds it renews. Never renamed and never removed, so all holders lock the same file.
    pub(super) lock: PathBuf,
    /// Who holds it looks at the version and replaces the file: moments only.
    turn: PathBuf,
    /// What will replace the file.
    fresh: PathBuf,
    /// What binds a record to this file: its name.
    place: String,
    codec: RecordCodec,
}

impl Disk {
    pub(super) fn open(given: &Path, codec: RecordCodec) -> Result<Self, FileStoreError> {
        let path = resolve(given)?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        place::check(&folder)?;
        let beside = |ending: &str| {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(ending);
            path.with_file_name(name)
        };
        let disk = Self {
            lock: beside(".lock"),
            turn: beside(".turn"),
            fresh: beside(".new"),
            place: read::place(&path),
            folder,
            path,
            codec,
        };
        disk.check_mode()?;
        disk.load()?;
        // What cannot be locked is better known before there is a token to keep.
        disk.private_file(&disk.lock)?;
        disk.private_file(&disk.turn)?;
        Ok(disk)
    }

    pub(super) fn load(&self) -> Result<Option<Stored>, FileStoreError> {
        read::stored(&self.path, &self.place, &self.codec, |_| Ok(()))
    }

    /// Replaces the file if it is of this version. `wanted` is asked again after a wait: nobody may want it any more.
    pub(super) fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: &Record,
        wanted: impl Fn() -> bool,
        told: &Told,
    ) -> Result<Swap, FileStoreError> {
        let turn = self.private_file(&self.turn)?;
        if turn.try_lock().is_err() {
            lock(&turn).map_err(|error| self.io("locked", error))?;
            if !wanted() {
                return Ok(Swap::Conflict);
            }
        }
        let standing = self.load()?.map(|stored| stored.version);
        if standing != expected {
            return Ok(Swap::Conflict);
        }
        let version = next_version(standing);
        let line = self.codec.write(&self.place, version, record);
        let whole = format::write(version, &line.map_err(|problem| self.record(problem))?);
        told.writing(version);
        let replaced = self.replace(&whole);
        if replaced.is_err() {
            told.not_written();
        }
        replaced.map_err(|error| self.io("replaced", error))?;
        Ok(Swap::Written(version))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        // One that was left by a process that died. Whoever has the turn is the only one to touch it.
        match fs::remove_file(&self.fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fault::point("before-temporary");
        let mut file = private().write(true).create_new(true).open(&self.fresh)?;
        let written = write_all(&mut file, bytes).and_then(|()| fs::rename(&self.fresh, &self.path));
        if written.is_err() {
            // The file of before still stands; what was meant to replace it holds tokens and need not.
            let _ = fs::remove_file(&self.fresh);
        }
        written?;
        fault::point("renamed");
        sync_folder(&self.folder)?;
        fault::point("synced");
        Ok(())
    }

    fn check_mode(&self) -> Result<(), FileStoreError> {
        match fs::metadata(&self.path) {
            Ok(found) => read::private(&self.path, &found),
            Err(_) => Ok(()),
        }
    }

    /// A file of ours, made if need be, that is locked and never written.
    pub(super) fn private_file(&self, path: &Path) -> Result<File, FileStoreError> {
        private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|source| FileStoreError::Io {
                path: path.to_owned(),
                what: "opened",
                source,
            })
    }

    fn io(&self, what: &'static str, source: io::Error) -> FileStoreError {
        FileStoreError::Io {
            path: self.path.clone(),
            what,
            source,
        }
    }

    fn record(&self, problem: RecordError) -> FileStoreError {
        FileStoreError::Record {
            path: self.path.clone(),
            problem,
        }
    }
}

/// The true place of the file. A link is followed now: renaming over it would leave the file that it points to behind,
/// with a spent token.
fn resolve(given: &Path) -> Result<PathBuf, FileStoreError> {
    let not_a_file = || FileStoreError::NotAFile {
        path: given.to_owned(),
    };
    let io = |what| {
        move |source| FileStoreError::Io {
            path: given.to_owned(),
            what,
            source,
        }
    };
    match given.canonicalize() {
        Ok(path) if path.is_file() => return Ok(path),
        Ok(_) => return Err(not_a_file()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(io("found")(error)),
    }
    let name = given.file_name().ok_or_else(not_a_file)?;
    let folder = given.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .recursive(true)
        .create(folder)
        .map_err(io("given a folder"))?;
    Ok(folder.canonicalize().map_err(io("found"))?.join(name))
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

/// Options for files that nobody but their owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Waits for the lock on a file. A signal is no reason to give up.
pub(super) fn lock(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// A rename is durable when the folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
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
