//! The clock a [`TestServer`](crate::TestServer) lives by.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// The last second of the year 9999: HTTP dates end there.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// The time by which tokens expire, fault points delay and `Retry-After` dates are written.
///
/// [`Clock::system`] runs; [`Clock::virtual_at`] stands still until it is told to
/// [`advance`](Clock::advance). Both can be advanced, so a test can jump over a
/// lifetime on either of them. Clones share one time.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use oneflight_testkit::Clock;
///
/// let clock = Clock::virtual_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
/// clock.advance(Duration::from_secs(900));
/// assert_eq!(clock.unix().as_secs(), 1_700_000_900);
/// ```
#[derive(Clone, Debug)]
pub struct Clock {
    /// `None` for the system's time, else where a virtual clock began.
    start: Option<Duration>,
    advanced: watch::Sender<Duration>,
}

impl Clock {
    /// A clock that follows the machine's time.
    pub fn system() -> Self {
        Self {
            start: None,
            advanced: watch::Sender::new(Duration::ZERO),
        }
    }

    /// A clock that shows `start` until it is advanced. Times before 1970 are read as 1970.
    pub fn virtual_at(start: SystemTime) -> Self {
        Self {
            start: Some(start.duration_since(UNIX_EPOCH).unwrap_or_default()),
            advanced: watch::Sender::new(Duration::ZERO),
        }
    }

    /// Whether this clock stands still between two calls of [`advance`](Self::advance).
    pub fn is_virtual(&self) -> bool {
        self.start.is_some()
    }

    /// The time now.
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.unix()
    }

    /// The time a while from now, at the latest the end of the year 9999.
    pub fn after(&self, span: Duration) -> SystemTime {
        UNIX_EPOCH + self.unix().saturating_add(span).min(LATEST)
    }

    /// The time now, as the span since 1970-01-01 00:00 UTC.
    pub fn unix(&self) -> Duration {
        let base = self
            .start
            .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        base.saturating_add(*self.advanced.borrow()).min(LATEST)
    }

    /// Moves the time forward and wakes what was waiting for it. Time ends with the year 9999.
    pub fn advance(&self, by: Duration) {
        self.advanced
            .send_modify(|total| *total = total.saturating_add(by));
    }

    /// Waits until `span` has passed on this clock. Cancel safe.
    ///
    /// On a virtual clock nothing but [`advance`](Self::advance) lets time pass.
    pub async fn sleep(&self, span: Duration) {
        let mut moves = self.advanced.subscribe();
        let until = self.unix().saturating_add(span);
        loop {
            let rest = until.saturating_sub(self.unix());
            if rest.is_zero() {
                return;
            }
            let moved = async {
                if moves.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            if self.is_virtual() {
                moved.await;
            } else {
                tokio::select! {
                    () = tokio::time::sleep(rest) => {}
                    () = moved => {}
                }
            }
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_virtual_sleep_ends_when_the_clock_is_advanced_far_enough() {
        let clock = Clock::virtual_at(UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(10)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.expect("the sleeper ends");
    }

    #[test]
    fn the_system_clock_can_be_moved_ahead() {
        let clock = Clock::system();
        let before = clock.unix();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.unix() >= before + Duration::from_secs(3600));
    }

    #[test]
    fn advancing_beyond_the_end_of_time_stays_there() {
        let clock = Clock::virtual_at(UNIX_EPOCH);
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.unix(), LATEST);
        assert_eq!(
            httpdate::fmt_http_date(clock.now()),
            "Fri, 31 Dec 9999 23:59:59 GMT"
        );
    }
}
