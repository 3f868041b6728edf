//! What the machine asks of the outside, and the one-shot rights to answer.

use alloc::sync::Arc;
use core::time::Duration;

use super::outcome::{Event, Outcome};
use crate::{EndReason, Record, SessionId, TokenSet, Version, WallTime};

/// Names an attempt or a command, so that its waiters can be told how it ended. Never used twice by one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub(super) u64);

/// Something the machine asks the outside to do, in this order. An effect that carries a ticket must be answered,
/// exactly once, by the method of [`Machine`](super::Machine) named after it; the others are done when they are done.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
#[non_exhaustive]
pub enum Effect {
    /// Take the store's lock, waiting no longer than the driver's bound. Answer: [`locked`](super::Machine::locked).
    Lock(LockTicket),
    /// Give the store's lock back. Also ends a wait for it that was given up.
    Unlock,
    /// Read the record. Answer: [`loaded`](super::Machine::loaded).
    Load(LoadTicket),
    /// Write the record by compare-and-swap. Answer: [`saved`](super::Machine::saved).
    Save(SaveTicket, Save),
    /// Ask the token endpoint for the next set, within the driver's deadline. Answer:
    /// [`refreshed`](super::Machine::refreshed).
    Refresh(RefreshTicket, Refresh),
    /// Revoke a refresh token (RFC 7009). Answer: [`revoked`](super::Machine::revoked).
    Revoke(RevokeTicket, Arc<TokenSet>),
    /// Let requests read this from now on.
    Publish(Snapshot),
    /// Tell the other holders that the store has moved on. A hint: only a version travels, never a token.
    Announce(Version),
    /// Tell everybody who waits for this attempt or command how it ended.
    Settle(AttemptId, Outcome),
    /// Tell the application.
    Notify(Event),
}

/// A compare-and-swap.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Save {
    /// The version that must stand in the store; `None`: there must be no record.
    pub expected: Option<Version>,
    /// What to put there.
    pub record: Record,
}

/// What a refresh needs to know.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Refresh {
    /// The set whose refresh token is to be spent; `None` where a session starts without one (client credentials,
    /// RFC 6749 §4.4).
    pub base: Option<Arc<TokenSet>>,
}

/// The immutable view of the session that requests read.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The number of what is published.
    pub generation: u64,
    /// What there is to say about the session.
    pub status: Status,
    /// The tokens, while signed in.
    pub current: Option<Current>,
}

/// The tokens of a snapshot, and until when they serve.
#[derive(Debug, Clone)]
pub struct Current {
    /// The sign-in they belong to.
    pub session: SessionId,
    /// The tokens.
    pub tokens: Arc<TokenSet>,
    /// From here on the token is not sent; `None`: only a refusal tells.
    pub usable_until: Option<WallTime>,
    /// From here on a request asks for a renewal, while it is still served with this token.
    pub renew_at: Option<WallTime>,
}

impl Current {
    /// Whether the token may be sent at this time.
    #[must_use]
    pub fn is_usable(&self, now: WallTime) -> bool {
        self.usable_until.is_none_or(|until| now < until)
    }

    /// Whether a renewal is due at this time.
    #[must_use]
    pub fn is_due(&self, now: WallTime) -> bool {
        self.renew_at.is_some_and(|at| now >= at)
    }
}

/// What there is to say about the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// The store was not read yet.
    Unknown,
    /// The store holds no record.
    NeverSignedIn,
    /// Signed in.
    SignedIn,
    /// The session has ended.
    SignedOut(EndReason),
}

/// Which part of the machine asked: their effects are under way side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Flight,
    Ledger,
    Look,
}

macro_rules! ticket {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* }) => {
        $(#[$doc])*
        ///
        /// Given out with the effect, consumed by the answer; there is no other way to make one.
        #[derive(Debug)]
        #[cfg_attr(test, derive(Clone, Copy, PartialEq, Eq, Hash))]
        #[must_use = "an effect that is never answered leaves its waiters waiting"]
        pub struct $name { $(pub(super) $field: $type),* }
    };
}

ticket!(
    /// The right to say how taking the lock went.
    LockTicket { serial: u32 }
);
ticket!(
    /// The right to say what was read.
    LoadTicket { lane: Lane, serial: u32 }
);
ticket!(
    /// The right to say how a write went.
    SaveTicket { lane: Lane, serial: u32 }
);
ticket!(
    /// The right to say what the token endpoint answered.
    RefreshTicket { serial: u32 }
);
ticket!(
    /// The right to say how a revocation went.
    RevokeTicket { serial: u32 }
);

/// How taking the lock went. A lock that failed is not a lock that is held, and neither says anything about the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LockResult {
    /// It is ours, and dies with us.
    Acquired,
    /// It is ours for this long, unless renewed: a lease, which may outlive its holder and may end before it.
    Leased(Duration),
    /// Somebody else kept it for longer than the bound.
    TimedOut,
    /// The store could not say.
    Failed,
}

/// The store could not do what it was asked. Says nothing about the session; whether a write landed is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreFailed;

/// How a compare-and-swap went, if the store could say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Swap {
    /// The record stands, under this version.
    Written(Version),
    /// Another version stands there; nothing was written.
    Conflict,
}

/// How a revocation went (RFC 7009 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revocation {
    /// The server confirmed it.
    Done,
    /// There was nothing to revoke, or the server offers no revocation.
    NotOffered,
    /// It failed; the session is over here all the same, and the token ends with its lifetime.
    Failed,
}
