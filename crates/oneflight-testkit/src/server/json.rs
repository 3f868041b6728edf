//! The JSON login, refresh and logout of home-grown back ends, with body or cookie.

use axum::extract::{Request, State as Extract};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::api::Here;
use super::counters::Via;
use super::exchange::{Task, exchange};
use super::family::Death;
use super::fault::Point;
use super::form::read_body;
use super::grants::{Pair, Refusal, Terms};
use super::reply::Reply;
use super::shared::{Shared, State};
use super::token::{end_refresh, note_refresh, trade, why};

/// The client that JSON logins belong to.
const CLIENT: &str = "json";
/// The cookie that holds the refresh token.
const COOKIE: &str = "refresh_token";

/// Where the refresh token travels, by the path that was asked.
fn via(path: &str) -> Via {
    match path.starts_with("/cookie/") {
        true => Via::Cookie,
        false => Via::Json,
    }
}

/// `POST …/auth/login {"username", "password"}`
pub(crate) async fn login(Extract(here): Extract<Here>, request: Request) -> Response {
    let shared = &here.shared;
    let (head, body) = request.into_parts();
    shared.write(|state| state.counters.login_posts += 1);
    let body = object(read_body(body).await);
    let path = head.uri.path();
    let answer = |_| match body {
        Ok(body) => signed_in(shared, &body, via(path)),
        Err(reply) => reply,
    };
    exchange(shared, &[Point::Login], path, answer).await.response
}

fn signed_in(shared: &Shared, body: &Map<String, Value>, via: Via) -> Reply {
    let text = |name| body.get(name).and_then(Value::as_str);
    let (Some(user), Some(password)) = (text("username"), text("password")) else {
        return bad_request("username and password are needed");
    };
    let now = shared.now();
    shared.write(|state| {
        if password != state.settings.password {
            return Reply::json(
                StatusCode::UNAUTHORIZED,
                json!({ "error": "invalid_credentials", "message": "wrong user name or password" }),
            );
        }
        let terms = Terms {
            client: CLIENT.to_owned(),
            subject: user.to_owned(),
            refreshable: true,
            ..Terms::default()
        };
        let pair = state.sign_in(terms, now);
        tokens(state, &pair, via)
    })
}

/// `POST …/auth/refresh`, with `{"refreshToken"}` or the cookie.
pub(crate) async fn refresh(Extract(here): Extract<Here>, request: Request) -> Response {
    let shared = &here.shared;
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let body = read_body(body).await;
    let presented = presented(&head.headers, via(path), body);
    let token = presented.as_deref().ok();
    let number = note_refresh(shared, &head.headers, via(path), token, |_| {});
    let outcome = exchange(shared, &[Point::Refresh], path, |task| match presented {
        Ok(token) => refreshed(shared, &token, via(path), task),
        Err(reply) => reply,
    })
    .await;
    end_refresh(shared, number, outcome.status);
    outcome.response
}

fn refreshed(shared: &Shared, token: &str, via: Via, task: Task) -> Reply {
    let now = shared.now();
    shared.write(|state| {
        let client = state
            .grants
            .family_of_refresh(token)
            .and_then(|family| state.grants.terms(family))
            .map_or_else(String::new, |terms| terms.client.clone());
        match trade(state, token, &client, None, now, task) {
            Ok(pair) => tokens(state, &pair, via),
            Err(refusal) => refused(state, refusal),
        }
    })
}

fn refused(state: &State, refusal: Refusal) -> Reply {
    let status = StatusCode::from_u16(state.settings.json_refusal_status).unwrap_or(StatusCode::UNAUTHORIZED);
    Reply::json(
        status,
        json!({ "error": "invalid_grant", "message": why(refusal) }),
    )
}

/// `POST …/auth/logout`, with `{"refreshToken"}` or the cookie.
pub(crate) async fn logout(Extract(here): Extract<Here>, request: Request) -> Response {
    let shared = &here.shared;
    let (head, body) = request.into_parts();
    shared.write(|state| state.counters.logout_posts += 1);
    let path = head.uri.path();
    let body = read_body(body).await;
    let token = presented(&head.headers, via(path), body).ok();
    let answer = |_| {
        if let Some(token) = token {
            shared.write(|state| {
                if let Some(family) = state.grants.family_of_refresh(&token) {
                    state.grants.kill(family, Death::SignedOut);
                }
            });
        }
        let reply = Reply::empty(StatusCode::NO_CONTENT);
        match via(path) {
            Via::Cookie => reply.with(header::SET_COOKIE, &cookie("", Some(0))),
            _ => reply,
        }
    };
    exchange(shared, &[Point::Logout], path, answer).await.response
}

/// The refresh token that came.
fn presented(headers: &HeaderMap, via: Via, body: Result<bytes::Bytes, Reply>) -> Result<String, Reply> {
    let found = match via {
        Via::Cookie => headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == COOKIE)
            .map(|(_, value)| value.to_owned()),
        Via::Json | Via::Form => object(body)?
            .get("refreshToken")
            .and_then(Value::as_str)
            .map(str::to_owned),
    };
    found
        .filter(|token| !token.is_empty())
        .ok_or_else(|| bad_request("there is no refresh token"))
}

fn object(body: Result<bytes::Bytes, Reply>) -> Result<Map<String, Value>, Reply> {
    serde_json::from_slice(&body?).map_err(|_| bad_request("the body must be a JSON object"))
}

fn bad_request(message: &str) -> Reply {
    Reply::json(
        StatusCode::BAD_REQUEST,
        json!({ "error": "invalid_request", "message": message }),
    )
}

/// `{"accessToken", "refreshToken", "expiresIn"}`, or the refresh token in a cookie.
fn tokens(state: &State, pair: &Pair, via: Via) -> Reply {
    let mut body = Map::new();
    body.insert("accessToken".into(), pair.access.as_ref().into());
    if let Some(value) = state.settings.expires_in.spell(pair.lifetime) {
        body.insert("expiresIn".into(), value);
    }
    let mut set_cookie = None;
    match (&pair.refresh, via) {
        (Some(token), Via::Cookie) => set_cookie = Some(cookie(token, None)),
        (Some(token), _) => drop(body.insert("refreshToken".into(), token.as_ref().into())),
        (None, _) => {}
    }
    let reply = Reply::json(StatusCode::OK, Value::Object(body)).not_cacheable();
    match set_cookie {
        Some(cookie) => reply.with(header::SET_COOKIE, &cookie),
        None => reply,
    }
}

fn cookie(token: &str, max_age_secs: Option<u64>) -> String {
    let age = max_age_secs.map_or_else(String::new, |secs| format!("; Max-Age={secs}"));
    format!("{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/cookie/auth{age}")
}
