//! Where profiles are kept.

use std::env;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{ProfileError, ProfileName};

/// Names the folder, whatever the system says.
const VARIABLE: &str = "ONEFLIGHT_HOME";

/// The folder of all profiles.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    folder: PathBuf,
}

impl Place {
    /// Where it is by the environment. Looks at no disk.
    ///
    /// # Errors
    /// [`ProfileError::NoHome`] and [`ProfileError::RelativeHome`].
    pub(crate) fn find() -> Result<Self, ProfileError> {
        if let Some(folder) = set(VARIABLE) {
            if folder.is_relative() {
                return Err(ProfileError::RelativeHome { path: folder });
            }
            return Ok(Self { folder });
        }
        let folder = of_the_system().ok_or(ProfileError::NoHome)?;
        Ok(Self { folder })
    }

    #[cfg(test)]
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The same, made if there is none, and found to be written by nobody else.
    ///
    /// # Errors
    /// [`ProfileError::Io`] and [`ProfileError::ExposedFolder`], and those of [`find`](Self::find).
    pub(crate) fn ready() -> Result<Self, ProfileError> {
        let place = Self::find()?;
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .recursive(true)
            .create(&place.folder)
            .map_err(|source| ProfileError::io(&place.folder, "made", source))?;
        place.check()?;
        Ok(place)
    }

    /// Who may write into the folder may put a session of theirs there.
    ///
    /// # Errors
    /// [`ProfileError::ExposedFolder`], and [`ProfileError::Io`] if there is one and it cannot be looked at.
    pub(crate) fn check(&self) -> Result<(), ProfileError> {
        #[cfg(unix)]
        {
            let permissions = match fs::metadata(&self.folder) {
                Ok(found) => found.permissions(),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(ProfileError::io(&self.folder, "looked at", error)),
            };
            let mode = std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777;
            if mode & 0o022 != 0 {
                return Err(ProfileError::ExposedFolder {
                    path: self.folder.clone(),
                    mode,
                });
            }
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the profile is: where it gets tokens from, and how.
    pub(crate) fn settings(&self, name: &ProfileName) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// What it has: the record of its session, as [`oneflight::FileStore`] writes it.
    pub(crate) fn session(&self, name: &ProfileName) -> PathBuf {
        self.folder.join(format!("{name}.session"))
    }

    /// What keeps two logins from making a key in the keyring at the same time.
    pub(crate) fn keyring_lock(&self) -> PathBuf {
        self.folder.join("keyring.lock")
    }

    /// The profiles there are, sorted.
    ///
    /// # Errors
    /// [`ProfileError::Io`] if there is a folder and it cannot be read.
    pub(crate) fn names(&self) -> Result<Vec<ProfileName>, ProfileError> {
        let failed = |source| ProfileError::io(&self.folder, "read", source);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(failed)?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".json"));
            names.extend(name.and_then(|name| name.parse::<ProfileName>().ok()));
        }
        names.sort();
        Ok(names)
    }
}

fn of_the_system() -> Option<PathBuf> {
    let home = || set("HOME").filter(|home| home.is_absolute());
    if cfg!(windows) {
        return Some(set("LOCALAPPDATA")?.join("oneflight"));
    }
    // "All paths set in these environment variables must be absolute […] ignore the path" (XDG Base Directory).
    match set("XDG_STATE_HOME").filter(|folder| folder.is_absolute()) {
        Some(folder) => Some(folder.join("oneflight")),
        None if cfg!(target_os = "macos") => Some(home()?.join("Library/Application Support/oneflight")),
        None => Some(home()?.join(".local/state/oneflight")),
    }
}

fn set(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
