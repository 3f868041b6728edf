//! The token a caller gets.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use oneflight_core::machine::Stamp;
use oneflight_core::{AccessToken, Secret, TokenSet, WallTime};

use super::published::{Live, Published};

/// An access token of a session, as it was when it was asked for.
///
/// Cheap to clone. If the API refuses it, hand its [`stamp`](Self::stamp) to
/// [`Session::newer_than`](crate::Session::newer_than).
#[derive(Clone)]
pub struct Token {
    published: Arc<Published>,
}

impl Token {
    /// `None` if nobody is signed in there.
    pub(crate) fn new(published: Arc<Published>) -> Option<Self> {
        published.live.is_some().then_some(Self { published })
    }

    fn live(&self) -> &Live {
        self.published
            .live
            .as_ref()
            .expect("tokens are made of live snapshots only")
    }

    /// Which token it is: its sign-in and its generation.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.live().stamp
    }

    /// The value of the `Authorization` header, marked sensitive. Shares the token's memory: no copy.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.live().header.clone()
    }

    /// Header and stamp together: what an interceptor needs.
    #[must_use]
    pub fn authorization(&self) -> Authorization {
        self.live().authorization()
    }

    /// The token itself.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.token_set().access_token
    }

    /// The ID token that came along (OpenID Connect Core §12.2), as the server gave it. Nobody has looked at it.
    #[must_use]
    pub fn id_token(&self) -> Option<&Secret> {
        self.token_set().id_token.as_ref()
    }

    /// All that came with the token.
    #[must_use]
    pub fn token_set(&self) -> &TokenSet {
        &self.live().tokens
    }

    /// From when on the token is not sent any more, by the wall clock. `None`: only a refusal will tell.
    #[must_use]
    pub fn expires_at(&self) -> Option<WallTime> {
        self.live().usable_until()
    }

    /// Whether the token may still be sent at this time.
    #[must_use]
    pub fn is_usable_at(&self, now: WallTime) -> bool {
        self.live().is_usable(now)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("stamp", &self.stamp())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}

impl Live {
    #[inline]
    pub(crate) fn authorization(&self) -> Authorization {
        Authorization {
            header: self.header.clone(),
            stamp: self.stamp,
        }
    }
}

/// A header value to put on a request, and the stamp to remember it by.
///
/// Smaller than a [`Token`] and quicker to get: interceptors need no more.
#[derive(Clone)]
pub struct Authorization {
    header: HeaderValue,
    stamp: Stamp,
}

impl Authorization {
    /// Which token it is.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The value of the `Authorization` header, marked sensitive.
    #[must_use]
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// The same, to be moved into a request.
    #[must_use]
    pub fn into_header(self) -> HeaderValue {
        self.header
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("stamp", &self.stamp)
            .finish_non_exhaustive()
    }
}
