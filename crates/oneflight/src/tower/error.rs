//! How a request through the layer can fail.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};

use crate::intercept::RenewalFailed;
use crate::{Action, Error as TokenError};

/// Why there is no answer, or none but a refusal.
///
/// `E` is the error of the service below, `B` the body of its responses.
#[non_exhaustive]
pub enum Error<E, B> {
    /// The service below failed, with the request or with its replay.
    Inner(E),
    /// The request says no authority to be sent to, and the layer was given no origin: it cannot be told whether the
    /// token may go there. Nothing was sent. See [`OneflightLayer::with_origin`](super::OneflightLayer::with_origin).
    NoAuthority,
    /// There is no token to send the request with. Nothing was sent.
    NoToken(TokenError),
    /// The API refused the token, and no newer one could be had. Holds the API's answer.
    Renewal(Box<RenewalFailed<Refused<B>>>),
}

impl<E, B> Error<E, B> {
    pub(super) fn renewal(error: TokenError, response: Response<B>) -> Self {
        Self::Renewal(Box::new(RenewalFailed {
            error,
            response: Refused::new(response),
        }))
    }

    /// Why there is no token, if that is what is wrong.
    #[must_use]
    pub fn cause(&self) -> Option<&TokenError> {
        match self {
            Self::NoToken(error) => Some(error),
            Self::Renewal(failed) => Some(&failed.error),
            Self::Inner(_) | Self::NoAuthority => None,
        }
    }

    /// What the caller can do, if the token is what is wrong.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.cause().map(TokenError::action)
    }

    /// Takes the API's refusal out of a failed renewal, as if there had been no layer.
    ///
    /// # Errors
    /// Every other error comes back as it was.
    pub fn into_response(self) -> Result<Response<B>, Self> {
        match self {
            Self::Renewal(failed) => Ok(failed.response.into_response()),
            other => Err(other),
        }
    }
}

impl<E: fmt::Debug, B> fmt::Debug for Error<E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner(error) => f.debug_tuple("Inner").field(error).finish(),
            Self::NoAuthority => f.write_str("NoAuthority"),
            Self::NoToken(error) => f.debug_tuple("NoToken").field(error).finish(),
            Self::Renewal(failed) => f.debug_tuple("Renewal").field(failed).finish(),
        }
    }
}

impl<E: fmt::Display, B> fmt::Display for Error<E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner(error) => error.fmt(f),
            Self::NoAuthority => f.write_str(
                "the request has no authority, so it is not known where its token would go; give the layer the \
                 origin with `.with_origin(…)`",
            ),
            Self::NoToken(_) => f.write_str("the request was not sent, for want of a token"),
            Self::Renewal(failed) => failed.fmt(f),
        }
    }
}

impl<E: StdError + 'static, B> StdError for Error<E, B> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Inner(error) => error.source(),
            Self::NoAuthority => None,
            Self::NoToken(error) => Some(error),
            Self::Renewal(failed) => Some(&failed.error),
        }
    }
}

/// A refusal, kept in an error.
pub struct Refused<B> {
    head: Parts,
    /// Errors are shared between threads; response bodies, such as tonic's, need not be.
    body: Mutex<B>,
}

impl<B> Refused<B> {
    fn new(response: Response<B>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            head,
            body: Mutex::new(body),
        }
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The response, as the API sent it.
    #[must_use]
    pub fn into_response(self) -> Response<B> {
        let body = self.body.into_inner().unwrap_or_else(PoisonError::into_inner);
        Response::from_parts(self.head, body)
    }
}

impl<B> fmt::Debug for Refused<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("status", &self.head.status)
            .finish_non_exhaustive()
    }
}
