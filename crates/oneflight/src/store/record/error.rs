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

/// A cause of a kind that is nobody's to match on.
#[cfg(feature = "keyring")]
pub type BoxedError = Box<dyn std::error::Error + Send + Sync>;

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
    /// There is no keyring to be asked.
    #[cfg(feature = "keyring")]
    #[error(
        "there is no keyring here: log in to a desktop that has one (on Linux a Secret Service, such as GNOME Keyring or KWallet, on the session's D-Bus), or keep the key in a file or the environment"
    )]
    NoKeyring {
        /// What the system said, if it was asked.
        source: Option<BoxedError>,
    },
    /// The keyring is locked.
    #[cfg(feature = "keyring")]
    #[error("the keyring is locked: unlock it, as by logging in to the desktop, and try again")]
    KeyringLocked {
        /// What the keyring said.
        source: BoxedError,
    },
    /// Access to the keyring was denied, by the user or by the system.
    #[cfg(feature = "keyring")]
    #[error("the keyring denied access: allow this program to use it when it asks, and try again")]
    KeyringDenied {
        /// What the keyring said.
        source: BoxedError,
    },
    /// The keyring has no such entry.
    #[cfg(feature = "keyring")]
    #[error(
        "the keyring has no key {name:?} of {service:?}: see that this user has stored one, or have one made (`Key::from_keyring_or_new`)"
    )]
    NotInKeyring {
        /// The service.
        service: String,
        /// The name.
        name: String,
    },
    /// The keyring did not do what it was asked.
    #[cfg(feature = "keyring")]
    #[error("the keyring did not give the key {name:?} of {service:?}, or did not take it: see the cause")]
    Keyring {
        /// The service.
        service: String,
        /// The name.
        name: String,
        /// What the keyring said.
        source: BoxedError,
    },
    /// The file that keeps two processes from making a key at the same time could not be locked.
    #[cfg(feature = "keyring")]
    #[error("{path:?} could not be locked: see that this user may write it and its folder")]
    KeyringLock {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gives no random bytes: no key was made")]
    Random,
}
