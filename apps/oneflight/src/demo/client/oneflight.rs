//! The client with a session: one refresh for all.

use bytes::Bytes;
use http::{Request, Response};
use oneflight::endpoint::{ExchangeError, HttpExchange};
use oneflight::{Action, BoxFuture, Session};
use oneflight_reqwest::{Error, OneflightMiddleware};
use reqwest_middleware::ClientWithMiddleware;
use url::Url;

use super::wire::{outcome, read};
use super::{Api, Witness};
use crate::demo::event::{Lane, Recorder};
use crate::demo::flight::Outcome;

/// The client this is all about: an ordinary reqwest client with one more middleware.
#[derive(Debug)]
pub(crate) struct Oneflight {
    http: ClientWithMiddleware,
    api: Api,
    session: Session,
}

impl Oneflight {
    pub(crate) fn new(http: reqwest::Client, api: Api, witness: &Witness, session: Session) -> Self {
        let http = witness.client(http, |builder| {
            builder.with(OneflightMiddleware::new(session.clone()))
        });
        Self { http, api, session }
    }

    pub(crate) async fn call(&self, lane: &Lane) -> Outcome {
        match self
            .http
            .get(self.api.url(lane))
            .with_extension(lane.clone())
            .send()
            .await
        {
            Ok(answer) => outcome(read(answer).await),
            Err(error) => match Error::of(&error) {
                Some(ours) => failed(ours),
                None => outcome(Err(error)),
            },
        }
    }

    pub(crate) async fn sign_out(&self) {
        // Whether it landed shows in what the server counts.
        let _ = self.session.sign_out().await;
    }

    pub(crate) fn access_token(&self) -> Option<String> {
        self.session
            .current()
            .map(|token| token.access_token().expose().to_owned())
    }

    /// Ends what is under way; says whether the newest tokens are stored.
    pub(crate) async fn close(&self) -> bool {
        !self.session.close().await.unsaved
    }
}

fn failed(error: &Error) -> Outcome {
    let retry_after = match error.action() {
        Action::Retry { after } => Some(after),
        _ => None,
    };
    Outcome::Failed {
        why: error.cause().to_string(),
        retry_after,
    }
}

/// The way to the authorization server, written down as it is gone.
#[derive(Debug)]
pub(crate) struct Noted<E> {
    pub(crate) exchange: E,
    pub(crate) token_endpoint: Url,
    pub(crate) recorder: Recorder,
}

impl<E: HttpExchange> HttpExchange for Noted<E> {
    fn exchange(
        &self,
        request: Request<Bytes>,
        body_limit_bytes: usize,
    ) -> BoxFuture<'_, Result<Response<Bytes>, ExchangeError>> {
        if *request.uri() != *self.token_endpoint.as_str() {
            return self.exchange.exchange(request, body_limit_bytes);
        }
        Box::pin(async move {
            let note = self.recorder.refresh(None);
            let answer = self.exchange.exchange(request, body_limit_bytes).await;
            match &answer {
                Ok(answer) if answer.status().is_success() => note.granted(),
                Ok(answer) => note.failed(&format!("the token endpoint answered {}", answer.status())),
                Err(error) => note.failed(&error.to_string()),
            }
            answer
        })
    }
}
