//! The end of a driver that did not end by itself: its runtime did.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use oneflight_core::machine::Effect;
use tokio::runtime::Handle;

use super::answer::fail;
use super::{Driver, Home, Progress, Ticket};
use crate::session::{DriverState, Work};

/// How often the machine is told that what it asks for fails, before it is left as it is. It comes to rest long before.
const MAX_ROUNDS: usize = 64;

impl Drop for Driver {
    fn drop(&mut self) {
        match self.progress {
            Progress::Ended => {}
            Progress::Spawned if self.home == Home::Chosen => self.move_house(),
            Progress::Spawned | Progress::Running => self.abandon(),
        }
    }
}

impl Driver {
    /// The session's runtime took no more work. Nothing was begun, so nothing is lost: the runtime of the caller, if
    /// there is one, becomes the session's.
    fn move_house(&self) {
        let Ok(callers) = Handle::try_current() else {
            return self.abandon_work();
        };
        let home = &self.inner.shared.home;
        *home.lock().unwrap_or_else(PoisonError::into_inner) = callers.clone();
        Self::spawn(
            Arc::clone(&self.inner),
            Arc::clone(&self.wake),
            &callers,
            Home::Callers,
        );
    }

    /// The runtime ended while work was under way.
    fn abandon(&mut self) {
        // What is under way goes first: it may use what the lock protects. Dropping the application's code may panic.
        let (running, guard) = (std::mem::take(&mut self.running), self.guard.take());
        let _ = catch_unwind(AssertUnwindSafe(|| {
            drop(running);
            drop(guard);
        }));
        self.inner.state().changes = self.changes.take();
        self.abandon_work();
    }

    /// Answers everything with a failure, and lets go of everybody who waits.
    fn abandon_work(&self) {
        let now = self.inner.now();
        let mut state = self.inner.state();
        let now = state.not_earlier(now);
        // Receivers learn by its end that nobody will answer. It ends outside the lock, because that wakes them.
        let mut waiting = state.take_busy();
        let mut open = waiting
            .as_mut()
            .map(|busy| busy.take_tickets())
            .unwrap_or_default();
        if let Some(busy) = &mut waiting {
            open.extend(busy.work.drain(..).filter_map(ticket_of));
        }
        for _ in 0..MAX_ROUNDS {
            for ticket in open.drain(..) {
                fail(&mut state.machine, now, ticket);
            }
            self.inner.take_over(&mut state);
            open.extend(state.busy().work.drain(..).filter_map(ticket_of));
            if open.is_empty() {
                break;
            }
        }
        state.driver = DriverState::Absent;
        drop(state);
        if let Some(rest) = waiting.as_mut().and_then(|busy| busy.rest.take()) {
            rest.notify_waiters();
        }
        drop(waiting);
    }
}

fn ticket_of(work: Work) -> Option<Ticket> {
    match work {
        Work::Effect(Effect::Lock(ticket)) => Some(Ticket::Lock(ticket)),
        Work::Effect(Effect::Load(ticket)) => Some(Ticket::Load(ticket)),
        Work::Effect(Effect::Save(ticket, _)) => Some(Ticket::Save(ticket)),
        Work::Effect(Effect::Refresh(ticket, _)) => Some(Ticket::Refresh(ticket)),
        Work::Effect(Effect::Revoke(ticket, _)) => Some(Ticket::Revoke(ticket)),
        Work::Effect(_) | Work::Settle(..) | Work::StatusChanged => None,
    }
}
