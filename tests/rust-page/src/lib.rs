//! A page in Rust whose sessions the tests in real browsers command: what crosses to them is texts and numbers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{AbortHandle, abortable, join_all};
use futures_util::poll;
use oneflight_web::Session;
use oneflight_web::session::{
    Builder, Endpoint, Error, ErrorKind, Event, NotReplayed, OnFailure, Refresh, RefreshFailed, Storage,
    Subscription, Tokens,
};
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Request, RequestInit, Response};

/// A session, and what was heard of it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Page {
    session: Session,
    heard: Rc<RefCell<Vec<String>>>,
    subscriptions: Vec<Subscription>,
    leading: Option<AbortHandle>,
}

#[wasm_bindgen]
impl Page {
    /// One that shares its grant with its origin. `endpoint` is a token endpoint, or nothing for the JSON one.
    #[wasm_bindgen(constructor)]
    pub fn new(endpoint: Option<String>, hands_back: bool) -> Result<Self, JsError> {
        let builder = match endpoint {
            Some(url) => Session::builder(Endpoint::oauth(url, "app").revocation("/oauth/revoke")),
            None => Session::builder(Endpoint::json("/api/auth/refresh").sign_out("/api/auth/logout")),
        };
        Self::of(builder.on_failure(if hands_back {
            OnFailure::Response
        } else {
            OnFailure::Error
        }))
    }

    /// One whose refreshes are to run in a shared worker.
    pub fn with_worker(script: String) -> Result<Self, JsError> {
        Self::of(Session::builder(Endpoint::oauth("/oauth/token", "app")).shared_worker(script))
    }

    /// Where they run.
    pub fn worker_state(&self) -> String {
        format!("{:?}", self.session.worker_state())
    }

    /// One that refreshes by a function of its own.
    pub fn own() -> Result<Self, JsError> {
        let endpoint = Endpoint::function(async |input| refresh(&input).await)
            .revocation(async |input| revoke(&input).await);
        Self::of(Session::builder(endpoint))
    }

    fn of(builder: Builder) -> Result<Self, JsError> {
        let session = builder.origins(["self"]).storage(Storage::Local).build()?;
        let heard = Rc::new(RefCell::new(Vec::new()));
        let hear = Rc::clone(&heard);
        let events = session.events(move |event| hear.borrow_mut().push(word(&event)));
        let hear = Rc::clone(&heard);
        let changes =
            session.subscribe(move |snapshot| hear.borrow_mut().push(format!("{:?}", snapshot.status)));
        Ok(Self {
            session,
            heard,
            subscriptions: vec![events, changes],
            leading: None,
        })
    }

    /// Signs in; says whether it was stored.
    pub async fn sign_in(
        &self,
        access: String,
        refresh: String,
        lifetime_secs: f64,
    ) -> Result<bool, JsError> {
        let tokens = Tokens::new(access)
            .refresh_token(refresh)
            .expires_in(Duration::from_secs_f64(lifetime_secs));
        Ok(self.session.sign_in(tokens).await?)
    }

    /// Signs out.
    pub async fn sign_out(&self) -> Result<(), JsError> {
        Ok(self.session.sign_out().await?)
    }

    /// The snapshot.
    pub async fn snapshot(&self) -> String {
        self.session.ready().await;
        let snapshot = self.session.snapshot();
        format!("{:?} by {:?}", snapshot.status, snapshot.sharing)
    }

    /// So many requests at once; the number of each outcome.
    pub async fn storm(&self, count: u32) -> String {
        let requests = (0..count).map(
            async |n| match self.session.get(&format!("/api/items/{n}")).await {
                Ok(response) => response.status().to_string(),
                Err(error) => format!("{:?}", error.kind()),
            },
        );
        let mut outcomes = BTreeMap::new();
        for outcome in join_all(requests).await {
            *outcomes.entry(outcome).or_insert(0) += 1;
        }
        format!("{outcomes:?}")
    }

    /// A request that is given up after it was polled `polls` times, each time after all that was ready had run.
    pub async fn give_up(&self, path: String, polls: u32) {
        let mut request = pin!(self.session.get(&path));
        for _ in 0..polls {
            if poll!(&mut request).is_ready() {
                return;
            }
            turn().await;
        }
    }

    /// A request that nobody waits for.
    pub fn lead(&mut self, path: String) {
        let session = self.session.clone();
        let (request, handle) = abortable(async move { session.get(&path).await });
        self.leading = Some(handle);
        spawn_local(async move { drop(request.await) });
    }

    /// Drops its future.
    pub fn drop_lead(&mut self) {
        if let Some(handle) = self.leading.take() {
            handle.abort();
        }
    }

