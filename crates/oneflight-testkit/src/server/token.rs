//! The token endpoint (RFC 6749 §3.2) and revocation (RFC 7009).

use std::time::Duration;

use axum::extract::{Request, State as Extract};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::api::Here;
use super::clients::Client;
use super::codes::CodeRefusal;
use super::counters::{RefreshRequest, Via};
use super::exchange::{Task, exchange};
use super::family::Death;
use super::fault::Point;
use super::form::{self, Form};
use super::grants::{Pair, Refreshed, Refusal, Terms};
use super::id_token;
use super::log::What;
use super::reply::Reply;
use super::settings::AcceptPolicy;
use super::shared::{Shared, State};

/// `POST /oauth/token`
pub(crate) async fn token(Extract(here): Extract<Here>, request: Request) -> Response {
    let shared = &here.shared;
    let (head, body) = request.into_parts();
    shared.write(|state| state.counters.token_posts += 1);
    let form = match form::read_body(body).await {
        Ok(body) => Form::parse(&head.headers, &body),
        Err(reply) => Err(reply),
    };
    let path = head.uri.path();
    let is_refresh = form
        .as_ref()
        .is_ok_and(|form| form.one("grant_type") == Some("refresh_token"));
    if !is_refresh {
        let answer = |_| match form {
            Ok(form) => answered(shared, &head.headers, |shared| {
                grant(shared, &head.headers, &form)
            }),
            Err(reply) => reply.not_cacheable(),
        };
        return exchange(shared, &[Point::Token], path, answer).await.response;
    }
    let form = form.unwrap_or_default();
    let number = begin_refresh(shared, &head.headers, &form);
    let outcome = exchange(shared, &[Point::Refresh, Point::Token], path, |task| {
        answered(shared, &head.headers, |shared| {
            refresh(shared, &head.headers, &form, number, task)
        })
    })
    .await;
    end_refresh(shared, number, outcome.status);
    outcome.response
}

/// Does the work if its answer can be accepted, and writes it as the settings say.
fn answered(shared: &Shared, headers: &HeaderMap, work: impl FnOnce(&Shared) -> Reply) -> Reply {
    let policy = shared.read(|state| state.settings.accept);
    if policy == AcceptPolicy::Respected && !accepts_json(headers, true) {
        let html = "<!doctype html><title>Bad request</title><p>This answers application/json only.</p>\n";
        return Reply::text(StatusCode::BAD_REQUEST, "text/html; charset=utf-8", html).not_cacheable();
    }
    let reply = work(shared).not_cacheable();
    match policy {
        AcceptPolicy::FormByDefault if !accepts_json(headers, false) => reply.into_form(),
        _ => reply,
    }
}

/// Whether `Accept` allows JSON, or leaves it open and `by_default` says that this is enough.
fn accepts_json(headers: &HeaderMap, by_default: bool) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return by_default;
    }
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter(|range| !range.replace(' ', "").ends_with(";q=0"))
        .filter_map(|range| range.split(';').next())
        .any(|range| match range.trim().to_ascii_lowercase().as_str() {
            "application/json" | "application/*" => true,
            "*/*" => by_default,
            _ => false,
        })
}

fn begin_refresh(shared: &Shared, headers: &HeaderMap, form: &Form) -> u64 {
    note_refresh(shared, headers, Via::Form, form.one("refresh_token"), |entry| {
        entry.parameters = form.without_secrets();
    })
}

/// Counts a refresh that has arrived.
pub(crate) fn note_refresh(
    shared: &Shared,
    headers: &HeaderMap,
    via: Via,
    token: Option<&str>,
    more: impl FnOnce(&mut RefreshRequest),
) -> u64 {
    let at_ms = shared.now_ms();
    shared.write(|state| {
        state.counters.refresh_posts += 1;
        let mut entry = RefreshRequest {
            number: state.refresh_requests.next(),
            at_ms,
            token: token.and_then(|token| state.grants.note_refresh_post(token)),
            via,
            parameters: Vec::new(),
            client: None,
            accept: headers
                .get(header::ACCEPT)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            status: None,
        };
        more(&mut entry);
        state.log(What::RefreshArrived {
            request: entry.number,
            token: entry.token,
            via,
        });
        state.refresh_requests.push(entry)
    })
}

