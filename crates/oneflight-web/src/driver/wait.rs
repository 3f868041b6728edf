//! Everybody who waits, and how they are told.

use alloc::vec::Vec;
use oneflight_core::machine::{AttemptId, Demand, Demanded, Failure, Outcome, Status};
use oneflight_core::{Now, SessionId};

use super::Driver;
use crate::host::{Host, Settled, Waiter};

/// How often one wait looks anew because what it found was overtaken. Each time somebody else got on, so a few are
/// enough; a wait that went on for ever would be worse than an error.
const MAX_LOOKS: u8 = 16;

/// Somebody who waits.
pub(super) struct Waiting {
    pub(super) waiter: Waiter,
    /// What for; a command has no demand.
    demand: Option<Demand>,
    /// The attempt, once joined.
    attempt: Option<AttemptId>,
    looks: u8,
}

impl Waiting {
    pub(super) fn of_demand(waiter: Waiter, demand: Demand) -> Self {
        Self {
            waiter,
            demand: Some(demand),
            attempt: None,
            looks: 0,
        }
    }

    pub(super) fn of_command(waiter: Waiter, attempt: AttemptId) -> Self {
        Self {
            waiter,
            demand: None,
            attempt: Some(attempt),
            looks: 0,
        }
    }
}

impl<H: Host> Driver<H> {
    /// Joins the attempt that serves the demand, or settles it by what is known.
    pub(super) fn look(&mut self, now: Now, mut waiting: Waiting) {
        let Some(demand) = waiting.demand else {
            return;
        };
        if waiting.looks == MAX_LOOKS {
            return self.host.settle(waiting.waiter, &Settled::Unsettled);
        }
        waiting.looks += 1;
        match self.machine.demand(now, demand) {
            Demanded::Joined(id) => {
                waiting.attempt = Some(id);
                self.waiting.push(waiting);
            }
            // What is asked for may lie in an effect that is not carried out yet.
            Demanded::LookAgain => {
                self.publish_pending();
                self.host.settle(waiting.waiter, &Settled::Token);
            }
            Demanded::Refused(failure) => self.host.settle(waiting.waiter, &Settled::Failed(failure)),
        }
    }

    /// Lets the host see what the machine has published already.
    fn publish_pending(&mut self) {
        let newest = self.machine.snapshot();
        if newest.generation != self.published.generation || newest.status != self.published.status {
            self.published = newest;
            self.host.publish(&self.published);
        }
    }

    /// Tells everybody who waits for this attempt how it ended.
    pub(super) fn settle(&mut self, now: Now, id: AttemptId, outcome: &Outcome) {
        let session = self.published.current.as_ref().map(|current| current.session);
        let (ended, waiting) = core::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.attempt == Some(id));
        self.waiting = waiting;
        let ended: Vec<Waiting> = ended;
        for waiting in ended {
            match self.settled(waiting.demand, outcome, session) {
                Some(settled) => self.host.settle(waiting.waiter, &settled),
                None => self.look(now, waiting),
            }
        }
    }

    /// What the attempt left for somebody. `None`: it was overtaken, look again.
    fn settled(
        &self,
        demand: Option<Demand>,
        outcome: &Outcome,
        session: Option<SessionId>,
    ) -> Option<Settled> {
        match (outcome, demand) {
            (Outcome::Failed(failure), _) => Some(Settled::Failed(failure.clone())),
            (Outcome::SignedIn { saved, .. }, None) => Some(Settled::SignedIn { saved: *saved }),
            (Outcome::Ended { landed, revocation }, None) => Some(Settled::Ended {
                landed: *landed,
                revocation: *revocation,
            }),
            (Outcome::Ended { .. }, Some(_)) => Some(Settled::Failed(self.signed_out())),
            (
                Outcome::Renewed { generation }
                | Outcome::Adopted { generation }
                | Outcome::SignedIn { generation, .. },
                Some(demand),
            ) => self.taken(demand, session, *generation),
            _ => None,
        }
    }

    /// What was published is taken even if its lifetime is over already: it is the newest there is, and asking for more
    /// would never end.
    fn taken(&self, demand: Demand, session: Option<SessionId>, generation: u64) -> Option<Settled> {
        let Some(session) = session else {
            return Some(Settled::Failed(self.signed_out()));
        };
        let newer = match demand {
            Demand::NewerThan(stamp) if stamp.session != session => {
                return Some(Settled::Failed(Failure::Replaced));
            }
            Demand::NewerThan(stamp) => self.published.generation > stamp.generation,
            Demand::Usable | Demand::Due => true,
        };
        (newer && self.published.generation >= generation).then_some(Settled::Token)
    }

    fn signed_out(&self) -> Failure {
        match self.published.status {
            Status::SignedOut(reason) => Failure::SignedOut(reason),
            _ => Failure::NeverSignedIn,
        }
    }
}
