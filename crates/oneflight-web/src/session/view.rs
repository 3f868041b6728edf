//! What there is to see of a session: its snapshot, and what happens to it.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use wasm_bindgen::prelude::Closure;

use super::error::Error;
use super::page::{Detail, View};

/// An immutable view of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// What there is to say about it.
    pub status: Status,
    /// When the access token ends, by the page's clock, since 1970. `None`: not known.
    pub expires_at: Option<Duration>,
    /// Grows with every token.
    pub generation: u64,
    /// Who shares the grant with this page, as it turned out.
    pub sharing: Sharing,
}

/// What there is to say about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// The store was not read yet.
    Unknown,
    /// Nobody has signed in.
    NeverSignedIn,
    /// Somebody is signed in.
    SignedIn,
    /// The session is over.
    SignedOut(EndReason),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The application signed out, here or in another tab.
    SignOut,
    /// The server no longer accepts the refresh token.
    Rejected,
    /// The same, after an answer was lost: the server may have taken the second try for a replay.
    ReplayDetected,
    /// The record was removed from the storage.
    Removed,
    /// The access token has run out, and no refresh token came with it.
    Expired,
    /// This tab is a copy of another one, which keeps the session.
    Copied,
    /// Something that this version does not know.
    Unknown,
}

/// Who shares the grant with this page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sharing {
    /// The storage is not shared.
    Alone,
    /// All pages of the origin, by Web Locks.
    Locks,
    /// All pages of the origin, by a lease in IndexedDB: there are no Web Locks here, for instance without https.
    Lease,
    /// It should be shared, but storage is denied: this page stands alone.
    Denied,
}

/// What happened to a session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Tokens are there after a sign-in.
    SignedIn {
        /// In this page, not in another one.
        here: bool,
    },
    /// The session is over.
    SignedOut {
        /// Why.
        reason: EndReason,
        /// In this page, not in another one.
        here: bool,
    },
    /// A renewal began under this page's hand.
    Refreshing {
        /// Why.
        cause: Cause,
    },
    /// A newer token is there.
    Refreshed {
        /// By a request of this page, not of another one.
        here: bool,
        /// The token's.
        generation: u64,
        /// How many requests of this page waited for it.
        waiters: u32,
    },
    /// A renewal failed, and the session goes on.
    RefreshFailed(Error),
    /// The storage failed to keep something. It lives on in this page, and storing it is tried again.
    StoreFailed(Unkept),
    /// What could not be stored is stored now.
    StoreRecovered,
}

/// Why a renewal began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The token had run out.
    Expired,
    /// The API refused it.
    Refused,
    /// It was time to renew ahead.
    Due,
    /// The page began without a token.
    Opening,
}

/// What could not be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unkept {
    /// Renewed tokens.
    Tokens,
    /// A sign-in.
    SignIn,
    /// A sign-out.
    SignOut,
}

/// Why a refused request was not sent a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotReplayed {
    /// Its body was a stream, and is gone.
    Stream,
    /// It was sent by [`fetch_once`](super::Session::fetch_once).
    OptedOut,
    /// A redirect had been followed, so the first server may have carried it out.
    Redirected,
    /// There is no newer token, and [`OnFailure::Response`](super::OnFailure::Response) is set; or the API refuses fresh
    /// tokens.
    NotRenewed,
}

/// What came of asking for a [shared worker](super::Builder::shared_worker).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkerState {
    /// Nobody asked for one.
    None,
    /// Nothing was refreshed yet.
    Unused,
    /// Refreshes run in it.
    Running,
    /// This browser ends a shared worker with its last page (all but Chromium): refreshes run in the page.
    Unsupported,
    /// It did not start: its script is missing, of another origin, or forbidden by a policy. Refreshes run in the page.
    Failed,
}

/// Ends when dropped: what was subscribed to is no longer heard.
#[must_use = "dropping it ends the subscription"]
pub struct Subscription {
    stop: js_sys::Function,
    /// Kept for as long as JavaScript may call it.
    _heard: Box<dyn Any>,
}

impl Subscription {
    pub(super) fn new<T: ?Sized + 'static>(stop: js_sys::Function, heard: Closure<T>) -> Self {
        let _heard = Box::new(heard);
        Self { stop, _heard }
    }

    /// Goes on for as long as the page lives.
    pub fn forever(self) {
        std::mem::forget(self);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // It cannot throw; and there is nobody to tell.
        let _ = self.stop.call0(&wasm_bindgen::JsValue::UNDEFINED);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Whether somebody is signed in.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        self.status == Status::SignedIn
    }

    pub(super) fn of(view: &View) -> Self {
        let status = match view.status().as_str() {
            "never-signed-in" => Status::NeverSignedIn,
            "signed-in" => Status::SignedIn,
            "signed-out" => Status::SignedOut(EndReason::named(view.reason().as_deref())),
            _ => Status::Unknown,
        };
        let sharing = match view.sharing().as_str() {
            "locks" => Sharing::Locks,
            "lease" => Sharing::Lease,
            "denied" => Sharing::Denied,
            _ => Sharing::Alone,
        };
        Self {
            status,
            expires_at: view.expires_at().map(|at| Duration::from_millis(at as u64)),
            generation: view.generation() as u64,
            sharing,
        }
    }
}

impl EndReason {
    pub(super) fn named(name: Option<&str>) -> Self {
        match name {
            Some("sign-out") => Self::SignOut,
            Some("rejected") => Self::Rejected,
            Some("replay-detected") => Self::ReplayDetected,
            Some("removed") => Self::Removed,
            Some("expired") => Self::Expired,
            Some("copied") => Self::Copied,
            _ => Self::Unknown,
        }
    }
}

impl Event {
    /// `None` for one that this version does not know.
    pub(super) fn of(name: &str, detail: &Detail) -> Option<Self> {
        let here = detail.here().unwrap_or_default();
        Some(match name {
            "signin" => Self::SignedIn { here },
            "signout" => Self::SignedOut {
                reason: EndReason::named(detail.reason().as_deref()),
                here,
            },
            "refreshing" => Self::Refreshing {
                cause: match detail.cause().as_deref() {
                    Some("expired") => Cause::Expired,
                    Some("refused") => Cause::Refused,
                    Some("due") => Cause::Due,
                    _ => Cause::Opening,
                },
            },
            "refreshed" => Self::Refreshed {
                here,
                generation: detail.generation().unwrap_or_default() as u64,
                waiters: detail.waiters().unwrap_or_default(),
            },
            "refreshfailed" => Self::RefreshFailed(Error::from_js(detail.error())),
            "storefailed" => Self::StoreFailed(match detail.what().as_deref() {
                Some("sign-in") => Unkept::SignIn,
                Some("sign-out") => Unkept::SignOut,
                _ => Unkept::Tokens,
            }),
            "storerecovered" => Self::StoreRecovered,
            _ => return None,
        })
    }
}

impl WorkerState {
    pub(super) fn named(name: Option<&str>) -> Self {
        match name {
            None => Self::None,
            Some("unused") => Self::Unused,
            Some("running") => Self::Running,
            Some("unsupported") => Self::Unsupported,
            Some(_) => Self::Failed,
        }
    }
}

impl NotReplayed {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "stream" => Self::Stream,
            "opted-out" => Self::OptedOut,
            "redirected" => Self::Redirected,
            _ => Self::NotRenewed,
        }
    }
}
