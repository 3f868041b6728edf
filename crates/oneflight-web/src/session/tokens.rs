//! Tokens in, tokens out.

use std::fmt;
use std::time::Duration;

use js_sys::Object;

use super::options::put;
use super::page::Bearer;

/// Tokens from a sign-in of your own: what a token response holds (RFC 6749 §5.1), or the JSON of your back end.
///
/// ```
/// use std::time::Duration;
/// use oneflight_web::session::Tokens;
///
/// let tokens = Tokens::new("access")
///     .refresh_token("refresh")
///     .expires_in(Duration::from_secs(900));
/// assert_eq!(format!("{tokens:?}"), "Tokens { refresh_token: true, expires_in: Some(900s), .. }");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Tokens {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<Duration>,
    id_token: Option<String>,
    scope: Option<String>,
}

impl Tokens {
    /// The access token alone. It serves until it ends, or is refused.
    pub fn new(access_token: impl Into<String>) -> Self {
        Self {
            access_token: access_token.into(),
            refresh_token: None,
            expires_in: None,
            id_token: None,
            scope: None,
        }
    }

    /// What buys the next token set. Missing with a refresh by cookie.
    pub fn refresh_token(mut self, refresh_token: impl Into<String>) -> Self {
        self.refresh_token = Some(refresh_token.into());
        self
    }

    /// From now on. Missing: only a refusal will tell.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires_in = Some(lifetime);
        self
    }

    /// Kept with the session (OpenID Connect Core §3.1.3.3).
    pub fn id_token(mut self, id_token: impl Into<String>) -> Self {
        self.id_token = Some(id_token.into());
        self
    }

    /// What was granted (RFC 6749 §3.3).
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    pub(super) fn into_js(self) -> Object {
        let object = Object::new();
        put(&object, "accessToken", self.access_token);
        for (name, value) in [
            ("refreshToken", self.refresh_token),
            ("idToken", self.id_token),
            ("scope", self.scope),
        ] {
            if let Some(value) = value {
                put(&object, name, value);
            }
        }
        if let Some(lifetime) = self.expires_in {
            put(&object, "expiresIn", lifetime.as_secs_f64());
        }
        object
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("refresh_token", &self.refresh_token.is_some())
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// A token to put on a request by other means than [`fetch`](super::Session::fetch).
#[derive(Clone)]
pub struct Token {
    header: String,
    stamp: Stamp,
}

/// What a token is known by when the API refuses it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stamp(pub(super) String);

impl Token {
    pub(super) fn of(bearer: &Bearer) -> Self {
        Self {
            header: bearer.header(),
            stamp: Stamp(bearer.stamp()),
        }
    }

    /// The value of the `Authorization` header (RFC 6750 §2.1).
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }

    /// The access token itself, for what is no header: a WebSocket's first message, for instance.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.header.strip_prefix("Bearer ").unwrap_or(&self.header)
    }

    /// For [`newer_than`](super::Session::newer_than), if the API refuses it.
    #[must_use]
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("stamp", &self.stamp)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o3_no_token_shows_in_debug() {
        let tokens = Tokens::new("SECRET").refresh_token("SECRET").id_token("SECRET");
        let token = Token {
            header: "Bearer SECRET".to_owned(),
            stamp: Stamp("1.ab".to_owned()),
        };
        assert!(!format!("{tokens:?}{token:?}").contains("SECRET"));
        assert_eq!(token.expose(), "SECRET");
    }
}