/// Counts a refresh that was answered, or whose answer was lost.
pub(crate) fn end_refresh(shared: &Shared, number: u64, status: Option<u16>) {
    shared.write(|state| {
        if let Some(status) = status {
            *state.counters.refresh_by_status.entry(status).or_default() += 1;
        }
        if let Some(entry) = state.refresh_requests.get_mut(number) {
            entry.status = status;
        }
        state.log(What::RefreshAnswered {
            request: number,
            status,
        });
    });
}

fn refresh(shared: &Shared, headers: &HeaderMap, form: &Form, number: u64, task: Task) -> Reply {
    let now = shared.now();
    shared.write(|state| {
        let (client, auth) = match form::authenticate(state, headers, form) {
            Ok(found) => found,
            Err(reply) => return reply,
        };
        if let Some(entry) = state.refresh_requests.get_mut(number) {
            entry.client = Some((client.id.clone(), auth));
        }
        let Some(token) = form.one("refresh_token") else {
            return form::invalid_request("refresh_token is missing");
        };
        match trade(state, token, &client.id, form.one("scope"), now, task) {
            Ok(pair) => answer(state, &shared.origins().auth, &client, &pair, form, now),
            Err(Refusal::Scope) => Reply::oauth_error(
                StatusCode::BAD_REQUEST,
                "invalid_scope",
                "the scope goes beyond what was granted",
            ),
            Err(refusal) => Reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant", why(refusal)),
        }
    })
}

/// Refreshes, and counts how it went.
pub(crate) fn trade(
    state: &mut State,
    token: &str,
    client: &str,
    scope: Option<&str>,
    now: Duration,
    task: Task,
) -> Result<Pair, Refusal> {
    if task == Task::Repeat {
        let family = state.grants.family_of_refresh(token);
        let newest = family.and_then(|family| state.grants.newest(family));
        return newest.cloned().ok_or(Refusal::Unknown);
    }
    let settings = &state.settings;
    let result = state.grants.refresh(token, client, scope, now, settings);
    let pair = match result {
        Ok(Refreshed::Rotated(pair) | Refreshed::Replayed(pair)) => Ok(pair),
        Ok(Refreshed::Unrotated(mut pair)) => {
            if settings.repeat_refresh_token {
                pair.refresh = Some(token.into());
            }
            Ok(pair)
        }
        Err(refusal) => Err(refusal),
    };
    match &pair {
        Ok(pair) => {
            state.counters.refreshes_granted += 1;
            state.log(What::RefreshGranted { token: pair.id });
        }
        Err(refusal) => {
            state.counters.refreshes_refused += u64::from(*refusal != Refusal::Scope);
            if let (Refusal::Reused, Some(token)) = (refusal, state.grants.refresh_id(token)) {
                state.log(What::ReuseDetected { token });
            }
            state.log(What::RefreshRefused {
                why: why(*refusal).to_owned(),
            });
        }
    }
    pair
}

pub(crate) fn why(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unknown => "the refresh token is unknown",
        Refusal::WrongClient => "the refresh token was issued to another client",
        Refusal::Dead => "the grant has ended",
        Refusal::Expired => "the refresh token has expired",
        Refusal::Revoked => "the refresh token was revoked",
        Refusal::Reused => "the refresh token was used before",
        Refusal::Scope => "the scope goes beyond what was granted",
    }
}

