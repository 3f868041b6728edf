//! The protected API (RFC 6750).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::counters::{ApiRequest, Credentials, Origin};
use super::exchange::exchange;
use super::family::TokenId;
use super::fault::Point;
use super::gate::Stage;
use super::grants::Verdict;
use super::log::What;
use super::reply::{Payload, Reply, Scripted, Step};
use super::settings::Challenge;
use super::shared::Shared;

/// What the API echoes of a body, at most; of the rest it says the length and the hash.
const ECHOED_BODY_BYTES: usize = 64 * 1024;
/// Chunks that `/api/stream/…` sends, at most.
const STREAMED_CHUNKS_MAX: usize = 100_000;

/// Shared state and the origin that the request came to.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    pub(crate) shared: Arc<Shared>,
    pub(crate) origin: Origin,
}

/// What came in the body.
struct Received {
    bytes: u64,
    sha256: String,
    /// As far as it is echoed.
    start: Vec<u8>,
    trailers: Vec<(String, String)>,
}

/// Any request to `/api/…`.
pub(crate) async fn handle(State(here): State<Here>, request: Request) -> Response {
    let shared = &here.shared;
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let bearer = bearer(&head.headers);
    let (number, credentials) = record(&here, &head, &bearer);
    let received = match receive(body).await {
        Ok(received) => received,
        Err(_) => return Reply::empty(StatusCode::BAD_REQUEST).whole(&shared.clock),
    };
    shared.write(|state| {
        if let Some(entry) = state.api_requests.get_mut(number) {
            entry.body_bytes = received.bytes;
            entry.body_sha256.clone_from(&received.sha256);
            entry.trailers.clone_from(&received.trailers);
        }
    });
    let points = match here.origin {
        Origin::Stranger => &[Point::Stranger],
        Origin::Auth | Origin::Api => &[Point::Api],
    };
    let outcome = exchange(shared, points, &path, |_| {
        match admit(shared, &bearer, path.strip_prefix("/api/scope/")) {
            Err(refusal) => refusal,
            Ok(_) => serve(shared, &head, credentials, &received),
        }
    })
    .await;
    shared.write(|state| {
        if let Some(status) = outcome.status {
            *state.counters.api_by_status.entry(status).or_default() += 1;
        }
        if let Some(entry) = state.api_requests.get_mut(number) {
            entry.status = outcome.status;
        }
        state.log(What::ApiAnswered {
            request: number,
            status: outcome.status,
        });
    });
    outcome.response
}

/// What the `Authorization` header brought.
pub(crate) enum Bearer {
    None,
    Token(String),
    Foreign,
}

pub(crate) fn bearer(headers: &HeaderMap) -> Bearer {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return match headers.contains_key(header::AUTHORIZATION) {
            true => Bearer::Foreign,
            false => Bearer::None,
        };
    };
    match value.to_str().ok().and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Bearer::Token(token.trim_start().to_owned())
        }
        _ => Bearer::Foreign,
    }
}

fn record(here: &Here, head: &http::request::Parts, bearer: &Bearer) -> (u64, Credentials) {
    let (now, at_ms) = (here.shared.now(), here.shared.now_ms());
    here.shared.write(|state| {
        let credentials = match bearer {
            Bearer::None => Credentials::None,
            Bearer::Foreign => Credentials::Foreign,
            Bearer::Token(token) => match state.grants.judge(token, now).id() {
                Some(id) => Credentials::Token(id),
                None => Credentials::UnknownToken,
            },
        };
        state.counters.api_requests += 1;
        if let Credentials::Token(id) = credentials {
            state.grants.note_api_request(id.family);
            state.counters.leaked_tokens += u64::from(here.origin == Origin::Stranger);
        }
        let number = state.api_requests.next();
        let entry = ApiRequest {
            number,
            at_ms,
            origin: here.origin,
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            request_id: head
                .headers
                .get("x-request-id")
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            credentials,
            headers: pairs(&head.headers),
            trailers: Vec::new(),
            body_bytes: 0,
            body_sha256: String::new(),
            status: None,
        };
        state.log(What::ApiArrived {
            request: number,
            origin: entry.origin,
            method: entry.method.clone(),
            path: entry.path.clone(),
            request_id: entry.request_id.clone(),
            token: credentials.token(),
        });
        state.api_requests.push(entry);
        (number, credentials)
    })
}

/// Headers as they came, except secrets.
fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| **name != header::AUTHORIZATION && **name != header::COOKIE)
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

