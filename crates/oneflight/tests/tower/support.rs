//! A session whose renewals are counted, and an API that is played.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows test functions only, not their helpers"
)]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, StatusCode, request};
use http_body_util::{BodyExt as _, Empty, Full};
use oneflight::endpoint::{RefreshRequest, Reply, Verdict, endpoint_fn};
use oneflight::tower::{Oneflight, OneflightLayer, RecordingBody};
use oneflight::{BoxFuture, Clock as _, Session, SystemClock, TokenSet, WallTime};
use tower::{Layer as _, Service};

pub(crate) const ORIGIN: &str = "https://api.example";

/// A session that is signed in with `access-0`, and how often it was renewed.
pub(crate) struct Signed {
    pub(crate) session: Session,
    pub(crate) renewals: Arc<AtomicUsize>,
}

impl Signed {
    pub(crate) async fn new() -> Self {
        Self::with_endpoint(Verdict::Renewed).await
    }

    /// With a token that ran out before it was seen here.
    pub(crate) async fn expired() -> Self {
        let signed = Self::new().await;
        let long_ago = WallTime::from_unix_millis(1_000_000);
        let expired = set(0, long_ago).expires_in(LIFETIME);
        signed.session.sign_in(expired).await.unwrap();
        signed
    }

    /// The endpoint makes something else of the set that it would give.
    pub(crate) async fn with_endpoint(verdict: fn(TokenSet) -> Verdict) -> Self {
        let renewals = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&renewals);
        let endpoint = endpoint_fn(move |request: RefreshRequest| {
            let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
            let next = verdict(set(number, request.now()).expires_in(LIFETIME));
            async move { Reply::new(next) }
        });
        let session = Session::builder()
            .endpoint(endpoint)
            .origins([ORIGIN])
            .build()
            .unwrap();
        let first = set(0, SystemClock::default().wall()).expires_in(LIFETIME);
        session.sign_in(first).await.unwrap();
        Self { session, renewals }
    }

    pub(crate) fn renewals(&self) -> usize {
        self.renewals.load(Ordering::SeqCst)
    }

    pub(crate) fn layer(&self) -> OneflightLayer {
        OneflightLayer::new(self.session.clone())
    }

    /// The layer with its defaults, over this API.
    pub(crate) fn over<S>(&self, api: S) -> Oneflight<S> {
        self.layer().layer(api)
    }
}

const LIFETIME: Duration = Duration::from_secs(900);

fn set(number: usize, received_at: WallTime) -> TokenSet {
    TokenSet::new(&format!("access-{number}"), received_at)
        .unwrap()
        .refresh_token(&format!("refresh-{number}"))
        .unwrap()
}

/// What the API saw of a request.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) head: request::Parts,
    pub(crate) data: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Seen {
    pub(crate) fn token(&self) -> Option<&str> {
        self.head
            .headers
            .get(AUTHORIZATION)
            .map(|value| value.to_str().unwrap())
    }
}

/// An API that reads requests to their end and answers by a script; then with 200.
///
/// It is as strict about readiness as tower allows: each clone has to be asked, and asked again after each call.
#[derive(Default)]
pub(crate) struct Api {
    shared: Arc<Shared>,
    ready: bool,
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Response<&'static str>>>,
    seen: Mutex<Vec<Seen>>,
}

impl Api {
    /// One that begins with these answers.
    pub(crate) fn answering(script: impl IntoIterator<Item = Response<&'static str>>) -> Self {
        let api = Self::default();
        api.shared.script.lock().unwrap().extend(script);
        api
    }

    /// One that refuses the first request.
    pub(crate) fn refusing_once() -> Self {
        Self::answering([refusal()])
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(crate) fn tokens(&self) -> Vec<Option<String>> {
        let seen = self.seen();
        seen.iter().map(|seen| seen.token().map(str::to_owned)).collect()
    }
}

impl Clone for Api {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ready: false,
        }
    }
}

impl<B> Service<Request<RecordingBody<B>>> for Api
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: std::fmt::Debug + Send,
{
    type Response = Response<&'static str>;
    type Error = std::io::Error;
    type Future = BoxFuture<'static, Result<Response<&'static str>, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RecordingBody<B>>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without having been made ready"
        );
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap();
            let trailers = body.trailers().cloned();
            let seen = Seen {
                head,
                data: body.to_bytes(),
                trailers,
            };
            shared.seen.lock().unwrap().push(seen);
            let next = shared.script.lock().unwrap().pop_front();
            Ok(next.unwrap_or_else(|| Response::new("served")))
        })
    }
}

/// What an API says to a token that has expired.
pub(crate) fn refusal() -> Response<&'static str> {
    let mut refusal = Response::new("refused");
    *refusal.status_mut() = StatusCode::UNAUTHORIZED;
    let challenge = "Bearer error=\"invalid_token\"".parse().unwrap();
    refusal.headers_mut().insert("www-authenticate", challenge);
    refusal
}

pub(crate) fn get(url: &str) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

pub(crate) fn notes() -> Request<Empty<Bytes>> {
    get("https://api.example/notes")
}

pub(crate) fn post(body: &'static str) -> Request<Full<Bytes>> {
    Request::post("https://api.example/notes")
        .body(Full::from(body))
        .unwrap()
}
