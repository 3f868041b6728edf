//! Giving the machine its answers.

use std::time::Duration;

use oneflight_core::Stored;
use oneflight_core::answer::{LossCause, Verdict};
use oneflight_core::machine::{LockResult, Machine, Revocation, StoreFailed, Swap};
use oneflight_core::{MonoTime, Now};

use super::{Driver, LEASE_PART, Ticket};
use crate::error::Source;
use crate::store::Guard;

/// An effect that is done.
pub(super) struct Done {
    /// Where its ticket lies; `None`: it had none.
    pub(super) slot: Option<usize>,
    pub(super) answer: Answer,
    /// What the application's code had to say about a failure.
    pub(super) trouble: Option<Source>,
}

pub(super) enum Answer {
    Locked(Locked),
    Loaded(Result<Option<Stored>, StoreFailed>),
    Saved(Result<Swap, StoreFailed>),
    Refreshed(Verdict),
    Revoked(Revocation),
    /// The guard is back, and its lease lasts this long; `None`: nobody knows.
    Leased(Box<dyn Guard>, Option<Duration>),
    Nothing,
}

pub(super) enum Locked {
    Held(Box<dyn Guard>),
    TimedOut,
    Failed,
}

/// An answer, ready to go with its ticket.
enum Final {
    Lock(LockResult),
    Load(Result<Option<Stored>, StoreFailed>),
    Save(Result<Swap, StoreFailed>),
    Refresh(Verdict),
    Revoke(Revocation),
}

impl Driver {
    pub(super) fn answer(&mut self, done: Done) {
        let Done {
            slot,
            answer,
            trouble,
        } = done;
        let answer = match answer {
            Answer::Locked(locked) => Final::Lock(self.hold(locked)),
            Answer::Loaded(loaded) => Final::Load(loaded),
            Answer::Saved(saved) => Final::Save(saved),
            Answer::Refreshed(verdict) => Final::Refresh(verdict),
            Answer::Revoked(revocation) => Final::Revoke(revocation),
            Answer::Leased(guard, lease) => return self.take_back(guard, lease),
            Answer::Nothing => return,
        };
        self.input(|state, now| {
            let ticket = slot.and_then(|slot| state.busy().take_ticket(slot));
            if let Some(trouble) = trouble {
                state.set_source(trouble);
            }
            if let Some(ticket) = ticket {
                give(&mut state.machine, now, ticket, answer);
            }
        });
    }

    fn hold(&mut self, locked: Locked) -> LockResult {
        match locked {
            Locked::Held(guard) => {
                let lease = guard.lease();
                self.guard = Some(guard);
                self.unlock_on_return = false;
                self.renew_lease_after(lease);
                lease.map_or(LockResult::Acquired, LockResult::Leased)
            }
            Locked::TimedOut => LockResult::TimedOut,
            Locked::Failed => LockResult::Failed,
        }
    }

    fn take_back(&mut self, guard: Box<dyn Guard>, lease: Option<Duration>) {
        // What is left of a lease that could not be renewed is tried again, for as long as there is something left.
        let remaining = lease.or_else(|| guard.lease()).unwrap_or_default();
        self.guard = Some(guard);
        if std::mem::take(&mut self.unlock_on_return) {
            return self.unlock();
        }
        self.renew_lease_after(Some(remaining).filter(|remaining| !remaining.is_zero()));
        self.input(|state, now| state.machine.lease(now, remaining));
    }

    fn renew_lease_after(&mut self, lease: Option<Duration>) {
        let now: MonoTime = self.inner.now().mono;
        self.lease_renewal = lease.map(|lease| now.after(lease / LEASE_PART));
    }
}

fn give(machine: &mut Machine, now: Now, ticket: Ticket, answer: Final) {
    match (ticket, answer) {
        (Ticket::Lock(ticket), Final::Lock(result)) => machine.locked(now, ticket, result),
        (Ticket::Load(ticket), Final::Load(result)) => machine.loaded(now, ticket, result),
        (Ticket::Save(ticket), Final::Save(result)) => machine.saved(now, ticket, result),
        (Ticket::Refresh(ticket), Final::Refresh(verdict)) => machine.refreshed(now, ticket, verdict),
        (Ticket::Revoke(ticket), Final::Revoke(revocation)) => machine.revoked(now, ticket, revocation),
        // Each slot holds the ticket of the effect that names it; were it not so, a failure is the safe answer.
        (ticket, _) => fail(machine, now, ticket),
    }
}

/// Answers that nobody knows what became of the effect.
pub(super) fn fail(machine: &mut Machine, now: Now, ticket: Ticket) {
    match ticket {
        Ticket::Lock(ticket) => machine.locked(now, ticket, LockResult::Failed),
        Ticket::Load(ticket) => machine.loaded(now, ticket, Err(StoreFailed)),
        Ticket::Save(ticket) => machine.saved(now, ticket, Err(StoreFailed)),
        Ticket::Refresh(ticket) => machine.refreshed(
            now,
            ticket,
            Verdict::Ambiguous {
                cause: LossCause::Unknown,
                retry_after: None,
                salvaged: None,
            },
        ),
        Ticket::Revoke(ticket) => machine.revoked(now, ticket, Revocation::Failed),
    }
}