    /// A POST whose body must come along when it is sent again; gives its status.
    pub async fn post(&self, body: String, once: bool) -> Result<String, JsError> {
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&body.into());
        let request =
            Request::new_with_str_and_init("/api/items", &init).map_err(|_| JsError::new("no request"))?;
        let response = if once {
            self.session.fetch_once(request).await?
        } else {
            self.session.fetch(request).await?
        };
        let why = Session::why_not_replayed(&response);
        Ok(match why {
            Some(NotReplayed::OptedOut) => format!("{} opted out", response.status()),
            Some(why) => format!("{} {why:?}", response.status()),
            None => response.status().to_string(),
        })
    }

    /// What a request fails with: its kind, what to do, and the status of the refusal.
    pub async fn failure(&self, path: String) -> String {
        match self.session.get(&path).await {
            Ok(response) => response.status().to_string(),
            Err(error) => told(&error),
        }
    }

    /// A request by hand, with a token, a refusal, and a newer token.
    pub async fn by_hand(&self, path: String) -> Result<String, JsError> {
        let token = self.session.token().await?;
        let refused = send(&path, token.header()).await?.status();
        if !self.session.is_refusal(refused, Some("Bearer")) {
            return Ok(refused.to_string());
        }
        let newer = self.session.newer_than(token.stamp()).await?;
        let status = send(&path, newer.header()).await?.status();
        Ok(format!("{refused} {status}"))
    }

    /// Forgets the pause.
    pub fn retry_now(&self) {
        self.session.retry_now();
    }

    /// What was heard since the last time.
    pub fn heard(&self) -> Vec<String> {
        self.heard.take()
    }

    /// Waits for a sign-in, by a subscription that ends itself from within.
    pub async fn signed_in(&self) {
        let (tell, told) = oneshot::channel();
        let own = Rc::new(RefCell::new((None, Some(tell))));
        let inside = Rc::clone(&own);
        let subscription = self.session.subscribe(move |snapshot| {
            if snapshot.is_signed_in() {
                let (subscription, tell) = inside.take();
                drop(subscription);
                let _ = tell.map(|tell: oneshot::Sender<()>| tell.send(()));
            }
        });
        own.borrow_mut().0 = Some(subscription);
        let _ = told.await;
    }

    /// Hears nothing more.
    pub fn deafen(&mut self) {
        self.subscriptions.clear();
    }

    /// Closes the session, and says what a token is then.
    pub async fn close(&self) -> String {
        self.session.close().await;
        match self.session.token().await {
            Err(error) if error.kind() == ErrorKind::Closed => "closed".to_owned(),
            other => format!("{other:?}"),
        }
    }
}

fn word(event: &Event) -> String {
    match event {
        Event::SignedIn { here } => format!("signed in, here: {here}"),
        Event::SignedOut { reason, here } => format!("signed out: {reason:?}, here: {here}"),
        Event::Refreshing { cause } => format!("refreshing: {cause:?}"),
        Event::Refreshed { here, waiters, .. } => format!("refreshed, here: {here}, waiters: {waiters}"),
        Event::RefreshFailed(error) => format!("refresh failed: {:?}", error.kind()),
        other => format!("{other:?}"),
    }
}

fn told(error: &Error) -> String {
    let status = error.response().map(Response::status);
    format!("{:?}, {:?}, {status:?}", error.kind(), error.action())
}

async fn send(path: &str, authorization: &str) -> Result<Response, JsError> {
    let failed = |_| JsError::new("the request failed");
    let request = Request::new_with_str(path).map_err(failed)?;
    request
        .headers()
        .set("authorization", authorization)
        .map_err(failed)?;
    let fetch = js_sys::Reflect::get(&js_sys::global(), &"fetch".into()).map_err(failed)?;
    let fetch: js_sys::Function = fetch.into();
    let promise = fetch.call1(&JsValue::UNDEFINED, &request).map_err(failed)?;
    let response = JsFuture::from(js_sys::Promise::from(promise))
        .await
        .map_err(failed)?;
    Ok(response.into())
}

/// Posts the refresh token, as the JSON endpoint of the package does.
async fn post(input: &Refresh, path: &str) -> Result<Response, JsValue> {
    let body = js_sys::Object::new();
    let token = input.refresh_token().unwrap_or_default();
    js_sys::Reflect::set(&body, &"refreshToken".into(), &token.into())?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_signal(Some(input.signal()));
    init.set_body(&js_sys::JSON::stringify(&body)?.into());
    let fetch: js_sys::Function = js_sys::Reflect::get(&js_sys::global(), &"fetch".into())?.into();
    let promise = fetch.call2(&JsValue::UNDEFINED, &path.into(), &init)?;
    Ok(JsFuture::from(js_sys::Promise::from(promise)).await?.into())
}

async fn refresh(input: &Refresh) -> Result<Tokens, RefreshFailed> {
    let lost = |error: JsValue| RefreshFailed::Lost(format!("{error:?}"));
    let response = post(input, "/api/auth/refresh").await.map_err(lost)?;
    if response.status() == 401 {
        return Err(RefreshFailed::Rejected);
    }
    let body = JsFuture::from(response.json().map_err(lost)?)
        .await
        .map_err(lost)?;
    let member = |name: &str| js_sys::Reflect::get(&body, &name.into()).ok()?.as_string();
    let access = member("accessToken").ok_or_else(|| RefreshFailed::Lost("no token".to_owned()))?;
    let tokens = Tokens::new(access);
    Ok(match member("refreshToken") {
        Some(next) => tokens.refresh_token(next),
        None => tokens,
    })
}

async fn revoke(input: &Refresh) -> Result<(), String> {
    let response = post(input, "/api/auth/logout").await;
    response.map(drop).map_err(|error| format!("{error:?}"))
}

/// Lets everything run that is ready.
async fn turn() {
    // An undefined value cannot be rejected.
    let _ = JsFuture::from(js_sys::Promise::resolve(&JsValue::UNDEFINED)).await;
}
