//! One HTTP exchange with the authorization server: all that an endpoint needs of an HTTP client.

use std::error::Error as StdError;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use crate::BoxFuture;

/// How much of an answer is read, if nobody says otherwise, in bytes: 1 MiB.
pub const DEFAULT_BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// An HTTP client, reduced to one exchange.
///
/// It must be a bare client: one that no interceptor of a session wraps, that follows no redirects, and that never
/// sends a request a second time by itself (a refresh token may be spent only once).
///
/// # Cancel safety
/// The driver drops the future when the deadline is over. The request may have been processed all the same; that is
/// reckoned with.
///
/// # Examples
/// A function can be one, for tests: [`exchange_fn`].
pub trait HttpExchange: Send + Sync + 'static {
    /// Sends the request and reads the whole answer, but no more than so many bytes of its body.
    ///
    /// # Errors
    /// [`ExchangeError`] says how far it came. Any answer with a status is no error.
    fn exchange(
        &self,
        request: Request<Bytes>,
        body_limit_bytes: usize,
    ) -> BoxFuture<'_, Result<Response<Bytes>, ExchangeError>>;
}

impl<T: HttpExchange + ?Sized> HttpExchange for Arc<T> {
    fn exchange(
        &self,
        request: Request<Bytes>,
        body_limit_bytes: usize,
    ) -> BoxFuture<'_, Result<Response<Bytes>, ExchangeError>> {
        (**self).exchange(request, body_limit_bytes)
    }
}

/// How far an exchange came before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExchangeFailure {
    /// No connection was made, so the server surely saw nothing.
    NotConnected,
    /// No answer came in time.
    TimedOut,
    /// The connection ended before the answer began.
    Reset,
    /// The answer ended before its body did.
    TornBody,
    /// The body is longer than what may be read.
    TooLarge,
}

/// An exchange that brought no whole answer.
#[derive(Debug, thiserror::Error)]
#[error("{}", .failure.as_str())]
pub struct ExchangeError {
    failure: ExchangeFailure,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ExchangeError {
    /// Says how far it came. When in doubt between [`NotConnected`](ExchangeFailure::NotConnected) and another, take
    /// the other.
    #[must_use]
    pub fn new(failure: ExchangeFailure) -> Self {
        Self {
            failure,
            source: None,
        }
    }

    /// Adds why. Must not hold the request's body.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How far it came.
    #[must_use]
    pub fn failure(&self) -> ExchangeFailure {
        self.failure
    }
}

impl ExchangeFailure {
    fn as_str(self) -> &'static str {
        match self {
            Self::NotConnected => "no connection to the authorization server",
            Self::TimedOut => "the authorization server did not answer in time",
            Self::Reset => "the connection to the authorization server ended before it answered",
            Self::TornBody => "the answer of the authorization server was cut off",
            Self::TooLarge => "the answer of the authorization server is longer than what may be read",
        }
    }
}

/// An exchange made of a function, for tests and for clients that need no type of their own.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use oneflight::endpoint::{HttpExchange, exchange_fn};
///
/// let canned = exchange_fn(async |_request: Request<Bytes>, _body_limit_bytes| {
///     Ok(Response::new(Bytes::from_static(b"{}")))
/// });
/// fn assert_exchange(_: &impl HttpExchange) {}
/// assert_exchange(&canned);
/// ```
pub fn exchange_fn<F, A>(function: F) -> ExchangeFn<F>
where
    F: Fn(Request<Bytes>, usize) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response<Bytes>, ExchangeError>> + Send + 'static,
{
    ExchangeFn(function)
}

/// See [`exchange_fn`].
#[derive(Debug, Clone, Copy)]
pub struct ExchangeFn<F>(F);

impl<F, A> HttpExchange for ExchangeFn<F>
where
    F: Fn(Request<Bytes>, usize) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response<Bytes>, ExchangeError>> + Send + 'static,
{
    fn exchange(
        &self,
        request: Request<Bytes>,
        body_limit_bytes: usize,
    ) -> BoxFuture<'_, Result<Response<Bytes>, ExchangeError>> {
        Box::pin((self.0)(request, body_limit_bytes))
    }
}
