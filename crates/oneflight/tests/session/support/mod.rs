//! A scripted authorization server, a hostile store, and what tests of several files need of both.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows test functions only, not their helpers"
)]

pub mod server;
pub mod store;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use oneflight::endpoint::OAuthEndpoint;
use oneflight::{Clock, Policy, Session, SessionBuilder, Store, TokenSet, TokioClock, WallTime};

pub use server::{Answer, Server};
pub use store::HostileStore;

/// What the wall clock shows at the start of each test.
pub const START: WallTime = WallTime::from_unix_millis(1_700_000_000_000);

pub const LIFETIME: Duration = Duration::from_secs(900);

/// A clock that several parts of a test share.
#[derive(Clone)]
pub struct SharedClock(pub Arc<TokioClock>);

impl SharedClock {
    pub fn new() -> Self {
        Self(Arc::new(TokioClock::starting_at(START)))
    }
}

impl Clock for SharedClock {
    fn now(&self) -> oneflight::Now {
        self.0.now()
    }
}

/// A session's surroundings: one server, one clock, and as many holders as a test wants.
#[derive(Clone)]
pub struct World {
    pub server: Arc<Server>,
    pub clock: SharedClock,
}

impl World {
    pub fn new() -> Self {
        Self {
            server: Arc::new(Server::new()),
            clock: SharedClock::new(),
        }
    }

    pub fn endpoint(&self) -> OAuthEndpoint {
        OAuthEndpoint::builder("https://as.example/token", "client", Arc::clone(&self.server))
            .revocation_url("https://as.example/revoke")
            .build()
            .unwrap()
    }

    pub fn builder(&self) -> SessionBuilder {
        Session::builder()
            .endpoint(self.endpoint())
            .clock(self.clock.clone())
            .origins(["https://api.example"])
            .policy(policy())
    }

    pub fn holder(&self, store: impl Store) -> Session {
        self.builder().store(store).build().unwrap()
    }

    /// The first token set of a new grant.
    pub fn grant(&self) -> TokenSet {
        let (access, refresh) = self.server.new_grant();
        TokenSet::new(&access, self.clock.wall())
            .unwrap()
            .refresh_token(&refresh)
            .unwrap()
            .expires_in(LIFETIME)
    }

    /// A session that is signed in, over a memory store of its own.
    pub async fn signed_in(&self) -> Session {
        let session = self.builder().build().unwrap();
        session.sign_in(self.grant()).await.unwrap();
        session
    }
}

/// Without jitter, so that tests can say when things happen.
pub fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.renew_jitter = 0.0;
    policy
}

/// Lets everything run that can run without time passing.
pub async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Lets the paused clock run for so long, in a hundred steps: whatever falls due on the way is done when it is due.
pub async fn pass(length: Duration) {
    for _ in 0..100 {
        tokio::time::advance(length / 100).await;
        settle().await;
    }
}

/// Polls a future by hand, outside every runtime if need be.
pub fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
