//! One request at a time, as the library sends it, never twice; and what came back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use http::{Request, Response, Uri};
use oneflight::endpoint::{
    DEFAULT_BODY_LIMIT_BYTES, ExchangeError, HttpExchange, OAuthEndpoint, RefreshRequest, TokenEndpoint as _,
    Verdict,
};
use oneflight::{AccessToken, BoxFuture, Clock as _, ConfigError, RefreshToken, SystemClock, TokenSet};
use oneflight_core::answer::{NotProcessedCause, Setting};
use oneflight_core::machine::Revocation;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::observe::Taken;
use crate::profile::Settings;

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// The longest `Retry-After` that is told of.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The endpoints of a server, as one client uses them.
pub(crate) struct Wire {
    endpoint: OAuthEndpoint,
    tap: Tap,
    /// Something that answers 200 to a good access token, and 401 to a bad one.
    witness: Option<Uri>,
}

/// What a refresh came to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The new set; with the old refresh token, if it came without one.
    Granted { tokens: Arc<TokenSet>, has: Has },
    Refused {
        status: u16,
        code: Option<String>,
        taken_for: Taken,
    },
    /// Not processed; the server wants to be asked later.
    Throttled {
        wait: Option<Duration>,
        status: Option<u16>,
    },
    /// Nothing that says anything about the token.
    Unclear(String),
}

/// What an access token came to.
#[derive(Debug)]
pub(crate) enum Sight {
    Accepted,
    Refused,
    Unclear(String),
}

/// Which members a token answer had, readable or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Has {
    pub(crate) refresh_token: bool,
    pub(crate) scope: bool,
    pub(crate) expires_in: bool,
}

impl Wire {
    /// What a client asks at these endpoints, and, where there is one, a place to show access tokens to.
    ///
    /// # Errors
    /// [`ConfigError`] names what of the settings cannot be used.
    pub(crate) fn new(
        settings: &Settings,
        witness: Option<Uri>,
        http: impl HttpExchange,
    ) -> Result<Self, ConfigError> {
        let tap = Tap {
            http: Arc::new(http),
            heard: Arc::default(),
        };
        Ok(Self {
            endpoint: settings.endpoint(tap.clone())?,
            tap,
            witness,
        })
    }

    /// Whether access tokens can be tried.
    pub(crate) fn has_witness(&self) -> bool {
        self.witness.is_some()
    }

    /// How many requests were sent.
    pub(crate) fn requests(&self) -> u32 {
        self.tap.heard().requests
    }

    /// Presents the refresh token of a set, once.
    pub(crate) async fn refresh(&self, tokens: &Arc<TokenSet>) -> Answer {
        self.tap.heard().status = None;
        let request = RefreshRequest::presenting(Arc::clone(tokens), SystemClock::default());
        let Ok(reply) = tokio::time::timeout(DEADLINE, self.endpoint.refresh(request)).await else {
            return Answer::Unclear(format!("no answer came within {} s", DEADLINE.as_secs()));
        };
        let (status, has) = {
            let heard = self.tap.heard();
            (heard.status, heard.has)
        };
        let refused = |code: Option<_>, taken_for| Answer::Refused {
            status: status.unwrap_or_default(),
            code: code.map(|code: oneflight_core::answer::ErrorCode| code.as_str().to_owned()),
            taken_for,
        };
        match reply.into_verdict() {
            Verdict::Renewed(mut renewed) => {
                if renewed.refresh_token.is_none() {
                    renewed.refresh_token = tokens.refresh_token.as_ref().map(RefreshToken::duplicate);
                }
                Answer::Granted {
                    tokens: Arc::new(renewed),
                    has,
                }
            }
            Verdict::Dead { code } => refused(code, Taken::Dead),
            Verdict::Interaction { code } => refused(code, Taken::Interaction),
            Verdict::Configuration {
                setting: Setting::Request,
                code,
            } => refused(code, Taken::Request),
            Verdict::Configuration { code, .. } => refused(code, Taken::Client),
            Verdict::Transient {
                cause: NotProcessedCause::Throttled | NotProcessedCause::Unavailable,
                retry_after,
            } => Answer::Throttled {
                wait: retry_after.map(|at| at.delay(SystemClock::default().wall(), LONGEST_WAIT)),
                status,
            },
            Verdict::Transient { cause, .. } => Answer::Unclear(cause.to_string()),
            Verdict::Ambiguous { cause, .. } => Answer::Unclear(cause.to_string()),
        }
    }

    /// Revokes the refresh token of a set (RFC 7009): the status, or why there is none.
    pub(crate) async fn revoke(&self, tokens: &Arc<TokenSet>) -> Result<u16, String> {
        self.tap.heard().status = None;
        let revoked = tokio::time::timeout(DEADLINE, self.endpoint.revoke(Arc::clone(tokens))).await;
        match (revoked, self.tap.heard().status) {
            (Ok(Revocation::NotOffered), _) => Err("the server names no revocation endpoint".to_owned()),
            (_, Some(status)) => Ok(status),
            (Ok(_), None) => Err("the revocation endpoint did not answer".to_owned()),
            (Err(_elapsed), None) => Err(format!("no answer came within {} s", DEADLINE.as_secs())),
        }
    }

    /// Shows an access token to the witness.
    pub(crate) async fn show(&self, token: &AccessToken) -> Sight {
        let Some(uri) = &self.witness else {
            return Sight::Unclear("there is nothing to show an access token to".to_owned());
        };
        let Ok(mut authorization) = HeaderValue::from_bytes(token.authorization()) else {
            return Sight::Unclear("the access token fits into no header".to_owned());
        };
        authorization.set_sensitive(true);
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert(AUTHORIZATION, authorization);
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.1"));
        let answer = self.tap.exchange(request, DEFAULT_BODY_LIMIT_BYTES);
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(answer)) if answer.status().is_success() => Sight::Accepted,
            Ok(Ok(answer)) if answer.status() == 401 => Sight::Refused,
            Ok(Ok(answer)) => Sight::Unclear(format!("{uri} answered with {}", answer.status().as_u16())),
            Ok(Err(error)) => Sight::Unclear(format!("{uri} gave no answer: {error}")),
            Err(_elapsed) => Sight::Unclear(format!("{uri} gave no answer within {} s", DEADLINE.as_secs())),
        }
    }
}

/// The HTTP client, and what was heard through it last.
#[derive(Clone)]
struct Tap {
    http: Arc<dyn HttpExchange>,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    requests: u32,
    status: Option<u16>,
    has: Has,
}

impl Tap {
    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpExchange for Tap {
    fn exchange(
        &self,
        request: Request<Bytes>,
        body_limit_bytes: usize,
    ) -> BoxFuture<'_, Result<Response<Bytes>, ExchangeError>> {
        Box::pin(async move {
            self.heard().requests += 1;
            let answer = self.http.exchange(request, body_limit_bytes).await?;
            let mut heard = self.heard();
            heard.status = Some(answer.status().as_u16());
            heard.has = Has::of(answer.body());
            drop(heard);
            Ok(answer)
        })
    }
}

impl Has {
    /// Looks at names only: no value is copied.
    fn of(body: &[u8]) -> Self {
        #[derive(Deserialize, Default)]
        struct Names {
            refresh_token: Option<IgnoredAny>,
            scope: Option<IgnoredAny>,
            expires_in: Option<IgnoredAny>,
        }
        let names: Names = serde_json::from_slice(body).unwrap_or_default();
        Self {
            refresh_token: names.refresh_token.is_some(),
            scope: names.scope.is_some(),
            expires_in: names.expires_in.is_some(),
        }
    }
}
