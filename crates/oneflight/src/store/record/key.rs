//! Keys, and where they come from.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::KeyError;

/// Whoever made the key, with whatever tool: both alphabets, with padding or without.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT.with_encode_padding(false));

/// No key file is longer, in bytes.
const LONGEST_FILE: u64 = 4096;

/// A key that records are encrypted with: 256 random bits, and a name that is written beside what it encrypts.
///
/// As text it is `NAME:KEY`, where `KEY` is base64: `k1:` and the output of `openssl rand -base64 32`.
///
/// # Examples
/// ```
/// use oneflight::record::Key;
///
/// let key = Key::generate("2026-11")?;
/// let again = Key::parse(&key.to_text())?;
/// assert_eq!(again.name(), "2026-11");
/// assert_eq!(format!("{key:?}"), r#"Key("2026-11")"#);
/// # Ok::<(), oneflight::record::KeyError>(())
/// ```
#[derive(Clone)]
pub struct Key {
    name: Box<str>,
    bytes: Arc<Zeroizing<[u8; 32]>>,
}

impl Key {
    /// A key of that name.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn new(name: &str, bytes: [u8; 32]) -> Result<Self, KeyError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(KeyError::Name);
        }
        Ok(Self {
            name: name.into(),
            bytes: Arc::new(Zeroizing::new(bytes)),
        })
    }

    /// A new key of that name, from the randomness of the operating system.
    ///
    /// # Errors
    /// [`KeyError::Name`] and [`KeyError::Random`].
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).map_err(|_| KeyError::Random)?;
        Self::new(name, *bytes)
    }

    /// Reads `NAME:KEY`, where `KEY` is base64 of either alphabet. White space around it is left out.
    ///
    /// # Errors
    /// [`KeyError::Text`], [`KeyError::Name`] and [`KeyError::Length`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, key) = text.trim().split_once(':').ok_or(KeyError::Text)?;
        // Sized first, so that nothing of it is left where a vector stood before it grew.
        let mut bytes = Zeroizing::new(Vec::with_capacity(key.len()));
        if URL_SAFE.decode_vec(key, &mut bytes).is_err() {
            bytes.clear();
            STANDARD.decode_vec(key, &mut bytes).map_err(|_| KeyError::Text)?;
        }
        let key = Self::new(name, [0; 32])?;
        let found = bytes.len();
        let bytes = <&[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| KeyError::Length {
            name: name.to_owned(),
            found,
        })?;
        Ok(Self {
            bytes: Arc::new(Zeroizing::new(*bytes)),
            ..key
        })
    }

    /// The key as `NAME:KEY`. Wherever this goes, all that it encrypts can be read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.name.len() + 1 + 44));
        text.push_str(&self.name);
        text.push(':');
        URL_SAFE.encode_string(self.bytes.as_slice(), &mut text);
        text
    }

    /// Reads [`NAME:KEY`](Self::parse) from a variable of the environment.
    ///
    /// # Errors
    /// [`KeyError::Environment`], and those of [`parse`](Self::parse).
    pub fn from_env(variable: &str) -> Result<Self, KeyError> {
        let text = std::env::var(variable).map_err(|_| KeyError::Environment {
            variable: variable.to_owned(),
        })?;
        Self::parse(&Zeroizing::new(text))
    }

    /// Reads [`NAME:KEY`](Self::parse) from a file that only its owner may use. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// [`KeyError::File`] and, on Unix, [`KeyError::Exposed`]; and those of [`parse`](Self::parse).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let failed = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        #[cfg(unix)]
        {
            let permissions = file.metadata().map_err(failed)?.permissions();
            let mode = std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777;
            if mode & 0o077 != 0 {
                return Err(KeyError::Exposed {
                    path: path.to_owned(),
                    mode,
                });
            }
        }
        let room = usize::try_from(LONGEST_FILE).unwrap_or_default();
        let mut text = Zeroizing::new(String::with_capacity(room));
        file.take(LONGEST_FILE)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::parse(&text)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.name).finish()
    }
}

/// The key that encrypts, and older ones that still open what they encrypted.
///
/// To change the key without stopping anything: give all holders the new one as an old one first, so that they can read
/// it; then let all write with it and keep the former as the old one; leave that out when every record was renewed
/// once, or has been pruned.
///
/// # Examples
/// ```
/// use oneflight::record::{Key, Keys};
///
/// let (former, next) = (Key::generate("2026-11")?, Key::generate("2026-12")?);
/// let first_everywhere = Keys::new(former.clone()).and_old(next.clone());
/// let then_everywhere = Keys::new(next).and_old(former);
/// # let _ = (first_everywhere, then_everywhere);
/// # Ok::<(), oneflight::record::KeyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Keys {
    pub(super) first: Key,
    pub(super) old: Vec<Key>,
}

impl Keys {
    /// The one key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            first: key,
            old: Vec::new(),
        }
    }

    /// Adds a key that is read with and not written with.
    #[must_use]
    pub fn and_old(mut self, key: Key) -> Self {
        self.old.push(key);
        self
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.old)
    }
}
