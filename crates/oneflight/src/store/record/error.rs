//! What can be wrong with a record, or with a key.

use std::io;
use std::path::PathBuf;

/// Bytes are no record that can be read here, or a record cannot be written. Each says the next step; none holds a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// They were never one.
    #[error("it is no record of oneflight: see what put it there, or give the session another place")]
    Foreign,
    /// A later version of this crate wrote it.
    #[error(
        "it was written by a newer oneflight (format {format}, and this one knows {known}): use that version",
        known = super::FORMAT
    )]
    Newer {
        /// Its format.
        format: u64,
    },
    /// It begins as a record does, and what it says makes no sense.
    #[error("its record makes no sense: restore it from a backup, or remove it and sign in again")]
    Nonsense,
    /// It is not encrypted, and should be.
    #[error(
        "its record is not encrypted, and only encrypted ones are accepted: allow unencrypted ones (`accepting_unencrypted`) until each has been renewed once, or remove it and sign in again"
    )]
    NotEncrypted,
    /// It is encrypted, and there are no keys here.
    #[error("its record is encrypted with the key {key:?}, and no key is configured: give it that key")]
    Encrypted {
        /// The key's name.
        key: String,
    },
    /// It is encrypted with a key that is not here.
    #[error(
        "its record is encrypted with the key {key:?}, which is not configured (configured: {known}): add that key, as an old one if it is no longer to be used for writing"
    )]
    UnknownKey {
        /// The key's name.
        key: String,
        /// The names of those that are here.
        known: String,
    },
    /// There is a key of that name, and it does not open the record.
    #[error(
        "its record does not open with the key {key:?}: either that is another key of the same name, or the record was altered, or was put here from another place; give it the right key, or restore the record"
    )]
    WrongKey {
        /// The key's name.
        key: String,
    },
    /// This format has no words for the record.
    #[error("the record cannot be written: use a newer version of oneflight")]
    Unwritable,
}

/// A key cannot be had. None of these says anything of the key itself but its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The name of a key is written beside each record, so it is short and plain.
    #[error(
        "the name of a key has 1 to 64 letters, digits, dots, dashes and underscores: choose such a name"
    )]
    Name,
    /// It is not a name, a colon and the key.
    #[error(
        "a key is written as NAME:KEY, where KEY is 32 random bytes in base64: make one with `openssl rand -base64 32`"
    )]
    Text,
    /// It is too long or too short.
    #[error("the key {name:?} has {found} bytes and must have 32: make one with `openssl rand -base64 32`")]
    Length {
        /// Its name.
        name: String,
        /// How many bytes it has.
        found: usize,
    },
    /// The variable is not there, or no text.
    #[error("the environment has no readable {variable}: set it to NAME:KEY")]
    Environment {
        /// The variable.
        variable: String,
    },
    /// The file could not be read.
    #[error("the key file {path:?} could not be read: see that it exists, and that this user may read it")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than the owner may read or write the key file.
    #[error(
        "the key file {path:?} may be used by others than its owner (mode {mode:03o}): run `chmod 600` on it, and change the key if somebody else may have read it"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gives no random bytes: no key was made")]
    Random,
}
