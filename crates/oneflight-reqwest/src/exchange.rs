//! reqwest as the bare client of token endpoints.

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::{Request, Response};
use oneflight::BoxFuture;
use oneflight::endpoint::{ExchangeError, ExchangeFailure, HttpExchange};
use reqwest::{Client, ClientBuilder};
use zeroize::Zeroize;

/// A bare reqwest client for a token endpoint.
///
/// It takes the settings of a client rather than a client, because some of them must not be left to chance: it follows
/// no redirects (they would carry the refresh token elsewhere), never sends a request twice by itself (a refresh token
/// may be spent only once), and keeps no idle connections (one that the server closes while it is being used makes of
/// a request that was not processed one of which nobody knows).
///
/// Proxies, certificates, time-outs, DNS and TLS are the application's. It must choose TLS through reqwest's features;
/// `rustls-no-provider` also wants the provider to be installed before a client is built.
///
/// # Examples
/// ```
/// use oneflight::endpoint::OAuthEndpoint;
/// use oneflight_reqwest::ReqwestExchange;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # rustls::crypto::ring::default_provider().install_default().ok();
/// let http = ReqwestExchange::new(reqwest::Client::builder().user_agent("my-app/1.0"))?;
/// let endpoint = OAuthEndpoint::builder("https://as.example/token", "my-client", http).build()?;
/// # let _ = endpoint;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ReqwestExchange {
    client: Client,
}

impl ReqwestExchange {
    /// Builds a client with these settings, and without redirects, retries and idle connections.
    ///
    /// # Errors
    /// What [`ClientBuilder::build`] says: TLS cannot be set up, or the system's DNS configuration cannot be read.
    ///
    /// # Panics
    /// As [`ClientBuilder::build`] does where reqwest has `rustls-no-provider` and the application installed none.
    pub fn new(settings: ClientBuilder) -> Result<Self, reqwest::Error> {
        let client = settings
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { client })
    }
}

impl HttpExchange for ReqwestExchange {
    fn exchange(
        &self,
        request: Request<Bytes>,
        body_limit_bytes: usize,
    ) -> BoxFuture<'_, Result<Response<Bytes>, ExchangeError>> {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).map_err(failed)?;
            let answer = self.client.execute(request).await.map_err(failed)?;
            let mut head = Response::new(());
            *head.status_mut() = answer.status();
            *head.version_mut() = answer.version();
            *head.headers_mut() = answer.headers().clone();
            let body = read(answer, body_limit_bytes).await?;
            Ok(head.map(|()| body))
        })
    }
}

impl fmt::Debug for ReqwestExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestExchange")
    }
}

/// Reads the body, chunk by chunk: what is over the limit is never fetched, whatever the length that was announced.
async fn read(mut answer: reqwest::Response, limit_bytes: usize) -> Result<Bytes, ExchangeError> {
    let mut chunks: Vec<Bytes> = Vec::new();
    let mut length_bytes = 0;
    let outcome = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                length_bytes += chunk.len();
                chunks.push(chunk);
                if length_bytes > limit_bytes {
                    break Err(ExchangeError::new(ExchangeFailure::TooLarge));
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(torn(error)),
        }
    };
    if outcome.is_ok() && chunks.len() == 1 {
        return Ok(chunks.swap_remove(0));
    }
    // Of its full length at once: a growing vector would leave unwiped copies behind.
    let mut body = Vec::with_capacity(if outcome.is_ok() { length_bytes } else { 0 });
    for chunk in chunks {
        if outcome.is_ok() {
            body.extend_from_slice(&chunk);
        }
        wipe(chunk);
    }
    outcome.map(|()| body.into())
}

/// Wipes a chunk that may hold tokens, if nobody else holds it.
fn wipe(chunk: Bytes) {
    if let Ok(mut chunk) = chunk.try_into_mut() {
        chunk.as_mut().zeroize();
    }
}

/// No answer, or only its beginning.
fn failed(error: reqwest::Error) -> ExchangeError {
    let failure = if error.is_connect() || error.is_builder() {
        // A connection that times out while it is being made counts here too.
        ExchangeFailure::NotConnected
    } else if error.is_timeout() {
        ExchangeFailure::TimedOut
    } else {
        ExchangeFailure::Reset
    };
    because(failure, error)
}

/// A body that ended too early.
fn torn(error: reqwest::Error) -> ExchangeError {
    let failure = if error.is_timeout() {
        ExchangeFailure::TimedOut
    } else {
        ExchangeFailure::TornBody
    };
    because(failure, error)
}

fn because(failure: ExchangeFailure, error: reqwest::Error) -> ExchangeError {
    // The URL stands in the application's own settings; its query may hold what no log should.
    let error: Box<dyn StdError + Send + Sync> = error.without_url().into();
    ExchangeError::new(failure).because(error)
}
