//! The authorization code flow with PKCE (RFC 6749 §4.1, RFC 7636) and a redirect to the loopback interface (RFC 8252).

use std::time::Duration;

use openidconnect::core::CoreAuthenticationFlow;
use openidconnect::{
    AuthUrl, AuthorizationCode, CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};

use super::how::{How, Server};
use super::id_token::{self, Failed, Granted};
use super::landing::{Expected, Landing};
use super::wire::{self, Client, Wire};
use super::{LoginError, browser};
use crate::cli::secure_url;
use crate::moment::in_words;

/// How long the user may take, if nobody says otherwise.
const PATIENCE: Duration = Duration::from_secs(300);

/// The answer of the server, still to be turned into tokens.
pub(super) struct Answered {
    code: AuthorizationCode,
    client: Client,
    verifier: PkceCodeVerifier,
    nonce: Nonce,
}

/// Sends the user to the server, and waits for them to come back.
///
/// # Errors
/// [`LoginError`] says why nobody came.
///
/// # Cancel safety
/// Dropping it is as if the user had never begun.
pub(super) async fn ask(server: &Server<'_>, how: &How) -> Result<Answered, LoginError> {
    let endpoint = server.metadata.authorization_endpoint.as_deref();
    let endpoint = endpoint.ok_or(LoginError::NotOffered {
        what: "sign-in by a browser (its metadata name no authorization_endpoint)",
    })?;
    secure_url(endpoint).map_err(LoginError::insecure("authorization endpoint"))?;
    let endpoint =
        AuthUrl::new(endpoint.to_owned()).map_err(LoginError::bad_url("authorization endpoint"))?;
    let landing = Landing::open(how.port).await.map_err(|source| LoginError::Port {
        port: how.port,
        source,
    })?;
    let redirect = RedirectUrl::new(landing.redirect_uri()).map_err(LoginError::bad_url("redirect"))?;
    let client = wire::client(server.settings)?.set_redirect_uri(redirect);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let asking = client.clone().set_auth_uri(endpoint);
    let mut request = asking
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .set_pkce_challenge(challenge)
        .add_scopes(server.scopes().map(|scope| Scope::new(scope.to_owned())));
    for (name, value) in server.parameters() {
        request = request.add_extra_param(name, value);
    }
    for (name, value) in how.parameters(server) {
        request = request.add_extra_param(name, value);
    }
    if let Some(prompt) = how.prompt(server) {
        request = request.add_extra_param("prompt", prompt);
    }
    let (url, state, nonce) = request.url();
    let patience = how.timeout.unwrap_or(PATIENCE);
    show(url.as_str(), how, patience);
    let expected = Expected {
        state: state.into_secret(),
        issuer: server.settings.issuer.clone(),
        names_issuer: server.metadata.authorization_response_iss_parameter_supported,
    };
    let code = tokio::time::timeout(patience, landing.answer(expected))
        .await
        .map_err(|_elapsed| LoginError::NobodyCame { waited: patience })??;
    Ok(Answered {
        code: AuthorizationCode::new(code),
        client,
        verifier,
        nonce,
    })
}

fn show(url: &str, how: &How, patience: Duration) {
    if !how.no_browser && browser::open(url) {
        eprintln!(
            "The browser is asked to open the sign-in. If it does not, open this address on this machine:"
        );
    } else {
        eprintln!("To sign in, open this address in a browser on this machine:");
    }
    eprintln!("\n{url}\n");
    eprintln!("waiting for {} at most; Ctrl-C gives up", in_words(patience));
}

impl Answered {
    /// Turns the code into tokens, and checks who they are of.
    ///
    /// # Errors
    /// [`LoginError`].
    pub(super) async fn redeem(self, server: &Server<'_>, wire: &Wire) -> Result<Granted, Failed> {
        let mut request = self
            .client
            .exchange_code(self.code)
            .set_pkce_verifier(self.verifier);
        for (name, value) in server.parameters() {
            request = request.add_extra_param(name, value);
        }
        let tokens = wire.tokens(request.request_async(wire).await)?;
        id_token::granted(server, wire, tokens, Some(&self.nonce)).await
    }
}
