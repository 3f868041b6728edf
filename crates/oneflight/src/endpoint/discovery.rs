//! Finding the endpoints of an authorization server (RFC 8414, OpenID Connect Discovery 1.0).

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http::{Request, Uri};
use serde::Deserialize;

use super::url::{self, PlainHttp};
use super::{DEFAULT_BODY_LIMIT_BYTES, ExchangeError, ExchangeFailure, HttpExchange};
use crate::error::ConfigError;

/// How long one request for metadata may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// What an authorization server says about itself, as far as it matters here (RFC 8414 §2).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// Its identifier, which is the one that was asked for.
    pub issuer: String,
    /// Where tokens come from.
    pub token_endpoint: String,
    /// Where refresh tokens are revoked (RFC 7009).
    #[serde(default)]
    pub revocation_endpoint: Option<String>,
    /// Where users sign in.
    #[serde(default)]
    pub authorization_endpoint: Option<String>,
    /// How clients may authenticate; `client_secret_basic` if it does not say.
    #[serde(default = "default_auth_methods")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Where users without a browser begin to sign in (RFC 8628 §4).
    #[serde(default)]
    pub device_authorization_endpoint: Option<String>,
    /// Where the keys are that ID tokens are signed with.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// Scopes it wants to be known for; empty if it does not say.
    #[serde(default)]
    pub scopes_supported: Vec<String>,
    /// How ID tokens may be signed (OpenID Connect Discovery §3); empty if it does not say.
    #[serde(default)]
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// Whether an answer to an authorization request names the issuer, as `iss` (RFC 9207 §3).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

fn default_auth_methods() -> Vec<String> {
    vec!["client_secret_basic".to_owned()]
}

/// Why an authorization server could not be found by its issuer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The issuer, or an endpoint that the metadata names, cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There was no whole answer.
    #[error("{url} gave no metadata; check the issuer and the network, and try again")]
    #[non_exhaustive]
    Exchange {
        /// What was asked.
        url: String,
        /// How far it came.
        source: ExchangeError,
    },
    /// No metadata at any of the places where it belongs.
    #[error("{url} answered with {status}; check the issuer, or give the URL of the token endpoint instead")]
    #[non_exhaustive]
    Status {
        /// What was asked.
        url: String,
        /// What it answered.
        status: u16,
    },
    /// What stands there is no metadata.
    #[error(
        "{url} holds no metadata of an authorization server; check the issuer, or give the URL of the token endpoint instead"
    )]
    #[non_exhaustive]
    NotMetadata {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Another issuer's metadata: either the issuer is spelled differently, or somebody mixes servers up on purpose
    /// (RFC 8414 §3.3, RFC 9207).
    #[error(
        "the metadata belongs to issuer {found}, not to {expected}; spell the issuer exactly as the server does, slash at the end included"
    )]
    #[non_exhaustive]
    IssuerMismatch {
        /// Who was asked for.
        expected: String,
        /// Who answered.
        found: String,
    },
}

/// Asks an authorization server for its endpoints: at the place of OpenID Connect Discovery §4, then at that of
/// RFC 8414 §3. The token and the revocation endpoint are checked to be reached by https, or on this machine; the others
/// are as the server says.
///
/// # Errors
/// [`DiscoveryError`] names what was asked, the cause and the next step.
///
/// # Examples
/// ```
/// use oneflight::endpoint::{HttpExchange, OAuthEndpoint, discover};
///
/// # async fn run(http: impl HttpExchange + Clone) -> Result<(), Box<dyn std::error::Error>> {
/// let server = discover("https://as.example", &http).await?;
/// let mut endpoint = OAuthEndpoint::builder(server.token_endpoint, "my-client", http);
/// if let Some(url) = server.revocation_endpoint {
///     endpoint = endpoint.revocation_url(url);
/// }
/// let endpoint = endpoint.build()?;
/// # let _ = endpoint;
/// # Ok(())
/// # }
/// ```
pub async fn discover(issuer: &str, http: &impl HttpExchange) -> Result<Metadata, DiscoveryError> {
    let uri = url::endpoint(issuer, "issuer", PlainHttp::Refused)?;
    let [openid, oauth] = places(&uri);
    let metadata = match ask(&openid, http).await {
        Ok(metadata) => metadata,
        Err(DiscoveryError::Status { .. } | DiscoveryError::NotMetadata { .. }) => ask(&oauth, http).await?,
        Err(error) => return Err(error),
    };
    if metadata.issuer != issuer {
        return Err(DiscoveryError::IssuerMismatch {
            expected: issuer.to_owned(),
            found: metadata.issuer,
        });
    }
    url::endpoint(&metadata.token_endpoint, "token endpoint", PlainHttp::Refused)?;
    if let Some(revocation) = &metadata.revocation_endpoint {
        url::endpoint(revocation, "revocation endpoint", PlainHttp::Refused)?;
    }
    Ok(metadata)
}

