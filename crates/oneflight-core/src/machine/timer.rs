//! What happens by itself when time passes.

use core::time::Duration;

use super::Machine;
use super::attempt::Attempt;
use super::config::Renew;
use super::flight::Phase;
use super::outcome::Cause;
use crate::{MonoTime, Now};

/// The longest a driver may sleep before it reads the clocks again. Timers that run for weeks overflow in browsers, and
/// the wall clock may jump.
const MAX_SLEEP: Duration = Duration::from_secs(60);

impl Machine {
    /// How long the driver may sleep before it calls [`handle_timeout`](Self::handle_timeout); `None` if nothing
    /// happens by itself. Never more than a minute, so that a clock that jumps is noticed.
    #[must_use]
    pub fn poll_timeout(&self, now: Now) -> Option<Duration> {
        let mono = |at: MonoTime| at.since(now.mono);
        let flight = self.flight.as_ref().and_then(|flight| match &flight.phase {
            Phase::Unsaved(_, at) | Phase::WaitingOut(at) => Some(mono(*at)),
            _ => None,
        });
        let ledger = self
            .ledger
            .as_ref()
            .and_then(|ledger| ledger.retry_at())
            .map(mono);
        let renewal = self.next_renewal(now);
        [flight, ledger, renewal]
            .into_iter()
            .flatten()
            .min()
            .map(|wait| wait.min(MAX_SLEEP))
    }

    /// Time has passed: does what is due by now.
    pub fn handle_timeout(&mut self, now: Now) {
        self.rebase(now);
        match self.flight.as_ref().map(|flight| &flight.phase) {
            Some(Phase::Unsaved(_, at)) if *at <= now.mono => self.retry_save(now),
            Some(Phase::WaitingOut(at)) if *at <= now.mono => {
                if let Some(flight) = self.flight.take() {
                    self.fly_load(flight, Phase::Loading);
                }
            }
            _ => {}
        }
        self.ledger_timeout(now);
        if self.next_renewal(now).is_some_and(|wait| wait.is_zero()) {
            let mut attempt = Attempt::new(self.attempt_id(), Cause::Due, now);
            attempt.join_timer();
            self.start_flight(now, Some(attempt));
        }
    }

    /// How long until the timer renews the token, in the mode that keeps it fresh.
    fn next_renewal(&self, now: Now) -> Option<Duration> {
        let busy = self.flight.is_some() || self.signs_in() || self.closed;
        if self.config.policy.renew != Renew::KeepFresh || busy {
            return None;
        }
        let due = self.published.as_ref()?.timing.renew_at?.since(now.wall);
        let cooled = self
            .cooldown
            .as_ref()
            .map_or(Duration::ZERO, |cooldown| cooldown.until.since(now.mono));
        Some(due.max(cooled))
    }

    /// Ends the pauses of what waits to be stored: something changed, or there is no time left.
    pub(super) fn hurry(&mut self, now: Now) {
        if let Some(Phase::Unsaved(..)) = self.flight.as_ref().map(|flight| &flight.phase) {
            self.retry_save(now);
        }
        if self
            .ledger
            .as_ref()
            .is_some_and(|ledger| ledger.retry_at().is_some())
        {
            self.read_ledger();
        }
    }
}
