//! npm `oidc-provider` as a child process, and its control port.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Where its `node_modules` are: set by `cargo xtask test`, which installs them.
const DIR: &str = "ONEFLIGHT_OIDC_PROVIDER_DIR";
/// Set by `cargo xtask test`: a missing provider is a failure, not a reason to skip.
const REQUIRED: &str = "ONEFLIGHT_REQUIRE_REAL";

/// A running provider. Ends with its standard input, that is, with this value.
pub struct Provider {
    _child: Child,
    /// Its URL.
    pub issuer: String,
    control: String,
    http: reqwest::Client,
}

/// What the provider counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub struct Counters {
    /// Token requests.
    pub token_posts: u64,
    /// Those that were to refresh.
    pub refresh_posts: u64,
    /// Those that did.
    pub refreshed: u64,
    /// Those whose refresh token was no good.
    pub invalid_grant: u64,
    /// Requests with a good access token.
    pub userinfo_ok: u64,
    /// Requests with another one.
    pub userinfo_refused: u64,
    /// Tokens that were revoked.
    pub revocations: u64,
    /// Grants that ended, with all their tokens.
    pub grants_revoked: u64,
}

impl Provider {
    /// Starts it on free loopback ports; `None`, with a word why, where it is not installed and not required.
    pub async fn start() -> Option<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("oidc-provider");
        let dir = std::env::var_os(DIR).map_or(here.clone(), PathBuf::from);
        if !dir.join("node_modules/oidc-provider").is_dir() {
            assert!(
                std::env::var_os(REQUIRED).is_none(),
                "oidc-provider is not installed in {}; run `npm ci --ignore-scripts` there",
                dir.display()
            );
            println!("skipped: oidc-provider is not installed; `cargo xtask test` installs it and runs this");
            return None;
        }
        let mut child = Command::new("node")
            .arg(dir.join("provider.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node is installed");
        let stdout = child.stdout.take().expect("it is piped");
        let line = BufReader::new(stdout)
            .lines()
            .next_line()
            .await
            .expect("it can be read");
        let ready: Value = serde_json::from_str(&line.expect("the provider starts")).expect("it prints JSON");
        let text = |name: &str| ready[name].as_str().expect("it says where it listens").to_owned();
        Some(Self {
            _child: child,
            issuer: text("issuer"),
            control: text("control"),
            http: bare_client(),
        })
    }

    /// What it counted so far.
    pub async fn counters(&self) -> Counters {
        serde_json::from_value(self.get("/counters").await).expect("all counters are there")
    }

    /// Lets every access token expire.
    pub async fn expire(&self) {
        let answer = self.post("/expire", Value::Null).await;
        assert!(answer["expired"].as_u64() > Some(0), "there is a token to expire");
    }

    /// What the next token requests meet, in order.
    pub async fn faults(&self, faults: Value) {
        self.post("/faults", faults).await;
    }

    /// Waits until a token request is held.
    pub async fn held(&self) {
        self.get("/held").await;
    }

    /// Lets the held token request go on.
    pub async fn release(&self) {
        self.post("/release", Value::Null).await;
    }

    /// Where refresh tokens are presented.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.issuer)
    }

    /// What it serves to whoever has an access token.
    pub fn userinfo(&self) -> String {
        format!("{}/me", self.issuer)
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.control);
        read(self.http.get(url).send().await.expect("the control port answers")).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.control);
        read(
            self.http
                .post(url)
                .body(body.to_string())
                .send()
                .await
                .expect("the control port answers"),
        )
        .await
    }
}

/// The JSON of an answer.
pub async fn read(answer: reqwest::Response) -> Value {
    let text = answer.text().await.expect("the answer is whole");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

/// A client that neither follows redirects nor repeats anything.
pub fn bare_client() -> reqwest::Client {
    crate::http_builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Node closes idle connections after 5 s, just when the next request may be on its way.
        .pool_idle_timeout(Duration::from_secs(2))
        .build()
        .expect("a client without TLS can always be built")
}
