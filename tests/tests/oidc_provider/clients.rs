//! The clients under test: one session, a request at a time, whatever the stack.

use futures_util::future::BoxFuture;
use oneflight::endpoint::{OAuthEndpoint, discover};
use oneflight::tower::OneflightLayer;
use oneflight::{Policy, Session};
use oneflight_reqwest::{OneflightMiddleware, ReqwestExchange};
use oneflight_tests::login::CLIENT_ID;
use oneflight_tests::provider::{Provider, bare_client};

/// Sends a GET to this URL; the status of the answer, or why there is none.
pub(crate) type Get = Box<dyn Fn(String) -> BoxFuture<'static, Result<u16, String>> + Send + Sync>;

/// A session over the provider's own metadata.
pub(crate) async fn session(provider: &Provider) -> Session {
    let exchange = ReqwestExchange::new(oneflight_tests::http_builder()).unwrap();
    let server = discover(&provider.issuer, &exchange).await.unwrap();
    let endpoint = OAuthEndpoint::builder(server.token_endpoint, CLIENT_ID, exchange)
        .revocation_url(
            server
                .revocation_endpoint
                .expect("the provider offers revocation"),
        )
        .build()
        .unwrap();
    // These rounds follow each other within seconds; to the default budget they would look like an API that refuses
    // fresh tokens.
    let mut policy = Policy::default();
    policy.rejection_budget = u8::MAX;
    Session::builder()
        .endpoint(endpoint)
        .origins([&*provider.issuer])
        .policy(policy)
        .build()
        .unwrap()
}

pub(crate) fn reqwest(session: &Session) -> Get {
    let client = reqwest_middleware::ClientBuilder::new(bare_client())
        .with(OneflightMiddleware::new(session.clone()))
        .build();
    Box::new(move |url| {
        let client = client.clone();
        Box::pin(async move {
            let answer = client.get(url).send().await.map_err(|error| error.to_string())?;
            let status = answer.status().as_u16();
            // Read to its end, so that the connection goes back to the pool.
            answer.bytes().await.map_err(|error| error.to_string())?;
            Ok(status)
        })
    })
}

pub(crate) fn tower(session: &Session) -> Get {
    use http_body_util::{BodyExt as _, Empty};
    use hyper_util::client::legacy::{Client, connect::HttpConnector};
    use hyper_util::rt::TokioExecutor;
    use tower::{Layer as _, Service as _, ServiceExt as _};

    let client: Client<HttpConnector, _> = Client::builder(TokioExecutor::new()).build_http();
    let service = OneflightLayer::new(session.clone()).layer(client);
    Box::new(move |url| {
        let mut service = service.clone();
        Box::pin(async move {
            let request = http::Request::get(url)
                .body(Empty::<bytes::Bytes>::new())
                .map_err(|error| error.to_string())?;
            let service = service.ready().await.map_err(|error| error.to_string())?;
            let answer = service.call(request).await.map_err(|error| error.to_string())?;
            let status = answer.status().as_u16();
            answer
                .into_body()
                .collect()
                .await
                .map_err(|error| error.to_string())?;
            Ok(status)
        })
    })
}
