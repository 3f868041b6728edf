//! Numbers, through the facade of the [`metrics`] crate. Feature `metrics`.
//!
//! | name | kind | what |
//! |---|---|---|
//! | `oneflight_refreshes_total` | counter, label `outcome` | ends of attempts: `renewed`, `adopted`, `transient`, `interaction`, `configuration`, `no_refresh_token`, `same_token`, `signed_out` |
//! | `oneflight_waiters_per_refresh` | histogram | how many demands one refresh served |
//! | `oneflight_refresh_seconds` | histogram | how long a renewal took, from its start to its settlement |
//! | `oneflight_wait_seconds` | histogram | how long callers waited for a token |
//! | `oneflight_refreshes_saved_total` | counter | demands that were served without a refresh of their own |
//! | `oneflight_replays_total` | counter | requests that interceptors sent again with a newer token |
//! | `oneflight_store_failures_total` | counter | times a store failed to keep something |

use std::time::Duration;

use metrics::{counter, histogram};
use oneflight_core::machine::{Event, Failure};

/// Ends of attempts, by outcome.
pub const REFRESHES: &str = "oneflight_refreshes_total";
/// How many demands one refresh served.
pub const WAITERS: &str = "oneflight_waiters_per_refresh";
/// How long a renewal took.
pub const REFRESH_SECONDS: &str = "oneflight_refresh_seconds";
/// How long callers waited for a token.
pub const WAIT_SECONDS: &str = "oneflight_wait_seconds";
/// Demands that were served without a refresh of their own.
pub const REFRESHES_SAVED: &str = "oneflight_refreshes_saved_total";
/// Requests that were sent again with a newer token.
pub const REPLAYS: &str = "oneflight_replays_total";
/// Times a store failed to keep something.
pub const STORE_FAILURES: &str = "oneflight_store_failures_total";

pub(crate) fn count(event: &Event) {
    let outcome = match event {
        Event::Renewed { took, waiters, .. } => {
            histogram!(WAITERS).record(f64::from(*waiters));
            histogram!(REFRESH_SECONDS).record(took.as_secs_f64());
            counter!(REFRESHES_SAVED).increment(u64::from(waiters.saturating_sub(1)));
            "renewed"
        }
        Event::Adopted { .. } => "adopted",
        Event::SignedOut { .. } => "signed_out",
        Event::RenewalFailed { failure } => match failure {
            Failure::Interaction { .. } => "interaction",
            Failure::Configuration { .. } => "configuration",
            Failure::NoRefreshToken => "no_refresh_token",
            Failure::SameToken => "same_token",
            _ => "transient",
        },
        Event::StoreFailed { .. } => {
            counter!(STORE_FAILURES).increment(1);
            return;
        }
        _ => return,
    };
    counter!(REFRESHES, "outcome" => outcome).increment(1);
}

/// A caller has waited for a token this long.
pub(crate) fn waited(length: Duration) {
    histogram!(WAIT_SECONDS).record(length.as_secs_f64());
}

/// A refused request found a newer token already there.
pub(crate) fn saved() {
    counter!(REFRESHES_SAVED).increment(1);
}

/// A request was sent again.
pub(crate) fn replayed() {
    counter!(REPLAYS).increment(1);
}
