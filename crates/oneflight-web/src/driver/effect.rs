//! Carrying out what the machine asks for.

use alloc::string::String;
use oneflight_core::machine::{Effect, Event, Save, Swap};
use oneflight_core::{EndReason, Now, Version};

use super::{Driver, Ticket};
use crate::codec;
use crate::host::{Host, Slot};

/// How many tags are remembered. The machine expects the newest version, or the one before while two reads cross.
const MAX_TAGS: usize = 8;

impl<H: Host> Driver<H> {
    /// Carries out everything that the machine asks for, in order, and arms the timer.
    pub(super) fn carry_out(&mut self, now: Now) {
        while let Some(effect) = self.machine.poll_effect() {
            self.begin(now, effect);
        }
        self.arm(now);
    }

    fn begin(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::Lock(ticket) => {
                let slot = self.keep(Ticket::Lock(ticket));
                self.host.lock(slot);
            }
            Effect::Unlock => self.host.unlock(),
            Effect::Load(ticket) => {
                let slot = self.keep(Ticket::Load(ticket));
                self.host.load(slot);
            }
            Effect::Save(ticket, save) => self.begin_save(now, ticket, &save),
            Effect::Refresh(ticket, what) => {
                let slot = self.keep(Ticket::Refresh(ticket, what.base.clone()));
                let token = what.base.as_ref().and_then(|base| base.refresh_token.as_ref());
                self.host.refresh(slot, token.map(|token| token.expose()));
            }
            Effect::Revoke(ticket, tokens) => {
                let slot = self.keep(Ticket::Revoke(ticket));
                let token = tokens.refresh_token.as_ref();
                self.host.revoke(slot, token.map_or("", |token| token.expose()));
            }
            Effect::Publish(snapshot) => {
                self.published = snapshot;
                self.host.publish(&self.published);
            }
            Effect::Announce(version) => self.host.announce(version),
            Effect::Settle(id, outcome) => self.settle(now, id, &outcome),
            Effect::Notify(event) => self.notify(&event),
            // There is no other.
            _ => {}
        }
    }

    fn begin_save(&mut self, now: Now, ticket: oneflight_core::machine::SaveTicket, save: &Save) {
        let tag = match save.expected {
            None => None,
            Some(version) => match self.tags.iter().find(|(known, _)| *known == version) {
                Some((_, tag)) => Some(tag.clone()),
                // Nobody knows what the store calls it, so something newer was read or written since.
                None => return self.machine.saved(now, ticket, Ok(Swap::Conflict)),
            },
        };
        // Grows past every version there ever was, even if the record was removed in between and begins anew.
        let after = save.expected.map_or(0, |version| version.0.saturating_add(1));
        let version = Version(after.max(now.wall.as_unix_millis()));
        let record = codec::encode(&save.record, version);
        let slot = self.keep(Ticket::Save(ticket, version));
        self.host.save(slot, tag.as_deref(), &record);
    }

    fn keep(&mut self, ticket: Ticket) -> Slot {
        self.slots = self.slots.wrapping_add(1);
        let slot = Slot(self.slots);
        self.tickets.push((slot, ticket));
        slot
    }

    pub(super) fn remember_tag(&mut self, version: Version, tag: String) {
        self.tags.retain(|(known, _)| *known != version);
        if self.tags.len() == MAX_TAGS {
            self.tags.remove(0);
        }
        self.tags.push((version, tag));
    }

    fn notify(&mut self, event: &Event) {
        let here = match event {
            Event::SignedIn { session, .. } => self.own_sign_in == Some(*session),
            Event::SignedOut {
                reason: EndReason::Removed,
            }
            | Event::Adopted { .. } => false,
            Event::SignedOut { .. } => core::mem::take(&mut self.ends_here),
            _ => true,
        };
        self.host.notify(event, here);
    }
}
