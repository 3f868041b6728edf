//! The interceptor suite through the tower layer, over hyper-util's client.
#![allow(clippy::unwrap_used)]

use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyDataStream, BodyExt, Empty, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioExecutor;
use oneflight::intercept::Unreplayed;
use oneflight::tower::{Error, Oneflight, OneflightLayer, RecordingBody};
use oneflight_tests::{Answer, Failure, Outcome, Payload, Req, Setup, Stack};
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::follow_redirect::{FollowRedirect, FollowRedirectLayer};

type Body = BoxBody<Bytes, std::io::Error>;

/// hyper-util's client below our layer, below one that follows redirects: ours sees each hop.
#[derive(Clone)]
struct Hyper(FollowRedirect<Oneflight<Client<HttpConnector, RecordingBody<Body>>>>);

impl Stack for Hyper {
    fn new(setup: Setup) -> Self {
        let layer = match setup.session {
            Some(session) => OneflightLayer::new(session),
            None => OneflightLayer::per_request(),
        };
        let layer = layer.on_failure(setup.on_failure);
        let layer = match setup.without_replays {
            true => layer.without_replays(),
            false => layer,
        };
        let client = Client::builder(TokioExecutor::new()).build_http();
        let redirects = FollowRedirectLayer::new();
        Self(
            ServiceBuilder::new()
                .layer(redirects)
                .layer(layer)
                .service(client),
        )
    }

    async fn send(&self, request: Req) -> Outcome {
        let body: Body = match request.body {
            Payload::Empty => Empty::new().map_err(|never| match never {}).boxed(),
            Payload::Bytes(bytes) => Full::new(bytes).map_err(|never| match never {}).boxed(),
            Payload::Stream(chunks) => {
                let frames = chunks.map(|chunk| Ok::<_, std::io::Error>(Frame::data(chunk)));
                BodyExt::boxed(StreamBody::new(frames))
            }
        };
        let mut built = Request::new(body);
        *built.method_mut() = request.method;
        *built.uri_mut() = request.url.parse().unwrap();
        *built.headers_mut() = request.headers;
        *built.extensions_mut() = request.extensions;
        match self.0.clone().oneshot(built).await {
            Ok(response) => Ok(answer(response)),
            Err(error) => Err(failure(error)),
        }
    }
}

fn answer(response: Response<Incoming>) -> Answer {
    let (mut head, body) = response.into_parts();
    Answer {
        status: head.status,
        unreplayed: head
            .extensions
            .remove::<Unreplayed>()
            .map(|unreplayed| unreplayed.reason),
        headers: head.headers,
        body: Box::pin(BodyDataStream::new(body).map_err(Into::into)),
    }
}

fn failure(error: Error<ClientError, Incoming>) -> Failure {
    match error {
        Error::NoToken(error) => Failure::NoToken(error),
        Error::Renewal(failed) => Failure::Renewal {
            error: failed.error.clone(),
            refusal: answer(failed.response.into_response()),
        },
        other => Failure::Other(other.into()),
    }
}

oneflight_tests::interceptor_suite!(Hyper);
