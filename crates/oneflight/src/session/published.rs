//! What requests read: the snapshot, with a header that is ready to be sent.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderValue;
use oneflight_core::machine::{Current, Snapshot, Stamp, Status};
use oneflight_core::{TokenSet, WallTime};

use crate::clock::as_system_time;

/// A time that never comes, so that a comparison needs no branch of its own.
const NEVER: WallTime = WallTime::from_unix_millis(u64::MAX);

/// The immutable view of a session that requests share.
pub(crate) struct Published {
    pub(crate) status: Status,
    pub(crate) live: Option<Live>,
}

/// The tokens of a session that lives.
pub(crate) struct Live {
    pub(crate) stamp: Stamp,
    pub(crate) tokens: Arc<TokenSet>,
    pub(crate) header: HeaderValue,
    usable_until: WallTime,
    /// Until here the token is usable and not due, as the system keeps time; `None`: never, as far as it can tell.
    fresh_until: Option<SystemTime>,
}

impl Published {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        let Snapshot {
            generation,
            status,
            current,
        } = snapshot;
        Self {
            status,
            live: current.map(|current| Live::new(generation, current)),
        }
    }
}

impl Live {
    fn new(generation: u64, current: Current) -> Self {
        let header = Bytes::from_owner(HeaderBytes(Arc::clone(&current.tokens)));
        let mut header = HeaderValue::from_maybe_shared(header).expect("an access token is printable ASCII");
        header.set_sensitive(true);
        let usable_until = current.usable_until.unwrap_or(NEVER);
        let renew_at = current.renew_at.unwrap_or(NEVER);
        Self {
            stamp: Stamp {
                session: current.session,
                generation,
            },
            header,
            usable_until,
            fresh_until: as_system_time(usable_until.min(renew_at)),
            tokens: current.tokens,
        }
    }

    /// Whether the token may be sent at this time.
    pub(crate) fn is_usable(&self, now: WallTime) -> bool {
        now < self.usable_until
    }

    /// Whether the token is usable and no renewal is due, in the quickest way there is.
    #[inline]
    pub(crate) fn is_fresh(&self, now: SystemTime) -> bool {
        self.fresh_until.is_none_or(|until| now < until)
    }

    /// Whether a renewal is due, or the token has run out.
    pub(crate) fn is_due(&self, now: WallTime) -> bool {
        !as_system_time(now).is_some_and(|now| self.is_fresh(now))
    }

    pub(crate) fn usable_until(&self) -> Option<WallTime> {
        (self.usable_until != NEVER).then_some(self.usable_until)
    }
}

/// Lends the bytes of the access token to header values, which keep the whole set alive: nothing is copied, and the
/// token is wiped when the last of them is gone.
struct HeaderBytes(Arc<TokenSet>);

impl AsRef<[u8]> for HeaderBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.access_token.authorization()
    }
}
