//! Where new tokens come from.
//!
//! A [`TokenEndpoint`] does one exchange and says what the answer means. Those built in speak through an
//! [`HttpExchange`], which any HTTP client can be made into.

pub(crate) mod answer;
mod client;
mod discovery;
mod function;
mod http;
mod json;
mod oauth;
pub(crate) mod url;

use std::fmt;
use std::sync::Arc;

use oneflight_core::machine::{GrantKind, Refresh, Revocation};
use oneflight_core::{RefreshToken, TokenSet, WallTime};

pub use oneflight_core::answer::{AnswerRules, Verdict};

pub use self::client::ClientAuth;
pub use self::discovery::{DiscoveryError, Metadata, discover};
pub use self::function::{EndpointFn, endpoint_fn};
pub use self::http::{
    DEFAULT_BODY_LIMIT_BYTES, ExchangeError, ExchangeFailure, ExchangeFn, HttpExchange, exchange_fn,
};
pub use self::json::{JsonBuilder, JsonEndpoint, JsonFields};
pub use self::oauth::{ClientCredentials, OAuthBuilder, OAuthEndpoint};

use crate::error::Source;
use crate::{BoxFuture, Clock};

/// Where a session gets its next tokens: one exchange, and what it proved.
///
/// The driver gives every call a deadline and drops the future when it is over; the request then counts as lost. It must
/// not be one that an interceptor of the same session wraps, and must not send a request twice by itself.
pub trait TokenEndpoint: Send + Sync + 'static {
    /// What buys a new token here.
    fn grant(&self) -> GrantKind {
        GrantKind::RefreshToken
    }

    /// Asks for the next token set.
    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Reply>;

    /// Revokes the refresh token of a set (RFC 7009).
    fn revoke(&self, tokens: Arc<TokenSet>) -> BoxFuture<'_, Revocation> {
        let _ = tokens;
        Box::pin(std::future::ready(Revocation::NotOffered))
    }
}

impl<T: TokenEndpoint + ?Sized> TokenEndpoint for Arc<T> {
    fn grant(&self) -> GrantKind {
        (**self).grant()
    }

    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Reply> {
        (**self).refresh(request)
    }

    fn revoke(&self, tokens: Arc<TokenSet>) -> BoxFuture<'_, Revocation> {
        (**self).revoke(tokens)
    }
}

/// What an endpoint is given to ask with.
#[derive(Clone)]
pub struct RefreshRequest {
    base: Option<Arc<TokenSet>>,
    clock: Arc<dyn Clock>,
}

impl RefreshRequest {
    pub(crate) fn new(refresh: Refresh, clock: Arc<dyn Clock>) -> Self {
        Self {
            base: refresh.base,
            clock,
        }
    }

    /// A request outside of any session: for tests of an endpoint of one's own, and for tools.
    ///
    /// A refresh token may be good for one use only: whoever asks an endpoint with this keeps what comes back.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use oneflight::endpoint::{RefreshRequest, TokenEndpoint, Verdict};
    /// use oneflight::{SystemClock, TokenSet, WallTime};
    ///
    /// # async fn run(endpoint: impl TokenEndpoint) -> Result<(), oneflight::TokenError> {
    /// let tokens = TokenSet::new("access", WallTime::default())?.refresh_token("refresh")?;
    /// let request = RefreshRequest::presenting(Arc::new(tokens), SystemClock::default());
    /// let reply = endpoint.refresh(request).await;
    /// assert!(matches!(reply.verdict(), Verdict::Renewed(_)));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn presenting(tokens: Arc<TokenSet>, clock: impl Clock) -> Self {
        Self {
            base: Some(tokens),
            clock: Arc::new(clock),
        }
    }

    /// The refresh token to present. Always there for [`GrantKind::RefreshToken`].
    #[must_use]
    pub fn refresh_token(&self) -> Option<&RefreshToken> {
        self.base.as_ref()?.refresh_token.as_ref()
    }

    /// The set that is to be followed by a new one; `None` where the session begins with this request.
    #[must_use]
    pub fn token_set(&self) -> Option<&TokenSet> {
        self.base.as_deref()
    }

    /// The wall clock of the session: ask it when the answer has arrived.
    #[must_use]
    pub fn now(&self) -> WallTime {
        self.clock.wall()
    }
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRequest").finish_non_exhaustive()
    }
}

/// What came of an exchange.
#[derive(Debug)]
pub struct Reply {
    pub(crate) verdict: Verdict,
    pub(crate) source: Option<Source>,
}

impl Reply {
    /// A reply that proves this.
    #[must_use]
    pub fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            source: None,
        }
    }

    /// What the answer proves.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The same, to keep: a token set that came must not be dropped.
    #[must_use]
    pub fn into_verdict(self) -> Verdict {
        self.verdict
    }

    /// Adds what the HTTP client had to say. It travels in [`Error::Transient`](crate::Error::Transient); it must hold
    /// no token.
    #[must_use]
    pub fn because(mut self, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Source::new(error));
        self
    }
}

impl From<Verdict> for Reply {
    fn from(verdict: Verdict) -> Self {
        Self::new(verdict)
    }
}

#[cfg(test)]
mod tests;
