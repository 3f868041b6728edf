//! The record as bytes: what stores keep that are outside of the process.
//!
//! A [`RecordCodec`] makes one line of JSON out of a [`Record`] and back, for the stores of this project and for yours.
//! What two stores share is encrypted with XChaCha20-Poly1305 and bound to its place: the associated data are the format,
//! the name of the key, the place, the session id, the number of the token set and the version. A line that is copied to
//! another user's place, or put back after it was replaced under another version, does not open.
//!
//! What is not hidden: the session id and the number of the token set, the key's name, and about how long the tokens are.
//! What it does not prevent: whoever may write to the store can remove records, and can put back the whole of an earlier
//! state, its version included.

mod body;
mod error;
mod key;
#[cfg(feature = "keyring")]
mod keyring;
mod seal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use oneflight_core::{Record, SessionId, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

#[cfg(feature = "keyring")]
pub use error::BoxedError;
pub use error::{KeyError, RecordError};
pub use key::{Key, Keys};

use crate::{Clock as _, SystemClock};
use body::Content;
use seal::{Bound, NONCE};

/// The only format there is so far.
const FORMAT: u64 = 1;

/// What any format's line says.
#[derive(Deserialize)]
struct AnyLine {
    oneflight_record: u64,
}

/// The line.
#[derive(Serialize, Deserialize)]
struct Line {
    oneflight_record: u64,
    session: String,
    set: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<body::Live>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<body::Ended>,
}

/// Makes bytes out of records, and records out of bytes. Cheap to clone.
///
/// # Examples
/// ```
/// use oneflight::record::{Key, Keys, RecordCodec, RecordError, next_version};
/// use oneflight::{Record, SessionId, State, TokenSet, WallTime};
///
/// let codec = RecordCodec::encrypted(Keys::new(Key::generate("2026-11")?));
/// let tokens = TokenSet::new("access", WallTime::from_unix_millis(0))?;
/// let state = State::Live { tokens: tokens.into(), mark: None, back_off: None };
/// let record = Record { session: SessionId([7; 16]), set: 0, state };
///
/// let version = next_version(None);
/// let line = codec.write("user/4711", version, &record)?;
/// assert!(!String::from_utf8_lossy(&line).contains("access"));
/// assert_eq!(codec.read("user/4711", version, &line)?.session, record.session);
///
/// // It opens nowhere else.
/// let elsewhere = codec.read("user/4712", version, &line);
/// assert!(matches!(elsewhere, Err(RecordError::WrongKey { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RecordCodec {
    keys: Option<Arc<Keys>>,
    unencrypted_too: bool,
}

impl RecordCodec {
    /// Encrypts with the first key, and opens with all of them.
    #[must_use]
    pub fn encrypted(keys: Keys) -> Self {
        Self {
            keys: Some(Arc::new(keys)),
            unencrypted_too: false,
        }
    }

    /// Also reads records that are not encrypted, as they are while a store is moved over to encryption. Each becomes
    /// encrypted when it is next written.
    #[must_use]
    pub fn accepting_unencrypted(self) -> Self {
        Self {
            unencrypted_too: true,
            ..self
        }
    }

    /// Neither encrypts nor opens: whoever can read the store, or a backup of it, has the tokens.
    #[must_use]
    pub fn dangerously_unencrypted() -> Self {
        Self {
            keys: None,
            unencrypted_too: true,
        }
    }

