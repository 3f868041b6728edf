//! The handle of a session.

mod builder;
mod busy;
#[cfg(any(feature = "oauth2", feature = "openidconnect"))]
mod foreign;
mod inner;
mod published;
mod sign_in;
mod token;
mod wait;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use oneflight_core::machine::{Demand, Outcome, Revocation, Stamp, Status};
use oneflight_core::{EndReason, SessionId};

pub use builder::SessionBuilder;
pub(crate) use builder::open;
pub(crate) use busy::Work;
#[cfg(feature = "oauth2")]
pub use foreign::OAuth2Tokens;
#[cfg(feature = "openidconnect")]
pub use foreign::OpenIdTokens;
pub(crate) use inner::{DriverState, Inner, Shared, State};
pub use sign_in::{IntoTokens, JsonTokens};
pub use token::{Authorization, Token};

use crate::clock::system_time;
use crate::driver;
use crate::events::{Events, StatusChanges};
use crate::{Error, random};

/// One sign-in and what follows from it: hands out the access token, and renews it once, however many ask.
///
/// Cheap to clone; clones are handles of the same session.
///
/// # The runtime
/// Callers wait; the work is done by one task per session, which exists only while there is something to do. It runs on
/// the tokio runtime in which the session was built, or on the one the builder was given, which needs its timers
/// enabled. Callers may be on any runtime. If that runtime ends while work is under way, everybody who waits gets
/// [`Error::RuntimeGone`]; what had been sent counts as lost, and a lock of the store is dropped. A later call moves the
/// session to the runtime that the call is made on, so sessions in statics work across tests; without one, the error
/// stays. Dropping the last handle lets work under way end first: a refresh whose callers all went away is still saved.
///
/// # Examples
/// ```
/// use oneflight::{JsonTokens, Session};
/// # use oneflight::endpoint::{HttpExchange, OAuthEndpoint};
///
/// # async fn run(http: impl HttpExchange, response: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let session = Session::builder()
///     .endpoint(OAuthEndpoint::builder("https://as.example/token", "my-client", http).build()?)
///     .origins(["https://api.example.com"])
///     .build()?;
///
/// session.sign_in(JsonTokens(response)).await?;
/// let token = session.token().await?;
/// // The API refused it?
/// let newer = session.newer_than(token.stamp()).await?;
/// # let _ = newer;
/// # Ok(())
/// # }
/// ```
pub struct Session {
    inner: Arc<Inner>,
}

