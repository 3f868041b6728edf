//! Forms and client authentication at the token and revocation endpoints.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};

use super::clients::Client;
use super::counters::ClientAuth;
use super::reply::Reply;
use super::shared::State;

/// Bodies that the authorization server reads, at most.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Parameters that may come more than once (RFC 8707 §2, RFC 8693 §2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// Parameters whose values are never remembered.
const SECRET: [&str; 7] = [
    "refresh_token",
    "token",
    "code",
    "code_verifier",
    "client_secret",
    "client_assertion",
    "password",
];

/// Reads a body, up to a limit.
pub(crate) async fn read_body(body: Body) -> Result<Bytes, Reply> {
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(_) => Err(Reply::oauth_error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request",
            "the body is too large or did not arrive",
        )),
    }
}

/// The parameters of a form, as they came.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`. Parameters without a value count as left out, and
    /// none may come twice (RFC 6749 §3.2).
    pub(crate) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Reply> {
        let media_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        if !media_type
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(invalid_request(
                "the body must be application/x-www-form-urlencoded",
            ));
        }
        Self::from_query(body)
    }

    pub(crate) fn from_query(query: &[u8]) -> Result<Self, Reply> {
        let form = Self(
            form_urlencoded::parse(query)
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        );
        let twice = form.0.iter().enumerate().any(|(at, (name, _))| {
            !REPEATABLE.contains(&name.as_str()) && form.0[..at].iter().any(|(other, _)| other == name)
        });
        match twice {
            true => Err(invalid_request("a parameter came more than once")),
            false => Ok(form),
        }
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// What may be remembered and shown.
    pub(crate) fn without_secrets(&self) -> Vec<(String, String)> {
        self.0
            .iter()
            .filter(|(name, _)| !SECRET.contains(&name.as_str()))
            .cloned()
            .collect()
    }
}

pub(crate) fn invalid_request(description: &str) -> Reply {
    Reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_request", description)
}

/// Finds out which client is asking (RFC 6749 §2.3).
pub(crate) fn authenticate(
    state: &State,
    headers: &HeaderMap,
    form: &Form,
) -> Result<(Client, ClientAuth), Reply> {
    let basic = headers
        .get(header::AUTHORIZATION)
        .map(|value| basic(value.as_bytes()));
    let (id, secret, auth) = match (basic, form.one("client_secret")) {
        (Some(_), Some(_)) => {
            return Err(invalid_request("the client authenticated in two ways"));
        }
        (Some(None), None) => return Err(invalid_client(true)),
        (Some(Some((id, secret))), None) => {
            if form.one("client_id").is_some_and(|other| other != id) {
                return Err(invalid_request("two client ids came"));
            }
            (id, Some(secret), ClientAuth::ClientSecretBasic)
        }
        (None, secret) => {
            let Some(id) = form.one("client_id") else {
                return Err(invalid_client(false));
            };
            let auth = match secret {
                Some(_) => ClientAuth::ClientSecretPost,
                None => ClientAuth::None,
            };
            (id.to_owned(), secret.map(str::to_owned), auth)
        }
    };
    match state.clients.get(&id) {
        Some(client) if client.admits(auth) && client.secret == secret => Ok((client.clone(), auth)),
        _ => Err(invalid_client(auth == ClientAuth::ClientSecretBasic)),
    }
}

/// Both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
fn basic(value: &[u8]) -> Option<(String, String)> {
    let value = std::str::from_utf8(value).ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

fn form_decoded(text: &str) -> Option<String> {
    // The name of a parameter without a value; an `&` or `=` must have been encoded.
    if text.contains(['&', '=']) {
        return None;
    }
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    Some(
        pairs
            .next()
            .map_or_else(String::new, |(name, _)| name.into_owned()),
    )
}

fn invalid_client(basic: bool) -> Reply {
    let reply = Reply::oauth_error(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "the client is unknown or did not authenticate as registered",
    );
    match basic {
        true => reply.with(header::WWW_AUTHENTICATE, r#"Basic realm="oneflight-testkit""#),
        false => reply,
    }
}
