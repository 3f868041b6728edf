//! `Retry-After`: any header value, at any time.

use core::time::Duration;

use oneflight_core::WallTime;
use oneflight_core::retry_after::{DEFAULT_RETRY_AFTER_CAP, RetryAfter};

/// Reads a header value that came at some time.
pub(crate) fn check(value: &[u8], received_millis: u64) {
    let received = WallTime::from_unix_millis(received_millis);
    let Some(read) = RetryAfter::parse(value, received) else {
        return;
    };
    assert!(read.delay(received, DEFAULT_RETRY_AFTER_CAP) <= DEFAULT_RETRY_AFTER_CAP);
    assert_eq!(read.delay(received, Duration::ZERO), Duration::ZERO);
    assert!(value.is_ascii(), "only ASCII is either form");
    match read {
        RetryAfter::Delay(delay) => {
            assert_eq!(read.delay(received, Duration::MAX), delay);
            let again = RetryAfter::parse(delay.as_secs().to_string(), received);
            assert_eq!(again, Some(read));
        }
        RetryAfter::At(time) => {
            let end = WallTime::from_unix_millis(u64::MAX);
            assert_eq!(read.delay(end, Duration::MAX), Duration::ZERO);
            assert_eq!(time.as_unix_millis() % 1_000, 0, "dates have whole seconds");
        }
    }
}
