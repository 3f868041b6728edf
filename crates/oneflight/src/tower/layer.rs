//! The layer: what it is told.

use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderName};
use http::{Request, Response, StatusCode, Uri};
use oneflight_core::challenge::{Refusal, SentCredential, grpc_refusal};
use tower_layer::Layer;

use super::Oneflight;
use crate::Session;
use crate::endpoint::url;
use crate::error::{ConfigError, UrlProblem};
use crate::intercept::{NotRenewable, OnFailure, OptOut, judge};

/// How much of a request body is kept for a replay, if nobody says otherwise, in bytes: 64 KiB.
pub const DEFAULT_REPLAY_LIMIT_BYTES: usize = 64 * 1024;

/// Where gRPC says how a call ended, in the headers or in the trailers.
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Puts the session's token on the requests of a tower stack, and sends those once more that the API refuses for it.
///
/// - Requests to origins that the session does not allow, that carry an `Authorization` header already, or that have
///   [`OptOut`] among their extensions, are left alone. The origin is that of the request's URI; where requests have
///   none (`/notes`), as above tonic's `Channel`, it is the one given by [`with_origin`](Self::with_origin).
/// - A 401 that a renewal can help against is followed by a renewal, of which there is one however many requests want
///   it, and by one replay. Every other answer is handed back untouched, and so is the answer to the replay.
/// - Bodies are recorded while they are sent, up to [a limit](Self::replay_limit_bytes), trailers included. A body that
///   is longer, or that has not come to its end when the request is refused, is a stream and not sent again: the caller
///   gets the 401, with [`Unreplayed`](crate::intercept::Unreplayed) among its extensions. Before a body of unknown length, a
///   token that is about to expire is renewed.
/// - If the renewal fails, so does the request, with an [`Error`](super::Error) that holds the 401.
///
/// # Where in the stack
/// Above what sends: below a layer that follows redirects, so that each hop is judged by its own origin; below one that
/// retries or limits time, if each try is to count for itself. While a request waits for a token, the readiness of the
/// service below is held.
///
/// A layer that follows redirects makes a new request of each hop, and not all of them hand the extensions on (tower-http
/// 0.6 does not): then a session chosen per request, an [`OptOut`] or a [`NoReplay`](crate::intercept::NoReplay) counts
/// for the first hop only.
///
/// # Examples
/// ```
/// use http::{Request, Response};
/// use oneflight::Session;
/// use oneflight::tower::OneflightLayer;
/// use tower::{ServiceBuilder, ServiceExt as _};
/// # use http_body_util::Empty;
/// # use bytes::Bytes;
///
/// # async fn call<C, B>(session: Session, http: C) -> Result<(), Box<dyn std::error::Error>>
/// # where
/// #     C: tower::Service<Request<oneflight::tower::RecordingBody<Empty<Bytes>>>, Response = Response<B>> + Clone,
/// #     C::Error: std::error::Error + 'static,
/// #     B: 'static,
/// # {
/// let client = ServiceBuilder::new().layer(OneflightLayer::new(session)).service(http);
/// let request = Request::get("https://api.example.com/notes").body(Empty::<Bytes>::new())?;
/// let answer = client.oneshot(request).await?;
/// # let _ = answer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OneflightLayer {
    settings: Arc<Settings>,
}

/// What all clones of a service share.
#[derive(Clone)]
pub(super) struct Settings {
    session: Option<Session>,
    origin: Option<Uri>,
    protocol: Protocol,
    pub(super) replays: Replays,
    pub(super) on_failure: OnFailure,
    pub(super) replay_limit_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Grpc,
}

/// Whether refused requests are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replays {
    Allowed,
    OptedOut,
}

