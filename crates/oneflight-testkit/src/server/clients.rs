//! Registered clients.

use serde::{Deserialize, Serialize};

use super::counters::ClientAuth;

/// A client that the server knows (RFC 6749 §2).
///
/// # Examples
///
/// ```
/// use oneflight_testkit::{Client, ClientAuth};
///
/// let spa = Client::public("spa").redirect_uri("http://127.0.0.1:4200/callback");
/// let back_end = Client::confidential("back-end", "s3cret").only(ClientAuth::ClientSecretBasic);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) secret: Option<String>,
    /// Empty: any that its kind allows.
    #[serde(default)]
    pub(crate) auth: Vec<ClientAuth>,
    /// Empty: any.
    #[serde(default)]
    pub(crate) redirect_uris: Vec<String>,
}

impl Client {
    /// A client without a secret.
    pub fn public(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: None,
            auth: Vec::new(),
            redirect_uris: Vec::new(),
        }
    }

    /// A client with a secret, which it may send either way.
    pub fn confidential(id: &str, secret: &str) -> Self {
        Self {
            secret: Some(secret.to_owned()),
            ..Self::public(id)
        }
    }

    /// Accepts this authentication and no other; called again, this one too.
    pub fn only(mut self, auth: ClientAuth) -> Self {
        self.auth.push(auth);
        self
    }

    /// Accepts this redirect URI, compared as text; without any, every one is accepted.
    pub fn redirect_uri(mut self, uri: &str) -> Self {
        self.redirect_uris.push(uri.to_owned());
        self
    }

    pub(crate) fn is_public(&self) -> bool {
        self.secret.is_none()
    }

    pub(crate) fn admits(&self, auth: ClientAuth) -> bool {
        let fits = (auth == ClientAuth::None) == self.is_public();
        fits && (self.auth.is_empty() || self.auth.contains(&auth))
    }
}
