//! What the server counted and whom it saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::family::TokenId;

/// A snapshot of everything the server counts, since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Connections closed before anything was read.
    pub connections_refused: u64,
    /// Requests to the authorization endpoint.
    pub authorize_requests: u64,
    /// POSTs to the token endpoint, whatever the grant.
    pub token_posts: u64,
    /// Refreshes asked for: at the token endpoint, by JSON, by cookie. Counted when they arrive,
    /// also when they are then lost or hang.
    pub refresh_posts: u64,
    /// Refreshes that were given tokens, whether or not the answer then arrived.
    pub refreshes_granted: u64,
    /// Refreshes that were refused with `invalid_grant`.
    pub refreshes_refused: u64,
    /// Answers to refreshes by status, faults included; lost answers are not among them.
    pub refresh_by_status: BTreeMap<u16, u64>,
    /// Refreshes that replaced the refresh token.
    pub rotations: u64,
    /// Spent refresh tokens presented again and answered with tokens, within a grace window.
    pub replays: u64,
    /// Spent refresh tokens presented again and refused.
    pub reuse_detected: u64,
    /// Families alive now.
    pub families_alive: u64,
    /// Families dead now.
    pub families_dead: u64,
    /// POSTs to the revocation endpoint.
    pub revocation_posts: u64,
    /// Revocations that met a token of the client.
    pub revocations: u64,
    /// JSON logins asked for.
    pub login_posts: u64,
    /// JSON logouts asked for.
    pub logout_posts: u64,
    /// Requests for either metadata document.
    pub metadata_requests: u64,
    /// Requests to the userinfo endpoint.
    pub userinfo_requests: u64,
    /// Requests to the protected API.
    pub api_requests: u64,
    /// Answers of the API by status.
    pub api_by_status: BTreeMap<u16, u64>,
    /// Requests that fault points struck.
    pub faults: u64,
    /// Requests hanging now.
    pub hung: u64,
    /// Requests to the stranger's origin that carried one of our access tokens.
    pub leaked_tokens: u64,
}

/// One request to the protected API, as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApiRequest {
    /// Its number, counted from 1 over the life of the server.
    pub number: u64,
    /// When it came, in milliseconds since 1970 by the server's clock.
    pub at_ms: u64,
    /// Which of the server's origins it came to.
    pub origin: Origin,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, without its question mark.
    pub query: Option<String>,
    /// The value of `X-Request-Id`, by which a client's tries can be told to belong together.
    pub request_id: Option<String>,
    /// What came for credentials.
    pub credentials: Credentials,
    /// Its headers, except `Authorization` and `Cookie`.
    pub headers: Vec<(String, String)>,
    /// Its trailers.
    pub trailers: Vec<(String, String)>,
    /// The length of the body.
    pub body_bytes: u64,
    /// The SHA-256 of the body, in hexadecimal.
    pub body_sha256: String,
    /// The status of the answer; `None` while there is none, and if it was lost.
    pub status: Option<u16>,
}

/// Which of the server's origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// The authorization server's, where the API lives too unless it has its own port.
    Auth,
    /// The API's own.
    Api,
    /// One that no token should ever be sent to.
    Stranger,
}

/// What a request brought in its `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Credentials {
    /// None.
    None,
    /// One of the server's access tokens.
    Token(TokenId),
    /// A bearer token that the server never issued.
    UnknownToken,
    /// Another scheme, or a header that cannot be read.
    Foreign,
}

impl Credentials {
    /// The token, if it was one of the server's.
    pub fn token(&self) -> Option<TokenId> {
        match self {
            Self::Token(id) => Some(*id),
            _ => None,
        }
    }
}

/// One refresh, as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefreshRequest {
    /// Its number, counted from 1 over the life of the server.
    pub number: u64,
    /// When it came, in milliseconds since 1970 by the server's clock.
    pub at_ms: u64,
    /// Which refresh token it presented; `None` if the server never issued it, or none came.
    pub token: Option<TokenId>,
    /// How it came.
    pub via: Via,
    /// The names and values of what else was sent: `scope`, `resource`, `audience` and extra
    /// parameters; never tokens or secrets.
    pub parameters: Vec<(String, String)>,
    /// The client that authenticated, and how; `None` for JSON, and if it failed.
    pub client: Option<(String, ClientAuth)>,
    /// The `Accept` header.
    pub accept: Option<String>,
    /// The status of the answer; `None` while there is none, and if it was lost.
    pub status: Option<u16>,
}

/// How a refresh came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Via {
    /// The token endpoint (RFC 6749 §6).
    Form,
    /// `POST /api/auth/refresh`.
    Json,
    /// `POST /cookie/auth/refresh`.
    Cookie,
}

/// How a client authenticates (RFC 6749 §2.3, RFC 7591 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientAuth {
    /// Not at all: `client_id` in the form.
    None,
    /// HTTP Basic.
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the form.
    ClientSecretPost,
}
