//! The way to the API, written down as it is gone.

use std::sync::{Arc, Mutex, PoisonError};

use http::{Extensions, HeaderMap, StatusCode};
use reqwest::header::AUTHORIZATION;
use reqwest::{Request, Response, ResponseBuilderExt};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next, Result};
use url::Url;

use crate::demo::event::{Lane, LaneState};
use crate::demo::flight::Outcome;

/// What the requests get.
#[derive(Debug, Clone)]
pub(crate) enum Api {
    /// Every request gets this.
    Same(Url),
    /// Each gets a path of its own below this one; every other path is under `late/`.
    Numbered(Url),
}

impl Api {
    /// What this lane's request gets.
    pub(crate) fn url(&self, lane: &Lane) -> Url {
        match self {
            Self::Same(url) => url.clone(),
            Self::Numbered(base) => {
                let number = lane.number();
                let mut url = base.clone();
                let kind = if number % 2 == 1 { "late" } else { "prompt" };
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop_if_empty().extend([kind, &number.to_string()]);
                }
                url
            }
        }
    }
}

/// The last middleware before the network: sees every send and every answer, also those that an interceptor above it
/// keeps to itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witness {
    distrusted: Arc<Mutex<Option<String>>>,
}

impl Witness {
    /// From now on this token counts as expired, although the server would still take it: a foreign server cannot be
    /// told to let one expire.
    pub(crate) fn distrust(&self, token: &str) {
        *self.lock() = Some(format!("Bearer {token}"));
    }

    fn distrusts(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        sent.is_some() && self.lock().as_ref().map(String::as_bytes) == sent
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.distrusted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client of an application that uses these middlewares, outermost first, with this witness below them.
    pub(crate) fn client(
        &self,
        http: reqwest::Client,
        above: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> ClientWithMiddleware {
        above(ClientBuilder::new(http)).with(self.clone()).build()
    }
}

#[async_trait::async_trait]
impl Middleware for Witness {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let lane = extensions.get::<Lane>().cloned();
        if let Some(lane) = &lane {
            lane.sent();
        }
        let answer = if self.distrusts(request.headers()) {
            // With the URL that was asked: a refusal from elsewhere would be none of the interceptor's business.
            let refusal = http::Response::builder()
                .status(StatusCode::UNAUTHORIZED)
                .url(request.url().clone());
            Ok(refusal.body(Vec::new()).expect("status and URL are sound").into())
        } else {
            next.run(request, extensions).await
        };
        if let (Some(lane), Ok(answer)) = (&lane, &answer)
            && answer.status() == StatusCode::UNAUTHORIZED
        {
            lane.tell(LaneState::Refused, None);
        }
        answer
    }
}

/// A client of the API without any idea of refreshing.
#[derive(Debug)]
pub(crate) struct Wire {
    http: ClientWithMiddleware,
    api: Api,
}

impl Wire {
    pub(crate) fn new(http: reqwest::Client, api: Api, witness: &Witness) -> Self {
        Self {
            http: witness.client(http, |builder| builder),
            api,
        }
    }

    /// Sends the lane's request with this token.
    pub(crate) async fn get(&self, lane: &Lane, token: &str) -> Result<StatusCode> {
        let request = self
            .http
            .get(self.api.url(lane))
            .with_extension(lane.clone())
            .bearer_auth(token);
        read(request.send().await?).await
    }
}

/// Reads an answer to its end, so that its connection serves the next request.
pub(super) async fn read(answer: Response) -> Result<StatusCode> {
    let status = answer.status();
    answer.bytes().await.map_err(Error::Reqwest)?;
    Ok(status)
}

/// What the caller makes of an answer.
pub(super) fn outcome(answer: Result<StatusCode>) -> Outcome {
    match answer {
        Ok(status) if status.is_success() => Outcome::Ok,
        Ok(StatusCode::UNAUTHORIZED) => Outcome::Unauthorized,
        Ok(status) => Outcome::Failed {
            why: format!("the API answered {status}"),
            retry_after: None,
        },
        Err(error) => Outcome::Failed {
            why: format!("the API did not answer: {error}"),
            retry_after: None,
        },
    }
}
