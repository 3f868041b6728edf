//! What one answer of the token endpoint gave us.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::{AccessToken, RefreshToken, Secret, TokenError, WallTime};

/// An access token and all that came with it (RFC 6749 §5.1).
///
/// Immutable once made: holders share one copy behind an `Arc`.
#[derive(Debug)]
#[non_exhaustive]
pub struct TokenSet {
    /// What requests carry.
    pub access_token: AccessToken,
    /// What buys the next set. Absent where the server keeps it in a cookie or issues none.
    pub refresh_token: Option<RefreshToken>,
    /// When the answer arrived, by the wall clock of the holder that received it.
    pub received_at: WallTime,
    /// The lifetime of the access token from `received_at` on. Absent: unknown, so only a refusal tells.
    pub expires_in: Option<Duration>,
    /// The scope granted, space-delimited (RFC 6749 §3.3), if the server said it.
    pub scope: Option<Box<str>>,
    /// The ID token that came along (OpenID Connect Core §12.2), handed on unread.
    pub id_token: Option<Secret>,
    /// The other members of the token response, each as a name and its JSON text.
    pub extra: Vec<(Box<str>, Secret)>,
}

impl TokenSet {
    /// A set with an access token alone; the other members are added by the methods named after them.
    ///
    /// # Errors
    /// [`TokenError`] if the text cannot be a token.
    ///
    /// ```
    /// use core::time::Duration;
    /// use oneflight_core::{TokenError, TokenSet, WallTime};
    ///
    /// let received_at = WallTime::from_unix_millis(1_700_000_000_000);
    /// let set = TokenSet::new("access", received_at)?
    ///     .refresh_token("refresh")?
    ///     .expires_in(Duration::from_secs(900));
    /// assert_eq!(set.expires_at(received_at), Some(received_at.after(Duration::from_secs(900))));
    /// # Ok::<(), TokenError>(())
    /// ```
    pub fn new(access_token: &str, received_at: WallTime) -> Result<Self, TokenError> {
        Ok(Self {
            access_token: AccessToken::new(access_token)?,
            refresh_token: None,
            received_at,
            expires_in: None,
            scope: None,
            id_token: None,
            extra: Vec::new(),
        })
    }

    /// Adds the refresh token.
    ///
    /// # Errors
    /// [`TokenError`] if the text cannot be a token.
    pub fn refresh_token(mut self, refresh_token: &str) -> Result<Self, TokenError> {
        self.refresh_token = Some(RefreshToken::new(refresh_token)?);
        Ok(self)
    }

    /// Adds the lifetime of the access token, counted from its receipt.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires_in = Some(lifetime);
        self
    }

    /// Adds the scope that was granted (RFC 6749 §3.3).
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Adds the ID token.
    #[must_use]
    pub fn id_token(mut self, id_token: &str) -> Self {
        self.id_token = Some(Secret::new(id_token));
        self
    }

    /// When the access token expires, by the wall clock; `None` where the server did not say.
    ///
    /// A receipt that lies in the future, because the clock was set back since, is read as `now`.
    #[must_use]
    pub fn expires_at(&self, now: WallTime) -> Option<WallTime> {
        let start = self.received_at.min(now);
        self.expires_in.map(|lifetime| start.after(lifetime))
    }
}