impl OneflightLayer {
    /// One session for all requests that do not bring their own.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self::per_request().with(|settings| settings.session = Some(session))
    }

    /// No session but those that requests bring, as an extension of type [`Session`]: for a client that serves many
    /// users. A request that brings none is left alone.
    #[must_use]
    pub fn per_request() -> Self {
        Self {
            settings: Arc::new(Settings {
                session: None,
                origin: None,
                protocol: Protocol::Http,
                replays: Replays::Allowed,
                on_failure: OnFailure::Error,
                replay_limit_bytes: DEFAULT_REPLAY_LIMIT_BYTES,
            }),
        }
    }

    /// Where requests go that do not say it themselves, such as `https://api.example.com`. The session must allow it
    /// too. Without it, such requests fail with [`Error::NoAuthority`](super::Error::NoAuthority).
    ///
    /// # Errors
    /// [`ConfigError::BadOrigin`] if it is no origin.
    pub fn with_origin(self, origin: &str) -> Result<Self, ConfigError> {
        url::origin(origin)?;
        let parsed = origin.parse().map_err(|_| ConfigError::BadOrigin {
            origin: origin.to_owned(),
            cause: UrlProblem::NotAUrl,
        })?;
        Ok(self.with(|settings| settings.origin = Some(parsed)))
    }

    /// Also takes for a refusal what gRPC says within a 200: status 16, `UNAUTHENTICATED`, in place of an answer. A
    /// call that has begun to be answered, and ends with that status in its trailers, is not replayed.
    ///
    /// # Examples
    /// tonic's `Channel` takes only tonic's own body, and adds the origin below us:
    /// ```text
    /// let channel = Endpoint::from_static("https://api.example.com").connect_lazy();
    /// let channel = ServiceBuilder::new()
    ///     .layer(OneflightLayer::new(session).grpc().with_origin("https://api.example.com")?)
    ///     .map_request(|request: http::Request<_>| request.map(tonic::body::Body::new))
    ///     .service(channel);
    /// let client = NotesClient::new(channel);
    /// ```
    #[must_use]
    pub fn grpc(self) -> Self {
        self.with(|settings| settings.protocol = Protocol::Grpc)
    }

    /// Never sends a request a second time. What is refused is handed back, marked, and the token is renewed for the
    /// next request. Single requests opt out by [`NoReplay`](crate::intercept::NoReplay).
    #[must_use]
    pub fn without_replays(self) -> Self {
        self.with(|settings| settings.replays = Replays::OptedOut)
    }

    /// How much of a body is kept for a replay, in bytes, trailers included. Default:
    /// [`DEFAULT_REPLAY_LIMIT_BYTES`].
    #[must_use]
    pub fn replay_limit_bytes(self, limit: usize) -> Self {
        self.with(|settings| settings.replay_limit_bytes = limit)
    }

    /// What to do with a refusal if no newer token can be had. Default: fail with an error that holds it.
    #[must_use]
    pub fn on_failure(self, on_failure: OnFailure) -> Self {
        self.with(|settings| settings.on_failure = on_failure)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for OneflightLayer {
    type Service = Oneflight<S>;

    fn layer(&self, inner: S) -> Oneflight<S> {
        Oneflight::new(inner, Arc::clone(&self.settings))
    }
}

/// Whether a request gets a token.
pub(super) enum Decision {
    /// It is left alone.
    Leave,
    /// It cannot be told.
    NoAuthority,
    /// It gets this session's.
    Attach(Session),
}

impl Settings {
    pub(super) fn decide<B>(&self, request: &Request<B>) -> Decision {
        let extensions = request.extensions();
        if extensions.get::<OptOut>().is_some() || request.headers().contains_key(AUTHORIZATION) {
            return Decision::Leave;
        }
        let Some(session) = extensions.get::<Session>().or(self.session.as_ref()) else {
            return Decision::Leave;
        };
        let uri = match (request.uri().authority(), &self.origin) {
            // What the request says itself counts: it may be what the client below goes by.
            (Some(_), _) => request.uri(),
            (None, Some(origin)) => origin,
            (None, None) => return Decision::NoAuthority,
        };
        match session.allows_uri(uri) {
            true => Decision::Attach(session.clone()),
            false => Decision::Leave,
        }
    }

    pub(super) fn judge<B>(&self, response: &Response<B>) -> Result<(), NotRenewable> {
        let grpc_status = match (self.protocol, response.status()) {
            (Protocol::Grpc, StatusCode::OK) => response.headers().get(GRPC_STATUS),
            _ => None,
        };
        match grpc_status.map(|status| grpc_refusal(status, SentCredential::Ours)) {
            None => judge(response.status(), response.headers()),
            Some(Refusal::Renewable) => Ok(()),
            Some(Refusal::NotRenewable(reason)) => Err(reason),
        }
    }
}

impl fmt::Debug for OneflightLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oneflight")
            .field("session", &self.session)
            .field("origin", &self.origin)
            .field("protocol", &self.protocol)
            .field("replays", &self.replays)
            .field("on_failure", &self.on_failure)
            .field("replay_limit_bytes", &self.replay_limit_bytes)
            .finish()
    }
}