    /// The record as one line of JSON without a line feed, for that place and under that version.
    ///
    /// `place` is what tells this record from others in its store, such as the key it is kept under.
    ///
    /// # Errors
    /// [`RecordError::Unwritable`].
    pub fn write(
        &self,
        place: &str,
        version: Version,
        record: &Record,
    ) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        self.try_write(place, version, record)
            .ok_or(RecordError::Unwritable)
    }

    fn try_write(&self, place: &str, version: Version, record: &Record) -> Option<Zeroizing<Vec<u8>>> {
        let content = Content::of(record)?;
        let mut line = Line {
            oneflight_record: FORMAT,
            session: body::to_hex(record.session.0),
            set: record.set,
            key: None,
            nonce: None,
            sealed: None,
            live: None,
            ended: None,
        };
        if let Some(keys) = &self.keys {
            let key = &keys.first;
            let bound = Bound {
                place,
                session: record.session,
                set: record.set,
                version,
            };
            let mut nonce = [0; NONCE];
            getrandom::fill(&mut nonce).ok()?;
            let mut buffer = body::to_json(&content, seal::TAG)?;
            seal::seal(key, &bound, nonce, &mut buffer)?;
            line.key = Some(key.name().to_owned());
            line.nonce = Some(BASE64.encode(nonce));
            line.sealed = Some(BASE64.encode(&*buffer));
        } else {
            line.live = content.live;
            line.ended = content.ended;
        }
        body::to_json(&line, 0)
    }

    /// Reads what [`write`](Self::write) wrote for the same place and version.
    ///
    /// # Errors
    /// [`RecordError`]: leave the bytes as they are then, they may be worth something to somebody else.
    pub fn read(&self, place: &str, version: Version, bytes: &[u8]) -> Result<Record, RecordError> {
        // Else a list would do as well.
        if !bytes.starts_with(b"{") {
            return Err(RecordError::Foreign);
        }
        let any: AnyLine = serde_json::from_slice(bytes).map_err(|_| RecordError::Foreign)?;
        match any.oneflight_record {
            FORMAT => {}
            // There was none before the first.
            0 => return Err(RecordError::Foreign),
            format => return Err(RecordError::Newer { format }),
        }
        let line: Line = serde_json::from_slice(bytes).map_err(|_| RecordError::Nonsense)?;
        let session = SessionId(body::from_hex(&line.session).ok_or(RecordError::Nonsense)?);
        let bound = Bound {
            place,
            session,
            set: line.set,
            version,
        };
        let content = match line.key {
            Some(name) => {
                let sealed = line.nonce.as_deref().zip(line.sealed.as_deref());
                let (nonce, sealed) = sealed.ok_or(RecordError::Nonsense)?;
                self.open(name, nonce, sealed, &bound)?
            }
            None if self.unencrypted_too => Content {
                live: line.live,
                ended: line.ended,
            },
            None => return Err(RecordError::NotEncrypted),
        };
        Ok(Record {
            session,
            set: line.set,
            state: content.state().ok_or(RecordError::Nonsense)?,
        })
    }

    fn open(
        &self,
        name: String,
        nonce: &str,
        sealed: &str,
        bound: &Bound<'_>,
    ) -> Result<Content, RecordError> {
        let Some(keys) = &self.keys else {
            return Err(RecordError::Encrypted { key: name });
        };
        let mut named = keys.all().filter(|key| key.name() == name).peekable();
        if named.peek().is_none() {
            let known: Vec<&str> = keys.all().map(Key::name).collect();
            return Err(RecordError::UnknownKey {
                key: name,
                known: known.join(", "),
            });
        }
        let nonce = BASE64.decode(nonce).map_err(|_| RecordError::Nonsense)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| RecordError::Nonsense)?;
        let mut buffer = Zeroizing::new(BASE64.decode(sealed).map_err(|_| RecordError::Nonsense)?);
        if !named.any(|key| seal::open(key, bound, nonce, &mut buffer).is_some()) {
            return Err(RecordError::WrongKey { key: name });
        }
        serde_json::from_slice(&buffer).map_err(|_| RecordError::Nonsense)
    }
}

impl fmt::Debug for RecordCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordCodec")
            .field("keys", &self.keys)
            .field("unencrypted_too", &self.unencrypted_too)
            .finish()
    }
}

/// The version of the record that is to replace one of version `expected`, or to be the first.
///
/// One more; the first is the time in milliseconds. So a record that was removed and made anew does not come by the
/// numbers it had before, which other holders may still compare with.
#[must_use]
pub fn next_version(expected: Option<Version>) -> Version {
    expected.map_or_else(
        || Version(SystemClock.wall().as_unix_millis().max(1)),
        |version| Version(version.0.saturating_add(1)),
    )
}
