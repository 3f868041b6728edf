//! The token endpoint of OAuth 2.0.

use std::fmt;
use std::sync::Arc;

use oneflight_core::answer::AnswerRules;
use oneflight_core::machine::{GrantKind, Revocation};
use oneflight_core::{Secret, TokenSet};

use super::client::{Client, ClientAuth, Settings};
use super::url::PlainHttp;
use super::{HttpExchange, RefreshRequest, Reply, TokenEndpoint};
use crate::BoxFuture;
use crate::error::ConfigError;

/// A token endpoint that renews by the refresh token (RFC 6749 §6).
///
/// # Examples
/// ```
/// use oneflight::endpoint::{ClientAuth, HttpExchange, OAuthEndpoint};
///
/// fn endpoint(http: impl HttpExchange) -> Result<OAuthEndpoint, oneflight::ConfigError> {
///     OAuthEndpoint::builder("https://as.example/token", "my-client", http)
///         .client_auth(ClientAuth::basic("s3cret"))
///         .revocation_url("https://as.example/revoke")
///         .scope("notes.read notes.write")
///         .build()
/// }
/// ```
#[derive(Debug)]
pub struct OAuthEndpoint {
    client: Client,
}

/// A token endpoint that grants to the client itself (RFC 6749 §4.4): no user, no refresh token, the same flight.
///
/// Its sessions begin by themselves, with the first demand.
///
/// # Examples
/// ```
/// use oneflight::endpoint::{ClientAuth, ClientCredentials, HttpExchange};
///
/// fn endpoint(http: impl HttpExchange) -> Result<ClientCredentials, oneflight::ConfigError> {
///     ClientCredentials::builder("https://as.example/token", "my-service", http)
///         .client_auth(ClientAuth::post("s3cret"))
///         .audience("https://api.example")
///         .build()
/// }
/// ```
#[derive(Debug)]
pub struct ClientCredentials {
    client: Client,
}

impl OAuthEndpoint {
    /// Begins the settings: the URL of the token endpoint, the client's id, and a bare HTTP client.
    pub fn builder(
        token_url: impl Into<String>,
        client_id: impl Into<String>,
        http: impl HttpExchange,
    ) -> OAuthBuilder<Self> {
        OAuthBuilder::new(http, token_url.into(), client_id.into(), |client| Self { client })
    }
}

impl ClientCredentials {
    /// Begins the settings: the URL of the token endpoint, the client's id, and a bare HTTP client.
    pub fn builder(
        token_url: impl Into<String>,
        client_id: impl Into<String>,
        http: impl HttpExchange,
    ) -> OAuthBuilder<Self> {
        OAuthBuilder::new(http, token_url.into(), client_id.into(), |client| Self { client })
    }
}

impl TokenEndpoint for OAuthEndpoint {
    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let refresh_token = request.refresh_token().map(|token| token.expose());
            let refresh_token = refresh_token.unwrap_or_default();
            let parameters = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
            ask(&self.client, &parameters, &request).await
        })
    }

    fn revoke(&self, tokens: Arc<TokenSet>) -> BoxFuture<'_, Revocation> {
        Box::pin(async move {
            let request = tokens
                .refresh_token
                .as_ref()
                .and_then(|token| self.client.revocation_request(token.expose()));
            let Some(request) = request else {
                return Revocation::NotOffered;
            };
            let limit = self.client.reader.body_limit_bytes;
            match self.client.http.exchange(request, limit).await {
                // "Invalid tokens do not cause an error response" (RFC 7009 §2.2): 200 is all there is to success.
                Ok(response) if response.status().is_success() => Revocation::Done,
                Ok(_) | Err(_) => Revocation::Failed,
            }
        })
    }
}

impl TokenEndpoint for ClientCredentials {
    fn grant(&self) -> GrantKind {
        GrantKind::ClientCredentials
    }

    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let parameters = [("grant_type", "client_credentials")];
            ask(&self.client, &parameters, &request).await
        })
    }
}

async fn ask(client: &Client, parameters: &[(&str, &str)], request: &RefreshRequest) -> Reply {
    let http_request = client.token_request(parameters);
    let result = client
        .http
        .exchange(http_request, client.reader.body_limit_bytes)
        .await;
    let refresh_token = request.refresh_token().map(|token| token.expose());
    let secrets: Vec<&str> = refresh_token.into_iter().chain(client.secret()).collect();
    client.reader.read(result, &secrets, request.now())
}

/// The settings of an OAuth token endpoint.
#[must_use = "settings do nothing until they are built"]
pub struct OAuthBuilder<E> {
    settings: Settings,
    make: fn(Client) -> E,
}

impl<E> OAuthBuilder<E> {
    fn new(http: impl HttpExchange, token_url: String, client_id: String, make: fn(Client) -> E) -> Self {
        let settings = Settings::new(http, token_url, client_id);
        Self { settings, make }
    }

    /// How the client authenticates. Default: not at all, as public clients.
    pub fn client_auth(mut self, auth: ClientAuth) -> Self {
        self.settings.auth = auth;
        self
    }

    /// The scope to ask for, space-delimited (RFC 6749 §3.3). Default: what was granted before.
    pub fn scope(self, scope: &str) -> Self {
        self.parameter("scope", scope)
    }

    /// A resource that the token is for (RFC 8707 §2). May be given several times.
    pub fn resource(self, resource: &str) -> Self {
        self.parameter("resource", resource)
    }

    /// The audience that the token is for, where the server wants that instead of a resource.
    pub fn audience(self, audience: &str) -> Self {
        self.parameter("audience", audience)
    }

    /// Another parameter of token requests. Its value is treated as a secret.
    pub fn parameter(mut self, name: impl Into<String>, value: &str) -> Self {
        self.settings.parameters.push((name.into(), Secret::new(value)));
        self
    }

    /// Where refresh tokens are revoked (RFC 7009). Default: nowhere.
    pub fn revocation_url(mut self, url: impl Into<String>) -> Self {
        self.settings.revocation_url = Some(url.into());
        self
    }

    /// How the server's answers differ from what RFC 6749 says.
    pub fn rules(mut self, rules: AnswerRules) -> Self {
        self.settings.rules = rules;
        self
    }

    /// How much of an answer is read, in bytes. Default: 1 MiB.
    pub fn body_limit_bytes(mut self, limit: usize) -> Self {
        self.settings.body_limit_bytes = limit;
        self
    }

    /// Lets refresh tokens and client secrets travel unencrypted, for everybody on the way to read and to use.
    pub fn dangerously_allow_plain_http(mut self) -> Self {
        self.settings.plain_http = PlainHttp::Dangerous;
        self
    }

    /// Makes the endpoint.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and the next step.
    pub fn build(self) -> Result<E, ConfigError> {
        self.settings.check().map(self.make)
    }
}

impl<E> fmt::Debug for OAuthBuilder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthBuilder").finish_non_exhaustive()
    }
}
