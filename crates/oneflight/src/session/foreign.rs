//! Signing in with what other crates bring back from the authorization server.

use oneflight_core::{TokenSet, WallTime};
use zeroize::Zeroizing;

use super::{IntoTokens, JsonTokens};
use crate::Error;

/// The token response of the `oauth2` crate. Its extra fields are kept with the token set.
///
/// # Examples
/// ```
/// use oauth2::basic::BasicTokenResponse;
/// use oneflight::{OAuth2Tokens, Session};
///
/// async fn signed_in(session: &Session, response: &BasicTokenResponse) -> Result<(), oneflight::Error> {
///     session.sign_in(OAuth2Tokens(response)).await?;
///     Ok(())
/// }
/// ```
#[cfg(feature = "oauth2")]
pub struct OAuth2Tokens<'a, R>(pub &'a R);

#[cfg(feature = "oauth2")]
impl<R: oauth2::TokenResponse> IntoTokens for OAuth2Tokens<'_, R> {
    fn into_tokens(self, received_at: WallTime) -> Result<TokenSet, Error> {
        by_json(self.0, received_at)
    }
}

#[cfg(feature = "oauth2")]
impl<R> std::fmt::Debug for OAuth2Tokens<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OAuth2Tokens(redacted)")
    }
}

/// The token response of the `openidconnect` crate, with its ID token, which the application has verified.
///
/// # Examples
/// ```
/// use oneflight::{OpenIdTokens, Session};
/// use openidconnect::core::CoreTokenResponse;
///
/// async fn signed_in(session: &Session, response: &CoreTokenResponse) -> Result<(), oneflight::Error> {
///     session.sign_in(OpenIdTokens(response)).await?;
///     Ok(())
/// }
/// ```
#[cfg(feature = "openidconnect")]
pub struct OpenIdTokens<'a, R>(pub &'a R);

#[cfg(feature = "openidconnect")]
impl<R: openidconnect::OAuth2TokenResponse> IntoTokens for OpenIdTokens<'_, R> {
    fn into_tokens(self, received_at: WallTime) -> Result<TokenSet, Error> {
        by_json(self.0, received_at)
    }
}

#[cfg(feature = "openidconnect")]
impl<R> std::fmt::Debug for OpenIdTokens<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenIdTokens(redacted)")
    }
}

/// By way of the JSON that the response came as: nothing that these crates keep is lost.
fn by_json(response: &impl serde::Serialize, received_at: WallTime) -> Result<TokenSet, Error> {
    let json = serde_json::to_string(response).map(Zeroizing::new);
    // Both crates made the response from JSON, so it can become JSON again.
    JsonTokens(json.as_deref().map_or("", String::as_str)).into_tokens(received_at)
}
