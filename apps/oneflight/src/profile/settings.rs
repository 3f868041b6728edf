//! What a profile is: where it gets tokens from, and how. `NAME.json`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use oneflight::Secret;
use oneflight::endpoint::ClientAuth;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::ProfileError;
use crate::credential::Host;

/// The only format there is so far.
pub(super) const FORMAT: u64 = 1;

/// No settings are longer; what is, is another file.
const MOST_BYTES: u64 = 64 * 1024;

/// Where a profile gets tokens from, and how.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    oneflight_profile: u64,
    /// As it was spelled: metadata and ID tokens are compared with it to the letter.
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    #[serde(default)]
    pub(crate) client_auth: Authentication,
    #[serde(default, with = "hidden", skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<Secret>,
    pub(crate) token_endpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revocation_endpoint: Option<String>,
    /// What was asked for at the last login, space-delimited; what was granted stands with the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource: Vec<String>,
    /// What else goes into authorization requests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parameters: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) encryption: Encryption,
    #[serde(default)]
    pub(crate) server: Server,
    /// Which servers git and docker may send the tokens to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) hosts: Vec<Host>,
}

/// How the client authenticates (RFC 6749 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Authentication {
    /// Not at all, as public clients.
    #[default]
    None,
    /// By the Authorization header (`client_secret_basic`).
    Basic,
    /// By parameters of the body (`client_secret_post`).
    Post,
}

/// Where the key is that the session's file is encrypted with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encryption {
    /// Nowhere: the file is not encrypted.
    #[default]
    None,
    /// In that variable of the environment.
    Environment(String),
    /// In that file.
    KeyFile(PathBuf),
    /// In the keyring of the operating system, by that name.
    Keyring(String),
}

/// How the authorization server behaves, where that is known; `oneflight doctor` finds it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Server {
    /// After an answer was lost, the same refresh token is presented once more.
    pub(crate) retry_after_loss: bool,
    /// Revoking a refresh token ends other sign-ins of that user and client, too.
    pub(crate) revocation_reaches_beyond_family: bool,
    /// Error codes by which it says, beside `invalid_grant`, that a refresh token is dead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dead_codes: Vec<String>,
    /// Statuses by which it says so without a code.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dead_statuses: Vec<u16>,
}

impl Default for Server {
    fn default() -> Self {
        let unknown = oneflight::Profile::default();
        Self {
            retry_after_loss: unknown.retry_after_loss,
            revocation_reaches_beyond_family: unknown.revocation_reaches_beyond_family,
            dead_codes: Vec::new(),
            dead_statuses: Vec::new(),
        }
    }
}

/// What any format says first.
#[derive(Deserialize)]
struct AnySettings {
    oneflight_profile: u64,
}

impl Settings {
    /// A public client at a server, and nothing else said.
    pub(crate) fn new(issuer: String, client_id: String, token_endpoint: String) -> Self {
        Self {
            oneflight_profile: FORMAT,
            issuer,
            client_id,
            client_auth: Authentication::None,
            client_secret: None,
            token_endpoint,
            revocation_endpoint: None,
            scope: None,
            audience: None,
            resource: Vec::new(),
            parameters: BTreeMap::new(),
            encryption: Encryption::None,
            server: Server::default(),
            hosts: Vec::new(),
        }
    }

