//! How attempts end, and what the application hears of it.

use core::fmt;
use core::time::Duration;

use super::effect::Revocation;
use crate::answer::{ErrorCode, LossCause, NotProcessedCause, Setting};
use crate::{EndReason, MonoTime, SessionId};

/// How an attempt or a command ended: the same for everybody who waited for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The token endpoint gave a new set; this generation carries it.
    Renewed {
        /// The generation that was published.
        generation: u64,
    },
    /// Another holder had renewed; its set was taken over, without a request.
    Adopted {
        /// The generation that was published.
        generation: u64,
    },
    /// A sign-in stands: in the store, or for now only here.
    SignedIn {
        /// The generation that was published.
        generation: u64,
        /// It was stored. Otherwise the machine goes on trying.
        saved: bool,
    },
    /// A sign-out took effect here; it cannot be undone.
    Ended {
        /// The tombstone stands in the store, or there was nothing to bury. Otherwise the machine goes on trying.
        landed: bool,
        /// What became of the refresh token at the authorization server.
        revocation: Revocation,
    },
    /// It failed.
    Failed(Failure),
}

/// Why there is no token, in terms of what the caller can do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// Sign in: the store holds no session.
    NeverSignedIn,
    /// Sign in again: the session has ended.
    SignedOut(EndReason),
    /// Sign in again: the access token has run out and no refresh token came with it.
    NoRefreshToken,
    /// Nothing to do: another sign-in took the place of the session that this request belonged to. Its tokens must
    /// not be used for that request.
    Replaced,
    /// Retry: the token endpoint, the store or the way to them is ill.
    Transient {
        /// What happened.
        cause: TransientCause,
        /// When the next attempt is allowed.
        retry_at: MonoTime,
    },
    /// Ask the user: the authorization server wants interaction (OpenID Connect Core §3.1.2.6).
    Interaction {
        /// The server's `error` code.
        code: Option<ErrorCode>,
        /// When the next attempt is allowed.
        retry_at: MonoTime,
    },
    /// Fix the configuration: the server refuses this client or what it asks for (RFC 6749 §5.2).
    Configuration {
        /// Which setting to look at.
        setting: Setting,
        /// The server's `error` code, if it gave one.
        code: Option<ErrorCode>,
        /// When the next attempt is allowed.
        retry_at: MonoTime,
    },
    /// Look at the API: the refresh gave back the very token that was refused.
    SameToken,
    /// Look at the API: it refused so many fresh tokens that renewing again is paused.
    RejectionBudget {
        /// When a refusal may cause a renewal again.
        retry_at: MonoTime,
    },
    /// The session was closed by the application.
    Closed,
}

impl Failure {
    /// When it makes sense to ask again; `None` if only a sign-in or a change of configuration helps, or nothing.
    #[must_use]
    pub fn retry_at(&self) -> Option<MonoTime> {
        match self {
            Self::Transient { retry_at, .. }
            | Self::Interaction { retry_at, .. }
            | Self::Configuration { retry_at, .. }
            | Self::RejectionBudget { retry_at } => Some(*retry_at),
            _ => None,
        }
    }
}

/// What went wrong, where it may go right later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransientCause {
    /// The token endpoint surely did not process the request.
    NotProcessed(NotProcessedCause),
    /// Perhaps it did, but its answer is lost or cannot be used.
    AnswerLost(LossCause),
    /// An answer was lost before, and the profile forbids to present the refresh token again while the access
    /// token lives.
    WaitingForExpiry,
    /// Another holder failed just now; its pause is kept here too.
    BackOff,
    /// The store's lock was held by another holder for too long.
    LockBusy,
    /// The store's lock could not be asked for.
    LockFailed,
    /// The store could not be read.
    StoreUnreadable,
    /// The store could not be written, so the refresh token was not sent.
    StoreUnwritable,
    /// The record changed under us again and again.
    StoreContended,
}

impl fmt::Display for TransientCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotProcessed(cause) => return cause.fmt(f),
            Self::AnswerLost(cause) => return cause.fmt(f),
            Self::WaitingForExpiry => {
                "an answer was lost, and the refresh token is not presented again while the access token lives"
            }
            Self::BackOff => "another holder of the session failed to refresh just now",
            Self::LockBusy => "another holder kept the store's lock for too long",
            Self::LockFailed => "the store's lock could not be taken",
            Self::StoreUnreadable => "the store could not be read",
            Self::StoreUnwritable => "the store could not be written, so no refresh was sent",
            Self::StoreContended => "the stored record kept changing",
        })
    }
}

/// Why an attempt began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The store had not been read yet, or not for a while.
    Opening,
    /// The access token had run out.
    Expired,
    /// The API refused the access token.
    Refused,
    /// The access token was about to run out.
    Due,
}

/// What the application hears. Carries no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A sign-in stands, made here or by another holder.
    SignedIn {
        /// The sign-in.
        session: SessionId,
        /// The generation that was published.
        generation: u64,
    },
    /// A refresh is about to be sent.
    Renewing {
        /// Why.
        cause: Cause,
    },
    /// A refresh gave a new set.
    Renewed {
        /// The generation that was published.
        generation: u64,
        /// Why it was renewed.
        cause: Cause,
        /// From the start of the attempt to its settlement.
        took: Duration,
        /// How many demands joined the attempt.
        waiters: u32,
    },
    /// Another holder's set was taken over.
    Adopted {
        /// The generation that was published.
        generation: u64,
    },
    /// An attempt failed; the session lives on.
    RenewalFailed {
        /// How.
        failure: Failure,
    },
    /// The store failed to keep something; it is tried again.
    StoreFailed {
        /// What it failed to keep.
        what: Unkept,
    },
    /// What the store had failed to keep is stored now.
    StoreRecovered,
    /// The session ended.
    SignedOut {
        /// Why.
        reason: EndReason,
    },
    /// A refresh token was revoked, or could not be.
    Revoked {
        /// How it went.
        revocation: Revocation,
    },
}

/// What a store failed to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unkept {
    /// A new token set: it lives on in memory.
    TokenSet,
    /// A sign-in: it lives on in memory.
    SignIn,
    /// A tombstone: the session is over here all the same.
    Tombstone,
}
