//! The page: one HTML document, a stream of events, and a way to start flights; tabs of it that fly themselves.

mod package;

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use axum::extract::{Path, Request, State};
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

use super::event::{Bus, Event, Holder, Place, Recorder, THIS_PROCESS};
use super::kinds::{ClientKind, Scenario};
use super::scenario;
use super::stage::Pace;
use super::tabs::{Crew, MOST_TABS, TabReport, Tabs};
use crate::exit::{Exit, Problem};
use package::Package;

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
const TAB: &str = include_str!("tab.html");
const TAB_SCRIPT: &str = include_str!("tab.js");
const CLIENTS: &str = include_str!("clients.js");

/// The page loads nothing but from its own server, and talks to nobody but that and the test servers of the flights, whose
/// ports nobody knows before.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; \
                      img-src data:; connect-src 'self' http://127.0.0.1:*; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

#[derive(Debug, Clone)]
struct Page {
    bus: Bus,
    /// Held while a flight is on: one picture shows one flight.
    runway: Arc<Mutex<()>>,
    /// The client for browsers, if it was built.
    package: Option<Arc<Package>>,
    /// The tabs of the present flight.
    tabs: Arc<SyncMutex<Option<Tabs>>>,
}

/// Serves the page until Ctrl-C.
pub(crate) async fn serve(port: Option<u16>, web_package: Option<PathBuf>) -> Result<Exit, Problem> {
    let package = web_package
        .map(|folder| Package::read(&folder).map(Arc::new))
        .transpose()?;
    let listener = listen(port).await?;
    let address = listener
        .local_addr()
        .map_err(|source| Problem::Serving { source })?;
    let page = Page {
        bus: Bus::new(),
        runway: Arc::default(),
        package,
        tabs: Arc::default(),
    };
    let router = Router::new()
        .route("/", get(document))
        .route("/events", get(events))
        .route("/flights", post(fly))
        .route("/reports", post(reports))
        .route("/tab", get(|| async { html(TAB.replace("{{style}}", STYLE)) }))
        .route("/tab.js", get(|| async { script(TAB_SCRIPT) }))
        .route("/clients.js", get(|| async { script(CLIENTS) }))
        .route("/oneflight/{*file}", get(packaged))
        .layer(middleware::from_fn(only_this_machine))
        .with_state(page);
    println!("oneflight demo: http://{address}/");
    eprintln!("Open it in a browser. Ctrl-C ends it.");
    tokio::select! {
        served = axum::serve(listener, router) => served.map_err(|source| Problem::Serving { source })?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::Well)
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

async fn document(State(page): State<Page>) -> Response {
    let has_package = if page.package.is_some() { "yes" } else { "no" };
    html(
        PAGE.replace("{{style}}", STYLE)
            .replace("{{package}}", has_package)
            .replace("{{picture}}", PICTURE)
            .replace("{{controls}}", CONTROLS),
    )
}

fn html(text: String) -> Response {
    let mut response = Html(text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn script(text: &'static str) -> Response {
    let kind = [
        (header::CONTENT_TYPE, "text/javascript"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (kind, text).into_response()
}

/// A file of the npm package.
async fn packaged(State(page): State<Page>, Path(file): Path<String>) -> Response {
    match page.package.as_ref().and_then(|package| package.file(&file)) {
        Some((kind, bytes)) => (
            [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")],
            bytes,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What the tabs say.
async fn reports(State(page): State<Page>, Json(reports): Json<Vec<TabReport>>) -> StatusCode {
    let tabs = page.tabs.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(tabs) = tabs {
        reports.into_iter().for_each(|report| tabs.hear(report));
    }
    StatusCode::NO_CONTENT
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
    /// Who flies it in a browser; nobody means this process.
    crew: Option<Crew>,
}

impl Flight {
    /// Why it cannot be flown.
    fn fault(&self, page: &Page) -> Option<String> {
        if !(1..=MOST_REQUESTS).contains(&self.requests) {
            return Some(format!("1 to {MOST_REQUESTS} requests"));
        }
        let crew = self.crew.as_ref()?;
        if page.package.is_none() {
            return Some("there is no client for the browser: start the page with --web-package".to_owned());
        }
        (!(1..=MOST_TABS).contains(&crew.tabs.len())).then(|| format!("1 to {MOST_TABS} tabs"))
    }
}

async fn fly(State(page): State<Page>, Json(flight): Json<Flight>) -> Response {
    let refuse = |status: StatusCode, error: String| {
        (status, Json(serde_json::json!({ "error": error }))).into_response()
    };
    if let Some(fault) = flight.fault(&page) {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, fault);
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
        crew,
    } = flight;
    let recorder = Recorder::new(Some(page.bus.clone()));
    let tabs = crew.map(|crew| Tabs::new(page.bus, crew, recorder.clone()));
    page.tabs
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone_from(&tabs);
    let (place, holders) = match &tabs {
        Some(tabs) => (Place::Browser, tabs.holders(requests)),
        None => (Place::Process, vec![this_process(requests)]),
    };
    recorder.tell(|_| Event::Begin {
        scenario,
        client,
        requests,
        place,
        holders,
    });
    tokio::spawn(async move {
        let flown = scenario::fly(scenario, client, requests, Pace::PAGE, &recorder, tabs.as_ref()).await;
        let last = match flown {
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

fn this_process(requests: u32) -> Holder {
    Holder {
        name: THIS_PROCESS.to_owned(),
        lanes: (0..requests).collect(),
    }
}
