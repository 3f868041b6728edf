//! What a session keeps only while something is under way; an idle one has no room for it.

use std::collections::VecDeque;
use std::sync::Arc;

use oneflight_core::SessionId;
use oneflight_core::machine::{AttemptId, Effect, Outcome};
use tokio::sync::{Notify, watch};

use crate::driver::Ticket;
use crate::error::Source;

/// Work, the rights to answer, and everybody who waits.
#[derive(Default)]
pub(crate) struct Busy {
    /// Effects that the driver has not begun, in order.
    pub(crate) work: VecDeque<Work>,
    /// The rights to answer the effects that are under way, by slot.
    tickets: Vec<Option<Ticket>>,
    /// Who waits for which attempt.
    waiting: Vec<(AttemptId, watch::Sender<Option<Settled>>)>,
    /// Who waits until nothing is under way.
    pub(crate) rest: Option<Arc<Notify>>,
    /// Wakes the driver.
    pub(crate) wake: Arc<Notify>,
}

/// Something for the driver to do.
pub(crate) enum Work {
    Effect(Effect),
    Settle(AttemptId, Settled),
    StatusChanged,
}

/// How an attempt ended, as its waiters learn it.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) outcome: Outcome,
    /// The session that was published then.
    pub(crate) session: Option<SessionId>,
    pub(crate) source: Option<Source>,
}

impl Busy {
    /// Nothing to begin, and nothing to answer.
    pub(crate) fn is_done(&self) -> bool {
        self.work.is_empty() && self.tickets.iter().all(Option::is_none)
    }

    /// A way to learn how the attempt ends.
    pub(crate) fn wait_for(&mut self, id: AttemptId) -> watch::Receiver<Option<Settled>> {
        if let Some((_, sender)) = self.waiting.iter().find(|(waiting, _)| *waiting == id) {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(None);
        self.waiting.push((id, sender));
        receiver
    }

    /// Who waits for this attempt.
    pub(crate) fn take_waiting(&mut self, id: AttemptId) -> Option<watch::Sender<Option<Settled>>> {
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == id)?;
        Some(self.waiting.swap_remove(place).1)
    }

    /// Keeps a ticket until its effect is done; the slot to find it by.
    pub(crate) fn keep(&mut self, ticket: Ticket) -> usize {
        match self.tickets.iter().position(Option::is_none) {
            Some(slot) => {
                self.tickets[slot] = Some(ticket);
                slot
            }
            None => {
                self.tickets.push(Some(ticket));
                self.tickets.len() - 1
            }
        }
    }

    pub(crate) fn take_ticket(&mut self, slot: usize) -> Option<Ticket> {
        self.tickets.get_mut(slot)?.take()
    }

    pub(crate) fn take_tickets(&mut self) -> Vec<Ticket> {
        self.tickets.drain(..).flatten().collect()
    }
}
