//! The file: a line that says what follows, and the record as one line of JSON.
//!
//! The first line can be read without the second: a program that knows only this format still learns that a file is of
//! a later one, and leaves it alone. The checksum covers the version, the key if there is one, and the second
//! line.

use oneflight_core::Version;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The only format there is so far.
pub(super) const FORMAT: u64 = 1;

/// What is wrong with the content of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It was never one of ours, or its first line is damaged.
    #[error("it does not begin as a record of oneflight does")]
    Foreign,
    /// It ends before its first line says it does, or goes on after it.
    #[error("it is {found} bytes long after its first line, where {expected} were written")]
    Length {
        /// What was written, in bytes.
        expected: u64,
        /// What is there, in bytes.
        found: u64,
    },
    /// It is as long as it should be, and something else than was written.
    #[error("its checksum is wrong")]
    Checksum,
    /// It is longer than any record.
    #[error("it is longer than {most_bytes} bytes")]
    TooLong {
        /// The most that is read, in bytes.
        most_bytes: u64,
    },
}

/// Why a text holds no record that can be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Damaged(Damage),
    /// Written by a later version of this crate.
    Newer {
        format: u64,
    },
}

impl From<Damage> for Unreadable {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    oneflight_file: u64,
    version: u64,
    bytes: u64,
    crc32: u32,
    /// If it cannot be read in the name of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// What any format's first line says.
#[derive(Deserialize)]
struct AnyHead {
    oneflight_file: u64,
}

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed<'a> {
    pub(super) version: Version,
    pub(super) record: &'a [u8],
}

/// Reads a whole file.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Unreadable> {
    if bytes.is_empty() {
        return Err(Damage::Empty.into());
    }
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or(Damage::Foreign)?;
    let (first, body) = (&bytes[..end], &bytes[end + 1..]);
    let any: AnyHead = serde_json::from_slice(first).map_err(|_| Damage::Foreign)?;
    if any.oneflight_file < FORMAT {
        // There was none before the first.
        return Err(Damage::Foreign.into());
    }
    if any.oneflight_file > FORMAT {
        return Err(Unreadable::Newer {
            format: any.oneflight_file,
        });
    }
    let head: Head = serde_json::from_slice(first).map_err(|_| Damage::Foreign)?;
    let found = u64::try_from(body.len()).unwrap_or(u64::MAX);
    if found != head.bytes {
        return Err(Damage::Length {
            expected: head.bytes,
            found,
        }
        .into());
    }
    if checksum(head.version, head.key.as_deref(), body) != head.crc32 {
        return Err(Damage::Checksum.into());
    }
    Ok(Parsed {
        version: Version(head.version),
        record: body.trim_ascii_end(),
    })
}

/// The version of a file that begins like this, and its key if that stands in it.
pub(super) fn begin(bytes: &[u8]) -> Option<(Version, Option<String>)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
    (head.oneflight_file == FORMAT).then_some((Version(head.version), head.key))
}

fn checksum(version: u64, key: Option<&str>, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&version.to_be_bytes());
    hasher.update(key.unwrap_or_default().as_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// A whole file.
pub(super) fn write(version: Version, key: Option<&str>, record: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(Vec::with_capacity(record.len() + 1));
    line.extend_from_slice(record);
    line.push(b'\n');
    let head = Head {
        oneflight_file: FORMAT,
        version: version.0,
        // No record is longer than memory.
        bytes: line.len() as u64,
        crc32: checksum(version.0, key, &line),
        key: key.map(str::to_owned),
    };
    let first = serde_json::to_vec(&head).expect("numbers and a text can be written");
    let mut whole = Zeroizing::new(Vec::with_capacity(first.len() + 1 + line.len()));
    whole.extend_from_slice(&first);
    whole.push(b'\n');
    whole.extend_from_slice(&line);
    whole
}
