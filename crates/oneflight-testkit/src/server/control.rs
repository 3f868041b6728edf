//! The control plane: what tests in other languages, and people, ask of the server over HTTP.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State as Extract};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::Here;
use super::family::Death;
use super::fault::Point;
use super::fault_spec::FaultSpec;
use super::form::read_body;
use super::gate::{Gate, Hold};
use super::log::{Event, What};
use super::reply::Reply;
use super::session::SessionTerms;

/// Gates that were closed over HTTP, by number.
#[derive(Debug, Default)]
pub(crate) struct ControlGates(Mutex<(u64, BTreeMap<u64, Gate>)>);

impl ControlGates {
    fn with<R>(&self, change: impl FnOnce(&mut u64, &mut BTreeMap<u64, Gate>) -> R) -> R {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, gates) = &mut *all;
        change(last, gates)
    }
}

/// Everything under `/_control/`.
pub(crate) fn routes() -> Router<Here> {
    Router::new()
        .route("/_control/counters", get(counters))
        .route("/_control/families", get(families))
        .route("/_control/families/{family}", get(family))
        .route("/_control/requests/api", get(api_requests))
        .route("/_control/requests/refresh", get(refresh_requests))
        .route("/_control/log", get(log))
        .route("/_control/events", get(events))
        .route("/_control/settings", get(settings).patch(patch_settings))
        .route("/_control/sessions", post(issue_session))
        .route("/_control/expire", post(expire))
        .route("/_control/revoke", post(revoke))
        .route("/_control/clock", get(clock).post(advance))
        .route("/_control/faults", post(inject).delete(clear_faults))
        .route("/_control/release", post(release_hung))
        .route("/_control/gates", get(gates).post(close_gate))
        .route("/_control/gates/{gate}", delete(open_gate))
        .route("/_control/gates/{gate}/release", post(release_gate))
        .route("/_control/offline", post(offline))
        .route("/_control/refuse", post(refuse))
        .layer(middleware::from_fn(local_only))
}

/// A page that had its name pointed at this machine must not get through (DNS rebinding).
async fn local_only(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return next.run(request).await;
    }
    error(
        StatusCode::FORBIDDEN,
        "the control plane answers to loopback names only",
    )
}

fn error(status: StatusCode, message: &str) -> Response {
    ok_with(status, &json!({ "error": message }))
}

fn ok<T: Serialize>(value: &T) -> Response {
    ok_with(StatusCode::OK, value)
}

fn ok_with<T: Serialize>(status: StatusCode, value: &T) -> Response {
    (status, axum::Json(value)).into_response()
}

fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Reads an order. The content type must be JSON, so that a page of another origin cannot send it
/// without being asked first.
async fn order<T: DeserializeOwned>(request: Request) -> Result<T, Response> {
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    if !is_json {
        let message = "the body must be application/json";
        return Err(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let body = match read_body(request.into_body()).await {
        Ok(body) => body,
        Err(Reply { status, .. }) => return Err(error(status, "the body cannot be read")),
    };
    serde_json::from_slice(&body).map_err(|wrong| error(StatusCode::BAD_REQUEST, &wrong.to_string()))
}

/// Shortens "read the order or answer why not".
macro_rules! order {
    ($request:expr) => {
        match order($request).await {
            Ok(order) => order,
            Err(refused) => return refused,
        }
    };
}

// ---- what happened -------------------------------------------------------------------------------

async fn counters(Extract(here): Extract<Here>) -> Response {
    ok(&here.shared.read(|state| state.snapshot()))
}

async fn families(Extract(here): Extract<Here>) -> Response {
    ok(&here.shared.read(|state| state.grants.reports()))
}

async fn family(Extract(here): Extract<Here>, Path(family): Path<u64>) -> Response {
    match here.shared.read(|state| state.grants.report(family)) {
        Some(report) => ok(&report),
        None => error(StatusCode::NOT_FOUND, "there is no such family"),
    }
}

async fn api_requests(Extract(here): Extract<Here>, request: Request) -> Response {
    let after = after(&request);
    ok(&here.shared.read(|state| state.api_requests.after(after)))
}

async fn refresh_requests(Extract(here): Extract<Here>, request: Request) -> Response {
    let after = after(&request);
    ok(&here.shared.read(|state| state.refresh_requests.after(after)))
}

async fn log(Extract(here): Extract<Here>, request: Request) -> Response {
    let after = after(&request);
    ok(&here.shared.read(|state| state.events.after(after)))
}

/// `?after=N`, or what an `EventSource` sends when it connects again.
fn after(request: &Request) -> u64 {
    let query = request.uri().query().unwrap_or_default();
    let asked = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "after")
        .and_then(|(_, value)| value.parse().ok());
    asked
        .or_else(|| last_event_id(request.headers()))
        .unwrap_or_default()
}

fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// Server-sent events: the log so far, then what happens.
async fn events(Extract(here): Extract<Here>, request: Request) -> Response {
    let start = (here.shared, after(&request));
    let chunks = stream::unfold(start, |(shared, after)| async move {
        let events = shared
            .wait(|state| Some(state.events.after(after)).filter(|events| !events.is_empty()))
            .await;
        let last = events.last().map_or(after, |event| event.number);
        let text: String = events.iter().map(server_sent).collect();
        Some((
            Ok::<_, std::convert::Infallible>(Bytes::from(text)),
            (shared, last),
        ))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

fn server_sent(event: &Event) -> String {
    let data = serde_json::to_value(event).unwrap_or_default();
    let name = data["what"].as_str().unwrap_or_default();
    format!("id: {}\nevent: {name}\ndata: {data}\n\n", event.number)
}

// ---- settings, sessions, time --------------------------------------------------------------------

async fn settings(Extract(here): Extract<Here>) -> Response {
    ok(&here.shared.read(|state| state.settings.clone()))
}

/// Changes the members that came; the others stay.
async fn patch_settings(Extract(here): Extract<Here>, request: Request) -> Response {
    let patch: serde_json::Map<String, Value> = order!(request);
    let changed = here.shared.write(|state| {
        let mut all = serde_json::to_value(&state.settings)?;
        for (name, value) in patch {
            all[name] = value;
        }
        state.settings = serde_json::from_value(all)?;
        state.log(What::SettingsChanged);
        Ok(state.settings.clone())
    });
    match changed {
        Ok(settings) => ok(&settings),
        Err(wrong) => {
            let wrong: serde_json::Error = wrong;
            error(StatusCode::BAD_REQUEST, &wrong.to_string())
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionOrder {
    client: Option<String>,
    user: Option<String>,
    scope: Option<String>,
    lifetime_ms: Option<u64>,
}

async fn issue_session(Extract(here): Extract<Here>, request: Request) -> Response {
    let asked: SessionOrder = order!(request);
    let mut terms = SessionTerms::new();
    if let Some(client) = asked.client {
        terms = terms.client(&client);
    }
    if let Some(user) = asked.user {
        terms = terms.user(&user);
    }
    if let Some(scope) = asked.scope {
        terms = terms.scope(&scope);
    }
    if let Some(lifetime) = asked.lifetime_ms {
        terms = terms.lifetime(Duration::from_millis(lifetime));
    }
    let now = here.shared.now();
    let client = terms.0.client.clone();
    let pair = here.shared.write(|state| state.sign_in(terms.0, now));
    ok(&json!({
        "family": pair.id.family,
        "client_id": client,
        "access_token": pair.access.as_ref(),
        "refresh_token": pair.refresh.as_deref(),
        "token_type": "Bearer",
        "expires_in": pair.lifetime.as_secs(),
        "scope": pair.scope,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpireOrder {
    family: Option<u64>,
}

async fn expire(Extract(here): Extract<Here>, request: Request) -> Response {
    let asked: ExpireOrder = order!(request);
    here.shared.expire_access_tokens(asked.family);
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeOrder {
    family: u64,
}

async fn revoke(Extract(here): Extract<Here>, request: Request) -> Response {
    let asked: RevokeOrder = order!(request);
    let known = here.shared.write(|state| {
        state.grants.kill(asked.family, Death::ByCommand);
        state.grants.report(asked.family).is_some()
    });
    match known {
        true => done(),
        false => error(StatusCode::NOT_FOUND, "there is no such family"),
    }
}

async fn clock(Extract(here): Extract<Here>) -> Response {
    ok(&json!({ "unix_ms": here.shared.now_ms(), "virtual": here.shared.clock.is_virtual() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockOrder {
    advance_ms: u64,
}

async fn advance(Extract(here): Extract<Here>, request: Request) -> Response {
    let asked: ClockOrder = order!(request);
    here.shared.advance(Duration::from_millis(asked.advance_ms));
    clock(Extract(here)).await
}

// ---- faults, gates, outages ----------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InjectOrder {
    point: Point,
    fault: FaultSpec,
    /// Default: 1.
    times: Option<u64>,
    #[serde(default)]
    always: bool,
    #[serde(default)]
    path: String,
}

async fn inject(Extract(here): Extract<Here>, request: Request) -> Response {
    let asked: InjectOrder = order!(request);
    if asked.always && asked.times.is_some() {
        return error(StatusCode::BAD_REQUEST, "choose one of `times` and `always`");
    }
    let fault = match asked.fault.build() {
        Ok(fault) => fault,
        Err(missing) => {
            let message = format!("this kind of fault needs `{missing}`");
            return error(StatusCode::BAD_REQUEST, &message);
        }
    };
    here.shared.write(|state| match asked.always {
        true => state.script.stand(asked.point, &asked.path, fault),
        false => state
            .script
            .push(asked.point, &asked.path, asked.times.unwrap_or(1), fault),
    });
    done()
}

async fn clear_faults(Extract(here): Extract<Here>) -> Response {
    here.shared.write(|state| state.script.clear());
    done()
}

async fn release_hung(Extract(here): Extract<Here>) -> Response {
    here.shared.hung.notify_waiters();
    done()
}

async fn gates(Extract(here): Extract<Here>) -> Response {
    let all: Vec<Value> = here.shared.control_gates.with(|_, gates| {
        gates
            .iter()
            .map(|(id, gate)| json!({ "id": id, "hold": gate.hold(), "arrivals": gate.arrivals() }))
            .collect()
    });
    ok(&all)
}

async fn close_gate(Extract(here): Extract<Here>, request: Request) -> Response {
    let hold: Hold = order!(request);
    let gate = here.shared.gates.close(hold);
    let id = here.shared.control_gates.with(|last, gates| {
        *last += 1;
        gates.insert(*last, gate);
        *last
    });
    ok_with(StatusCode::CREATED, &json!({ "id": id }))
}

async fn open_gate(Extract(here): Extract<Here>, Path(id): Path<u64>) -> Response {
    match here.shared.control_gates.with(|_, gates| gates.remove(&id)) {
        Some(gate) => {
            gate.open();
            done()
        }
        None => no_gate(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseOrder {
    count: usize,
}

async fn release_gate(Extract(here): Extract<Here>, Path(id): Path<u64>, request: Request) -> Response {
    let asked: ReleaseOrder = order!(request);
    let found = here.shared.control_gates.with(|_, gates| {
        let gate = gates.get(&id);
        gate.map(|gate| gate.release(asked.count)).is_some()
    });
    if found { done() } else { no_gate() }
}

fn no_gate() -> Response {
    error(StatusCode::NOT_FOUND, "there is no such gate, or it is open")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfflineOrder {
    for_ms: u64,
}

/// Goes offline for a while: nobody could ask it to come back.
async fn offline(Extract(here): Extract<Here>, request: Request) -> Response {
    let asked: OfflineOrder = order!(request);
    let shared = here.shared;
    let Some(mut life) = shared.alive() else {
        return error(StatusCode::CONFLICT, "the server is stopping");
    };
    tokio::spawn(async move {
        // In real time: on a virtual clock nobody could let it pass.
        let outage = async {
            if shared.go_offline().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(asked.for_ms)).await;
                // If this fails the port is gone, and so is whoever could be told.
                let _ = shared.go_online().await;
            }
        };
        tokio::select! {
            () = outage => {}
            () = super::conn::ended(&mut life) => {}
        }
    });
    ok_with(StatusCode::ACCEPTED, &json!({ "for_ms": asked.for_ms }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefuseOrder {
    connections: u64,
}

async fn refuse(Extract(here): Extract<Here>, request: Request) -> Response {
    let asked: RefuseOrder = order!(request);
    here.shared
        .write(|state| state.refuse_connections = asked.connections);
    done()
}
