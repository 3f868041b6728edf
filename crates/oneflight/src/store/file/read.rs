//! Reading the file, without anything beside it.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use oneflight_core::{Stored, Version};
use zeroize::Zeroizing;

use super::error::FileStoreError;
use super::format::{self, Damage, Unreadable};
use super::names::KEY_MAX_BYTES;
use crate::store::record::RecordCodec;

/// No record is longer: its tokens came in an answer of 1 MiB at most.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// No first line is longer, but for a key.
const HEAD_MOST_BYTES: usize = 256;

/// No byte of a key takes more in JSON.
const ESCAPED_MOST_BYTES: usize = 6;

/// Reads a file that nobody has opened as a store.
pub(super) fn peek(given: &Path, codec: &RecordCodec) -> Result<Option<Stored>, FileStoreError> {
    // Links are followed, as they are when it is opened: the record is bound to the name of the true file.
    let path = match given.canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(given, "found")(error)),
    };
    // Before it is opened: a pipe would wait for somebody who writes.
    if !path.is_file() {
        return Err(FileStoreError::NotAFile { path });
    }
    stored(&path, &place(&path), codec)
}

/// What the file holds; `None`: there is none.
pub(super) fn stored(
    path: &Path,
    place: &str,
    codec: &RecordCodec,
) -> Result<Option<Stored>, FileStoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(path, "opened")(error)),
    };
    let damaged = |damage| FileStoreError::Damaged {
        path: path.to_owned(),
        damage,
    };
    let found = file.metadata().map_err(io(path, "read"))?;
    private(path, &found)?;
    let length = found.len();
    if length > MOST_BYTES {
        return Err(damaged(Damage::TooLong {
            most_bytes: MOST_BYTES,
        }));
    }
    // Sized first: a growing vector would leave copies of tokens behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(length).unwrap_or_default() + 1,
    ));
    (&mut file)
        .take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(io(path, "read"))?;
    match format::parse(&bytes) {
        Ok(parsed) => {
            let record = codec.read(place, parsed.version, parsed.record);
            Ok(Some(Stored {
                version: parsed.version,
                record: record.map_err(|problem| FileStoreError::Record {
                    path: path.to_owned(),
                    problem,
                })?,
            }))
        }
        Err(Unreadable::Damaged(damage)) => Err(damaged(damage)),
        Err(Unreadable::Newer { format }) => Err(FileStoreError::Newer {
            path: path.to_owned(),
            format,
        }),
    }
}

/// The version that the file says it has, without a look at the rest of it.
pub(super) fn version(path: &Path) -> Option<Version> {
    Some(begin(path)?.0)
}

/// The key that the file says it is of.
pub(super) fn key(path: &Path) -> Option<String> {
    begin(path)?.1
}

fn begin(path: &Path) -> Option<(Version, Option<String>)> {
    let mut file = File::open(path).ok()?;
    let mut bytes = Zeroizing::new(Vec::new());
    // Few have a key in them.
    for most_bytes in [HEAD_MOST_BYTES, KEY_MAX_BYTES * ESCAPED_MOST_BYTES] {
        // Sized first: what follows the first line may be a token.
        let mut more = Zeroizing::new(Vec::with_capacity(bytes.len() + most_bytes + 1));
        more.extend_from_slice(&bytes);
        bytes = more;
        let most_bytes = u64::try_from(most_bytes).unwrap_or(u64::MAX);
        (&mut file).take(most_bytes).read_to_end(&mut bytes).ok()?;
        if bytes.contains(&b'\n') {
            break;
        }
    }
    format::begin(&bytes)
}

/// What binds a record to a file: its name.
pub(super) fn place(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into()
}

/// Whether nobody but the owner may use it.
#[cfg(unix)]
pub(super) fn private(path: &Path, found: &Metadata) -> Result<(), FileStoreError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777;
    if mode & 0o077 != 0 {
        return Err(FileStoreError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// Elsewhere a mode says nothing.
#[cfg(not(unix))]
pub(super) fn private(_path: &Path, _found: &Metadata) -> Result<(), FileStoreError> {
    Ok(())
}

fn io(path: &Path, what: &'static str) -> impl Fn(io::Error) -> FileStoreError {
    move |source| FileStoreError::Io {
        path: path.to_owned(),
        what,
        source,
    }
}