impl Session {
    /// Begins the settings of a session.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    pub(crate) fn of(inner: Arc<Inner>) -> Self {
        inner.handles.fetch_add(1, Ordering::AcqRel);
        Self { inner }
    }

    /// A token that may be sent now. Does not wait while there is one; waits for the one renewal otherwise.
    ///
    /// To bound the wait, use [`tokio::time::timeout`]: the renewal goes on.
    ///
    /// # Errors
    /// [`Error::action`] says what the caller can do.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing for anybody else.
    pub async fn token(&self) -> Result<Token, Error> {
        let published = self.inner.published.load_full();
        if let Some(live) = &published.live {
            let now = self.inner.shared.clock.wall();
            if live.is_usable(now) {
                if live.is_due(now) {
                    self.inner.ask_ahead(now.as_unix_millis());
                }
                return Token::new(published).ok_or(Error::Unsettled);
            }
        }
        self.wait(Demand::Usable).await
    }

    /// The same, as what an interceptor needs.
    ///
    /// # Errors
    /// [`Error::action`] says what the caller can do.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing for anybody else.
    pub async fn authorization(&self) -> Result<Authorization, Error> {
        match self.ready() {
            Some(authorization) => Ok(authorization),
            None => self.wait(Demand::Usable).await.map(|token| token.authorization()),
        }
    }

    /// A token of the same session, newer than the one with this stamp, which the API refused. If there is one already,
    /// does not wait, and renews nothing.
    ///
    /// # Errors
    /// [`Error::Replaced`] if another sign-in took its place: the request must not be sent as somebody else.
    /// [`Error::action`] says what the caller can do about others.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing for anybody else.
    pub async fn newer_than(&self, refused: Stamp) -> Result<Token, Error> {
        let demand = Demand::NewerThan(refused);
        match self.serving(demand, self.inner.published.load_full()) {
            Some(token) => {
                #[cfg(feature = "metrics")]
                crate::metrics::saved();
                Ok(token)
            }
            None => self.wait(demand).await,
        }
    }

    /// The token as requests read it now, usable or not; `None` while nobody is signed in, or the store was not read
    /// yet. Never waits, and renews nothing.
    #[must_use]
    pub fn current(&self) -> Option<Token> {
        Token::new(self.inner.published.load_full())
    }

    /// Renews ahead of time if a renewal is due, and waits for it: before a request that cannot be sent again. A renewal
    /// that fails shows when the token is asked for.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing for anybody else.
    pub async fn renew_if_due(&self) {
        let demand = Demand::Due;
        if self.serving(demand, self.inner.published.load_full()).is_none() {
            // Whoever asks ahead of time is served with the old token as long as it lasts.
            let _ = self.wait(demand).await;
        }
    }

    /// Whether a URL of these parts may see the token. Never allocates.
    #[must_use]
    pub fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let origins = self.inner.shared.origins.as_ref();
        origins.is_some_and(|origins| origins.allows(scheme, host, port))
    }

    #[inline]
    pub(crate) fn is_written(&self, scheme: &str, authority: &str) -> bool {
        let origins = self.inner.shared.origins.as_ref();
        origins.is_some_and(|origins| origins.is_written(scheme, authority))
    }

    /// Signs in: from now on requests are sent with these tokens, and whoever waits for those of another sign-in learns
    /// that it was replaced.
    ///
    /// # Errors
    /// [`Error::BadToken`] or [`Error::BadResponse`] if the tokens are none; [`Error::Replaced`] if another sign-in was quicker,
    /// [`Error::SignedOut`] if a sign-out was.
    ///
    /// # Cancel safety
    /// The sign-in takes effect with the first poll; dropping the future afterwards only means not to learn how it went.
    pub async fn sign_in(&self, tokens: impl IntoTokens) -> Result<SignedIn, Error> {
        let tokens = tokens.into_tokens(self.inner.shared.clock.wall())?;
        let session = SessionId(random::bytes());
        let receiver = self
            .inner
            .command(|machine, now| machine.sign_in(now, session, tokens));
        let settled = self.settled(receiver).await?;
        match settled.outcome {
            Outcome::SignedIn { saved, .. } => Ok(SignedIn { session, saved }),
            Outcome::Failed(failure) => Err(self.failed(failure, settled.source)),
            Outcome::Ended { .. } => Err(Error::SignedOut(EndReason::SignOut)),
            _ => Err(Error::Replaced),
        }
    }

    /// Signs out: here at once, in the store and at the authorization server as soon as they can be reached.
    ///
    /// # Cancel safety
    /// The sign-out takes effect here with the first poll; dropping the future afterwards only means not to learn how
    /// the rest went.
    pub async fn sign_out(&self) -> SignedOut {
        let receiver = self.inner.command(|machine, now| machine.sign_out(now));
        match self.settled(receiver).await.map(|settled| settled.outcome) {
            Ok(Outcome::Ended { landed, revocation }) => SignedOut { landed, revocation },
            _ => SignedOut {
                landed: false,
                revocation: Revocation::Failed,
            },
        }
    }

    /// What there is to say about the session. [`Status::Unknown`] until the store was read, which the first demand
    /// does.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner.published.load().status
    }

    /// The status as a stream: first as it is, then each time it has changed.
    pub fn status_changes(&self) -> StatusChanges {
        StatusChanges::of(&self.inner)
    }

    /// What happens to the session from now on.
    pub fn events(&self) -> Events {
        Events::of(&self.inner)
    }

    /// Reads the store again: the process woke up, or something changed the store behind our back.
    pub fn reload(&self) {
        self.inner.input(|state, now| state.machine.reload(now));
    }

    /// Forgets the pause after a failure: the network is back, or the configuration is mended.
    pub fn retry_now(&self) {
        self.inner.input(|state, now| {
            state.forget_trouble();
            state.machine.retry_now(now);
        });
    }

    /// Ends the session's work, not the session: no new attempt begins, and what is under way ends and is saved.
    ///
    /// # Cancel safety
    /// No new attempt begins after the first poll; dropping the future afterwards only means not to wait.
    pub async fn close(&self) -> Closed {
        self.inner.input(|state, now| state.machine.close(now));
        loop {
            let rest = {
                let mut state = self.inner.state();
                let done = state.is_settled() || state.driver == DriverState::Absent;
                if done || driver::is_within(&self.inner) {
                    return Closed {
                        unsaved: state.machine.has_unsaved(),
                    };
                }
                Arc::clone(state.busy().rest.get_or_insert_default())
            };
            let rested = rest.notified();
            tokio::pin!(rested);
            rested.as_mut().enable();
            // The driver takes the notifier away when it notifies: if it is still there, we are in time.
            if self.inner.state().is_awaited(&rest) {
                rested.await;
            }
        }
    }

    pub(crate) fn is_only_handle(&self) -> bool {
        self.inner.handles.load(Ordering::Acquire) == 1
    }

    /// Whether nothing is lost if this session is forgotten.
    pub(crate) fn is_at_rest(&self) -> bool {
        let now = self.inner.now();
        let state = self.inner.state();
        state.is_quiet() && !state.machine.has_unsaved() && !state.is_pausing(now)
    }

    /// The hot path: one atomic load, one clock read, two comparisons, one header clone.
    #[inline]
    pub(crate) fn ready(&self) -> Option<Authorization> {
        let published = self.inner.published.load();
        let live = published.live.as_ref()?;
        if self.inner.shared.by_system_clock && live.is_fresh(system_time()) {
            return Some(live.authorization());
        }
        let now = self.inner.shared.clock.wall();
        if !live.is_usable(now) {
            return None;
        }
        let authorization = live.authorization();
        if live.is_due(now) {
            drop(published);
            self.inner.ask_ahead(now.as_unix_millis());
        }
        Some(authorization)
    }
}

impl Clone for Session {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.inner))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.inner.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            // A driver that only keeps the token fresh has nobody left to do it for.
            let wake = self
                .inner
                .state()
                .busy_if_any()
                .map(|busy| Arc::clone(&busy.wake));
            if let Some(wake) = wake {
                wake.notify_one();
            }
        }
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

/// A session was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// A token set, a sign-in or a sign-out could not be stored. As long as the runtime lives it is tried again.
    pub unsaved: bool,
}
