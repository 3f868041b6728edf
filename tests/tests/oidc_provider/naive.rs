//! What everybody writes first: each request that meets a 401 refreshes for itself. Here to show that these tests can
//! fail.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use oneflight_tests::login::{CLIENT_ID, post_form};
use oneflight_tests::provider::{Provider, bare_client, read};
use serde_json::Value;

/// The tokens that all requests share.
type Shared = Arc<Mutex<(String, String)>>;

/// Fires the requests at once; how many of them succeeded.
pub(crate) async fn storm(provider: &Provider, tokens: &Shared, requests: usize) -> usize {
    let http = bare_client();
    let calls = (0..requests).map(|_| call(&http, provider, tokens));
    join_all(calls).await.into_iter().filter(|ok| *ok).count()
}

pub(crate) fn shared(tokens: &Value) -> Shared {
    let text = |name: &str| tokens[name].as_str().expect("a token").to_owned();
    Arc::new(Mutex::new((text("access_token"), text("refresh_token"))))
}

async fn call(http: &reqwest::Client, provider: &Provider, tokens: &Shared) -> bool {
    let send = || {
        let access = tokens.lock().expect("nobody panics with it").0.clone();
        http.get(provider.userinfo()).bearer_auth(access).send()
    };
    if send().await.expect("the provider answers").status() != 401 {
        return true;
    }
    let refresh = tokens.lock().expect("nobody panics with it").1.clone();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
        ("client_id", CLIENT_ID),
    ];
    let answer = post_form(&provider.token_url(), &form).await;
    if answer.status() != 200 {
        return false;
    }
    let new = read(answer).await;
    *tokens.lock().expect("nobody panics with it") = (
        new["access_token"].as_str().expect("a token").to_owned(),
        new["refresh_token"].as_str().expect("a token").to_owned(),
    );
    send().await.expect("the provider answers").status() == 200
}