/// A token answer (RFC 6749 §5.1).
fn answer(state: &State, issuer: &str, client: &Client, pair: &Pair, form: &Form, now: Duration) -> Reply {
    let mut body = Map::new();
    body.insert("access_token".into(), pair.access.as_ref().into());
    body.insert("token_type".into(), "Bearer".into());
    if let Some(value) = state.settings.expires_in.spell(pair.lifetime) {
        body.insert("expires_in".into(), value);
    }
    if let Some(token) = &pair.refresh {
        body.insert("refresh_token".into(), token.as_ref().into());
    }
    if !pair.scope.is_empty() {
        body.insert("scope".into(), pair.scope.as_str().into());
    }
    let openid = pair.scope.split_ascii_whitespace().any(|one| one == "openid");
    if let Some(terms) = state.grants.terms(pair.id.family).filter(|_| openid) {
        body.insert(
            "id_token".into(),
            id_token::make(client, terms, pair, issuer, now).into(),
        );
    }
    for name in ["resource", "audience"] {
        match form.all(name).as_slice() {
            [] => {}
            [one] => drop(body.insert(name.into(), one.as_str().into())),
            several => drop(body.insert(name.into(), several.into())),
        }
    }
    Reply::json(StatusCode::OK, Value::Object(body))
}

/// RFC 6749 §4.1.3
fn code_grant(state: &mut State, issuer: &str, client: &Client, form: &Form, now: Duration) -> Reply {
    let Some(code) = form.one("code") else {
        return form::invalid_request("code is missing");
    };
    let (redirect_uri, verifier) = (form.one("redirect_uri"), form.one("code_verifier"));
    let refused = |why| Reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant", why);
    let terms = match state.codes.check(code, &client.id, redirect_uri, verifier, now) {
        Ok(found) => found.terms.clone(),
        Err(CodeRefusal::Invalid(why)) => return refused(why),
        Err(CodeRefusal::Replayed(family)) => {
            state.grants.kill(family, Death::CodeReplayed);
            return refused("the code was used before");
        }
    };
    let pair = state.sign_in(terms, now);
    state.codes.spend(code, pair.id.family);
    answer(state, issuer, client, &pair, form, now)
}

/// The grants that begin a family.
fn grant(shared: &Shared, headers: &HeaderMap, form: &Form) -> Reply {
    let now = shared.now();
    shared.write(|state| {
        let client = match form::authenticate(state, headers, form) {
            Ok((client, _)) => client,
            Err(reply) => return reply,
        };
        match form.one("grant_type") {
            Some("client_credentials") if client.is_public() => Reply::oauth_error(
                StatusCode::BAD_REQUEST,
                "unauthorized_client",
                "client credentials are for clients with a secret",
            ),
            Some("client_credentials") => {
                let terms = Terms {
                    subject: client.id.clone(),
                    client: client.id.clone(),
                    scope: form.one("scope").unwrap_or_default().to_owned(),
                    resource: form.all("resource"),
                    audience: form.all("audience"),
                    ..Terms::default()
                };
                let pair = state.sign_in(terms, now);
                answer(state, &shared.origins().auth, &client, &pair, form, now)
            }
            Some("authorization_code") => code_grant(state, &shared.origins().auth, &client, form, now),
            Some(_) => Reply::oauth_error(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "known are authorization_code, refresh_token and client_credentials",
            ),
            None => form::invalid_request("grant_type is missing"),
        }
    })
}

/// `POST /oauth/revoke`
pub(crate) async fn revoke(Extract(here): Extract<Here>, request: Request) -> Response {
    let shared = &here.shared;
    let (head, body) = request.into_parts();
    shared.write(|state| state.counters.revocation_posts += 1);
    let form = match form::read_body(body).await {
        Ok(body) => Form::parse(&head.headers, &body),
        Err(reply) => Err(reply),
    };
    let answer = |_| match form {
        Ok(form) => revoked(shared, &head.headers, &form),
        Err(reply) => reply,
    };
    exchange(shared, &[Point::Revoke], head.uri.path(), answer)
        .await
        .response
}

fn revoked(shared: &Shared, headers: &HeaderMap, form: &Form) -> Reply {
    shared.write(|state| {
        let client = match form::authenticate(state, headers, form) {
            Ok((client, _)) => client,
            Err(reply) => return reply,
        };
        let Some(token) = form.one("token") else {
            return form::invalid_request("token is missing");
        };
        let reach = state.settings.revocation;
        // A token that is not one of this client's is answered in the same way (RFC 7009 §2.2).
        if let Some(token) = state.grants.revoke(token, &client.id, reach) {
            state.counters.revocations += 1;
            state.log(What::Revoked { token });
        }
        Reply::empty(StatusCode::OK)
    })
}
