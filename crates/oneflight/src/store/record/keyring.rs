//! Keys in the keyring of the operating system: the Secret Service on Linux and FreeBSD, the keychain of macOS, the credential
//! manager of Windows.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error};
use zeroize::Zeroizing;

use super::error::BoxedError;
use super::{Key, KeyError};

impl Key {
    /// Reads [`NAME:KEY`](Self::parse) from the entry of this service and name (with the feature `keyring`).
    ///
    /// Blocks, and may wait for a user who is asked to unlock the keyring: not for a thread of an async runtime.
    ///
    /// # Errors
    /// [`KeyError::NotInKeyring`], [`KeyError::NoKeyring`], [`KeyError::KeyringLocked`], [`KeyError::KeyringDenied`],
    /// [`KeyError::Keyring`]; and those of [`parse`](Self::parse).
    ///
    /// # Examples
    /// ```no_run
    /// use oneflight::record::{Key, Keys, RecordCodec};
    ///
    /// // On Linux: `printf 'k1:%s' "$(openssl rand -base64 32)" | secret-tool store --label=my-program service my-program username k1`
    /// let codec = RecordCodec::encrypted(Keys::new(Key::from_keyring("my-program", "k1")?));
    /// # let _ = codec;
    /// # Ok::<(), oneflight::record::KeyError>(())
    /// ```
    pub fn from_keyring(service: &str, name: &str) -> Result<Self, KeyError> {
        let place = Place { service, name };
        let not_there = || KeyError::NotInKeyring {
            service: service.to_owned(),
            name: name.to_owned(),
        };
        place.read(&place.entry(&keyring()?)?)?.ok_or_else(not_there)
    }

    /// The same, and makes a key of that name and keeps it there if there is none.
    ///
    /// A keyring cannot write only if there is nothing, so of two processes that make a key at the same time one would go on with a
    /// key that nobody has. `lock` keeps them apart: a file that all of them name, and that may lie beside the session's. It is
    /// made if need be, locked, and left empty.
    ///
    /// # Errors
    /// As [`from_keyring`](Self::from_keyring), but for a missing entry; [`KeyError::KeyringLock`]; and those of
    /// [`generate`](Self::generate).
    ///
    /// # Examples
    /// ```no_run
    /// use oneflight::FileStore;
    /// use oneflight::record::{Key, Keys, RecordCodec};
    ///
    /// let key = Key::from_keyring_or_new("my-program", "k1", "/home/ada/.local/state/my-program/key.lock")?;
    /// let codec = RecordCodec::encrypted(Keys::new(key));
    /// # let _ = codec;
    /// # Ok::<(), oneflight::record::KeyError>(())
    /// ```
    pub fn from_keyring_or_new(service: &str, name: &str, lock: impl AsRef<Path>) -> Result<Self, KeyError> {
        Place { service, name }.read_or_make(&keyring()?, lock.as_ref())
    }
}

/// Where a key is kept in a keyring.
#[derive(Clone, Copy)]
struct Place<'a> {
    service: &'a str,
    name: &'a str,
}

impl Place<'_> {
    fn read_or_make(self, keyring: &Arc<CredentialStore>, lock: &Path) -> Result<Key, KeyError> {
        let entry = self.entry(keyring)?;
        if let Some(key) = self.read(&entry)? {
            return Ok(key);
        }
        let _lock = wait_for(lock).map_err(|source| KeyError::KeyringLock {
            path: lock.to_owned(),
            source,
        })?;
        if let Some(key) = self.read(&entry)? {
            return Ok(key);
        }
        let key = Key::generate(self.name)?;
        entry
            .set_secret(key.to_text().as_bytes())
            .map_err(|error| self.explain(error))?;
        // What encrypts from now on is what the next process will find.
        let kept = self.read(&entry)?;
        kept.ok_or_else(|| self.explain(Error::NoEntry))
    }

    fn entry(self, keyring: &Arc<CredentialStore>) -> Result<Entry, KeyError> {
        Entry::new_in_store(keyring, self.service, self.name).map_err(|error| self.explain(error))
    }

    fn read(self, entry: &Entry) -> Result<Option<Key>, KeyError> {
        let text = match entry.get_secret() {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(Error::NoEntry) => return Ok(None),
            Err(error) => return Err(self.explain(error)),
        };
        let text = std::str::from_utf8(&text).map_err(|_| KeyError::Text)?;
        Key::parse(text).map(Some)
    }

    fn explain(self, error: Error) -> KeyError {
        let (source, refused) = match error {
            Error::NoStorageAccess(source) => (source, true),
            Error::PlatformFailure(source) => (source, false),
            // These hold what was read.
            Error::BadEncoding(_) | Error::BadDataFormat(..) => return KeyError::Text,
            other => (other.into(), false),
        };
        match judge(&source) {
            Some(Refusal::Locked) => KeyError::KeyringLocked { source },
            Some(Refusal::Denied) => KeyError::KeyringDenied { source },
            Some(Refusal::Missing) => KeyError::NoKeyring { source: Some(source) },
            None if refused => KeyError::KeyringDenied { source },
            None => KeyError::Keyring {
                service: self.service.to_owned(),
                name: self.name.to_owned(),
                source,
            },
        }
    }
}

#[cfg_attr(
    not(any(target_os = "linux", target_os = "freebsd")),
    expect(dead_code, reason = "other keyrings do not say which")
)]
enum Refusal {
    Locked,
    Denied,
    Missing,
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn judge(source: &BoxedError) -> Option<Refusal> {
    use secret_service::Error as Service;
    match source.downcast_ref::<Service>()? {
        Service::Locked => Some(Refusal::Locked),
        Service::Prompt | Service::PromptDisconnected => Some(Refusal::Denied),
        Service::Unavailable => Some(Refusal::Missing),
        // By its name on the bus.
        other => other
            .to_string()
            .contains("Secret.Error.IsLocked")
            .then_some(Refusal::Locked),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn judge(_source: &BoxedError) -> Option<Refusal> {
    None
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn keyring() -> Result<Arc<CredentialStore>, KeyError> {
    match zbus_secret_service_keyring_store::Store::new() {
        Ok(store) => Ok(store),
        Err(error) => Err(missing(error)),
    }
}

#[cfg(target_os = "macos")]
fn keyring() -> Result<Arc<CredentialStore>, KeyError> {
    match apple_native_keyring_store::keychain::Store::new() {
        Ok(store) => Ok(store),
        Err(error) => Err(missing(error)),
    }
}

#[cfg(windows)]
fn keyring() -> Result<Arc<CredentialStore>, KeyError> {
    match windows_native_keyring_store::Store::new() {
        Ok(store) => Ok(store),
        Err(error) => Err(missing(error)),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_os = "macos", windows)))]
fn keyring() -> Result<Arc<CredentialStore>, KeyError> {
    Err(KeyError::NoKeyring { source: None })
}

#[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "macos", windows))]
fn missing(error: Error) -> KeyError {
    KeyError::NoKeyring {
        source: Some(error.into()),
    }
}

fn wait_for(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path)?;
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done.map(|()| file),
        }
    }
}

#[cfg(test)]
mod tests;
