//! When a token set serves, when it is renewed, and how long a pause lasts.

use core::time::Duration;

use super::config::{Policy, Renew};
use crate::time::millis;
use crate::{SessionId, TokenSet, WallTime};

/// Until when a token set serves, and from when on it should be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Timing {
    pub(super) usable_until: Option<WallTime>,
    pub(super) renew_at: Option<WallTime>,
}

impl Timing {
    /// Judges a set. `spread` is a number between 0 and 1 that differs between sessions and sets.
    pub(super) fn of(policy: &Policy, tokens: &TokenSet, now: WallTime, spread: f32) -> Self {
        let Some(lifetime) = tokens.expires_in else {
            return Self {
                usable_until: None,
                renew_at: None,
            };
        };
        let start = tokens.received_at.min(now);
        // A set that is born expired is sent all the same for a moment: the API knows better than a lifetime of
        // zero, and asking again at once would loop.
        let floor = policy.floor();
        let lifetime = lifetime.min(Policy::MAX_LENGTH).max(floor);
        let usable_until = start.after(lifetime);
        let renew_at = (policy.renew != Renew::Off).then(|| {
            let factor = part(policy.renew_factor) * (1.0 - part(policy.renew_jitter) * spread);
            start
                .after(Duration::from_millis(share(millis(lifetime), factor)))
                .min(usable_until.before(policy.leeway))
                .max(start.after(floor))
        });
        Self {
            usable_until: Some(usable_until),
            renew_at,
        }
    }

    pub(super) fn is_usable(&self, now: WallTime) -> bool {
        self.usable_until.is_none_or(|until| now < until)
    }

    pub(super) fn is_due(&self, now: WallTime) -> bool {
        self.renew_at.is_some_and(|at| now >= at)
    }
}

/// A part of a whole: between 0 and 1, whatever was configured.
fn part(value: f32) -> f32 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 1.0)
    }
}

/// So much of a number of milliseconds.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a length beyond 53 bits of milliseconds needs no precision, and neither factor is negative"
)]
fn share(millis: u64, factor: f32) -> u64 {
    (millis as f64 * f64::from(part(factor))) as u64
}

/// How long to pause after a failure, in whole milliseconds: doubled with each step, jittered, capped; what the server asks
/// for (`Retry-After`) goes before, within the cap.
pub(super) fn pause(policy: &Policy, step: u32, retry_after: Option<Duration>, spread: f32) -> Duration {
    /// Doubling further would only overflow; the cap has long been reached.
    const MAX_DOUBLINGS: u32 = 20;
    let bounded = |length: Duration| millis(length.min(Policy::MAX_LENGTH));
    let (base, cap) = (bounded(policy.back_off_base), bounded(policy.back_off_cap));
    let length = match retry_after.map(bounded) {
        Some(asked) => asked.max(base) + share(asked.min(cap), 0.1 * part(spread)),
        None => {
            let doubled = base << step.min(MAX_DOUBLINGS);
            share(doubled.min(cap), 0.5 + 0.5 * part(spread))
        }
    };
    Duration::from_millis(length.min(cap)).max(Policy::MIN_PAUSE)
}

/// A small generator (SplitMix64) for jitter. Nothing secret is made with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Spread(pub(super) u64);

impl Spread {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `[0, 1)`.
    pub(super) fn part(&mut self) -> f32 {
        unit(self.next())
    }
}

/// The same number in `[0, 1)` for the same session, set and seed.
pub(super) fn spread_of(seed: u64, session: SessionId, set: u64) -> f32 {
    let half = |from: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&session.0[from..from + 8]);
        u64::from_le_bytes(bytes)
    };
    unit(mix(seed ^ half(0) ^ mix(half(8) ^ set)))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[expect(clippy::cast_precision_loss, reason = "24 bits fit a float exactly")]
fn unit(bits: u64) -> f32 {
    (bits >> 40) as f32 / (1u64 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(lifetime: Duration) -> TokenSet {
        TokenSet::new("a", WallTime::from_unix_millis(1_000_000))
            .unwrap()
            .expires_in(lifetime)
    }

    const START: WallTime = WallTime::from_unix_millis(1_000_000);

    #[test]
    fn t1_renewal_is_due_at_the_factor_jittered_earlier_and_before_the_leeway() {
        let policy = Policy::default();
        for step in 0..=10u8 {
            let spread = f32::from(step) / 10.0;
            for secs in [20, 60, 900, 86_400] {
                let lifetime = Duration::from_secs(secs);
                let timing = Timing::of(&policy, &set(lifetime), START, spread);
                let due = timing.renew_at.unwrap();
                assert!(due <= START.after(lifetime.mul_f32(0.75)));
                assert!(due >= START.after(lifetime.mul_f32(0.67)));
                assert!(due <= START.after(lifetime).before(policy.leeway));
            }
        }
    }

    #[test]
    fn t3_odd_lifetimes_neither_overflow_nor_are_due_at_once() {
        let policy = Policy::default();
        for lifetime in [0, 1, 40 * 86_400, 3650 * 86_400, u64::MAX].map(Duration::from_secs) {
            let timing = Timing::of(&policy, &set(lifetime), START, 0.5);
            assert!(timing.is_usable(START));
            assert!(!timing.is_due(START), "{lifetime:?}");
            assert!(timing.renew_at.unwrap() <= timing.usable_until.unwrap());
        }
    }

    #[test]
    fn t3_odd_factors_are_read_as_parts_of_a_whole() {
        for factor in [f32::NAN, f32::INFINITY, -1.0, 7.0] {
            let policy = Policy {
                renew_factor: factor,
                renew_jitter: factor,
                ..Policy::default()
            };
            let timing = Timing::of(&policy, &set(Duration::from_secs(900)), START, 0.9);
            assert!(timing.renew_at.unwrap() >= START.after(policy.floor));
            assert!(timing.renew_at.unwrap() < timing.usable_until.unwrap());
        }
    }

    #[test]
    fn t4_a_receipt_in_the_future_is_read_as_now() {
        let earlier = WallTime::from_unix_millis(400_000);
        let timing = Timing::of(&Policy::default(), &set(Duration::from_secs(60)), earlier, 0.0);
        assert_eq!(timing.usable_until, Some(earlier.after(Duration::from_secs(60))));
    }

    #[test]
    fn f4_pauses_double_up_to_the_cap_and_retry_after_goes_before() {
        let policy = Policy::default();
        assert_eq!(pause(&policy, 0, None, 1.0), Duration::from_secs(1));
        assert_eq!(pause(&policy, 3, None, 1.0), Duration::from_secs(8));
        assert_eq!(pause(&policy, 3, None, 0.0), Duration::from_secs(4));
        assert_eq!(pause(&policy, u32::MAX, None, 1.0), policy.back_off_cap);
        assert_eq!(
            pause(&policy, 7, Some(Duration::from_secs(2)), 0.0),
            Duration::from_secs(2)
        );
        assert_eq!(pause(&policy, 0, Some(Duration::MAX), 1.0), policy.back_off_cap);
        assert_eq!(pause(&policy, 0, Some(Duration::ZERO), 0.0), policy.back_off_base);
    }

    #[test]
    fn t6_sessions_that_began_together_are_spread() {
        let parts: alloc::vec::Vec<f32> = (0u8..100).map(|n| spread_of(7, SessionId([n; 16]), 0)).collect();
        assert!(parts.iter().all(|part| (0.0..1.0).contains(part)));
        let low = parts.iter().filter(|part| **part < 0.5).count();
        assert!((25..=75).contains(&low), "{low} of 100 in the lower half");
    }
}
