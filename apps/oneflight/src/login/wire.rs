//! The requests of a login: `openidconnect` says what is asked, our own HTTP client asks it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use oneflight::endpoint::{DEFAULT_BODY_LIMIT_BYTES, ExchangeError, HttpExchange};
use oneflight::{IntoTokens as _, JsonTokens, TokenSet};
use openidconnect::core::CoreClient;
use openidconnect::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, ErrorResponseType,
    HttpRequest, HttpResponse, IssuerUrl, JsonWebKeySet, RequestTokenError, StandardErrorResponse, TokenUrl,
};
use zeroize::Zeroizing;

use super::LoginError;
use super::problem::Refusal;
use crate::moment::now;
use crate::profile::{Authentication, Settings};

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A client that knows where tokens come from, and nothing else yet.
pub(super) type Client =
    CoreClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointNotSet>;

/// The client of these settings.
///
/// # Errors
/// [`LoginError::BadUrl`].
pub(super) fn client(settings: &Settings) -> Result<Client, LoginError> {
    let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(LoginError::bad_url("issuer"))?;
    let token_url =
        TokenUrl::new(settings.token_endpoint.clone()).map_err(LoginError::bad_url("token endpoint"))?;
    let keys = JsonWebKeySet::new(Vec::new());
    let client = CoreClient::new(ClientId::new(settings.client_id.clone()), issuer, keys)
        .disable_openid_scope()
        .set_auth_type(match settings.client_auth {
            Authentication::Post => AuthType::RequestBody,
            _ => AuthType::BasicAuth,
        })
        .set_token_uri(token_url);
    Ok(match &settings.client_secret {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
        None => client,
    })
}

/// Our HTTP client, as `openidconnect` wants one.
pub(super) struct Wire {
    http: Arc<dyn HttpExchange>,
    /// The body of the last answer, if it was a 200.
    last: Mutex<Option<Zeroizing<Vec<u8>>>>,
}

/// Why there was no answer that means anything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error("no answer within {} s", DEADLINE.as_secs())]
    TimedOut,
    #[error("it answered with status {0}")]
    Status(u16),
}

impl Wire {
    pub(super) fn new(http: impl HttpExchange) -> Self {
        Self {
            http: Arc::new(http),
            last: Mutex::new(None),
        }
    }

    /// What the token endpoint gave, read as the answers to refreshes are: other readers want `expires_in` to be a number, and
    /// drop what they do not know.
    ///
    /// # Errors
    /// [`LoginError`] if it gave no tokens.
    pub(super) fn tokens<R, T>(
        &self,
        outcome: Result<R, RequestTokenError<WireError, StandardErrorResponse<T>>>,
    ) -> Result<TokenSet, LoginError>
    where
        T: ErrorResponseType + std::fmt::Display + 'static,
    {
        let last = self.last.lock().ok().and_then(|mut last| last.take());
        let text = last.as_deref().and_then(|last| std::str::from_utf8(last).ok());
        match (outcome, text) {
            (Ok(_) | Err(RequestTokenError::Parse(..)), Some(text)) => JsonTokens(text)
                .into_tokens(now())
                .map_err(|source| LoginError::BadTokens { source }),
            (Err(error), _) => Err(failed("the token endpoint", error)),
            (Ok(_), None) => Err(LoginError::Unusable {
                asked: "the token endpoint",
                why: "it is no text".to_owned(),
            }),
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, WireError> {
        let request = request.map(Bytes::from);
        let exchange = self.http.exchange(request, DEFAULT_BODY_LIMIT_BYTES);
        let answer = tokio::time::timeout(DEADLINE, exchange)
            .await
            .map_err(|_elapsed| WireError::TimedOut)??;
        let status = answer.status();
        // What these say, if anything, is not from the endpoint that was asked.
        if status.is_redirection() || status.is_server_error() || status.as_u16() == 429 {
            return Err(WireError::Status(status.as_u16()));
        }
        let whole = status.as_u16() == 200;
        let answer = answer.map(|body| body.to_vec());
        if let Ok(mut last) = self.last.lock() {
            *last = whole.then(|| Zeroizing::new(answer.body().clone()));
        }
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = WireError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, WireError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

/// What went wrong with a request, without the answer's own text where nobody knows what it holds.
pub(super) fn failed<T>(
    asked: &'static str,
    error: RequestTokenError<WireError, StandardErrorResponse<T>>,
) -> LoginError
where
    T: ErrorResponseType + std::fmt::Display + 'static,
{
    match error {
        RequestTokenError::ServerResponse(answer) => {
            let code = serde_json::to_value(answer.error()).unwrap_or_default();
            let code = code.as_str().unwrap_or("an unknown error");
            LoginError::Refused(Refusal::new(
                asked,
                code,
                answer.error_description().map(String::as_str),
            ))
        }
        RequestTokenError::Request(source) => LoginError::Unreachable { asked, source },
        RequestTokenError::Parse(error, body) => {
            // It may hold tokens.
            drop(Zeroizing::new(body));
            let inner = error.inner();
            LoginError::Unusable {
                asked,
                why: format!(
                    "it is no answer of a token endpoint (line {}, column {})",
                    inner.line(),
                    inner.column()
                ),
            }
        }
        RequestTokenError::Other(_) => LoginError::Unusable {
            asked,
            why: "it is empty, or no JSON".to_owned(),
        },
    }
}
