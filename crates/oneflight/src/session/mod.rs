//! The handle of a session.

mod builder;
mod published;
mod token;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use oneflight_core::machine::{Revocation, Stamp, Status};
use oneflight_core::origin::AllowList;
use oneflight_core::{SessionId, TokenSet};

pub use builder::SessionBuilder;
pub use token::{Authorization, Token};

use crate::{Clock, Error};
use published::Published;

/// One sign-in and what follows from it: hands out the access token, and renews it once, however many ask.
///
/// Cheap to clone; clones are handles of the same session.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    published: ArcSwap<Published>,
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    origins: Option<AllowList>,
}

impl Session {
    /// Begins the settings of a session.
    #[must_use]
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// A token that may be sent now; waits for a renewal if there is none.
    ///
    /// # Errors
    /// [`Error`] says what the caller can do.
    pub async fn token(&self) -> Result<Token, Error> {
        Err(Error::Closed)
    }

    /// The same, as what an interceptor needs.
    ///
    /// # Errors
    /// [`Error`] says what the caller can do.
    pub async fn authorization(&self) -> Result<Authorization, Error> {
        match self.ready() {
            Some(authorization) => Ok(authorization),
            None => self.token().await.map(|token| token.authorization()),
        }
    }

    /// A token of the same session, newer than the one with this stamp, which the API refused.
    ///
    /// # Errors
    /// [`Error`] says what the caller can do.
    pub async fn newer_than(&self, refused: Stamp) -> Result<Token, Error> {
        let _ = refused;
        Err(Error::Closed)
    }

    /// What requests read now, usable or not. Never waits.
    #[must_use]
    pub fn current(&self) -> Option<Token> {
        Token::new(self.inner.published.load_full())
    }

    /// Renews ahead of time if a renewal is due, and waits for it: before a request that cannot be sent again.
    pub async fn renew_if_due(&self) {}

    /// Whether a URL of these parts may see the token. Never allocates.
    #[must_use]
    pub fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let origins = self.inner.shared.origins.as_ref();
        origins.is_some_and(|origins| origins.allows(scheme, host, port))
    }

    /// Signs in.
    ///
    /// # Errors
    /// [`Error`] says what the caller can do.
    pub async fn sign_in(&self, tokens: TokenSet) -> Result<SignedIn, Error> {
        let _ = tokens;
        Err(Error::Closed)
    }

    /// Signs out: here at once, in the store and at the authorization server as soon as they can be reached.
    pub async fn sign_out(&self) -> SignedOut {
        SignedOut {
            landed: false,
            revocation: Revocation::NotOffered,
        }
    }

    /// What there is to say about the session.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner.published.load().status
    }

    /// The hot path: one atomic load, one clock read, two comparisons, one header clone.
    pub(crate) fn ready(&self) -> Option<Authorization> {
        let published = self.inner.published.load();
        let live = published.live.as_ref()?;
        let now = self.inner.shared.clock.wall();
        if !live.is_usable(now) {
            return None;
        }
        Some(live.authorization())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// A sign-in stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedIn {
    /// The sign-in.
    pub session: SessionId,
    /// It is stored. Otherwise it stands in memory, and storing it is tried again.
    pub saved: bool,
}

/// A sign-out took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedOut {
    /// The other holders will learn of it: the tombstone stands in the store. Otherwise writing it is tried again.
    pub landed: bool,
    /// What became of the refresh token at the authorization server.
    pub revocation: Revocation,
}
