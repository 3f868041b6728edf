//! What the token endpoint gave at a login, and whether it is meant for us (OpenID Connect Core §3.1.3.7).

use std::str::FromStr as _;

use oneflight::TokenSet;
use openidconnect::core::{
    CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    ClaimsVerificationError, ClientId, ClientSecret, IssuerUrl, JsonWebKeySet, JsonWebKeySetUrl,
    JwsSigningAlgorithm as _, Nonce, SignatureVerificationError,
};

use super::LoginError;
use super::how::Server;
use super::problem::printable;
use super::wire::Wire;
use crate::cli::secure_url;

/// Tokens of a login, checked.
pub(crate) struct Granted {
    pub(crate) tokens: TokenSet,
    /// Who signed in, as the ID token names them.
    pub(crate) who: Option<String>,
}

/// A login that failed.
pub(super) struct Failed {
    pub(super) problem: LoginError,
    /// What came must not be used, and is to be revoked.
    pub(super) tokens: Option<TokenSet>,
}

impl From<LoginError> for Failed {
    fn from(problem: LoginError) -> Self {
        Self {
            problem,
            tokens: None,
        }
    }
}

/// Checks what came.
///
/// # Errors
/// [`Failed`], with the tokens if it is they that cannot be trusted.
pub(super) async fn granted(
    server: &Server<'_>,
    wire: &Wire,
    tokens: TokenSet,
    nonce: Option<&Nonce>,
) -> Result<Granted, Failed> {
    match who(server, wire, &tokens, nonce).await {
        Ok(who) => Ok(Granted { tokens, who }),
        Err(problem) => Err(Failed {
            problem,
            tokens: Some(tokens),
        }),
    }
}

async fn who(
    server: &Server<'_>,
    wire: &Wire,
    tokens: &TokenSet,
    nonce: Option<&Nonce>,
) -> Result<Option<String>, LoginError> {
    let Some(token) = &tokens.id_token else {
        let granted = tokens.scope.as_deref();
        let openid = granted.is_none_or(|scope| scope.split(' ').any(|scope| scope == "openid"));
        return match openid && server.scopes().any(|scope| scope == "openid") {
            true => Err(LoginError::NoIdToken),
            false => Ok(None),
        };
    };
    let token = CoreIdToken::from_str(token.expose()).map_err(|_| LoginError::NoKeys {
        why: "it is none".to_owned(),
    })?;
    let verifier = verifier(server, wire, &token).await?;
    let claims = match nonce {
        Some(nonce) => token.claims(&verifier, nonce),
        // There is none in the device flow.
        None => token.claims(&verifier, |_: Option<&Nonce>| Ok(())),
    };
    claims
        .map(|claims| Some(name(claims)))
        .map_err(|source| LoginError::IdToken { source })
}

async fn verifier(
    server: &Server<'_>,
    wire: &Wire,
    token: &CoreIdToken,
) -> Result<CoreIdTokenVerifier<'static>, LoginError> {
    let settings = server.settings;
    let client = ClientId::new(settings.client_id.clone());
    let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(LoginError::bad_url("issuer"))?;
    let offered = &server.metadata.id_token_signing_alg_values_supported;
    let keys = match token.signing_alg() {
        Ok(algorithm) if !algorithm.uses_shared_secret() => keys(server, wire).await?,
        Ok(_) => JsonWebKeySet::new(Vec::new()),
        // It came from the token endpoint itself, over a connection that is secured or does not leave this machine, which may
        // stand in for a signature (§3.1.3.7, 6.). Only a server that says it does without is believed.
        Err(SignatureVerificationError::NoSignature) if offered.iter().any(|offered| offered == "none") => {
            let none = JsonWebKeySet::new(Vec::new());
            return Ok(CoreIdTokenVerifier::new_public_client(client, issuer, none)
                .insecure_disable_signature_check());
        }
        Err(error) => {
            let source = ClaimsVerificationError::SignatureVerification(error);
            return Err(LoginError::IdToken { source });
        }
    };
    let verifier = match &settings.client_secret {
        Some(secret) => {
            let secret = ClientSecret::new(secret.expose().to_owned());
            CoreIdTokenVerifier::new_confidential_client(client, secret, issuer, keys)
        }
        None => CoreIdTokenVerifier::new_public_client(client, issuer, keys),
    };
    let known: Vec<CoreJwsSigningAlgorithm> = offered
        .iter()
        .filter_map(|name| serde_json::from_value(name.as_str().into()).ok())
        .collect();
    // A server that does not say signs with RS256, which is what the verifier expects.
    Ok(if known.is_empty() {
        verifier
    } else {
        verifier.set_allowed_algs(known)
    })
}

async fn keys(server: &Server<'_>, wire: &Wire) -> Result<CoreJsonWebKeySet, LoginError> {
    let url = server.metadata.jwks_uri.as_deref().ok_or(LoginError::NoKeys {
        why: "the server's metadata say nothing of keys (jwks_uri)".to_owned(),
    })?;
    secure_url(url).map_err(LoginError::insecure("address of the keys"))?;
    let url = JsonWebKeySetUrl::new(url.to_owned()).map_err(LoginError::bad_url("address of the keys"))?;
    CoreJsonWebKeySet::fetch_async(&url, wire)
        .await
        .map_err(|error| match error {
            openidconnect::DiscoveryError::Request(source) => LoginError::Unreachable {
                asked: "the address of the server's keys",
                source,
            },
            _ => LoginError::NoKeys {
                why: "what stands at the server's jwks_uri are no keys".to_owned(),
            },
        })
}

/// What people know themselves by, if the server tells.
fn name(claims: &CoreIdTokenClaims) -> String {
    let email = claims.email().map(|email| email.as_str());
    let name = claims.preferred_username().map(|name| name.as_str()).or(email);
    printable(name.unwrap_or(claims.subject().as_str()))
}
