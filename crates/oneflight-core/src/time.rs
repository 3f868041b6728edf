//! Time as a parameter, in two readings.
//!
//! The wall clock is shared between holders and right after suspend, but may jump; the monotonic clock never goes back,
//! but may stand still during suspend and means nothing to another process. Expiry is judged by the first, deadlines and
//! back-off by the second.

use core::time::Duration;

/// A reading of the wall clock: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime(u64);

/// A reading of a clock that never goes back: milliseconds since a start that only this process knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonoTime(u64);

macro_rules! reading {
    ($name:ident, $from:ident, $to:ident) => {
        impl $name {
            /// The reading at this many milliseconds.
            #[must_use]
            pub const fn $from(millis: u64) -> Self {
                Self(millis)
            }

            /// The reading in milliseconds.
            #[must_use]
            pub const fn $to(self) -> u64 {
                self.0
            }

            /// This much later; the end of time at most.
            #[must_use]
            #[inline(never)]
            pub fn after(self, length: Duration) -> Self {
                Self(self.0.saturating_add(millis(length)))
            }

            /// This much earlier; the beginning of time at most.
            #[must_use]
            pub fn before(self, length: Duration) -> Self {
                Self(self.0.saturating_sub(millis(length)))
            }

            /// How long from `earlier` to this reading; nothing if `earlier` is later.
            #[must_use]
            #[inline(never)]
            pub fn since(self, earlier: Self) -> Duration {
                Duration::from_millis(self.0.saturating_sub(earlier.0))
            }
        }
    };
}

reading!(WallTime, from_unix_millis, as_unix_millis);
reading!(MonoTime, from_millis, as_millis);

/// The length in milliseconds; about as many as can be counted at most. `Duration::as_millis` counts in 128 bits, which
/// weighs in pages, and so would a copy of this for each that calls it.
#[must_use]
#[inline(never)]
pub fn millis(length: Duration) -> u64 {
    const LONGEST_SECS: u64 = u64::MAX / 1_000 - 1;
    length.as_secs().min(LONGEST_SECS) * 1_000 + u64::from(length.subsec_millis())
}

/// Both readings, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Now {
    /// The wall clock.
    pub wall: WallTime,
    /// The monotonic clock.
    pub mono: MonoTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t3_no_length_overflows_a_reading() {
        let late = WallTime::from_unix_millis(u64::MAX - 1);
        assert_eq!(late.after(Duration::MAX).as_unix_millis(), u64::MAX);
        assert_eq!(WallTime::default().before(Duration::MAX), WallTime::default());
        assert_eq!(WallTime::default().since(late), Duration::ZERO);
    }
}
