//! An HTTP client with one of our interceptors in it.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, StatusCode};
use oneflight::Session;
use oneflight::intercept::{OnFailure, UnreplayedReason};

use crate::Req;

/// How the interceptor is to be set up.
#[derive(Clone, Default)]
pub struct Setup {
    /// The session of requests that bring none.
    pub session: Option<Session>,
    /// Whether the client opts out of replays.
    pub without_replays: bool,
    /// What it does if no newer token can be had.
    pub on_failure: OnFailure,
}

/// An HTTP client with one of our interceptors in it.
pub trait Stack: Clone + Send + Sync + 'static {
    /// Builds one.
    fn new(setup: Setup) -> Self;

    /// Sends a request, following redirects.
    fn send(&self, request: Req) -> impl Future<Output = Outcome> + Send;

    /// One for this session, with all defaults.
    fn of(session: &Session) -> Self {
        Self::new(Setup {
            session: Some(session.clone()),
            ..Setup::default()
        })
    }
}

/// What came of a request.
pub type Outcome = Result<Answer, Failure>;

/// An answer, as the caller gets it.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Why it was not replayed, if it is marked so.
    pub unreplayed: Option<UnreplayedReason>,
    /// The body, chunk by chunk.
    pub body: Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>,
}

/// Any error.
pub type BoxError = Box<dyn StdError + Send + Sync>;

impl Answer {
    /// The whole body.
    pub async fn text(mut self) -> String {
        let mut text = Vec::new();
        while let Some(chunk) = self.body.next().await {
            text.extend_from_slice(&chunk.unwrap());
        }
        String::from_utf8(text).unwrap()
    }

    /// The whole body, which is JSON: what the API saw of the request.
    pub async fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.text().await).unwrap()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("unreplayed", &self.unreplayed)
            .finish_non_exhaustive()
    }
}

/// How a request failed.
#[derive(Debug)]
pub enum Failure {
    /// Nothing was sent, for want of a token.
    NoToken(oneflight::Error),
    /// The token was refused, and no newer one could be had.
    Renewal {
        /// Why not.
        error: oneflight::Error,
        /// The API's refusal.
        refusal: Answer,
    },
    /// The network, or another part of the client.
    Other(BoxError),
}
