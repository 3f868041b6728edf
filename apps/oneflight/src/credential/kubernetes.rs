//! What kubectl and other clients of Kubernetes ask a credential plugin, and how they are answered.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins> and
//! <https://kubernetes.io/docs/reference/config-api/client-authentication.v1/>

use oneflight::WallTime;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::cli::secure_url;
use crate::moment::rfc3339;
use crate::output;

/// Says what the client wants, as an `ExecCredential` without an answer in it.
pub(super) const VARIABLE: &str = "KUBERNETES_EXEC_INFO";

/// The version of what is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) enum ApiVersion {
    /// Also for those who do not say.
    #[default]
    #[serde(rename = "client.authentication.k8s.io/v1")]
    V1,
    #[serde(rename = "client.authentication.k8s.io/v1beta1")]
    V1Beta1,
}

/// Why a client cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unanswerable {
    #[error("{VARIABLE} is not JSON of an ExecCredential")]
    Foreign,
    #[error(
        "the client asks for {0:?}, and this command speaks client.authentication.k8s.io/v1 and /v1beta1"
    )]
    Version(String),
    #[error("the token would go to {server:?}: {why}")]
    Server { server: String, why: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    api_version: String,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Spec {
    /// There if the client was told to `provideClusterInfo`.
    cluster: Option<Cluster>,
}

#[derive(Deserialize)]
struct Cluster {
    server: String,
}

/// What the client wants to be answered in; `info` is the content of [`VARIABLE`].
///
/// # Errors
/// [`Unanswerable`]; also if it says that the token would go over the network in the clear.
pub(super) fn asked(info: Option<&str>) -> Result<ApiVersion, Unanswerable> {
    let Some(info) = info.filter(|info| !info.is_empty()) else {
        return Ok(ApiVersion::default());
    };
    let asked: Asked = serde_json::from_str(info).map_err(|_| Unanswerable::Foreign)?;
    if let Some(Cluster { server }) = asked.spec.cluster
        && let Err(why) = secure_url(&server)
    {
        return Err(Unanswerable::Server { server, why });
    }
    match asked.api_version.as_str() {
        "client.authentication.k8s.io/v1" => Ok(ApiVersion::V1),
        "client.authentication.k8s.io/v1beta1" => Ok(ApiVersion::V1Beta1),
        other => Err(Unanswerable::Version(other.to_owned())),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential<'a> {
    api_version: ApiVersion,
    kind: &'static str,
    status: Status<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    token: &'a str,
    /// Without it the client keeps the token as long as it runs, or until the server refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_timestamp: Option<String>,
}

/// The answer, on one line.
pub(super) fn answer(version: ApiVersion, token: &str, expires_at: Option<WallTime>) -> Zeroizing<Vec<u8>> {
    let whole = ExecCredential {
        api_version: version,
        kind: "ExecCredential",
        status: Status {
            token,
            expiration_timestamp: expires_at.map(rfc3339),
        },
    };
    output::json_line(&whole, token.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c15_kubernetes_is_answered_in_the_version_it_asks_for() {
        let asks = |version: &str| {
            format!(r#"{{"apiVersion":"{version}","kind":"ExecCredential","spec":{{"interactive":false}}}}"#)
        };
        for version in [
            "client.authentication.k8s.io/v1",
            "client.authentication.k8s.io/v1beta1",
        ] {
            let at = Some(WallTime::from_unix_millis(1_700_000_000_000));
            let line = answer(asked(Some(&asks(version))).unwrap(), "s3cret", at);
            let expected = format!(
                r#"{{"apiVersion":"{version}","kind":"ExecCredential","status":{{"token":"s3cret","expirationTimestamp":"2023-11-14T22:13:20Z"}}}}"#
            );
            assert_eq!(std::str::from_utf8(&line).unwrap(), expected + "\n");
        }
        assert_eq!(asked(None), Ok(ApiVersion::V1));
        assert_eq!(asked(Some("")), Ok(ApiVersion::V1));
        let line = answer(ApiVersion::V1, "t", None);
        assert!(!String::from_utf8_lossy(&line).contains("expiration"), "{line:?}");
        assert_eq!(
            asked(Some(&asks("client.authentication.k8s.io/v1alpha1"))),
            Err(Unanswerable::Version(
                "client.authentication.k8s.io/v1alpha1".to_owned()
            ))
        );
        assert_eq!(asked(Some("{")), Err(Unanswerable::Foreign));
        assert_eq!(asked(Some("[]")), Err(Unanswerable::Foreign));
    }

    #[test]
    fn c15_o2_a_cluster_without_tls_is_told_no_token() {
        let asks = |server: &str| {
            format!(
                r#"{{"apiVersion":"client.authentication.k8s.io/v1","spec":{{"cluster":{{"server":"{server}"}}}}}}"#
            )
        };
        assert!(asked(Some(&asks("https://k8s.example:6443"))).is_ok());
        assert!(asked(Some(&asks("http://127.0.0.1:8080"))).is_ok());
        let refused = asked(Some(&asks("http://k8s.example:8080"))).unwrap_err();
        assert!(matches!(refused, Unanswerable::Server { .. }), "{refused}");
    }
}
