//! The test server, set for one scenario, and a session signed in to it.

use std::time::Duration;

use oneflight::endpoint::OAuthEndpoint;
use oneflight::{Clock, Session, SystemClock, TokenSet};
use oneflight_reqwest::ReqwestExchange;
use oneflight_testkit::{Cors, Fault, IssuedSession, Point, RetryAfter, Rotation, TestServer};
use url::Url;

use super::client::{
    Api, Browser, Client, Desk, Naive, Noted, Oneflight, Orders, Textbook, Tokens, Wire, Witness,
};
use super::event::{Counters, Recorder};
use super::kinds::{ClientKind, Scenario};
use super::tabs::Tabs;
use crate::exit::Problem;

/// How long a spent refresh token still works in the scenario of the lost answer.
const GRACE: Duration = Duration::from_secs(10);

/// How long access tokens live in the scenario whose end waits for one to expire by itself: longer than the scenario
/// takes, so that no renewal ahead of time is counted with those that refusals caused.
const SHORT_LIFE: Duration = Duration::from_secs(4);

/// How fast things happen: fast for the terminal, slow enough to be watched on the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The time over which the requests of a storm start.
    pub(crate) spread: Duration,
    /// How long the API takes.
    pub(crate) api: Duration,
    /// How long a refresh takes.
    pub(crate) refresh: Duration,
    /// How long a moment is: the pause before something is done that the picture should show apart.
    pub(crate) moment: Duration,
}

impl Pace {
    pub(crate) const TERMINAL: Self = Self {
        spread: Duration::ZERO,
        api: Duration::ZERO,
        refresh: Duration::from_millis(50),
        moment: Duration::from_millis(50),
    };
    pub(crate) const PAGE: Self = Self {
        spread: Duration::from_millis(160),
        api: Duration::from_millis(70),
        refresh: Duration::from_millis(320),
        moment: Duration::from_millis(180),
    };
}

/// One server for one flight. It ends with it, and with it whatever a client left under way.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) server: TestServer,
    pub(crate) pace: Pace,
    issued: IssuedSession,
    pub(crate) scenario: Scenario,
}

impl Stage {
    /// Starts a server on free ports and signs in; `for_pages` lets pages of other origins in.
    pub(crate) async fn set(scenario: Scenario, pace: Pace, for_pages: bool) -> Result<Self, Problem> {
        let rotation = match scenario {
            Scenario::LostAnswer => Rotation::grace(GRACE),
            _ => Rotation::Strict,
        };
        let mut server = TestServer::builder().without_control().rotation(rotation);
        if scenario == Scenario::Always401 {
            server = server.access_token_lifetime(SHORT_LIFE);
        }
        if for_pages {
            // Browsers open six connections to one origin; answers that are held must not keep a refresh from going out.
            server = server.cors(Cors::permissive()).api_port(0);
        }
        let server = server
            .start()
            .await
            .map_err(|source| Problem::TestServer { source })?;
        let issued = server.issue_session();
        let stage = Self {
            server,
            pace,
            issued,
            scenario,
        };
        stage.be_well();
        Ok(stage)
    }

    /// Nothing goes wrong, but everything takes its time.
    pub(crate) fn be_well(&self) {
        self.server.clear_faults();
        self.server
            .inject_always(Point::Refresh, Fault::delayed(self.pace.refresh));
        if !self.pace.api.is_zero() {
            self.server
                .inject_always(Point::Api, Fault::delayed(self.pace.api));
        }
    }

    /// The next refresh is processed, and its answer never arrives.
    pub(crate) fn lose_next_refresh(&self) {
        self.server
            .inject(Point::Refresh, Fault::lose_answer().delay(self.pace.refresh));
    }

    /// The token endpoint answers 503 until further notice.
    pub(crate) fn be_out_of_service(&self) {
        let fault = Fault::unavailable(RetryAfter::Seconds(1)).delay(self.pace.refresh);
        self.server.inject_always(Point::Refresh, fault);
    }

