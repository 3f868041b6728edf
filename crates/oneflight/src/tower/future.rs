//! The response future: what becomes of a request once it was sent.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::Error;
use super::body::RecordingBody;
use super::layer::Settings;
use super::service::{Kept, Wait};
use crate::intercept::{AfterRefusal, Unreplayed, UnreplayedReason};
use crate::session::Authorization;
use crate::{BoxFuture, Error as TokenError, Session, Stamp};

pin_project! {
    /// The future of [`Oneflight`](super::Oneflight). Dropping it leaves a renewal under way.
    ///
    /// Written by hand so that a request with a usable token costs no allocation; only waiting is boxed.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<RecordingBody<B>>>,
        B: Body,
    {
        #[pin]
        state: State<S, B, S::Future, R, S::Error>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[project_replace = TakenState]
    enum State<S, B: Body, F, R, E> {
        /// Nothing is left to do but to wait for the answer.
        Last { #[pin] sending: F },
        Failed { error: Error<E, R> },
        /// There is no usable token, or one that is about to expire and only one try.
        Waiting { wait: Wait, plan: Plan<S, B>, request: Request<RecordingBody<B>> },
        Sent { #[pin] sending: F, plan: Plan<S, B>, stamp: Stamp },
        /// The token was refused; a newer one is on its way.
        Renewing { after: BoxFuture<'static, AfterRefusal>, refused: Response<R>, replay: Replay<S, B> },
        /// There is one, and the service below has to be ready again.
        Readying { replay: Replay<S, B> },
        Done,
    }
}

/// What is needed for what may follow.
pub(super) struct Plan<S, B: Body> {
    service: S,
    session: Session,
    settings: Arc<Settings>,
    kept: Result<Kept<B>, UnreplayedReason>,
}

/// A request that is to be sent again, and by whom.
struct Replay<S, B: Body> {
    service: S,
    request: Request<RecordingBody<B>>,
}

impl<S, B: Body> Plan<S, B> {
    /// `service` is ready.
    pub(super) fn new(
        service: S,
        session: Session,
        settings: Arc<Settings>,
        kept: Result<Kept<B>, UnreplayedReason>,
    ) -> Self {
        Self {
            service,
            session,
            settings,
            kept,
        }
    }
}

impl<S, B, R> ResponseFuture<S, B, R>
where
    S: Service<Request<RecordingBody<B>>, Response = Response<R>>,
    B: Body,
{
    /// Whatever is answered is the caller's.
    pub(super) fn untouched(sending: S::Future) -> Self {
        State::Last { sending }.into()
    }

    pub(super) fn failed(error: Error<S::Error, R>) -> Self {
        State::Failed { error }.into()
    }

    pub(super) fn sent(plan: Plan<S, B>, request: Request<RecordingBody<B>>, with: Authorization) -> Self {
        plan.send(request, with).into()
    }

    pub(super) fn waiting(plan: Plan<S, B>, request: Request<RecordingBody<B>>, wait: Wait) -> Self {
        State::Waiting { wait, plan, request }.into()
    }
}

/// The state of a [`ResponseFuture`].
type StateOf<S, B, R> = State<
    S,
    B,
    <S as Service<Request<RecordingBody<B>>>>::Future,
    R,
    <S as Service<Request<RecordingBody<B>>>>::Error,
>;

impl<S, B, R> From<StateOf<S, B, R>> for ResponseFuture<S, B, R>
where
    S: Service<Request<RecordingBody<B>>, Response = Response<R>>,
    B: Body,
{
    fn from(state: StateOf<S, B, R>) -> Self {
        Self { state }
    }
}

/// What was waited for.
enum Event<E, R> {
    Authorized(Result<Authorization, TokenError>),
    Answered(Result<Response<R>, E>),
    Decided(AfterRefusal),
    Ready(Result<(), E>),
    Nothing,
}

/// What follows from it: another state, or the end.
type Turn<S, B, R> = Result<StateOf<S, B, R>, Result<Response<R>, Error<ErrorOf<S, B>, R>>>;

type ErrorOf<S, B> = <S as Service<Request<RecordingBody<B>>>>::Error;

impl<S, B, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<RecordingBody<B>>, Response = Response<R>>,
    B: Body,
{
    type Output = Result<Response<R>, Error<S::Error, R>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let event = match state.as_mut().project() {
                StateProjection::Last { sending } => return sending.poll(cx).map_err(Error::Inner),
                StateProjection::Waiting { wait, .. } => Event::Authorized(ready!(wait.as_mut().poll(cx))),
                StateProjection::Sent { sending, .. } => Event::Answered(ready!(sending.poll(cx))),
                StateProjection::Renewing { after, .. } => Event::Decided(ready!(after.as_mut().poll(cx))),
                StateProjection::Readying { replay } => Event::Ready(ready!(replay.service.poll_ready(cx))),
                StateProjection::Failed { .. } | StateProjection::Done => Event::Nothing,
            };
            // Dropped here: the future of the first sending, before there is a second one.
            match turn(state.as_mut().project_replace(State::Done), event) {
                Ok(next) => state.set(next),
                Err(output) => return Poll::Ready(output),
            }
        }
    }
}

fn turn<S, B, R>(state: TakenState<S, B, S::Future, R, S::Error>, event: Event<S::Error, R>) -> Turn<S, B, R>
where
    S: Service<Request<RecordingBody<B>>, Response = Response<R>>,
    B: Body,
{
    match (state, event) {
        (TakenState::Waiting { plan, request, .. }, Event::Authorized(authorized)) => match authorized {
            Ok(authorization) => Ok(plan.send(request, authorization)),
            Err(error) => Err(Err(Error::NoToken(error))),
        },
        (TakenState::Sent { plan, stamp, .. }, Event::Answered(answered)) => match answered {
            Ok(response) => plan.judge(stamp, response),
            Err(error) => Err(Err(Error::Inner(error))),
        },
        (TakenState::Renewing { refused, replay, .. }, Event::Decided(decided)) => match decided {
            // The refusal is dropped: its connection can serve the replay.
            AfterRefusal::Replay(authorization) => Ok(State::Readying {
                replay: replay.with(authorization),
            }),
            AfterRefusal::HandBack(reason) => Err(Ok(marked(refused, reason))),
            AfterRefusal::Fail(error) => Err(Err(Error::renewal(error, refused))),
        },
        (TakenState::Readying { mut replay }, Event::Ready(ready)) => match ready {
            Ok(()) => Ok(State::Last {
                sending: replay.service.call(replay.request),
            }),
            Err(error) => Err(Err(Error::Inner(error))),
        },
        (TakenState::Failed { error }, _) => Err(Err(error)),
        _ => panic!("polled again after it had ended"),
    }
}

impl<S, B: Body> Plan<S, B> {
    /// Sends the request for the first time.
    fn send<R>(
        mut self,
        mut request: Request<RecordingBody<B>>,
        authorization: Authorization,
    ) -> StateOf<S, B, R>
    where
        S: Service<Request<RecordingBody<B>>, Response = Response<R>>,
    {
        let stamp = authorization.stamp();
        request
            .headers_mut()
            .insert(AUTHORIZATION, authorization.into_header());
        State::Sent {
            sending: self.service.call(request),
            plan: self,
            stamp,
        }
    }

    /// Judges what was answered to it.
    fn judge<R>(self, stamp: Stamp, response: Response<R>) -> Turn<S, B, R>
    where
        S: Service<Request<RecordingBody<B>>, Response = Response<R>>,
    {
        if self.settings.judge(&response).is_err() {
            return Err(Ok(response));
        }
        let session = self.session;
        match self.kept.and_then(Kept::rewind) {
            Ok(request) => {
                let on_failure = self.settings.on_failure;
                Ok(State::Renewing {
                    after: Box::pin(async move { session.after_refusal(stamp, on_failure).await }),
                    refused: response,
                    replay: Replay {
                        service: self.service,
                        request,
                    },
                })
            }
            Err(reason) => {
                session.renew_for_the_next(stamp);
                Err(Ok(marked(response, reason)))
            }
        }
    }
}

impl<S, B: Body> Replay<S, B> {
    fn with(mut self, authorization: Authorization) -> Self {
        self.request
            .headers_mut()
            .insert(AUTHORIZATION, authorization.into_header());
        self
    }
}

fn marked<R>(mut response: Response<R>, reason: UnreplayedReason) -> Response<R> {
    response.extensions_mut().insert(Unreplayed { reason });
    response
}

impl<S, B, R> fmt::Debug for ResponseFuture<S, B, R>
where
    S: Service<Request<RecordingBody<B>>>,
    B: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
