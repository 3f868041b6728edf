//! A session over the testkit's server, and clients with it.

use oneflight::endpoint::OAuthEndpoint;
use oneflight::{Clock as _, Session, SystemClock, TokenSet};
use oneflight_reqwest::{OneflightMiddleware, ReqwestExchange};
use oneflight_testkit::{IssuedSession, TestServer};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

pub(crate) async fn server() -> TestServer {
    TestServer::builder().with_stranger().start().await.unwrap()
}

/// A builder of clients, TLS chosen; the first call chooses for the process.
pub(crate) fn http() -> reqwest::ClientBuilder {
    // Refused only if there is one already, and then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

pub(crate) async fn session(server: &TestServer, issued: &IssuedSession) -> Session {
    let exchange = ReqwestExchange::new(http()).unwrap();
    let endpoint = OAuthEndpoint::builder(server.token_url(), "app", exchange)
        .build()
        .unwrap();
    let origins = [server.api_origin()];
    let session = Session::builder()
        .endpoint(endpoint)
        .origins(origins)
        .build()
        .unwrap();
    let tokens = TokenSet::new(&issued.access_token, SystemClock::default().wall()).unwrap();
    let tokens = tokens.refresh_token(issued.refresh_token()).unwrap();
    session
        .sign_in(tokens.expires_in(issued.expires_in))
        .await
        .unwrap();
    session
}

/// A client with a session that is signed in.
pub(crate) async fn client(server: &TestServer) -> ClientWithMiddleware {
    let session = session(server, &server.issue_session()).await;
    over(session)
}

pub(crate) fn over(session: Session) -> ClientWithMiddleware {
    ClientBuilder::new(http().build().unwrap())
        .with(OneflightMiddleware::new(session))
        .build()
}