    /// Reads them; `None`: there is no such file.
    ///
    /// # Errors
    /// [`ProfileError`] names the file. It was left as it is.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, ProfileError> {
        let failed = |source| ProfileError::io(path, "read", source);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        check_mode(path, &file)?;
        // Sized first: a growing text would leave copies of a client secret behind.
        let room = usize::try_from(MOST_BYTES).unwrap_or_default();
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        file.take(MOST_BYTES).read_to_end(&mut text).map_err(failed)?;
        // The error itself could quote what stands in the file.
        let foreign = |error: serde_json::Error| ProfileError::Foreign {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
        };
        let AnySettings { oneflight_profile } = serde_json::from_slice(&text).map_err(foreign)?;
        if oneflight_profile > FORMAT {
            return Err(ProfileError::Newer {
                path: path.to_owned(),
                format: oneflight_profile,
            });
        }
        serde_json::from_slice(&text).map(Some).map_err(foreign)
    }

    /// Writes them over what stands there: at every moment the file is the one of before or the one of after, whole.
    ///
    /// # Errors
    /// [`ProfileError::Io`]; the file of before stands.
    pub(super) fn write(&self, path: &Path) -> Result<(), ProfileError> {
        let failed = |source| ProfileError::io(path, "replaced", source);
        let folder = path.parent().unwrap_or(Path::new("."));
        // With mode 0600, and gone again if anything goes wrong before the rename.
        let mut fresh = tempfile::Builder::new()
            .prefix(".settings-")
            .tempfile_in(folder)
            .map_err(failed)?;
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        let mut text = Zeroizing::new(text);
        text.push(b'\n');
        fresh.write_all(&text).map_err(failed)?;
        fresh.as_file().sync_all().map_err(failed)?;
        fresh.persist(path).map_err(|error| failed(error.error))?;
        if cfg!(unix) {
            // The rename is durable when the folder is.
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(failed)?;
        }
        Ok(())
    }

    /// Takes over what the same client at the same server was told before.
    pub(crate) fn keep(&mut self, before: &Self) {
        self.client_auth = before.client_auth;
        self.client_secret = before.client_secret.as_ref().map(Secret::duplicate);
        self.scope = before.scope.clone();
        self.audience = before.audience.clone();
        self.resource = before.resource.clone();
        self.parameters = before.parameters.clone();
        self.server = before.server.clone();
        self.hosts = before.hosts.clone();
    }

    /// How the client authenticates at the token endpoint.
    pub(crate) fn authentication(&self) -> ClientAuth {
        match (self.client_auth, &self.client_secret) {
            (Authentication::Basic, Some(secret)) => ClientAuth::Basic(secret.duplicate()),
            (Authentication::Post, Some(secret)) => ClientAuth::Post(secret.duplicate()),
            _ => ClientAuth::None,
        }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.encryption != Encryption::None
    }

    /// Whether tokens of one may be presented by the other.
    pub(crate) fn is_same_client(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.client_id == other.client_id
    }
}

fn check_mode(path: &Path, file: &File) -> Result<(), ProfileError> {
    #[cfg(unix)]
    {
        let found = file
            .metadata()
            .map_err(|source| ProfileError::io(path, "read", source))?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            return Err(ProfileError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
    }
    Ok(())
}

/// A secret as text, in this file only.
mod hidden {
    use oneflight::Secret;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::expose).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
        let text = Option::<Zeroizing<String>>::deserialize(from)?;
        Ok(text.map(|text| Secret::new(&text)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::new(
            "https://as.example".to_owned(),
            "app".to_owned(),
            "https://as.example/token".to_owned(),
        );
        settings.client_auth = Authentication::Post;
        settings.client_secret = Some(Secret::new("hunter2"));
        settings.encryption = Encryption::KeyFile("/keys/k".into());
        settings
    }

    #[test]
    fn c1_settings_are_read_as_they_were_written_and_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("default.json");
        assert!(Settings::read(&path).unwrap().is_none());
        settings().write(&path).unwrap();
        let read = Settings::read(&path).unwrap().unwrap();
        assert_eq!(read.client_secret.as_ref().unwrap().expose(), "hunter2");
        assert_eq!(read.encryption, Encryption::KeyFile("/keys/k".into()));
        assert!(!format!("{read:?}").contains("hunter2"));
        // Written over, and nothing left beside it.
        settings().write(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let error = Settings::read(&path).unwrap_err();
            assert!(
                matches!(error, ProfileError::Exposed { mode: 0o640, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn c1_a_foreign_damaged_or_newer_file_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("default.json");
        settings().write(&path).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let put = |text: &str| fs::write(&path, text).unwrap();
        for foreign in [
            "",
            "hunter2",
            r#"{"oneflight_profile":"hunter2"}"#,
            r#"{"oneflight_profile":1,"issuer":{"hunter2":1}}"#,
            &whole[..whole.len() / 2],
        ] {
            put(foreign);
            let error = Settings::read(&path).unwrap_err();
            assert!(matches!(error, ProfileError::Foreign { .. }), "{error}");
            let shown = format!("{error} {error:?} {}", error.next_step());
            assert!(
                shown.contains("default.json") && !shown.contains("hunter2"),
                "{shown}"
            );
        }
        put(r#"{"oneflight_profile":2,"anything":[]}"#);
        let error = Settings::read(&path).unwrap_err();
        assert!(matches!(error, ProfileError::Newer { format: 2, .. }), "{error}");
    }
}
