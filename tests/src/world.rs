//! A server, a clock, and sessions over them.

use std::time::{Duration, UNIX_EPOCH};

use oneflight::endpoint::OAuthEndpoint;
use oneflight::{Clock, MonoTime, Now, Policy, Session, SessionBuilder, TokenSet, WallTime};
use oneflight_reqwest::ReqwestExchange;
use oneflight_testkit::{ApiRequest, Builder, IssuedSession, TestServer, TokenId};
use tokio::task::JoinHandle;

use crate::{Outcome, Req, Stack};

/// A case that takes longer hangs, in seconds.
const PATIENCE_SECONDS: u64 = 60;

/// How long the server's access tokens live.
pub const LIFETIME: Duration = Duration::from_secs(900);

/// What the clock shows at the start of each case.
const START_SECONDS: u64 = 1_700_000_000;

/// Runs a case, which fails if it hangs.
pub async fn within(case: impl Future<Output = ()>) {
    let patience = Duration::from_secs(PATIENCE_SECONDS);
    tokio::time::timeout(patience, case)
        .await
        .expect("the case came to its end");
}

/// A builder of reqwest's clients, TLS chosen; the first call chooses for the process.
pub fn http_builder() -> reqwest::ClientBuilder {
    // Refused only if there is one already, and then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// A server, and a clock that stands still until the case moves it.
pub struct World {
    /// Authorization server, API, and an origin where no token belongs.
    pub server: TestServer,
}

impl World {
    /// One with strict rotation.
    pub async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// One that differs.
    pub async fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = oneflight_testkit::Clock::virtual_at(UNIX_EPOCH + Duration::from_secs(START_SECONDS));
        let builder = TestServer::builder().clock(clock).api_port(0).with_stranger();
        Self {
            server: change(builder).start().await.unwrap(),
        }
    }

    /// A session that may send its token to the API only.
    pub fn builder(&self) -> SessionBuilder {
        let http = ReqwestExchange::new(http_builder()).unwrap();
        let endpoint = OAuthEndpoint::builder(self.server.token_url(), "app", http)
            .revocation_url(self.server.revocation_url())
            .build()
            .unwrap();
        let mut policy = Policy::default();
        policy.renew_jitter = 0.0;
        Session::builder()
            .endpoint(endpoint)
            .origins([self.server.api_origin()])
            .clock(ServerClock(self.server.clock().clone()))
            .policy(policy)
    }

    /// The tokens of a new grant.
    pub fn tokens(&self, issued: &IssuedSession) -> TokenSet {
        let now = ServerClock(self.server.clock().clone()).wall();
        TokenSet::new(&issued.access_token, now)
            .unwrap()
            .refresh_token(issued.refresh_token())
            .unwrap()
            .expires_in(issued.expires_in)
    }

    /// A session with a token that works.
    pub async fn session(&self) -> Session {
        let session = self.builder().build().unwrap();
        let tokens = self.tokens(&self.server.issue_session());
        session.sign_in(tokens).await.unwrap();
        session
    }

    /// A session with a token that the API refuses, of which the session knows nothing.
    pub async fn refused_session(&self) -> Session {
        let session = self.session().await;
        self.server.expire_access_tokens();
        session
    }

    /// The URL of something that the API serves to whoever has a token.
    pub fn notes(&self) -> String {
        self.server.api_url("/api/notes")
    }

    /// Lets the first tokens run out, for the API and for the sessions.
    pub fn expire(&self) {
        self.server.advance(LIFETIME);
    }

    /// Lets the renewal of the first tokens become due, while they can still be sent.
    pub fn become_due(&self) {
        self.server.advance(LIFETIME * 4 / 5);
    }

    /// What the API saw of the requests with this id, in the order they came.
    pub fn seen(&self, id: &str) -> Vec<ApiRequest> {
        let mut seen = self.server.api_requests();
        seen.retain(|request| request.request_id.as_deref() == Some(id));
        seen
    }

    /// Which tokens the requests with this id carried: their places in their family.
    pub fn sequences(&self, id: &str) -> Vec<Option<u64>> {
        let token = |request: ApiRequest| request.credentials.token();
        let sequence = |token: TokenId| token.sequence;
        self.seen(id)
            .into_iter()
            .map(|request| token(request).map(sequence))
            .collect()
    }

    /// How many refreshes were asked for.
    pub fn posts(&self) -> u64 {
        self.server.counters().refresh_posts
    }
}

/// Sends a request in a task of its own.
pub fn spawn<S: Stack>(client: &S, request: Req) -> JoinHandle<Outcome> {
    let client = client.clone();
    tokio::spawn(async move { client.send(request).await })
}

/// The server's clock, as the session's: both move together.
struct ServerClock(oneflight_testkit::Clock);

impl Clock for ServerClock {
    fn now(&self) -> Now {
        let millis = u64::try_from(self.0.unix().as_millis()).unwrap();
        Now {
            wall: WallTime::from_unix_millis(millis),
            mono: MonoTime::from_millis(millis),
        }
    }
}
