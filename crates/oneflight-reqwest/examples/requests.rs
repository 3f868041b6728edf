//! reqwest with the middleware, against the testkit's server: the access token is refused, renewed once, and the grant
//! is ended at last.
//!
//! ```sh
//! cargo run -p oneflight-reqwest --example requests
//! ```

use std::error::Error;

use oneflight::endpoint::OAuthEndpoint;
use oneflight::{Clock as _, Session, SystemClock, TokenSet};
use oneflight_reqwest::{OneflightMiddleware, ReqwestExchange, renewal_failed};
use oneflight_testkit::TestServer;
use reqwest_middleware::ClientBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The application chooses TLS. Where reqwest was built without it, this line is not needed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = TestServer::start().await?;

    let http = ReqwestExchange::new(reqwest::Client::builder())?;
    let session = Session::builder()
        .endpoint(OAuthEndpoint::builder(server.token_url(), "app", http).build()?)
        .origins([server.api_origin()])
        .build()?;
    let issued = server.issue_session();
    let tokens = TokenSet::new(&issued.access_token, SystemClock::default().wall())?
        .refresh_token(issued.refresh_token())?
        .expires_in(issued.expires_in);
    session.sign_in(tokens).await?;

    let client = ClientBuilder::new(reqwest::Client::new())
        .with(OneflightMiddleware::new(session))
        .build();
    server.expire_access_tokens();
    let answer = client.get(server.api_url("/api/notes")).send().await?;
    let posts = server.counters().refresh_posts;
    println!("refused once, answered {} after {posts} refresh", answer.status());

    server.revoke_family(issued.family());
    let error = client.get(server.api_url("/api/notes")).send().await;
    let error = error.expect_err("the grant is dead");
    if let Some(failed) = renewal_failed(&error) {
        println!("{}; the API had said {}", failed.error, failed.response.status());
    }
    Ok(())
}
