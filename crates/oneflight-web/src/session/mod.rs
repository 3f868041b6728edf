//! Sessions for front ends in Rust: leptos, yew, dioxus, or none of them. With the feature `session`.
//!
//! The engine is compiled into the application's own WASM module; no second one is downloaded. What talks to the browser
//! (`fetch`, Web Locks, IndexedDB, BroadcastChannel, the life of the page) is the JavaScript of the npm package, which
//! wasm-bindgen puts beside the module as a snippet. So a page in Rust and a page in JavaScript behave alike, and two of one
//! origin that use the same [key](Builder::key) share one grant and refresh it once.
//!
//! ```no_run
//! use oneflight_web::session::{Endpoint, Error, Session, Storage, Tokens};
//!
//! # async fn page(access: String, refresh: String) -> Result<(), Error> {
//! let session = Session::builder(Endpoint::json("/api/auth/refresh").sign_out("/api/auth/logout"))
//!     .origins(["self"]) // only they will see the token
//!     .storage(Storage::Local)
//!     .build()?;
//!
//! // After a sign-in of your own:
//! session.sign_in(Tokens::new(access).refresh_token(refresh)).await?;
//!
//! // However many of these there are at once, and in however many tabs: one refresh.
//! let response = session.get("/api/orders").await?;
//!
//! session.subscribe(|snapshot| web_sys::console::log_1(&format!("{:?}", snapshot.status).into())).forever();
//! # Ok(()) }
//! ```
//!
//! # In a framework
//!
//! A [`Session`] is a handle, cheap to clone, and belongs to the page's one thread: it is not `Send`. Frameworks that want
//! that of everything have a holder for such values; leptos's is `StoredValue::new_local(session)`, which can be put into a
//! context. [`Session::subscribe`] feeds a signal.
//!
//! # Cancelling
//!
//! A future that is dropped gives up its own wait, and its own request. It never ends a renewal, which belongs to the
//! session: the others get the new token, and it is stored.

mod error;
mod options;
mod own;
mod page;
mod tokens;
mod view;

use js_sys::Promise;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Request, Response};

pub use error::{Action, Error, ErrorKind};
pub use options::{
    Builder, Endpoint, Field, JsonEndpoint, OAuthEndpoint, OnFailure, Profile, Renew, Storage,
};
pub use own::{FunctionEndpoint, Refresh, RefreshFailed};
pub use tokens::{Stamp, Token, Tokens};
pub use view::{
    Cause, EndReason, Event, NotReplayed, Sharing, Snapshot, Status, Subscription, Unkept, WorkerState,
};

use page::{Bearer, Kept, Page};

/// One grant, its tokens, and everything that wants them. Cheap to clone; see [the module](self).
///
/// It lives as long as the page, whoever still has a handle, unless it is [closed](Self::close).
#[derive(Debug, Clone)]
pub struct Session {
    page: Page,
}

impl Session {
    /// Begins one that refreshes its tokens at `endpoint`.
    pub fn builder(endpoint: impl Into<Endpoint>) -> Builder {
        Builder::new(endpoint.into())
    }

    fn new(page: Page) -> Self {
        Self { page }
    }

    /// Sends `request` as the global `fetch` does; with the token, a renewal and one replay where they help.
    ///
    /// Requests to other origins than [those named](Builder::origins), and those with an `Authorization` header of their own,
    /// are sent as they are. A refused request is sent again with a newer token, whatever its method: a 401 says that it
    /// was not carried out. For one that must not be, there is [`fetch_once`](Self::fetch_once).
    ///
    /// Takes `web_sys::Request` and what becomes one, as gloo-net's does.
    ///
    /// # Errors
    /// [`ErrorKind::Fetch`] if `fetch` itself fails; else the token could not be had, and [`Error::response`] is the refusal,
    /// if there was one. An answer of whatever status is no error.
    ///
    /// # Cancel safety
    /// Dropping the future aborts this request, and nothing else.
    pub async fn fetch(&self, request: impl Into<Request>) -> Result<Response, Error> {
        self.send(&request.into().into(), false).await
    }

    /// As [`fetch`](Self::fetch), but never sends `request` a second time: a refusal is handed back, and the token is renewed
    /// for the next request.
    ///
    /// # Errors
    /// As with [`fetch`](Self::fetch).
    ///
    /// # Cancel safety
    /// As with [`fetch`](Self::fetch).
    pub async fn fetch_once(&self, request: impl Into<Request>) -> Result<Response, Error> {
        self.send(&request.into().into(), true).await
    }

    /// [Fetches](Self::fetch) `url`, which may be relative to the page.
    ///
    /// # Errors
    /// As with [`fetch`](Self::fetch).
    ///
    /// # Cancel safety
    /// As with [`fetch`](Self::fetch).
    pub async fn get(&self, url: &str) -> Result<Response, Error> {
        self.send(&url.into(), false).await
    }

    async fn send(&self, input: &JsValue, no_replay: bool) -> Result<Response, Error> {
        let mut dropped = AbortOnDrop(Some(AbortController::new().map_err(Error::from_js)?));
        let signal = dropped.0.as_ref().expect("nobody took it yet").signal();
        let sent = page::send(&self.page, input, &signal, no_replay);
        let response = JsFuture::from(sent).await.map_err(Error::from_js);
        // What is read of the answer from now on is its reader's.
        dropped.0 = None;
        Ok(response?.unchecked_into())
    }

