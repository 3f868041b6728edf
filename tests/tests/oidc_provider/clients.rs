//! The clients under test: one session, a request at a time, whatever the stack.

use futures_util::future::BoxFuture;
use oneflight::endpoint::{OAuthEndpoint, discover};
use oneflight::{Policy, Session};
use oneflight_reqwest::{OneflightMiddleware, ReqwestExchange};

use crate::login::CLIENT_ID;
use crate::provider::{Provider, bare_client};

/// Sends a GET to this URL; the status of the answer, or why there is none.
pub(crate) type Get = Box<dyn Fn(String) -> BoxFuture<'static, Result<u16, String>> + Send + Sync>;

/// A session over the provider's own metadata.
pub(crate) async fn session(provider: &Provider) -> Session {
    let exchange = ReqwestExchange::new(reqwest::Client::builder()).unwrap();
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
