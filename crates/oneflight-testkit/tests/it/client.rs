//! A client that does one thing at a time, for the tests.

use std::error::Error as _;
use std::time::Duration;

use oneflight_testkit::TestServer;
use serde_json::{Value, json};

/// A builder of clients, TLS chosen; the first call chooses for the process.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // Refused only if there is one already, and then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// A client that never keeps a connection, so that no request is sent on a dying one.
pub(crate) fn http() -> reqwest::Client {
    builder()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .build()
        .expect("a client")
}

/// An answer of the server, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await?,
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the answer is JSON")
    }

    pub(crate) fn member(&self, name: &str) -> String {
        self.json()[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} in {}", self.text))
            .to_owned()
    }

    pub(crate) fn error(&self) -> String {
        self.member("error")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

/// Sends a form to a URL.
pub(crate) async fn post_form(url: &str, form: &[(&str, &str)]) -> reqwest::Result<Answer> {
    Answer::read(http().post(url).form(form).send().await?).await
}

/// Refreshes as the public client `app`.
pub(crate) async fn refresh(server: &TestServer, token: &str) -> reqwest::Result<Answer> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", token),
    ];
    post_form(&server.token_url(), &form).await
}

/// Refreshes at the JSON endpoint.
pub(crate) async fn refresh_json(server: &TestServer, token: &str) -> reqwest::Result<Answer> {
    let request = http()
        .post(server.json_refresh_url())
        .json(&json!({ "refreshToken": token }));
    Answer::read(request.send().await?).await
}

/// Calls the API.
pub(crate) async fn call(server: &TestServer, access_token: &str) -> Answer {
    let request = http()
        .get(server.api_url("/api/things"))
        .bearer_auth(access_token);
    Answer::read(request.send().await.expect("the API answers"))
        .await
        .expect("the answer is whole")
}

/// Whether an error comes from a reset connection.
pub(crate) fn is_reset(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::ConnectionReset;
        }
        cause = error.source();
    }
    false
}

/// Starts a server with its defaults.
pub(crate) async fn start() -> TestServer {
    TestServer::start().await.expect("a server")
}

/// Sends a request and reads the whole answer.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    Answer::read(request.send().await?).await
}

/// The parameters of a redirect's target.
pub(crate) fn redirect(answer: &Answer) -> std::collections::HashMap<String, String> {
    let target = answer.header("location").expect("a redirect");
    let target = reqwest::Url::parse(target).expect("an absolute URL");
    target.query_pairs().into_owned().collect()
}