/// Where metadata may lie: OpenID puts its path behind that of the issuer, RFC 8414 before it.
fn places(issuer: &Uri) -> [String; 2] {
    let base = format!(
        "{}://{}",
        issuer.scheme_str().unwrap_or_default(),
        issuer
            .authority()
            .map(http::uri::Authority::as_str)
            .unwrap_or_default()
    );
    let path = issuer.path().trim_end_matches('/');
    [
        format!("{base}{path}/.well-known/openid-configuration"),
        format!("{base}/.well-known/oauth-authorization-server{path}"),
    ]
}

async fn ask(url: &str, http: &impl HttpExchange) -> Result<Metadata, DiscoveryError> {
    let failed = |source| DiscoveryError::Exchange {
        url: url.to_owned(),
        source,
    };
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url::endpoint(url, "issuer", PlainHttp::Refused)?;
    request
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = tokio::time::timeout(DEADLINE, http.exchange(request, DEFAULT_BODY_LIMIT_BYTES))
        .await
        .map_err(|_elapsed| failed(ExchangeError::new(ExchangeFailure::TimedOut)))?
        .map_err(failed)?;
    if !response.status().is_success() {
        return Err(DiscoveryError::Status {
            url: url.to_owned(),
            status: response.status().as_u16(),
        });
    }
    serde_json::from_slice(response.body()).map_err(|source| DiscoveryError::NotMetadata {
        url: url.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{Response, StatusCode};

    use super::*;
    use crate::endpoint::exchange_fn;

    /// A server that has this text at this URL, and nothing anywhere else.
    fn server(at: &'static str, text: &'static str) -> impl HttpExchange {
        exchange_fn(move |request: Request<Bytes>, _limit| {
            let mut response = Response::new(Bytes::from_static(text.as_bytes()));
            if request.uri() != at {
                *response.status_mut() = StatusCode::NOT_FOUND;
            }
            std::future::ready(Ok(response))
        })
    }

    #[tokio::test]
    async fn w1_endpoints_are_found_at_both_places() {
        let text = r#"{"issuer":"https://as.example/t","token_endpoint":"https://as.example/t/token"}"#;
        for at in [
            "https://as.example/t/.well-known/openid-configuration",
            "https://as.example/.well-known/oauth-authorization-server/t",
        ] {
            let metadata = discover("https://as.example/t", &server(at, text)).await.unwrap();
            assert_eq!(metadata.token_endpoint, "https://as.example/t/token");
            assert_eq!(
                metadata.token_endpoint_auth_methods_supported,
                ["client_secret_basic"]
            );
            assert!(!metadata.authorization_response_iss_parameter_supported);
        }
    }

    #[tokio::test]
    async fn w1_another_issuers_metadata_is_refused() {
        let text = r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/token"}"#;
        let http = server("https://as.example/.well-known/openid-configuration", text);
        let error = discover("https://as.example", &http).await.unwrap_err();
        assert!(
            matches!(error, DiscoveryError::IssuerMismatch { .. }),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn o2_a_plain_http_token_endpoint_in_the_metadata_is_refused() {
        let text = r#"{"issuer":"https://as.example","token_endpoint":"http://as.example/token"}"#;
        let http = server("https://as.example/.well-known/openid-configuration", text);
        let error = discover("https://as.example", &http).await.unwrap_err();
        assert!(
            matches!(error, DiscoveryError::Config(ConfigError::PlainHttp { .. })),
            "{error:?}"
        );
        let error = discover("http://as.example", &http).await.unwrap_err();
        assert!(
            matches!(error, DiscoveryError::Config(ConfigError::PlainHttp { .. })),
            "{error:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn f10_an_issuer_that_does_not_answer_is_a_typed_error() {
        let silent = exchange_fn(|_: Request<Bytes>, _| std::future::pending());
        let error = discover("https://as.example", &Arc::new(silent))
            .await
            .unwrap_err();
        let DiscoveryError::Exchange { url, source } = &error else {
            panic!("{error:?}")
        };
        assert!(url.starts_with("https://as.example/"), "{url}");
        assert_eq!(source.failure(), ExchangeFailure::TimedOut);

        let error = discover("https://as.example", &server("", "")).await.unwrap_err();
        assert!(
            matches!(error, DiscoveryError::Status { status: 404, .. }),
            "{error:?}"
        );
        let html = server(
            "https://as.example/.well-known/oauth-authorization-server",
            "<html>",
        );
        let error = discover("https://as.example", &html).await.unwrap_err();
        assert!(matches!(error, DiscoveryError::NotMetadata { .. }), "{error:?}");
    }
}