    /// The client to be watched, signed in with the stage's session.
    pub(crate) async fn client(&self, kind: ClientKind, recorder: &Recorder) -> Result<Client, Problem> {
        let (http, witness) = (http_client()?, Witness::default());
        let api = Api::Numbered(url(&self.server.api_url("/api/calls")));
        let token_endpoint = url(&self.server.token_url());
        if kind == ClientKind::Oneflight {
            let session = self.session(token_endpoint, recorder).await?;
            return Ok(Client::Oneflight(Oneflight::new(http, api, &witness, session)));
        }
        let wire = Wire::new(http, api, &witness);
        let desk = Desk::new(http_client()?, token_endpoint, &self.issued.client_id, recorder);
        let tokens = Tokens {
            access: self.issued.access_token.clone(),
            refresh: self.issued.refresh_token.clone(),
        };
        Ok(match kind {
            ClientKind::Naive => Client::Naive(Naive::new(wire, desk, tokens)),
            _ => Client::Textbook(Textbook::new(wire, desk, tokens)),
        })
    }

    /// The client to be watched in the tabs of a browser, signed in with the stage's session.
    pub(crate) async fn browser(&self, kind: ClientKind, tabs: &Tabs) -> Result<Client, Problem> {
        let api = Api::Numbered(url(&self.server.api_url("/api/calls")));
        let orders = Orders {
            client: kind,
            token_endpoint: self.server.token_url(),
            revocation_url: self.server.revocation_url(),
            api_origin: self.server.api_origin().to_string(),
            client_id: self.issued.client_id.clone(),
        };
        let tokens = serde_json::json!({
            "accessToken": self.issued.access_token,
            "refreshToken": self.issued.refresh_token,
            "expiresIn": self.issued.expires_in.as_secs(),
        });
        Ok(Client::Browser(
            Browser::prepare(tabs.clone(), api, &orders, tokens).await?,
        ))
    }

    async fn session(&self, token_endpoint: Url, recorder: &Recorder) -> Result<Session, Problem> {
        let exchange = Noted {
            exchange: ReqwestExchange::new(crate::tls::builder())
                .map_err(|source| Problem::HttpClient { source })?,
            token_endpoint: token_endpoint.clone(),
            recorder: recorder.clone(),
        };
        let endpoint = OAuthEndpoint::builder(token_endpoint, &self.issued.client_id, exchange)
            .revocation_url(self.server.revocation_url())
            .build()
            .map_err(|source| Problem::Settings { source })?;
        let session = Session::builder()
            .endpoint(endpoint)
            .origins([self.server.api_origin()])
            .build()
            .map_err(|source| Problem::Settings { source })?;
        let tokens = TokenSet::new(&self.issued.access_token, SystemClock::default().wall())
            .and_then(|tokens| tokens.refresh_token(self.issued.refresh_token()))
            .map(|tokens| tokens.expires_in(self.issued.expires_in))
            .map_err(|error| Problem::Session { source: error.into() })?;
        session
            .sign_in(tokens)
            .await
            .map_err(|source| Problem::Session { source })?;
        Ok(session)
    }

    /// The token expires once more, so that the next call shows whether the session lives.
    ///
    /// Where the API refused everything before, oneflight has had enough of refusals; there the token expires by its
    /// own lifetime, which a client can see coming.
    pub(crate) async fn let_the_token_expire(&self, client: ClientKind) {
        if self.scenario == Scenario::Always401 && client == ClientKind::Oneflight {
            tokio::time::sleep(SHORT_LIFE).await;
        } else {
            self.server.expire_access_tokens();
        }
    }

    /// What the server has counted.
    pub(crate) fn counters(&self) -> Counters {
        let counted = self.server.counters();
        let answers = |status| counted.api_by_status.get(&status).copied().unwrap_or_default();
        Counters {
            refresh_posts: counted.refresh_posts,
            reuse_detected: counted.reuse_detected,
            family_alive: self
                .server
                .family(self.issued.family())
                .is_some_and(|family| family.is_alive()),
            api_ok: answers(200),
            api_refused: answers(401),
        }
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("the test server's own URLs are URLs")
}

/// A client that follows no redirect and knows no proxy: what the demo measures is between it and the server.
pub(crate) fn http_client() -> Result<reqwest::Client, Problem> {
    crate::tls::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|source| Problem::HttpClient { source })
}
