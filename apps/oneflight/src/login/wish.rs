//! What a login was asked for, and what the profile it goes into said before.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use oneflight::Secret;
use oneflight::endpoint::Metadata;
use zeroize::Zeroizing;

use super::LoginError;
use crate::cli::{issuer, not_empty};
use crate::profile::{Authentication, Encryption, Profile, ProfileName, Settings};

/// All profiles that are encrypted so share one key in the keyring.
const KEYRING_KEY: &str = "profiles";

/// Holds the client's secret, where no file does.
pub(crate) const SECRET_VARIABLE: &str = "ONEFLIGHT_CLIENT_SECRET";

/// Where to sign in, as whom, and for what.
#[derive(Debug, Args)]
pub(crate) struct WishArgs {
    /// The authorization server, spelled as it spells itself [default: the profile's]
    #[arg(long, value_name = "URL", value_parser = issuer)]
    issuer: Option<String>,
    /// The id that the server gave this client [default: the profile's]
    #[arg(long, value_name = "ID", value_parser = not_empty)]
    client_id: Option<String>,
    /// A file with the client's secret, where it has one; else $ONEFLIGHT_CLIENT_SECRET [default: the profile's]
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// What the tokens may do, several times or separated by spaces [default: the profile's, else `openid offline_access`
    /// as far as the server lists them]
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// A resource that the tokens are for (RFC 8707); may be given several times
    #[arg(long, value_name = "URL")]
    resource: Vec<String>,
    /// The audience that the tokens are for, where the server wants that instead
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// Encrypt the session with a key: `keyring`, `env VARIABLE`, `key-file PATH`, or `none` [default: as the profile is, else none]
    #[arg(long, value_names = ["WHERE", "WHICH"], num_args = 1..=2)]
    encrypt: Vec<String>,
}

impl WishArgs {
    /// Where this login goes: issuer and client.
    ///
    /// # Errors
    /// [`LoginError::NoIssuer`] if nothing says it.
    pub(super) fn target(
        &self,
        name: &ProfileName,
        old: Option<&Profile>,
    ) -> Result<(String, String), LoginError> {
        let old = old.map(|old| &old.settings);
        let issuer = self.issuer.clone().or(old.map(|old| old.issuer.clone()));
        let client_id = self.client_id.clone().or_else(|| {
            // A client is known to its own server only.
            let known = old.filter(|old| Some(&old.issuer) == issuer.as_ref());
            known.map(|old| old.client_id.clone())
        });
        issuer
            .zip(client_id)
            .ok_or_else(|| LoginError::NoIssuer { name: name.clone() })
    }

    /// The settings of the profile after this login.
    ///
    /// # Errors
    /// [`LoginError`] if what was asked for does not go together.
    pub(super) fn settings(
        &self,
        target: (String, String),
        old: Option<&Profile>,
        server: &Metadata,
    ) -> Result<Settings, LoginError> {
        let (issuer, client_id) = target;
        let mut settings = Settings::new(issuer, client_id, server.token_endpoint.clone());
        settings.revocation_endpoint = server.revocation_endpoint.clone();
        if let Some(old) = old {
            settings.encryption = old.settings.encryption.clone();
            if settings.is_same_client(&old.settings) {
                settings.keep(&old.settings);
            }
        }
        if let Some(secret) = client_secret(self.client_secret_file.as_deref())? {
            settings.client_auth = authentication(server)?;
            settings.client_secret = Some(secret);
        }
        let scope = self.scope.join(" ");
        if !scope.trim().is_empty() {
            settings.scope = Some(scope.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        if !self.resource.is_empty() {
            settings.resource = self.resource.clone();
        }
        if let Some(audience) = &self.audience {
            settings.audience = Some(audience.clone());
        }
        if let Some(encryption) = self.encryption()? {
            settings.encryption = encryption;
        }
        let was_encrypted = old.filter(|old| old.settings.encryption != Encryption::None);
        match was_encrypted {
            Some(old) if settings.encryption == Encryption::None => Err(LoginError::WouldDecrypt {
                name: old.name.clone(),
            }),
            _ => Ok(settings),
        }
    }

    /// Where the key is, if that was said.
    ///
    /// # Errors
    /// [`LoginError::Encrypt`].
    pub(super) fn encryption(&self) -> Result<Option<Encryption>, LoginError> {
        let words: Vec<&str> = self.encrypt.iter().map(String::as_str).collect();
        let unknown = || LoginError::Encrypt {
            encrypt: words.join(" "),
        };
        match words[..] {
            [] => Ok(None),
            ["none"] => Ok(Some(Encryption::None)),
            ["keyring"] => Ok(Some(Encryption::Keyring(KEYRING_KEY.to_owned()))),
            ["env", variable] => Ok(Some(Encryption::Environment(variable.to_owned()))),
            // It will be read from other folders, too.
            ["key-file", path] => match std::path::absolute(path) {
                Ok(path) => Ok(Some(Encryption::KeyFile(path))),
                Err(_) => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }
}

/// The client's secret: in this file, else in the environment; `None` where it has none.
///
/// # Errors
/// [`LoginError::SecretFile`] and [`LoginError::EmptySecret`].
pub(crate) fn client_secret(file: Option<&Path>) -> Result<Option<Secret>, LoginError> {
    let text = match file {
        Some(path) => fs::read_to_string(path).map_err(|source| LoginError::SecretFile {
            path: path.to_owned(),
            source,
        })?,
        None => match std::env::var(SECRET_VARIABLE) {
            Ok(text) if !text.is_empty() => text,
            _ => return Ok(None),
        },
    };
    let text = Zeroizing::new(text);
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(LoginError::EmptySecret),
        secret => Ok(Some(Secret::new(secret))),
    }
}

/// What is asked for if nobody says: to know who signs in, and to stay signed in.
pub(crate) fn default_scope(server: &Metadata) -> Option<String> {
    let listed = |scope: &&str| server.scopes_supported.iter().any(|listed| listed == scope);
    let scope: Vec<&str> = ["openid", "offline_access"].into_iter().filter(listed).collect();
    (!scope.is_empty()).then(|| scope.join(" "))
}

/// How a client with a secret shows it. A server that does not say takes the header (RFC 8414 §2).
///
/// # Errors
/// [`LoginError::Authentication`] if the server takes nothing that is spoken here.
pub(crate) fn authentication(server: &Metadata) -> Result<Authentication, LoginError> {
    let offered = &server.token_endpoint_auth_methods_supported;
    let offers = |method: &str| offered.iter().any(|offered| offered == method);
    if offers("client_secret_basic") {
        Ok(Authentication::Basic)
    } else if offers("client_secret_post") {
        Ok(Authentication::Post)
    } else {
        Err(LoginError::Authentication {
            offered: offered.join(", "),
        })
    }
}
