//! The service: what it does with a request before it is sent.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::Error;
use super::body::RecordingBody;
use super::future::{Plan, ResponseFuture};
use super::layer::{Decision, Replays, Settings};
use super::tape::Tape;
use crate::BoxFuture;
use crate::intercept::{NoReplay, UnreplayedReason};
use crate::session::Authorization;
use crate::{Error as TokenError, Session};

/// A service that puts tokens on requests. Made by [`OneflightLayer`](super::OneflightLayer), which says what it does.
#[derive(Clone)]
pub struct Oneflight<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> Oneflight<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }

    /// The service below.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Oneflight<S>
where
    S: Service<Request<RecordingBody<B>>, Response = Response<R>> + Clone,
    B: Body,
{
    type Response = Response<R>;
    type Error = Error<S::Error, R>;
    type Future = ResponseFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::Inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let session = match self.settings.decide(&request) {
            Decision::Leave => {
                return ResponseFuture::untouched(self.inner.call(request.map(RecordingBody::passing)));
            }
            Decision::NoAuthority => return ResponseFuture::failed(Error::NoAuthority),
            Decision::Attach(session) => session,
        };
        // The one that was made ready is used; the clone has to become ready for the next request.
        let next = self.inner.clone();
        let ready = mem::replace(&mut self.inner, next);
        let (request, kept) = keep(request, &self.settings);
        let start = Start::of(&session, &kept);
        let plan = Plan::new(ready, session, Arc::clone(&self.settings), kept);
        match start {
            Start::Now(authorization) => ResponseFuture::sent(plan, request, authorization),
            Start::After(wait) => ResponseFuture::waiting(plan, request, wait),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Oneflight<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oneflight")
            .field("inner", &self.inner)
            .field("settings", &self.settings)
            .finish()
    }
}

/// A request, to be sent again.
pub(super) struct Kept<B: Body> {
    head: Parts,
    /// `None`: it has no body.
    tape: Option<Tape<B>>,
}

impl<B: Body> Kept<B> {
    pub(super) fn rewind(self) -> Result<Request<RecordingBody<B>>, UnreplayedReason> {
        let body = match self.tape {
            Some(tape) => RecordingBody::replaying(tape.rewind()?),
            None => RecordingBody::empty(),
        };
        Ok(Request::from_parts(self.head, body))
    }
}

/// The request to send, and what is needed to send it again, or why it will not be.
fn keep<B: Body>(
    request: Request<B>,
    settings: &Settings,
) -> (Request<RecordingBody<B>>, Result<Kept<B>, UnreplayedReason>) {
    let (head, body) = request.into_parts();
    let opted_out = settings.replays == Replays::OptedOut || head.extensions.get::<NoReplay>().is_some();
    let too_long = body.size_hint().lower() > settings.replay_limit_bytes as u64;
    let reason = match (opted_out, too_long) {
        (true, _) => UnreplayedReason::OptedOut,
        (false, true) => UnreplayedReason::BodyTooLong,
        (false, false) => {
            let tape = (!body.is_end_stream()).then(|| Tape::new(body, settings.replay_limit_bytes));
            let first = match &tape {
                Some(tape) => RecordingBody::recording(tape.clone()),
                None => RecordingBody::empty(),
            };
            let kept = Kept {
                head: head.clone(),
                tape,
            };
            return (Request::from_parts(head, first), Ok(kept));
        }
    };
    (
        Request::from_parts(head, RecordingBody::passing(body)),
        Err(reason),
    )
}

/// What a request waits for.
pub(super) type Wait = BoxFuture<'static, Result<Authorization, TokenError>>;

/// When a request is sent.
enum Start {
    Now(Authorization),
    After(Wait),
}

impl Start {
    fn of<B: Body>(session: &Session, kept: &Result<Kept<B>, UnreplayedReason>) -> Self {
        let has_second_try = match kept {
            Ok(kept) => kept.tape.as_ref().is_none_or(Tape::is_bounded),
            Err(_) => false,
        };
        // Asking and not waiting is enough to know. It comes before the token is read: the renewal may be quick.
        let renew_first = !has_second_try && session.renew_if_due().now_or_never().is_none();
        if let (Some(authorization), false) = (session.ready(), renew_first) {
            return Self::Now(authorization);
        }
        let session = session.clone();
        Self::After(Box::pin(async move {
            if renew_first {
                session.renew_if_due().await;
            }
            session.authorization().await
        }))
    }
}
