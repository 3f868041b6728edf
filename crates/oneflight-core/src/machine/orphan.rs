//! A flight whose session ended: its tickets are answered, it gives the lock back, its token is late.

use alloc::boxed::Box;

use super::Machine;
use super::effect::{StoreFailed, Swap};
use super::flight::{Flight, Phase};
use super::keep::Unsaved;
use super::outcome::Outcome;
use crate::Now;

impl Machine {
    /// Settles everybody who waits for the session that is published, at once, and lets its flight end alone.
    pub(super) fn orphan(&mut self, now: Now, outcome: &Outcome) {
        if let Some(queued) = self.queued.take() {
            self.settle_attempt(now, Some(*queued), outcome.clone());
        }
        let Some(mut flight) = self.flight.take() else {
            return;
        };
        let attempt = flight.attempt.take();
        self.settle_attempt(now, attempt, outcome.clone());
        flight.orphan = true;
        match flight.phase {
            Phase::Unsaved(unsaved, _) => {
                flight.phase = Phase::Opening;
                self.drop_unsaved(unsaved);
                self.land(now, &mut flight);
            }
            Phase::WaitingOut(..) => self.land(now, &mut flight),
            _ => self.flight = Some(flight),
        }
    }

    /// A set of a session that ended. A sign-out of ours revokes it together with the rest.
    fn drop_unsaved(&mut self, unsaved: Unsaved) {
        let ends = self
            .ledger
            .as_ref()
            .is_some_and(|ledger| ledger.ends(unsaved.session));
        if !ends {
            self.revoke_late(unsaved.tokens, false);
        }
    }

    pub(super) fn orphan_lands(&mut self, now: Now, mut flight: Box<Flight>) {
        if let Phase::Resolving(unsaved) = core::mem::replace(&mut flight.phase, Phase::Opening) {
            self.revoke_late(unsaved.tokens, false);
        }
        self.land(now, &mut flight);
    }

    /// The new set of an ended session was on its way to the store. If it landed, whoever ended the session finds it
    /// there and revokes it; otherwise it is late.
    pub(super) fn orphan_saved(
        &mut self,
        now: Now,
        mut flight: Box<Flight>,
        unsaved: Unsaved,
        result: Result<Swap, StoreFailed>,
    ) {
        if !matches!(result, Ok(Swap::Written(_))) {
            self.revoke_late(unsaved.tokens, false);
        }
        self.land(now, &mut flight);
    }
}
