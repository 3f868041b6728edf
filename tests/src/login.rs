//! Login by authorization code + PKCE (RFC 7636), through the provider's own pages, as a browser would.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::provider::{Provider, bare_client, read};

/// A public client that the provider knows.
pub const CLIENT_ID: &str = "oneflight-test";
const CALLBACK: &str = "http://127.0.0.1/callback";
/// The pages between the first request and the code: login, consent, and the redirects between them.
const MAX_STEPS: usize = 12;

/// Signs a user in. The token response, as JSON.
pub async fn login(provider: &Provider) -> Value {
    let verifier = "a-verifier-that-is-long-enough-for-rfc-7636-4-1";
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let start = Url::parse_with_params(
        &format!("{}/auth", provider.issuer),
        [
            ("client_id", CLIENT_ID),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid offline_access"),
            ("prompt", "consent"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ],
    )
    .expect("the issuer is a URL");
    let code = walk_through_pages(start).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("client_id", CLIENT_ID),
        ("code_verifier", verifier),
    ];
    let tokens = read(post_form(&provider.token_url(), &form).await).await;
    assert!(tokens["refresh_token"].is_string(), "{tokens}");
    tokens
}

/// Posts a form without any credentials of a middleware.
pub async fn post_form(url: &str, form: &[(&str, &str)]) -> reqwest::Response {
    bare_client()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(encode(form))
        .send()
        .await
        .expect("the provider answers")
}

fn encode(form: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://form").expect("a constant");
    url.query_pairs_mut().extend_pairs(form);
    url.query().unwrap_or_default().to_owned()
}

async fn walk_through_pages(start: Url) -> String {
    let http = bare_client();
    let mut cookies = BTreeMap::new();
    let mut at = start;
    let mut answer: Option<&str> = None;
    for _ in 0..MAX_STEPS {
        let request = match answer.take() {
            None => http.get(at.clone()),
            Some(form) => http
                .post(at.clone())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_owned()),
        };
        let jar: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let page = request
            .header(COOKIE, jar.join("; "))
            .send()
            .await
            .expect("the provider answers");
        for cookie in page.headers().get_all(SET_COOKIE) {
            let cookie = cookie
                .to_str()
                .expect("cookies are ASCII")
                .split(';')
                .next()
                .unwrap_or_default();
            let (name, value) = cookie.split_once('=').expect("a cookie has a name");
            cookies.insert(name.to_owned(), value.to_owned());
        }
        if let Some(location) = page.headers().get(LOCATION) {
            at = at
                .join(location.to_str().expect("a URL is ASCII"))
                .expect("a redirect goes to a URL");
            if at.as_str().starts_with(CALLBACK) {
                let code = at.query_pairs().find(|(name, _)| name == "code");
                return code.unwrap_or_else(|| panic!("no code: {at}")).1.into_owned();
            }
            continue;
        }
        let html = page.text().await.expect("the page is whole");
        answer = Some(if html.contains("value=\"login\"") {
            "prompt=login&login=user&password=anything"
        } else {
            assert!(html.contains("value=\"consent\""), "an unknown page: {html}");
            "prompt=consent"
        });
    }
    panic!("no code after {MAX_STEPS} pages");
}
