//! One file that holds a grant, whatever happens: the store of `--refresh-token-file`.
//!
//! A file as the user wrote it, with a bare refresh token or a saved token response, is turned into a record when it is
//! opened. From then on every write goes to a new file beside it, which is synced, renamed over it, and the folder
//! synced too: at every moment the file holds either the record of before or the one of after, whole.

mod format;
mod store;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use oneflight_core::machine::Swap;
use oneflight_core::{Record, SessionId, State, Stored, Version};

pub(crate) use format::FormatError;

/// No grant is longer; what is, is another file named by mistake.
const MOST_BYTES: u64 = 1024 * 1024;

/// How often, and how far apart, the turn to write is asked for: two seconds in all.
const WRITE_TURN_TRIES: u32 = 200;
const WRITE_TURN_PAUSE: Duration = Duration::from_millis(10);

/// The file that holds the grant. Clones are the same file.
#[derive(Debug, Clone)]
pub(crate) struct TokenFile {
    path: PathBuf,
}

/// Why a file cannot serve as the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenFileError {
    #[error("the token file {path} cannot be read", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the token file {path} cannot be replaced", path = path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is no token file", path = path.display())]
    Format { path: PathBuf, source: FormatError },
}

impl TokenFile {
    /// Takes a file as the user wrote it; a bare token becomes a record before anything else is done with it.
    ///
    /// # Errors
    /// [`TokenFileError`] if it cannot be read, holds no grant, or cannot be replaced: then nothing has been sent.
    pub(crate) fn open(path: &Path) -> Result<Self, TokenFileError> {
        let read = |source| TokenFileError::Read {
            path: path.to_owned(),
            source,
        };
        // A link is followed now: renaming over it would leave the true file behind with a spent token.
        let path = path.canonicalize().map_err(read)?;
        let file = Self { path };
        let _turn = file.write_turn()?;
        if let format::Content::Grant { refresh_token } = file.read()? {
            let mut session = [0; 16];
            getrandom::fill(&mut session).map_err(|error| TokenFileError::Write {
                path: file.path.clone(),
                source: io::Error::other(error.to_string()),
            })?;
            let record = format::begin(SessionId(session), &refresh_token);
            file.write(&Stored {
                version: Version(1),
                record: record.map_err(|source| file.format(source))?,
            })?;
        }
        Ok(file)
    }

    /// What the file holds now.
    pub(crate) fn load(&self) -> Result<Stored, TokenFileError> {
        match self.read()? {
            format::Content::Record(stored) => Ok(stored),
            format::Content::Grant { .. } => Err(self.format(FormatError::Foreign)),
        }
    }

    /// Writes a record if the file still holds this version.
    pub(crate) fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> Result<Swap, TokenFileError> {
        let _turn = self.write_turn()?;
        let standing = self.load()?.version;
        if Some(standing) != expected {
            return Ok(Swap::Conflict);
        }
        let version = Version(standing.0 + 1);
        self.write(&Stored { version, record })?;
        Ok(Swap::Written(version))
    }

    /// The refresh token that the file holds; `None` in a tombstone.
    pub(crate) fn refresh_token(&self) -> Result<Option<String>, TokenFileError> {
        Ok(match self.load()?.record.state {
            State::Live { tokens, .. } => tokens
                .refresh_token
                .as_ref()
                .map(|token| token.expose().to_owned()),
            State::Ended(_) => None,
        })
    }

    /// Writes these tokens over whatever stands there, for clients that keep no record.
    pub(crate) fn keep(&self, access_token: &str, refresh_token: &str) -> Result<(), TokenFileError> {
        let _turn = self.write_turn()?;
        let Stored { version, record } = self.load()?;
        let record =
            format::follow(&record, access_token, refresh_token).map_err(|source| self.format(source))?;
        self.write(&Stored {
            version: Version(version.0 + 1),
            record,
        })
    }

    fn read(&self) -> Result<format::Content, TokenFileError> {
        let read = |source| TokenFileError::Read {
            path: self.path.clone(),
            source,
        };
        let found = fs::metadata(&self.path).map_err(read)?;
        if !found.is_file() {
            return Err(self.format(FormatError::NotAFile));
        }
        if found.len() > MOST_BYTES {
            return Err(self.format(FormatError::TooLong {
                most_bytes: MOST_BYTES,
            }));
        }
        let bytes = zeroize::Zeroizing::new(fs::read(&self.path).map_err(read)?);
        format::parse(&bytes).map_err(|source| self.format(source))
    }

