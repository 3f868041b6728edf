//! The page: one HTML document, a stream of events, and a way to start flights.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_stream::wrappers::BroadcastStream;

use super::event::{Bus, Event, Recorder, THIS_PROCESS};
use super::kinds::{ClientKind, Scenario};
use super::scenario;
use super::stage::Pace;
use crate::exit::{Exit, Problem};

/// Where the page is looked for first.
const FIRST_PORT: u16 = 4180;

/// How many ports are tried.
const PORTS: u16 = 20;

/// More lanes than this nobody can tell apart.
const MOST_REQUESTS: u32 = 1000;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const PICTURE: &str = include_str!("picture.js");
const CONTROLS: &str = include_str!("controls.js");

/// The page loads nothing and talks to nobody but its own server.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Debug, Clone)]
struct Page {
    bus: Bus,
    /// Held while a flight is on: one picture shows one flight.
    runway: Arc<Mutex<()>>,
}

/// Serves the page until Ctrl-C.
pub(crate) async fn serve(port: Option<u16>) -> Result<Exit, Problem> {
    let listener = listen(port).await?;
    let address = listener
        .local_addr()
        .map_err(|source| Problem::Serving { source })?;
    let page = Page {
        bus: Bus::new(),
        runway: Arc::default(),
    };
    let router = Router::new()
        .route("/", get(document))
        .route("/events", get(events))
        .route("/flights", post(fly))
        .layer(middleware::from_fn(only_this_machine))
        .with_state(page);
    println!("oneflight demo: http://{address}/");
    eprintln!("Open it in a browser. Ctrl-C ends it.");
    tokio::select! {
        served = axum::serve(listener, router) => served.map_err(|source| Problem::Serving { source })?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::AsExpected)
}

async fn listen(port: Option<u16>) -> Result<TcpListener, Problem> {
    if let Some(port) = port {
        return TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(|source| Problem::Port { port, source });
    }
    let last = FIRST_PORT + PORTS - 1;
    let mut trouble = io::Error::from(io::ErrorKind::AddrInUse);
    for port in FIRST_PORT..=last {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => trouble = error,
        }
    }
    Err(Problem::NoFreePort {
        first: FIRST_PORT,
        last,
        source: trouble,
    })
}

/// Turns away requests that a page of another site made through a name that points here.
async fn only_this_machine(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !matches!(name, "127.0.0.1" | "localhost") {
        return (StatusCode::MISDIRECTED_REQUEST, "this page is for 127.0.0.1").into_response();
    }
    next.run(request).await
}

async fn document() -> Response {
    let html = PAGE
        .replace("{{style}}", STYLE)
        .replace("{{picture}}", PICTURE)
        .replace("{{controls}}", CONTROLS);
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The present flight from its beginning, then what happens. A page that falls too far behind is cut off; it connects
/// again by itself and is told the story from the start.
async fn events(State(page): State<Page>) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let (story, live) = page.bus.listen();
    let live = BroadcastStream::new(live)
        .take_while(|event| std::future::ready(event.is_ok()))
        .filter_map(|event| async { event.ok() });
    let events = stream::iter(story)
        .chain(live)
        .map(|text| Ok(sse::Event::default().data(&*text)));
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// What a button asks for.
#[derive(Debug, Deserialize)]
struct Flight {
    scenario: Scenario,
    client: ClientKind,
    requests: u32,
}

async fn fly(State(page): State<Page>, Json(flight): Json<Flight>) -> Response {
    let refuse = |status: StatusCode, error: String| {
        (status, Json(serde_json::json!({ "error": error }))).into_response()
    };
    if !(1..=MOST_REQUESTS).contains(&flight.requests) {
        return refuse(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("1 to {MOST_REQUESTS} requests"),
        );
    }
    let Ok(runway) = Arc::clone(&page.runway).try_lock_owned() else {
        return refuse(
            StatusCode::CONFLICT,
            "a flight is on; wait for its end".to_owned(),
        );
    };
    let Flight {
        scenario,
        client,
        requests,
    } = flight;
    let recorder = Recorder::new(Some(page.bus));
    recorder.tell(|_| Event::Begin {
        scenario,
        client,
        requests,
        holders: vec![THIS_PROCESS],
    });
    tokio::spawn(async move {
        let last = match scenario::fly(scenario, client, requests, Pace::PAGE, &recorder).await {
            Ok(landed) => landed.verdict(),
            Err(problem) => Event::Trouble {
                text: format!("{problem}. {}", problem.next_step()),
            },
        };
        // The runway is free before the page hears of it: its next flight may follow at once.
        drop(runway);
        recorder.tell(|_| last);
    });
    StatusCode::ACCEPTED.into_response()
}
