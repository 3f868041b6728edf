//! The two readings of time, and where they come from.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use oneflight_core::{MonoTime, Now, WallTime};

/// Where a session reads the time.
///
/// [`SystemClock`] is the default; tests use [`TokioClock`], which stands still with tokio's paused time.
pub trait Clock: Send + Sync + 'static {
    /// Both readings, taken together.
    fn now(&self) -> Now;

    /// The wall clock alone: what every request reads.
    fn wall(&self) -> WallTime {
        self.now().wall
    }
}

/// The clock of the machine. Times before 1970 are read as 1970.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemClock;

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where time enters"
)]
impl Clock for SystemClock {
    fn now(&self) -> Now {
        static START: OnceLock<Instant> = OnceLock::new();
        let start = *START.get_or_init(Instant::now);
        Now {
            wall: self.wall(),
            mono: MonoTime::from_millis(millis(start.elapsed())),
        }
    }

    fn wall(&self) -> WallTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        WallTime::from_unix_millis(millis(since.unwrap_or_default()))
    }
}

/// The wall clock of the machine as the system keeps it, for comparisons on the hot path: the way through
/// milliseconds costs as much as the rest of it.
#[inline]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where time enters"
)]
pub(crate) fn system_time() -> SystemTime {
    SystemTime::now()
}

/// A reading as the system keeps it; `None` if it lies beyond what the system can keep.
pub(crate) fn as_system_time(at: WallTime) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(at.as_unix_millis()))
}

/// A clock that follows tokio's: under `#[tokio::test(start_paused = true)]` it moves only when time is advanced, and
/// expiry, back-off and deadlines move with it.
///
/// Its wall clock can be set apart from the other, to see what a jump does.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use oneflight::{Clock, TokioClock, WallTime};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
/// let clock = TokioClock::starting_at(WallTime::from_unix_millis(1_700_000_000_000));
/// tokio::time::advance(Duration::from_secs(900)).await;
/// assert_eq!(clock.wall().as_unix_millis(), 1_700_000_900_000);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TokioClock {
    start: tokio::time::Instant,
    wall: WallTime,
    /// How far the wall clock was set forward, or back, in milliseconds.
    set_by_millis: AtomicI64,
}

impl TokioClock {
    /// A clock whose wall reads this now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "it is a clock")]
    pub fn starting_at(wall: WallTime) -> Self {
        Self {
            start: tokio::time::Instant::now(),
            wall,
            set_by_millis: AtomicI64::new(0),
        }
    }

    /// Sets the wall clock forward; the monotonic one does not notice.
    pub fn set_forward(&self, by: Duration) {
        self.set_by_millis.fetch_add(signed(by), Ordering::SeqCst);
    }

    /// Sets the wall clock back; the monotonic one does not notice.
    pub fn set_back(&self, by: Duration) {
        self.set_by_millis.fetch_sub(signed(by), Ordering::SeqCst);
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Now {
        let elapsed = self.start.elapsed();
        let set_by = self.set_by_millis.load(Ordering::SeqCst);
        let wall = self.wall.after(elapsed).as_unix_millis();
        Now {
            wall: WallTime::from_unix_millis(wall.saturating_add_signed(set_by)),
            mono: MonoTime::from_millis(millis(elapsed)),
        }
    }
}

impl fmt::Debug for TokioClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokioClock").field(&self.now()).finish()
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn signed(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn t4_the_wall_clock_of_a_test_can_be_set_without_moving_the_other() {
        let clock = TokioClock::starting_at(WallTime::from_unix_millis(1_000));
        let before = clock.now();
        clock.set_back(Duration::from_secs(600));
        assert_eq!(clock.now().wall, WallTime::from_unix_millis(0));
        clock.set_forward(Duration::from_secs(600));
        assert_eq!(clock.now(), before);
        clock.set_forward(Duration::from_secs(7));
        assert_eq!(clock.now().wall.since(before.wall), Duration::from_secs(7));
        assert_eq!(clock.now().mono, before.mono);
    }

    #[test]
    fn t4_the_monotonic_reading_of_the_system_never_goes_back() {
        let clock = SystemClock;
        let first = clock.now();
        assert!(clock.now().mono >= first.mono);
        assert!(first.wall > WallTime::from_unix_millis(1_600_000_000_000));
    }
}