async fn receive(mut body: Body) -> Result<Received, axum::Error> {
    let mut hash = Sha256::new();
    let mut received = Received {
        bytes: 0,
        sha256: String::new(),
        start: Vec::new(),
        trailers: Vec::new(),
    };
    while let Some(frame) = body.frame().await {
        let data = match frame?.into_data() {
            Ok(data) => data,
            Err(frame) => {
                received
                    .trailers
                    .extend(frame.trailers_ref().into_iter().flat_map(pairs));
                continue;
            }
        };
        received.bytes += data.len() as u64;
        let room = ECHOED_BODY_BYTES.saturating_sub(received.start.len());
        received.start.extend_from_slice(&data[..data.len().min(room)]);
        hash.update(&data);
    }
    received.sha256 = hex(&hash.finalize());
    Ok(received)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lets a request with a good token pass, and says which it is; answers the others.
pub(crate) fn admit(shared: &Shared, bearer: &Bearer, scope: Option<&str>) -> Result<TokenId, Reply> {
    let now = shared.now();
    shared.read(|state| {
        let settings = &state.settings;
        let refused = |came| unauthorized(&settings.challenge, came);
        let token = match bearer {
            Bearer::Token(token) => token,
            Bearer::None | Bearer::Foreign => return Err(refused(false)),
        };
        let (id, granted) = match state.grants.judge(token, now) {
            Verdict::Good { id, scope } if !settings.reject_everything => (id, scope),
            _ => return Err(refused(true)),
        };
        match scope.or(settings.required_scope.as_deref()) {
            Some(wanted) if !granted.split_ascii_whitespace().any(|one| one == wanted) => {
                Err(forbidden(wanted))
            }
            _ => Ok(id),
        }
    })
}

fn unauthorized(challenge: &Challenge, token_came: bool) -> Reply {
    let reply = Reply::oauth_error(
        StatusCode::UNAUTHORIZED,
        "invalid_token",
        "the access token is missing, expired or revoked",
    );
    let invalid = concat!(
        r#"Bearer realm="oneflight-testkit", error="invalid_token", "#,
        r#"error_description="The access token expired or was revoked""#
    );
    match challenge {
        Challenge::Rfc6750 if token_came => reply.with(header::WWW_AUTHENTICATE, invalid),
        Challenge::Rfc6750 => reply.with(header::WWW_AUTHENTICATE, r#"Bearer realm="oneflight-testkit""#),
        Challenge::Bare => reply.with(header::WWW_AUTHENTICATE, "Bearer"),
        Challenge::None => reply,
        Challenge::Several => reply
            .with(
                header::WWW_AUTHENTICATE,
                &format!(r#"Basic realm="a, b", {invalid}"#),
            )
            .with(header::WWW_AUTHENTICATE, "Negotiate"),
        Challenge::Raw { values } => values
            .iter()
            .fold(reply, |reply, value| reply.with(header::WWW_AUTHENTICATE, value)),
    }
}

fn forbidden(scope: &str) -> Reply {
    Reply::oauth_error(
        StatusCode::FORBIDDEN,
        "insufficient_scope",
        "the access token lacks a scope",
    )
    .with(
        header::WWW_AUTHENTICATE,
        &format!(r#"Bearer realm="oneflight-testkit", error="insufficient_scope", scope="{scope}""#),
    )
}

/// The answer to a request that may pass.
fn serve(
    shared: &Arc<Shared>,
    head: &http::request::Parts,
    credentials: Credentials,
    received: &Received,
) -> Reply {
    let path = head.uri.path();
    if let Some(status) = path.strip_prefix("/api/status/") {
        let status = status.parse().ok();
        let status = status.and_then(|status: u16| StatusCode::from_u16(status).ok());
        return Reply::empty(status.unwrap_or(StatusCode::BAD_REQUEST));
    }
    if path == "/api/redirect" {
        return redirect(head);
    }
    if let Some(chunks) = path.strip_prefix("/api/stream/") {
        return stream(shared, chunks, path);
    }
    if head.method == Method::HEAD {
        return Reply::empty(StatusCode::OK);
    }
    echo(head, credentials, received)
}

/// `/api/redirect?to=URL[&status=307]`
fn redirect(head: &http::request::Parts) -> Reply {
    let query = head.uri.query().unwrap_or_default();
    let (mut to, mut status) = (None, StatusCode::TEMPORARY_REDIRECT);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "to" => to = Some(value.into_owned()),
            "status" => status = value.parse().unwrap_or(status),
            _ => {}
        }
    }
    match to {
        Some(to) => Reply::empty(status).with(header::LOCATION, &to),
        None => Reply::empty(StatusCode::BAD_REQUEST),
    }
}

/// `/api/stream/N`: N chunks of one line each, with a gate after the first.
fn stream(shared: &Arc<Shared>, chunks: &str, path: &str) -> Reply {
    let Some(chunks) = chunks.parse().ok().filter(|n| *n <= STREAMED_CHUNKS_MAX) else {
        return Reply::empty(StatusCode::BAD_REQUEST);
    };
    let (shared, path) = (shared.clone(), path.to_owned());
    let gate = async move {
        shared
            .gates
            .pass(&[Point::Api], &path, Stage::Body, Some(200))
            .await;
    };
    let mut steps: Vec<Step> = (1..=chunks)
        .map(|chunk| Step::Data(Bytes::from(format!("chunk {chunk}\n"))))
        .collect();
    if !steps.is_empty() {
        steps.insert(1, Step::Pause(Box::pin(gate)));
    }
    let mut reply = Reply::empty(StatusCode::OK).with(header::CONTENT_TYPE, "text/plain");
    reply.payload = Payload::Stream(Body::new(Scripted::new(steps)));
    reply
}

/// What came, except secrets.
fn echo(head: &http::request::Parts, credentials: Credentials, received: &Received) -> Reply {
    let mut body = json!({
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query(),
        "headers": pairs(&head.headers),
        "trailers": received.trailers,
        "token": credentials.token(),
        "body_bytes": received.bytes,
        "body_sha256": received.sha256,
    });
    if received.bytes <= ECHOED_BODY_BYTES as u64 {
        match std::str::from_utf8(&received.start) {
            Ok(text) => body["body"] = text.into(),
            Err(_) => body["body_base64"] = STANDARD.encode(&received.start).into(),
        }
    }
    Reply::json(StatusCode::OK, body)
}
