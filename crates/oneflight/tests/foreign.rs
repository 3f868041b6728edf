//! W4: signing in with the token responses of other crates.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception covers test functions, not their helpers"
)]

use oauth2::basic::BasicTokenResponse;
use oneflight::endpoint::endpoint_fn;
use oneflight::{OAuth2Tokens, OpenIdTokens, Session, Token};
use openidconnect::core::CoreTokenResponse;

const RESPONSE: &str = r#"{
    "access_token": "access", "token_type": "bearer", "expires_in": 900, "refresh_token": "refresh",
    "scope": "a b"
}"#;

/// A token response with an ID token as OpenID Connect Core §A.2 shows it; its signature does not matter here.
const ID_TOKEN: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IjFlOWdkazcifQ.",
    "eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUiLCJzdWIiOiIxIiwiYXVkIjoiYyIsImV4cCI6MTcwMDAwMDAwMCwiaWF0IjoxNjAwMDAwMDAwfQ.",
    "c2lnbmF0dXJl"
);

fn session() -> Session {
    let endpoint = endpoint_fn(|_| std::future::pending());
    Session::builder()
        .endpoint(endpoint)
        .without_origins()
        .build()
        .unwrap()
}

fn check(token: &Token) {
    let set = token.token_set();
    assert_eq!(set.access_token.expose(), "access");
    assert_eq!(set.refresh_token.as_ref().unwrap().expose(), "refresh");
    assert_eq!(set.expires_in, Some(std::time::Duration::from_secs(900)));
    assert_eq!(set.scope.as_deref(), Some("a b"));
}

#[tokio::test]
async fn w4_a_response_of_the_oauth2_crate_signs_in() {
    let response: BasicTokenResponse = serde_json::from_str(RESPONSE).unwrap();
    let session = session();
    session.sign_in(OAuth2Tokens(&response)).await.unwrap();
    check(&session.token().await.unwrap());
    assert!(!format!("{:?}", OAuth2Tokens(&response)).contains("refresh"));
}

#[tokio::test]
async fn w4_a_response_of_the_openidconnect_crate_signs_in_with_its_id_token() {
    let response = RESPONSE.replacen('{', &format!("{{\"id_token\": \"{ID_TOKEN}\","), 1);
    let response: CoreTokenResponse = serde_json::from_str(&response).unwrap();
    let session = session();
    session.sign_in(OpenIdTokens(&response)).await.unwrap();
    let token = session.token().await.unwrap();
    check(&token);
    assert_eq!(token.id_token().unwrap().expose(), ID_TOKEN);
}
