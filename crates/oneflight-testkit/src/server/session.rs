//! Sessions made without HTTP.

use std::fmt;
use std::time::Duration;

use super::family::TokenId;
use super::grants::{Pair, Terms};

/// The client that sessions belong to unless the test says otherwise.
pub(crate) const DEFAULT_CLIENT: &str = "app";
/// The user that sessions belong to unless the test says otherwise.
pub(crate) const DEFAULT_USER: &str = "user";

/// What a session made by [`TestServer::issue_session_with`](crate::TestServer::issue_session_with)
/// is to be like.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use oneflight_testkit::SessionTerms;
///
/// let terms = SessionTerms::new().user("ada").scope("read write").lifetime(Duration::ZERO);
/// ```
#[derive(Clone, Debug)]
pub struct SessionTerms(pub(crate) Terms);

impl SessionTerms {
    /// The public client `app`, the user `user`, no scope, the settings' lifetime.
    pub fn new() -> Self {
        Self(Terms {
            client: DEFAULT_CLIENT.to_owned(),
            subject: DEFAULT_USER.to_owned(),
            refreshable: true,
            ..Terms::default()
        })
    }

    /// The client that may refresh it. It need not be registered as long as nobody does.
    pub fn client(mut self, id: &str) -> Self {
        id.clone_into(&mut self.0.client);
        self
    }

    /// The user.
    pub fn user(mut self, name: &str) -> Self {
        name.clone_into(&mut self.0.subject);
        self
    }

    /// The scope granted, separated by spaces.
    pub fn scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.0.scope);
        self
    }

    /// How long the first access token lives; those of refreshes live as the settings say.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.0.lifetime = Some(lifetime);
        self
    }

    /// No refresh token.
    pub fn without_refresh_token(mut self) -> Self {
        self.0.refreshable = false;
        self
    }
}

impl Default for SessionTerms {
    fn default() -> Self {
        Self::new()
    }
}

/// A signed-in session, as a client would hold it after the token answer.
#[derive(Clone)]
#[non_exhaustive]
pub struct IssuedSession {
    /// The access token.
    pub access_token: String,
    /// The refresh token, if there is one.
    pub refresh_token: Option<String>,
    /// The access token's true lifetime.
    pub expires_in: Duration,
    /// The scope granted; empty if none was asked for.
    pub scope: String,
    /// The client it belongs to.
    pub client_id: String,
    /// Which token this is.
    pub token: TokenId,
}

impl IssuedSession {
    pub(crate) fn new(pair: Pair, client_id: String) -> Self {
        Self {
            access_token: pair.access.to_string(),
            refresh_token: pair.refresh.map(|token| token.to_string()),
            expires_in: pair.lifetime,
            scope: pair.scope,
            client_id,
            token: pair.id,
        }
    }

    /// The number of the session's family.
    pub fn family(&self) -> u64 {
        self.token.family
    }

    /// The refresh token.
    ///
    /// # Panics
    ///
    /// If the session was made without one.
    pub fn refresh_token(&self) -> &str {
        self.refresh_token
            .as_deref()
            .expect("the session was made with a refresh token")
    }
}

/// Shows which token it is, never its value.
impl fmt::Debug for IssuedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedSession")
            .field("token", &self.token)
            .field("has_refresh_token", &self.refresh_token.is_some())
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
