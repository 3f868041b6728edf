//! Sessions to measure.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oneflight::endpoint::{RefreshRequest, Reply, Verdict, endpoint_fn};
use oneflight::{Session, TokenSet, WallTime};
use tokio::sync::Semaphore;

/// The length of the access token in all measurements.
pub const ACCESS_TOKEN_BYTES: usize = 900;
/// The length of the refresh token in all measurements.
pub const REFRESH_TOKEN_BYTES: usize = 100;

/// The origin that the sessions allow.
pub const ORIGIN: &str = "https://api.example.com";

/// An access token that begins with a number, and is of the usual length.
pub fn access_token(number: u64) -> String {
    format!("{number:020}{}", "a".repeat(ACCESS_TOKEN_BYTES - 20))
}

/// A token set that lives for an hour.
pub fn tokens(number: u64) -> TokenSet {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is later than 1970");
    let now = WallTime::from_unix_millis(since.as_millis() as u64);
    TokenSet::new(&access_token(number), now)
        .and_then(|set| set.refresh_token(&format!("{number:020}{}", "r".repeat(REFRESH_TOKEN_BYTES - 20))))
        .expect("these are tokens")
        .expires_in(Duration::from_secs(3600))
}

/// A session that is signed in, and whose refreshes wait for a permit each.
pub async fn gated(gate: Arc<Semaphore>) -> Session {
    let endpoint = endpoint_fn(move |request: RefreshRequest| {
        let gate = gate.clone();
        async move {
            let _ = request;
            gate.acquire().await.expect("the gate is never closed").forget();
            Reply::new(Verdict::Renewed(tokens(2)))
        }
    });
    let session = Session::builder()
        .endpoint(endpoint)
        .origins([ORIGIN])
        .build()
        .expect("the settings are complete");
    session
        .sign_in(tokens(1))
        .await
        .expect("the memory store takes it");
    session
}
