//! npm `oidc-provider` as a child process (`tests/oidc-provider`), and a user who signs in there.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use serde_json::Value;
use url::{Url, form_urlencoded};

/// Where its `node_modules` are, and whether it must be there: set by `cargo xtask test`, which installs it.
const FOLDER: &str = "ONEFLIGHT_OIDC_PROVIDER_DIR";
const REQUIRED: &str = "ONEFLIGHT_REQUIRE_REAL";

/// The pages between the first request and the last, and the redirects between them.
const MOST_STEPS: usize = 16;

/// A running provider.
pub(crate) struct Provider {
    child: Child,
    pub(crate) issuer: String,
    control: String,
}

impl Provider {
    /// Starts it on free loopback ports; `None`, with a word why, where it is not installed and not required.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same with options of its script.
    pub(crate) fn start_with(options: &[&str]) -> Option<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oidc-provider");
        let folder = std::env::var_os(FOLDER).map_or(here, PathBuf::from);
        if !folder.join("node_modules/oidc-provider").is_dir() {
            assert!(
                std::env::var_os(REQUIRED).is_none(),
                "oidc-provider is not installed in {}; run `npm ci --ignore-scripts` there",
                folder.display()
            );
            println!("skipped: oidc-provider is not installed; `cargo xtask test` installs it and runs this");
            return None;
        }
        let mut child = Command::new("node")
            .arg(folder.join("provider.mjs"))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is installed");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it can be read");
        let ready: Value = serde_json::from_str(&line).expect("the provider says where it is");
        let text = |name: &str| ready[name].as_str().expect("a URL").to_owned();
        Some(Self {
            child,
            issuer: text("issuer"),
            control: text("control"),
        })
    }

    /// A refresh token of a sign-in without its pages.
    pub(crate) async fn refresh_token(&self) -> String {
        let answer = client().post(format!("{}/grants", self.control)).send();
        let grant: Value = answer.await.expect("it answers").json().await.expect("JSON");
        grant["refresh_token"]
            .as_str()
            .expect("a refresh token")
            .to_owned()
    }

    /// What it counted.
    pub(crate) async fn counter(&self, name: &str) -> u64 {
        let answer = client().get(format!("{}/counters", self.control)).send();
        let counters: Value = answer.await.expect("it answers").json().await.expect("JSON");
        counters[name].as_u64().expect("a counter")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client")
}

/// What the user does on the provider's last page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Consent,
    Abort,
}

/// Follows a sign-in through its pages as a browser would, wherever it leads. The last page, and its status.
pub(crate) async fn walk(start: &str, decision: Decision) -> (u16, String) {
    let http = client();
    let mut cookies = BTreeMap::new();
    let mut at = Url::parse(start).expect("a URL");
    let mut form: Option<String> = None;
    let mut aborted = false;
    for _ in 0..MOST_STEPS {
        let request = match form.take() {
            None => http.get(at.clone()),
            Some(form) => http
                .post(at.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form),
        };
        let jar: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let page = request
            .header(COOKIE, jar.join("; "))
            .send()
            .await
            .expect("it answers");
        for cookie in page.headers().get_all(SET_COOKIE) {
            let cookie = cookie
                .to_str()
                .expect("ASCII")
                .split(';')
                .next()
                .unwrap_or_default();
            let (name, value) = cookie.split_once('=').expect("a cookie has a name");
            cookies.insert(name.to_owned(), value.to_owned());
        }
        if let Some(location) = page.headers().get(LOCATION) {
            at = at.join(location.to_str().expect("ASCII")).expect("a URL");
            continue;
        }
        let status = page.status().as_u16();
        let html = page.text().await.expect("the page is whole");
        let answer: Vec<(String, String)> = if html.contains("value=\"login\"") {
            pairs(&[("prompt", "login"), ("login", "ada"), ("password", "anything")])
        } else if html.contains("value=\"consent\"") && decision == Decision::Abort {
            let abort = attribute(&html, "href=\"", "abort").expect("a link to abort");
            at = at.join(&abort).expect("a URL");
            aborted = true;
            continue;
        } else if html.contains("value=\"consent\"") {
            pairs(&[("prompt", "consent")])
        } else if html.contains("name=\"user_code\"") && !aborted {
            // The provider's scripts would send these forms by themselves, or at the press of a button.
            at = at.join("/device").expect("a URL");
            hidden(&html)
        } else {
            return (status, html);
        };
        form = Some(
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(answer)
                .finish(),
        );
    }
    panic!("no end after {MOST_STEPS} pages, at {at}");
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// The inputs of a form, as they are.
fn hidden(html: &str) -> Vec<(String, String)> {
    html.split("<input")
        .skip(1)
        .filter_map(|input| {
            let input = input.split('>').next()?;
            let value = |of: &str| input.split(&format!("{of}=\"")).nth(1)?.split('"').next();
            Some((value("name")?.to_owned(), value("value")?.to_owned()))
        })
        .collect()
}

/// The first attribute that begins so and holds this word.
fn attribute(html: &str, begins: &str, word: &str) -> Option<String> {
    let values = html
        .split(begins)
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    values
        .filter(|value| value.contains(word))
        .map(str::to_owned)
        .next()
}
