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
                self.drop_unsaved(&flight, unsaved);
                self.land(now, &mut flight);
            }
            Phase::WaitingOut(..) => self.land(now, &mut flight),
            _ => self.flight = Some(flight),
        }
    }

    /// The set of a session that ended before it was stored is late. A sign-out of ours revokes it with the rest.
    fn drop_unsaved(&mut self, flight: &Flight, unsaved: Unsaved) {
        if !flight.revoked_by_sign_out {
            self.revoke_late(unsaved.tokens, false);
        }
    }

    pub(super) fn orphan_lands(&mut self, now: Now, mut flight: Box<Flight>) {
        if let Phase::Resolving(unsaved) = core::mem::replace(&mut flight.phase, Phase::Opening) {
            self.drop_unsaved(&flight, unsaved);
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
        let (session, set) = (unsaved.session, unsaved.set);
        let landed = matches!(result, Ok(Swap::Written(_)));
        if !landed {
            self.drop_unsaved(&flight, unsaved);
        }
        if self.is_ended(session) && !matches!(result, Ok(Swap::Conflict)) {
            self.bury_landed(session, set, flight.revoked_by_sign_out || !landed);
        }
        self.land(now, &mut flight);
    }
}
