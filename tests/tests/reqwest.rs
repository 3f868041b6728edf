//! The interceptor suite through reqwest.
#![allow(clippy::unwrap_used)]

use futures_util::{StreamExt as _, TryStreamExt as _};
use oneflight::intercept::Unreplayed;
use oneflight_reqwest::{Error, OneflightMiddleware};
use oneflight_tests::{Answer, Failure, Outcome, Payload, Req, Setup, Stack, http_builder};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

/// reqwest with our middleware, following redirects by itself.
#[derive(Clone)]
struct Reqwest(ClientWithMiddleware);

impl Stack for Reqwest {
    fn new(setup: Setup) -> Self {
        let middleware = match setup.session {
            Some(session) => OneflightMiddleware::new(session),
            None => OneflightMiddleware::per_request(),
        };
        let middleware = middleware.on_failure(setup.on_failure);
        let middleware = match setup.without_replays {
            true => middleware.without_replays(),
            false => middleware,
        };
        Self(
            ClientBuilder::new(http_builder().build().unwrap())
                .with(middleware)
                .build(),
        )
    }

    async fn send(&self, request: Req) -> Outcome {
        let mut built = reqwest::Request::new(request.method, request.url.parse().unwrap());
        *built.headers_mut() = request.headers;
        *built.body_mut() = match request.body {
            Payload::Empty => None,
            Payload::Bytes(bytes) => Some(bytes.into()),
            Payload::Stream(chunks) => Some(reqwest::Body::wrap_stream(
                chunks.map(Ok::<_, std::convert::Infallible>),
            )),
        };
        let mut extensions = request.extensions;
        match self.0.execute_with_extensions(built, &mut extensions).await {
            Ok(response) => Ok(answer(response)),
            Err(error) => Err(failure(error)),
        }
    }
}

fn answer(mut response: reqwest::Response) -> Answer {
    Answer {
        status: response.status(),
        unreplayed: response
            .extensions_mut()
            .remove::<Unreplayed>()
            .map(|unreplayed| unreplayed.reason),
        headers: response.headers().clone(),
        body: Box::pin(response.bytes_stream().map_err(Into::into)),
    }
}

fn failure(error: reqwest_middleware::Error) -> Failure {
    match Error::of(&error) {
        None => Failure::Other(error.into()),
        Some(Error::NoToken(error)) => Failure::NoToken(error.clone()),
        Some(ours) => Failure::Renewal {
            error: ours.cause().clone(),
            refusal: answer(oneflight_reqwest::into_refusal(error).unwrap()),
        },
    }
}

oneflight_tests::interceptor_suite!(Reqwest);
