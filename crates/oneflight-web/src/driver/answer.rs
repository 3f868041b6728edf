//! Giving the machine its answers. A slot that was answered before, or never given out, is passed over.

use alloc::string::String;
use core::time::Duration;

use oneflight_core::answer::{Loss, Verdict};
use oneflight_core::machine::{LockResult, Revocation, StoreFailed, Swap};
use oneflight_core::{Now, Stored};

use super::{Driver, Ticket};
use crate::codec::{self, DecodeError};
use crate::host::{Host, Slot, Trouble};
use crate::reply::{self, Reply};

/// How taking the lock went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// It is ours, and dies with the page.
    Acquired,
    /// It is ours for this long, unless renewed, and may outlive the page.
    Leased(Duration),
    /// Somebody else kept it for longer than the bound.
    TimedOut,
    /// It cannot be asked for.
    Failed,
}

/// What the store gave.
#[derive(Debug, Clone, Copy)]
pub enum Loaded<'a> {
    /// The record, and what the store calls this version of it.
    Record {
        /// The version, in the store's words.
        tag: &'a str,
        /// The text that [`Host::save`] had written.
        record: &'a str,
    },
    /// There is no record.
    Nothing,
    /// It cannot be said.
    Failed,
}

impl<H: Host> Driver<H> {
    /// How [`Host::lock`] went.
    pub fn locked(&mut self, now: Now, slot: Slot, locked: Locked) {
        let now = self.not_earlier(now);
        let Some(Ticket::Lock(ticket)) = self.take(slot, |ticket| matches!(ticket, Ticket::Lock(_))) else {
            return;
        };
        let result = match locked {
            Locked::Acquired => LockResult::Acquired,
            Locked::Leased(length) => LockResult::Leased(length),
            Locked::TimedOut => LockResult::TimedOut,
            Locked::Failed => LockResult::Failed,
        };
        self.machine.locked(now, ticket, result);
        self.carry_out(now);
    }

    /// What [`Host::load`] found.
    pub fn loaded(&mut self, now: Now, slot: Slot, loaded: Loaded<'_>) {
        let now = self.not_earlier(now);
        let Some(Ticket::Load(ticket)) = self.take(slot, |ticket| matches!(ticket, Ticket::Load(_))) else {
            return;
        };
        let result = self.read(loaded);
        self.machine.loaded(now, ticket, result);
        self.carry_out(now);
    }

    fn read(&mut self, loaded: Loaded<'_>) -> Result<Option<Stored>, StoreFailed> {
        let (tag, record) = match loaded {
            Loaded::Record { tag, record } => (tag, record),
            Loaded::Nothing => return Ok(None),
            Loaded::Failed => return Err(StoreFailed),
        };
        match codec::decode(record) {
            Ok(stored) => {
                self.remember_tag(stored.version, tag.into());
                Ok(Some(stored))
            }
            Err(error) => {
                self.host.trouble(match error {
                    DecodeError::Foreign => Trouble::Foreign,
                    DecodeError::Newer => Trouble::Newer,
                    DecodeError::Torn => Trouble::Torn,
                });
                Err(StoreFailed)
            }
        }
    }

    /// How [`Host::save`] went: `Ok` with what the store calls the new version, or with `None` if another version stood
    /// there; `Err` if nobody knows whether it was written.
    pub fn saved(&mut self, now: Now, slot: Slot, saved: Result<Option<String>, StoreFailed>) {
        let now = self.not_earlier(now);
        let Some(Ticket::Save(ticket, version)) =
            self.take(slot, |ticket| matches!(ticket, Ticket::Save(..)))
        else {
            return;
        };
        let result = saved.map(|tag| match tag {
            Some(tag) => {
                self.remember_tag(version, tag);
                Swap::Written(version)
            }
            None => Swap::Conflict,
        });
        self.machine.saved(now, ticket, result);
        self.carry_out(now);
    }

    /// What the token endpoint answered to [`Host::refresh`].
    pub fn replied(&mut self, now: Now, slot: Slot, reply: &Reply) {
        self.refreshed(now, slot, |driver, now, secret| {
            reply.verdict(&driver.rules, secret.as_slice(), now.wall)
        });
    }

    /// No answer came to [`Host::refresh`].
    pub fn lost(&mut self, now: Now, slot: Slot, loss: Loss) {
        self.refreshed(now, slot, |driver, now, _| {
            reply::lost(loss, &driver.rules, now.wall)
        });
    }

    fn refreshed(&mut self, now: Now, slot: Slot, judge: impl FnOnce(&Self, Now, Option<&str>) -> Verdict) {
        let now = self.not_earlier(now);
        let Some(Ticket::Refresh(ticket, base)) =
            self.take(slot, |ticket| matches!(ticket, Ticket::Refresh(..)))
        else {
            return;
        };
        let secret = base.as_ref().and_then(|base| base.refresh_token.as_ref());
        let verdict = judge(self, now, secret.map(|token| token.expose()));
        self.ends_here = matches!(verdict, Verdict::Dead { .. });
        self.machine.refreshed(now, ticket, verdict);
        self.carry_out(now);
    }

    /// How [`Host::revoke`] went.
    pub fn revoked(&mut self, now: Now, slot: Slot, revocation: Revocation) {
        let now = self.not_earlier(now);
        let Some(Ticket::Revoke(ticket)) = self.take(slot, |ticket| matches!(ticket, Ticket::Revoke(_)))
        else {
            return;
        };
        self.machine.revoked(now, ticket, revocation);
        self.carry_out(now);
    }

    fn take(&mut self, slot: Slot, fits: impl Fn(&Ticket) -> bool) -> Option<Ticket> {
        let is_it = |(known, ticket): &(Slot, Ticket)| *known == slot && fits(ticket);
        let place = self.tickets.iter().position(is_it)?;
        Some(self.tickets.swap_remove(place).1)
    }
}
