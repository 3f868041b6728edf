//! hyper-util's client with the tower layer, against the testkit's server: twenty requests find their token expired,
//! and one refresh serves them all.
//!
//! ```sh
//! cargo run -p oneflight --features tower --example hyper
//! ```

use std::error::Error;

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use oneflight::endpoint::{ExchangeError, ExchangeFailure, HttpExchange, OAuthEndpoint};
use oneflight::tower::OneflightLayer;
use oneflight::{BoxFuture, Clock as _, Session, SystemClock, TokenSet};
use oneflight_testkit::TestServer;
use tower::{ServiceBuilder, ServiceExt as _};

const REQUESTS: usize = 20;

/// The client of the token endpoint. It follows no redirects, and no layer is around it. (`oneflight-reqwest` has one
/// ready; this one is for those who want no second HTTP client. It speaks plain HTTP, which will do for loopback.)
struct Bare(Client<HttpConnector, Full<Bytes>>);

impl HttpExchange for Bare {
    fn exchange(
        &self,
        request: Request<Bytes>,
        body_limit_bytes: usize,
    ) -> BoxFuture<'_, Result<Response<Bytes>, ExchangeError>> {
        let answer = self.0.request(request.map(Full::new));
        Box::pin(async move {
            let (head, body) = answer.await.map_err(lost)?.into_parts();
            let body = Limited::new(body, body_limit_bytes).collect().await;
            let body = body.map_err(|cause| ExchangeError::new(ExchangeFailure::TornBody).because(cause))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        })
    }
}

fn lost(error: hyper_util::client::legacy::Error) -> ExchangeError {
    let failure = match error.is_connect() {
        true => ExchangeFailure::NotConnected,
        false => ExchangeFailure::Reset,
    };
    ExchangeError::new(failure).because(error)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = TestServer::start().await?;
    // A connection that is kept may be closed by the server just when it is used: then nobody knows what became of the
    // refresh token. So none is kept.
    let mut bare = Client::builder(TokioExecutor::new());
    let bare = Bare(bare.pool_max_idle_per_host(0).build_http());

    let session = Session::builder()
        .endpoint(OAuthEndpoint::builder(server.token_url(), "app", bare).build()?)
        .origins([server.api_origin()])
        .build()?;
    let issued = server.issue_session();
    let tokens = TokenSet::new(&issued.access_token, SystemClock::default().wall())?
        .refresh_token(issued.refresh_token())?
        .expires_in(issued.expires_in);
    session.sign_in(tokens).await?;

    let client = ServiceBuilder::new()
        .layer(OneflightLayer::new(session))
        .service(Client::builder(TokioExecutor::new()).build_http());

    server.expire_access_tokens();
    let requests = (0..REQUESTS).map(|number| {
        let url = server.api_url(&format!("/api/notes/{number}"));
        let request = Request::get(url).body(Empty::<Bytes>::new());
        let client = client.clone();
        async move { Ok::<_, Box<dyn Error>>(client.oneshot(request?).await?.status()) }
    });
    let statuses = try_join_all(requests).await?;
    let counters = server.counters();
    println!(
        "{} of {REQUESTS} requests succeeded; the API was asked {} times, the token endpoint {}",
        statuses.iter().filter(|status| status.is_success()).count(),
        counters.api_requests,
        counters.refresh_posts,
    );
    Ok(())
}
