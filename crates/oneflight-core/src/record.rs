//! What a store keeps: one record per grant.

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::{MonoTime, TokenSet, WallTime};

/// Which sign-in a token set belongs to: 128 random bits made at sign-in, kept by renewals and by the tombstone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub [u8; 16]);

/// Which holder wrote a mark: 128 random bits made when the holder starts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HolderId(pub [u8; 16]);

macro_rules! hex_debug {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                for byte in self.0 {
                    write!(f, "{byte:02x}")?;
                }
                f.write_str(")")
            }
        }
    };
}
hex_debug!(SessionId);
hex_debug!(HolderId);

/// The store's number of a record; grows with every write. Compare-and-swap compares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A record with the number its store gave it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The number of this write.
    pub version: Version,
    /// What was written.
    pub record: Record,
}

/// One sign-in as a store keeps it: live with its newest token set, or ended.
#[derive(Debug, Clone)]
pub struct Record {
    /// The sign-in.
    pub session: SessionId,
    /// The number of the token set within the session: 0 at sign-in, one more with each renewal. A tombstone keeps
    /// the number of the set it buried.
    pub set: u64,
    /// Live or ended.
    pub state: State,
}

/// Whether a stored session lives.
#[derive(Debug, Clone)]
pub enum State {
    /// It lives, with these tokens.
    Live {
        /// The newest token set.
        tokens: Arc<TokenSet>,
        /// Somebody may be spending its refresh token.
        mark: Option<Mark>,
        /// Nobody should try before this is over.
        back_off: Option<BackOff>,
    },
    /// It has ended: a tombstone.
    Ended(EndReason),
}

/// A request with this token set may be on its way, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Who is about to send.
    pub holder: HolderId,
    /// When the mark was written, by that holder's wall clock.
    pub at: WallTime,
}

/// A pause that all holders keep: a start and a length, so that a clock set back cannot stretch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BackOff {
    /// When it began, by the wall clock of the holder that failed.
    pub start: WallTime,
    /// How long it lasts.
    pub length: Duration,
    /// Which step of the back-off it is: 0 for the first failure.
    pub step: u32,
}

impl BackOff {
    /// What is left of it. `seen` is when this holder first read it: a start that lies in the future, because some clock
    /// was wrong, counts from there.
    #[must_use]
    pub fn remaining(&self, now: crate::Now, seen: MonoTime) -> Duration {
        let elapsed = if self.start > now.wall {
            now.mono.since(seen)
        } else {
            now.wall.since(self.start).max(now.mono.since(seen))
        };
        self.length.saturating_sub(elapsed)
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The application signed out.
    SignOut,
    /// The authorization server said that the grant is dead (`invalid_grant`, RFC 6749 §5.2).
    GrantDead {
        /// An answer had been lost before, so the server may have rotated the token without anybody learning the new
        /// one.
        after_loss: bool,
    },
    /// The record was removed from the store.
    Removed,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignOut => "the application signed out",
            Self::GrantDead { after_loss: false } => {
                "the authorization server no longer accepts the refresh token"
            }
            Self::GrantDead { after_loss: true } => {
                "the authorization server no longer accepts the refresh token, after an answer of it was lost"
            }
            Self::Removed => "the record was removed from the store",
        })
    }
}