    /// Why a refused request was not sent a second time; `None` if it was, or if nothing was refused.
    #[must_use]
    pub fn why_not_replayed(response: &Response) -> Option<NotReplayed> {
        page::why_not_replayed(response).map(|name| NotReplayed::named(&name))
    }

    /// A token that is valid now, for other means than [`fetch`](Self::fetch): see [`allows`](Self::allows) and
    /// [`newer_than`](Self::newer_than). Renews first if it must.
    ///
    /// # Errors
    /// Why there is none; [`Error::action`] says what to do.
    ///
    /// # Cancel safety
    /// Dropping the future ends nothing else.
    pub async fn token(&self) -> Result<Token, Error> {
        token(self.page.authorization()).await
    }

    /// After a refusal: a newer token of the same session.
    ///
    /// # Errors
    /// Why there will be none.
    ///
    /// # Cancel safety
    /// Dropping the future ends nothing else.
    pub async fn newer_than(&self, refused: &Stamp) -> Result<Token, Error> {
        token(self.page.newer_than(&refused.0)).await
    }

    /// Whether the token may be sent there: the URL's parsed origin is one of [those named](Builder::origins).
    #[must_use]
    pub fn allows(&self, url: &str) -> bool {
        self.page.allows(url)
    }

    /// Whether this answer to a request with our token is a refusal that a renewal may heal: a 401 that does not say otherwise
    /// (RFC 6750 §3). `challenges`: what of `WWW-Authenticate` can be read.
    #[must_use]
    pub fn is_refusal(&self, status: u16, challenges: Option<&str>) -> bool {
        self.page.is_refusal(status, challenges)
    }

    /// Signs in, in the place of whoever was. Ready when the tokens serve; `true`: they are stored, too. If not, that is
    /// tried again.
    ///
    /// # Errors
    /// [`ErrorKind::BadToken`].
    ///
    /// # Cancel safety
    /// Once polled it goes on without its future.
    pub async fn sign_in(&self, tokens: Tokens) -> Result<bool, Error> {
        let signed_in = awaited(self.page.sign_in(&tokens.into_js())).await?;
        Ok(signed_in.unchecked_ref::<Kept>().saved())
    }

    /// Ends the session: here and now, in the store and at the server as soon as they can be reached. Ending one that is over
    /// does nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`].
    ///
    /// # Cancel safety
    /// Once polled it goes on without its future.
    pub async fn sign_out(&self) -> Result<(), Error> {
        awaited(self.page.sign_out()).await.map(drop)
    }

    /// Tries again now what waits for a later time, after a configuration was mended.
    pub fn retry_now(&self) {
        self.page.retry_now();
    }

    /// The newest snapshot. Never waits.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.page.snapshot())
    }

    /// What there is to say about it. [`Status::Unknown`] until the store was read.
    #[must_use]
    pub fn status(&self) -> Status {
        self.snapshot().status
    }

    /// What came of asking for a [shared worker](Builder::shared_worker).
    #[must_use]
    pub fn worker_state(&self) -> WorkerState {
        WorkerState::named(page::worker_state(&self.page).as_deref())
    }

    /// Waits until the store was read, so that the [status](Self::status) is known.
    ///
    /// # Cancel safety
    /// Dropping the future ends nothing else.
    pub async fn ready(&self) {
        // It never rejects.
        let _ = JsFuture::from(self.page.ready()).await;
    }

    /// Calls `changed` with each new snapshot, until the subscription is dropped; the first that is not yet here comes by
    /// it, too.
    pub fn subscribe(&self, changed: impl Fn(Snapshot) + 'static) -> Subscription {
        let changed: Box<dyn Fn(page::View)> = Box::new(move |view| changed(Snapshot::of(&view)));
        let changed = Closure::wrap(changed);
        let stop = page::watch(&self.page, &changed);
        Subscription::new(stop, changed)
    }

    /// Calls `heard` with each event, until the subscription is dropped.
    pub fn events(&self, heard: impl Fn(Event) + 'static) -> Subscription {
        let heard: Box<dyn Fn(String, page::Detail)> = Box::new(move |name, detail| {
            if let Some(event) = Event::of(&name, &detail) {
                heard(event);
            }
        });
        let heard = Closure::wrap(heard);
        let stop = page::listen(&self.page, &heard);
        Subscription::new(stop, heard)
    }

    /// Ends what this page does for the session, after the renewal that may be under way; the grant lives on in its storage.
    /// What is asked of any handle from now on fails with [`ErrorKind::Closed`].
    ///
    /// # Cancel safety
    /// Once polled it goes on without its future.
    pub async fn close(&self) {
        // It never rejects.
        let _ = JsFuture::from(self.page.close()).await;
    }
}

/// The request of a future that nobody waits for any more.
struct AbortOnDrop(Option<AbortController>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

async fn awaited(promise: Promise) -> Result<JsValue, Error> {
    JsFuture::from(promise).await.map_err(Error::from_js)
}

async fn token(promise: Promise) -> Result<Token, Error> {
    Ok(Token::of(awaited(promise).await?.unchecked_ref::<Bearer>()))
}