    /// Replaces the file, durably, before it returns.
    fn write(&self, stored: &Stored) -> Result<(), TokenFileError> {
        let text = format::write(stored).map_err(|source| self.format(source))?;
        self.replace(text.as_bytes())
            .map_err(|source| TokenFileError::Write {
                path: self.path.clone(),
                source,
            })
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder();
        let fresh = self.beside(&format!("{}.new", std::process::id()));
        // One left over by a process that died with our number.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private().write(true).create_new(true).open(&fresh)?;
        let written = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&fresh, &self.path));
        if written.is_err() {
            // The file of before still stands; the attempt need not.
            let _ = fs::remove_file(&fresh);
        }
        written?;
        sync_folder(folder)
    }

    /// Keeps other processes from writing between our look and our write. Held for moments only, so whoever holds it
    /// for longer is ill, and we say so instead of waiting with it.
    fn write_turn(&self) -> Result<File, TokenFileError> {
        let failed = |source| TokenFileError::Write {
            path: self.path.clone(),
            source,
        };
        let file = self.lock_file("write-lock").map_err(failed)?;
        for _ in 0..WRITE_TURN_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(WRITE_TURN_PAUSE),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        Err(failed(io::Error::new(
            ErrorKind::TimedOut,
            "another process keeps it locked",
        )))
    }

    fn lock_file(&self, name: &str) -> io::Result<File> {
        private()
            .read(true)
            .write(true)
            .create(true)
            .open(self.beside(name))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(ending);
        self.path.with_file_name(name)
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    fn format(&self, source: FormatError) -> TokenFileError {
        TokenFileError::Format {
            path: self.path.clone(),
            source,
        }
    }
}

/// Options for files that nobody but their owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A rename is only durable when the folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("oneflight-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn file(name: &str, content: &[u8]) -> PathBuf {
        let path = folder(name).join("token");
        fs::write(&path, content).unwrap();
        path
    }

    fn refresh_token(stored: &Stored) -> String {
        match &stored.record.state {
            State::Live { tokens, .. } => tokens.refresh_token.as_ref().unwrap().expose().to_owned(),
            State::Ended(_) => panic!("the record is a tombstone"),
        }
    }

    #[test]
    fn p1_a_bare_token_becomes_a_record_that_nobody_else_can_read() {
        let path = file("bare", b"s3cret-refresh-token\n");
        let token_file = TokenFile::open(&path).unwrap();
        let stored = token_file.load().unwrap();
        assert_eq!(
            (refresh_token(&stored).as_str(), stored.version),
            ("s3cret-refresh-token", Version(1))
        );
        let session = stored.record.session;
        assert_eq!(
            TokenFile::open(&path).unwrap().load().unwrap().record.session,
            session,
            "opening again changes nothing"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn p1_a_saved_token_response_is_taken_too() {
        let path = file(
            "response",
            br#"{"access_token":"a","refresh_token":"s3cret","expires_in":5}"#,
        );
        assert_eq!(
            refresh_token(&TokenFile::open(&path).unwrap().load().unwrap()),
            "s3cret"
        );
    }

    #[test]
    fn p6_what_is_no_token_file_is_named_and_left_as_it_was() {
        let cases: [&[u8]; 8] = [
            b"",
            b"\n\n",
            b"two words",
            b"line\nline",
            b"{\"access_token\":\"a\"}",
            b"{\"refresh_token\":",
            b"\x7fELF\x00\x01",
            br#"{"oneflight_record":99,"refresh_token":"s3cret"}"#,
        ];
        for content in cases {
            let path = file("foreign", content);
            let error = TokenFile::open(&path).unwrap_err();
            assert!(matches!(error, TokenFileError::Format { .. }), "{error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        let nowhere = folder("nowhere").join("absent");
        assert!(matches!(
            TokenFile::open(&nowhere),
            Err(TokenFileError::Read { .. })
        ));
        assert!(matches!(
            TokenFile::open(&folder("folder")),
            Err(TokenFileError::Format { .. } | TokenFileError::Read { .. })
        ));
    }

    #[test]
    fn p4_a_write_against_an_old_version_changes_nothing() {
        let token_file = TokenFile::open(&file("conflict", b"s3cret-refresh-token")).unwrap();
        let stored = token_file.load().unwrap();
        let record = stored.record.clone();
        let swap = |expected| token_file.compare_and_swap(expected, record.clone()).unwrap();
        assert!(matches!(swap(Some(stored.version)), Swap::Written(Version(2))));
        assert!(matches!(swap(Some(stored.version)), Swap::Conflict));
        assert!(matches!(swap(None), Swap::Conflict));
        assert_eq!(token_file.load().unwrap().version, Version(2));
    }

    #[test]
    fn p7_a_write_that_fails_leaves_the_old_grant_whole() {
        let path = file("full", b"s3cret-refresh-token");
        let token_file = TokenFile::open(&path).unwrap();
        let stored = token_file.load().unwrap();
        let before = fs::read(&path).unwrap();
        // A folder stands where the new file would be written.
        fs::create_dir_all(token_file.beside(&format!("{}.new", std::process::id()))).unwrap();
        let failed = token_file.compare_and_swap(Some(stored.version), stored.record.clone());
        assert!(matches!(failed, Err(TokenFileError::Write { .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[cfg(unix)]
    #[test]
    fn p1_a_link_keeps_pointing_to_the_true_file() {
        let path = file("link", b"s3cret-refresh-token");
        let link = path.with_file_name("link");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        TokenFile::open(&link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&path).unwrap().contains("oneflight_record"));
    }
}
