//! What a profile has: its session, in `NAME.session`.

use oneflight::record::{Key, KeyError, Keys, RecordCodec};
use oneflight::{ConfigError, FileStore, Session, Store, Stored};
use oneflight_reqwest::ReqwestExchange;

use super::{Encryption, Place, ProfileError, ProfileName, Settings};
use crate::tls;

/// What keyrings call the program whose keys these are.
const KEYRING_SERVICE: &str = "oneflight";

/// A profile that exists: one grant of one user.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: ProfileName,
    pub(crate) settings: Settings,
    place: Place,
}

impl Profile {
    #[cfg(test)]
    pub(super) fn at(place: Place, settings: Settings) -> Self {
        Self {
            name: ProfileName::default(),
            settings,
            place,
        }
    }

    /// Reads the settings of a profile. Its session is not looked at.
    ///
    /// # Errors
    /// [`ProfileError::Unknown`] if there are none, and others if they cannot be read.
    pub(crate) fn open(name: &ProfileName) -> Result<Self, ProfileError> {
        Self::find(name)?.ok_or_else(|| ProfileError::Unknown { name: name.clone() })
    }

    /// The same; `None`: there is no such profile.
    ///
    /// # Errors
    /// [`ProfileError`] if they cannot be read.
    pub(crate) fn find(name: &ProfileName) -> Result<Option<Self>, ProfileError> {
        let place = Place::find()?;
        place.check()?;
        let settings = Settings::read(&place.settings(name))?;
        Ok(settings.map(|settings| Self {
            name: name.clone(),
            settings,
            place,
        }))
    }

    /// A profile as it will be once it is [saved](Self::save).
    ///
    /// # Errors
    /// [`ProfileError`] if its folder cannot be made or used.
    pub(crate) fn make(name: &ProfileName, settings: Settings) -> Result<Self, ProfileError> {
        Ok(Self {
            name: name.clone(),
            settings,
            place: Place::ready()?,
        })
    }

    /// Writes the settings.
    ///
    /// # Errors
    /// [`ProfileError::Io`].
    pub(crate) fn save(&self) -> Result<(), ProfileError> {
        self.settings.write(&self.place.settings(&self.name))
    }

    /// What the session's file holds at this moment. Blocks for as long as the disk takes, and needs no runtime.
    ///
    /// # Errors
    /// [`ProfileError::Store`] and [`ProfileError::Key`].
    pub(crate) fn record(&self) -> Result<Option<Stored>, ProfileError> {
        let codec = self.codec()?;
        Ok(FileStore::peek(self.place.session(&self.name), &codec)?)
    }

    /// The session, shared with all other processes that open this profile.
    ///
    /// # Errors
    /// [`ProfileError`]; nothing was sent.
    pub(crate) fn session(&self) -> Result<Session, ProfileError> {
        self.session_over(self.store()?)
    }

    /// Where the session is kept.
    ///
    /// # Errors
    /// [`ProfileError::Store`] and [`ProfileError::Key`].
    pub(crate) fn store(&self) -> Result<FileStore, ProfileError> {
        Ok(FileStore::open_with(
            self.place.session(&self.name),
            self.codec()?,
        )?)
    }

    /// A session with these settings over any store.
    ///
    /// # Errors
    /// [`ProfileError::HttpClient`] and [`ProfileError::Settings`].
    pub(crate) fn session_over(&self, store: impl Store) -> Result<Session, ProfileError> {
        let http =
            ReqwestExchange::new(tls::builder()).map_err(|source| ProfileError::HttpClient { source })?;
        let endpoint = self
            .settings
            .endpoint(http)
            .map_err(|source| self.unusable(source))?;
        Session::builder()
            .endpoint(endpoint)
            .store(store)
            .profile(self.settings.profile())
            .without_origins()
            .build()
            .map_err(|source| self.unusable(source))
    }

    /// The store of its session, which also reads what an earlier login left unencrypted.
    ///
    /// # Errors
    /// [`ProfileError::Store`] and [`ProfileError::Key`].
    pub(crate) fn store_for_login(&self, old: Option<&Self>) -> Result<FileStore, ProfileError> {
        let codec = match (self.key_for_login()?, old.map(Self::key).transpose()?.flatten()) {
            (Some(key), Some(old)) => RecordCodec::encrypted(Keys::new(key).and_old(old)),
            (Some(key), None) => RecordCodec::encrypted(Keys::new(key)).accepting_unencrypted(),
            (None, _) => RecordCodec::dangerously_unencrypted(),
        };
        Ok(FileStore::open_with(self.place.session(&self.name), codec)?)
    }

    fn codec(&self) -> Result<RecordCodec, ProfileError> {
        Ok(match self.key()? {
            Some(key) => RecordCodec::encrypted(Keys::new(key)),
            None => RecordCodec::dangerously_unencrypted(),
        })
    }

    fn key(&self) -> Result<Option<Key>, ProfileError> {
        let found: Result<Option<Key>, KeyError> = match &self.settings.encryption {
            Encryption::None => Ok(None),
            Encryption::Environment(variable) => Key::from_env(variable).map(Some),
            Encryption::KeyFile(path) => Key::from_file(path).map(Some),
            Encryption::Keyring(key) => Key::from_keyring(KEYRING_SERVICE, key).map(Some),
        };
        found.map_err(|source| self.without_key(source))
    }

    /// The same, and makes one in the keyring if there is none.
    fn key_for_login(&self) -> Result<Option<Key>, ProfileError> {
        let Encryption::Keyring(key) = &self.settings.encryption else {
            return self.key();
        };
        let lock = self.place.keyring_lock();
        let found = Key::from_keyring_or_new(KEYRING_SERVICE, key, lock);
        found.map(Some).map_err(|source| self.without_key(source))
    }

    fn without_key(&self, source: KeyError) -> ProfileError {
        ProfileError::Key {
            name: self.name.clone(),
            source,
        }
    }

    fn unusable(&self, source: ConfigError) -> ProfileError {
        ProfileError::Settings {
            name: self.name.clone(),
            source,
        }
    }
}
