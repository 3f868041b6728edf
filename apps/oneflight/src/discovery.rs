//! Where an issuer's token endpoint is (RFC 8414, OpenID Connect Discovery 1.0).

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use url::Url;

use crate::cli::secure_url;
use crate::exit::Problem;

/// How long an issuer may take to say where its token endpoint is.
const DEADLINE: Duration = Duration::from_secs(10);

/// The two places where metadata are found, in the order they are asked for.
const OPENID: &str = "openid-configuration";
const OAUTH: &str = "oauth-authorization-server";

/// What we want to know of an issuer.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) token_endpoint: Url,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: Option<String>,
}

/// Asks the issuer.
///
/// # Errors
/// [`Problem`] if it does not answer, has no metadata, or has someone else's.
pub(crate) async fn discover(issuer: &Url) -> Result<Metadata, Problem> {
    let http = crate::tls::builder()
        .timeout(DEADLINE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|source| Problem::HttpClient { source })?;
    let silent = |source: reqwest::Error| Problem::IssuerSilent {
        issuer: issuer.clone(),
        source,
    };
    let no_issuer = |cause: String| Problem::NoIssuer {
        issuer: issuer.clone(),
        cause,
    };
    let mut status = StatusCode::NOT_FOUND;
    for place in [below(issuer, OPENID), beside(issuer, OAUTH)] {
        let answer = http.get(place).send().await.map_err(silent)?;
        status = answer.status();
        if !status.is_success() {
            continue;
        }
        let body = answer.bytes().await.map_err(silent)?;
        let document: Document = serde_json::from_slice(&body)
            .map_err(|error| no_issuer(format!("its metadata cannot be read: {error}")))?;
        return judge(issuer, document).map_err(no_issuer);
    }
    Err(no_issuer(format!(
        "it answered {status} when asked for its metadata"
    )))
}

/// RFC 8414 §3.3: metadata that name another issuer must not be used.
fn judge(issuer: &Url, document: Document) -> Result<Metadata, String> {
    if document.issuer.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
        return Err(format!("its metadata are those of {:?}", document.issuer));
    }
    let endpoint = document
        .token_endpoint
        .ok_or("its metadata name no token endpoint")?;
    let token_endpoint =
        secure_url(&endpoint).map_err(|cause| format!("its token endpoint {endpoint:?}: {cause}"))?;
    Ok(Metadata { token_endpoint })
}

/// OpenID Connect Discovery 1.0 §4: after the issuer's path.
fn below(issuer: &Url, document: &str) -> Url {
    let mut url = issuer.clone();
    url.set_path(&format!(
        "{}/.well-known/{document}",
        issuer.path().trim_end_matches('/')
    ));
    url
}

/// RFC 8414 §3.1: between the host and the issuer's path.
fn beside(issuer: &Url, document: &str) -> Url {
    let mut url = issuer.clone();
    url.set_path(&format!(
        "/.well-known/{document}{}",
        issuer.path().trim_end_matches('/')
    ));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_looked_for_where_each_standard_puts_them() {
        let issuer = Url::parse("https://as.example/tenant/").unwrap();
        assert_eq!(
            below(&issuer, OPENID).as_str(),
            "https://as.example/tenant/.well-known/openid-configuration"
        );
        assert_eq!(
            beside(&issuer, OAUTH).as_str(),
            "https://as.example/.well-known/oauth-authorization-server/tenant"
        );
    }

    #[test]
    fn w1_metadata_of_another_issuer_or_an_insecure_endpoint_are_refused() {
        let issuer = Url::parse("https://as.example").unwrap();
        let document = |issuer: &str, endpoint: Option<&str>| Document {
            issuer: issuer.to_owned(),
            token_endpoint: endpoint.map(str::to_owned),
        };
        let sound = judge(
            &issuer,
            document("https://as.example", Some("https://as.example/token")),
        );
        assert_eq!(sound.unwrap().token_endpoint.path(), "/token");
        assert!(
            judge(
                &issuer,
                document("https://evil.example", Some("https://as.example/token"))
            )
            .is_err()
        );
        assert!(
            judge(
                &issuer,
                document("https://as.example", Some("http://as.example/token"))
            )
            .is_err()
        );
        assert!(judge(&issuer, document("https://as.example", None)).is_err());
    }
}
