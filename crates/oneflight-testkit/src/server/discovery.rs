//! Metadata (RFC 8414, OpenID Connect Discovery) and userinfo.

use axum::extract::{Request, State as Extract};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::api::{self, Here};
use super::exchange::exchange;
use super::fault::Point;
use super::reply::Reply;
use super::routes;
use super::shared::Shared;

/// `GET /.well-known/oauth-authorization-server` and `…/openid-configuration`
pub(crate) async fn metadata(Extract(here): Extract<Here>, request: Request) -> Response {
    let shared = &here.shared;
    shared.write(|state| state.counters.metadata_requests += 1);
    let answer = |_| Reply::json(StatusCode::OK, document(shared));
    exchange(shared, &[Point::Metadata], request.uri().path(), answer)
        .await
        .response
}

fn document(shared: &Shared) -> Value {
    let issuer = &shared.origins().auth;
    let url = |path: &str| format!("{issuer}{path}");
    let auth_methods = json!(["none", "client_secret_basic", "client_secret_post"]);
    json!({
        "issuer": issuer,
        "authorization_endpoint": url(routes::AUTHORIZE),
        "token_endpoint": url(routes::TOKEN),
        "revocation_endpoint": url(routes::REVOKE),
        "userinfo_endpoint": url(routes::USERINFO),
        "jwks_uri": url(routes::JWKS),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": auth_methods,
        "revocation_endpoint_auth_methods_supported": auth_methods,
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["HS256", "none"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce"],
        "scopes_supported": ["openid", "offline_access"],
    })
}

/// `GET /oauth/jwks`: there is none, as nothing is signed with a public key.
pub(crate) async fn jwks(Extract(here): Extract<Here>, request: Request) -> Response {
    let answer = |_| Reply::json(StatusCode::OK, json!({ "keys": [] }));
    exchange(&here.shared, &[Point::Metadata], request.uri().path(), answer)
        .await
        .response
}

/// `GET` or `POST /oauth/userinfo` (OpenID Connect Core §5.3)
pub(crate) async fn userinfo(Extract(here): Extract<Here>, request: Request) -> Response {
    let shared = &here.shared;
    let (head, _) = request.into_parts();
    shared.write(|state| state.counters.userinfo_requests += 1);
    let bearer = api::bearer(&head.headers);
    let answer = |_| match api::admit(shared, &bearer, Some("openid")) {
        Err(refusal) => refusal,
        Ok(token) => {
            let subject = shared.read(|state| {
                let terms = state.grants.terms(token.family);
                terms.map(|terms| terms.subject.clone())
            });
            Reply::json(
                StatusCode::OK,
                json!({ "sub": subject, "preferred_username": subject }),
            )
        }
    };
    exchange(shared, &[Point::Userinfo], head.uri.path(), answer)
        .await
        .response
}
