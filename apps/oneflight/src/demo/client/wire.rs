//! The way to the API: one GET with a bearer token, written down as it happens.

use std::sync::{Mutex, PoisonError};

use http::StatusCode;
use reqwest::header::AUTHORIZATION;
use url::Url;

use crate::demo::event::{Lane, LaneState};
use crate::demo::flight::Outcome;

/// What the requests get.
#[derive(Debug, Clone)]
pub(crate) enum Api {
    /// Every request gets this.
    #[expect(dead_code, reason = "what a foreign API is asked for")]
    Same(Url),
    /// Each gets a path of its own below this one; every other path is under `late/`.
    Numbered(Url),
}

impl Api {
    pub(crate) fn url(&self, lane: &Lane) -> Url {
        match self {
            Self::Same(url) => url.clone(),
            Self::Numbered(base) => {
                let number = lane.number();
                let mut url = base.clone();
                let punctual = if number % 2 == 1 { "late" } else { "prompt" };
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop_if_empty().extend([punctual, &number.to_string()]);
                }
                url
            }
        }
    }
}

/// A client of the API without any idea of refreshing.
#[derive(Debug)]
pub(crate) struct Wire {
    http: reqwest::Client,
    pub(crate) api: Api,
    /// A token that counts as expired although the server would still take it: a foreign server cannot be told to
    /// let one expire.
    distrusted: Mutex<Option<String>>,
}

impl Wire {
    pub(crate) fn new(http: reqwest::Client, api: Api) -> Self {
        Self {
            http,
            api,
            distrusted: Mutex::new(None),
        }
    }

    /// From now on this token counts as expired.
    #[expect(dead_code, reason = "for servers that cannot be told to let a token expire")]
    pub(crate) fn distrust(&self, token: &str) {
        *self.distrusted.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.to_owned());
    }

    pub(crate) fn distrusts(&self, token: &str) -> bool {
        self.distrusted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_deref()
            == Some(token)
    }

    /// Sends the lane's request with this token.
    pub(crate) async fn get(&self, lane: &Lane, token: &str) -> Result<StatusCode, reqwest::Error> {
        lane.sent();
        let status = if self.distrusts(token) {
            StatusCode::UNAUTHORIZED
        } else {
            let answer = self
                .http
                .get(self.api.url(lane))
                .header(AUTHORIZATION, format!("Bearer {token}"))
                .send()
                .await?;
            let status = answer.status();
            // Read to its end, so that the connection serves the next request.
            answer.bytes().await?;
            status
        };
        if status == StatusCode::UNAUTHORIZED {
            lane.tell(LaneState::Refused, None);
        }
        Ok(status)
    }
}

/// What the caller makes of an answer.
pub(crate) fn outcome(answer: Result<StatusCode, reqwest::Error>) -> Outcome {
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
