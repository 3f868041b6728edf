//! Sign-ins and tombstones on their way to the store, beside the flight and without the lock.
//!
//! One operation of the store at a time: read, decide what the newest commands want of what stands there, write by
//! compare-and-swap, and again until nothing is wanted.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::effect::{Effect, Save, StoreFailed, Swap};
use super::mutation::mutated;
use super::outcome::{Event, Failure, Outcome, Unkept};
use super::pending::{Ending, SigningIn, Target};
use super::publish::MAX_ENDED;
use super::timing::pause;
use super::{Lane, Machine};
use crate::{EndReason, MonoTime, Now, Record, SessionId, State, Stored, Version};

/// Conflicts in a row before the ledger pauses: each means that another holder wrote in between.
const MAX_CONFLICTS: u32 = 16;

/// What is to be written, and how far it got.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Ledger {
    pub(super) sign_in: Option<SigningIn>,
    pub(super) endings: Vec<Ending>,
    pub(super) step: Step,
    /// What is read or written may have changed since, or a command came that it says nothing about.
    pub(super) again: bool,
    /// The last read was older than this, which was known. Another one like it is believed: the store numbers its
    /// writes anew.
    pub(super) doubted: Option<Version>,
    failures: u32,
    pub(super) conflicts: u32,
}

#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) enum Step {
    #[default]
    Idle,
    Loading(u32),
    /// With the sign-in that the write puts there, if it is one.
    Saving(u32, Option<SessionId>),
    Waiting(MonoTime),
}

impl Ledger {
    /// When the store is tried again, if it failed.
    pub(super) fn retry_at(&self) -> Option<MonoTime> {
        match self.step {
            Step::Waiting(until) => Some(until),
            _ => None,
        }
    }

    /// Sign-outs whose callers have been told are one from then on, and name a bounded number of sessions: the oldest, for
    /// what was signed in while the store was ill does not stand in it.
    fn merge_told(&mut self) {
        let Some(mut merged) = self.take_told() else {
            return;
        };
        let mut targets = core::mem::take(&mut merged.targets);
        while let Some(mut told) = self.take_told() {
            merged.failed |= told.failed;
            targets.append(&mut told.targets);
        }
        for target in targets {
            let known = merged.targets.iter().any(|known| known.session == target.session);
            if !known && merged.targets.len() < MAX_ENDED {
                merged.targets.push(target);
            }
        }
        self.endings.push(merged);
    }

    fn take_told(&mut self) -> Option<Ending> {
        let is_told = |ending: &Ending| ending.attempt.is_none() && ending.reason == EndReason::SignOut;
        let place = self.endings.iter().position(is_told)?;
        Some(self.endings.remove(place))
    }

    /// Whether this session is on its way to be buried, its newest token to be revoked.
    pub(super) fn ends(&self, session: SessionId) -> bool {
        self.endings
            .iter()
            .flat_map(|ending| &ending.targets)
            .any(|target| target.is(session))
    }
}

impl Machine {
    pub(super) fn signs_in(&self) -> bool {
        self.ledger
            .as_ref()
            .is_some_and(|ledger| ledger.sign_in.is_some())
    }

    /// Begins a pass for a new command, or lets the one under way be followed by another.
    pub(super) fn drive_ledger(&mut self) {
        let Some(ledger) = &mut self.ledger else { return };
        match ledger.step {
            // A new command does not wait for the pause of an old one.
            Step::Idle | Step::Waiting(_) => self.read_ledger(),
            Step::Loading(_) | Step::Saving(..) => ledger.again = true,
        }
    }

    /// Goes on trying to bury a grant that the server says is dead, while the store cannot be written.
    pub(super) fn pend_tombstone(&mut self, now: Now, session: SessionId, set: u64, reason: EndReason) {
        let spread = self.spread.part();
        let until = now.mono.after(pause(&self.config.policy, 0, None, spread));
        let targets = alloc::vec![Target::new(Some(session), set, None)];
        let ledger = self.ledger.get_or_insert_default();
        ledger.endings.push(Ending {
            attempt: None,
            reason,
            targets,
            failed: true,
            came_late: false,
        });
        if matches!(ledger.step, Step::Idle) {
            ledger.step = Step::Waiting(until);
        }
        ledger.again = true;
    }

    /// A set of a session that was signed out here has landed, or may have: the sign-out looks again, for it may have found
    /// nothing to bury.
    pub(super) fn bury_landed(&mut self, session: SessionId, set: u64, revoked: bool) {
        let ledger = self.ledger.get_or_insert_default();
        if !ledger.ends(session) {
            let mut target = Target::new(Some(session), set, None);
            target.revoked = revoked;
            ledger.endings.push(Ending {
                attempt: None,
                reason: EndReason::SignOut,
                targets: alloc::vec![target],
                failed: false,
                came_late: false,
            });
        }
        self.drive_ledger();
    }

    /// The pause after a failure is over.
    pub(super) fn ledger_timeout(&mut self, now: Now) {
        if self
            .ledger
            .as_ref()
            .and_then(|ledger| ledger.retry_at())
            .is_some_and(|until| until <= now.mono)
        {
            self.read_ledger();
        }
    }

    pub(super) fn read_ledger(&mut self) {
        let serial = self.load(Lane::Ledger);
        if let Some(ledger) = &mut self.ledger {
            ledger.step = Step::Loading(serial);
            ledger.again = false;
            for ending in &mut ledger.endings {
                ending.came_late = false;
            }
        }
    }

    pub(super) fn ledger_loaded(
        &mut self,
        now: Now,
        serial: u32,
        result: Result<Option<&Stored>, StoreFailed>,
    ) {
        let awaited =
            |ledger: &mut Box<Ledger>| matches!(ledger.step, Step::Loading(expected) if expected == serial);
        let Some(mut ledger) = self.ledger.take_if(awaited) else {
            return;
        };
        match result {
            Ok(stored) => {
                let doubt = self.doubts(stored).filter(|known| ledger.doubted != Some(*known));
                ledger.doubted = doubt;
                self.aim(&mut ledger, stored);
                let again = ledger.again || doubt.is_some();
                self.ledger = Some(ledger);
                let ended = |stored: &&Stored| matches!(stored.record.state, State::Ended(_));
                if let Some(tombstone) = stored.filter(ended) {
                    self.weigh(now, tombstone);
                }
                if again {
                    self.read_ledger();
                } else {
                    self.write_ledger(now, stored);
                }
            }
            Err(StoreFailed) => {
                self.ledger = Some(ledger);
                self.ledger_failed(now);
            }
        }
    }

    /// Decides what the newest commands want of what stands in the store.
    fn write_ledger(&mut self, now: Now, stored: Option<&Stored>) {
        let Some(mut ledger) = self.ledger.take() else {
            return;
        };
        if let Some(sign_in) = &mut ledger.sign_in {
            let first = !core::mem::replace(&mut sign_in.read, true);
            if let Some(Stored { version, record }) = stored {
                let unpublished = sign_in.unpublished().is_some();
                // Not another sign-in that came after it. A tombstone is none, as far as can be told.
                if unpublished || (first && matches!(record.state, State::Ended(_))) {
                    sign_in.seen = Some(*version);
                    sign_in.replaces.push(record.session);
                }
            }
            if let Some(landed) = stored.filter(|stored| stored.record.session == sign_in.session) {
                return self.sign_in_landed(now, ledger, landed);
            }
            if self.may_overwrite(sign_in, stored) {
                let record = Record {
                    session: sign_in.session,
                    set: 0,
                    state: State::Live {
                        tokens: sign_in.tokens.clone(),
                        mark: None,
                        back_off: None,
                    },
                };
                let written = Some(sign_in.session);
                return self.put(ledger, stored.map(|stored| stored.version), record, written);
            }
            return self.sign_in_overtaken(now, ledger, stored);
        }
        let buried = stored.and_then(|stored| {
            let mutant = mutated!(self, BlindTombstone);
            let ending = ledger
                .endings
                .iter()
                .find(|ending| mutant || ending.buries(&stored.record))?;
            let Record { session, set, .. } = stored.record;
            Some((
                stored.version,
                Record {
                    session,
                    set,
                    state: State::Ended(ending.reason),
                },
            ))
        });
        match buried {
            Some((version, record)) => self.put(ledger, Some(version), record, None),
            None => {
                let other_lives =
                    stored.is_some_and(|stored| matches!(stored.record.state, State::Live { .. }));
                self.endings_landed(ledger, other_lives);
            }
        }
    }

    /// Whether a sign-in takes the place of this record.
    fn may_overwrite(&self, sign_in: &SigningIn, stored: Option<&Stored>) -> bool {
        let Some(stored) = stored else { return true };
        let session = stored.record.session;
        sign_in.unpublished().is_some()
            || sign_in.seen == Some(stored.version)
            || sign_in.replaces.contains(&session)
            || self.ended.contains(&session)
    }

    fn put(
        &mut self,
        mut ledger: Box<Ledger>,
        expected: Option<Version>,
        record: Record,
        sign_in: Option<SessionId>,
    ) {
        let serial = self.save(Lane::Ledger, Save { expected, record });
        ledger.step = Step::Saving(serial, sign_in);
        self.ledger = Some(ledger);
    }

    pub(super) fn ledger_saved(&mut self, now: Now, serial: u32, result: Result<Swap, StoreFailed>) {
        let Some(mut ledger) = self.ledger.take() else {
            return;
        };
        let sign_in = match core::mem::take(&mut ledger.step) {
            Step::Saving(expected, sign_in) if expected == serial => sign_in,
            step => {
                ledger.step = step;
                self.ledger = Some(ledger);
                return;
            }
        };
        match result {
            Ok(Swap::Written(version)) => {
                ledger.conflicts = 0;
                self.push(Effect::Announce(version));
                // What was read meanwhile had to wait for this write.
                let moved_on = sign_in.is_some() && self.known > Some(version);
                self.ledger_written(now, ledger, sign_in);
                if moved_on {
                    self.reload(now);
                }
            }
            Ok(Swap::Conflict) if ledger.conflicts < MAX_CONFLICTS => {
                ledger.conflicts += 1;
                self.ledger = Some(ledger);
                self.read_ledger();
            }
            Ok(Swap::Conflict) | Err(StoreFailed) => {
                ledger.conflicts = 0;
                self.ledger = Some(ledger);
                self.ledger_failed(now);
            }
        }
    }

    fn ledger_written(&mut self, now: Now, mut ledger: Box<Ledger>, sign_in: Option<SessionId>) {
        let mut other_lives = false;
        if let Some(written) = sign_in {
            if ledger
                .sign_in
                .as_ref()
                .is_none_or(|sign_in| sign_in.session != written)
            {
                // A newer command came while this one was being written.
                self.ledger = Some(ledger);
                return self.read_ledger();
            }
            other_lives = true;
            self.publish_sign_in(now, &mut ledger, true);
        }
        if ledger.again {
            self.ledger = Some(ledger);
            return self.read_ledger();
        }
        self.endings_landed(ledger, other_lives);
    }

    /// The record of our sign-in was found in the store: a write that reported failure had landed.
    fn sign_in_landed(&mut self, now: Now, mut ledger: Box<Ledger>, stored: &Stored) {
        if let State::Ended(reason) = stored.record.state {
            self.ledger = Some(ledger);
            self.ends_sign_in(now, stored.record.session, reason);
            let Some(ledger) = self.ledger.take() else { return };
            return self.endings_landed(ledger, false);
        }
        self.publish_sign_in(now, &mut ledger, true);
        self.endings_landed(ledger, true);
        // Another holder may have found it first, and renewed it.
        self.weigh(now, stored);
    }

    /// Ends the sign-in that is on its way to the store, if this tombstone is its own: it had landed, and another
    /// holder ended it.
    pub(super) fn ends_sign_in(&mut self, now: Now, session: SessionId, reason: EndReason) -> bool {
        let pending = self.ledger.as_mut().map(|ledger| &mut ledger.sign_in);
        let Some(sign_in) = pending.and_then(|sign_in| sign_in.take_if(|sign_in| sign_in.session == session))
        else {
            return false;
        };
        if let Some(attempt) = sign_in.attempt {
            self.settle(attempt, Outcome::Failed(Failure::SignedOut(reason)));
        }
        self.remember_ended(session);
        self.end_session(now, reason);
        true
    }

    /// While our sign-in could not be stored, another one was: it stands.
    fn sign_in_overtaken(&mut self, now: Now, mut ledger: Box<Ledger>, stored: Option<&Stored>) {
        let Some(sign_in) = ledger.sign_in.take() else {
            return;
        };
        let live = stored.is_some_and(|stored| matches!(stored.record.state, State::Live { .. }));
        if let Some(attempt) = sign_in.attempt {
            self.settle(attempt, Outcome::Failed(Failure::Replaced));
        }
        self.revoke_late(sign_in.tokens, live);
        if let Some(Stored { record, .. }) = stored {
            match record.state {
                State::Live { .. } => {
                    self.become_session(now, record);
                }
                State::Ended(reason) => self.end_session(now, reason),
            }
        }
        self.endings_landed(ledger, live);
    }

    /// Lets requests read the sign-in, if they do not yet, and tells.
    fn publish_sign_in(&mut self, now: Now, ledger: &mut Ledger, saved: bool) {
        let Some(sign_in) = &mut ledger.sign_in else {
            return;
        };
        let attempt = sign_in.attempt.take();
        let (session, tokens) = (sign_in.session, sign_in.tokens.clone());
        if saved {
            ledger.sign_in = None;
        }
        match attempt {
            Some(attempt) => {
                let generation = self.publish(now, session, 0, tokens);
                self.notify(Event::SignedIn { session, generation });
                self.settle(attempt, Outcome::SignedIn { generation, saved });
            }
            None if saved => self.notify(Event::StoreRecovered),
            None => {}
        }
    }

    /// Nothing of what was ended stands in the store any more. Whatever was the newest token of each is revoked.
    fn endings_landed(&mut self, mut ledger: Box<Ledger>, other_lives: bool) {
        let spare = self.spares(other_lives || ledger.sign_in.is_some());
        for ending in ledger.endings.drain(..) {
            if ending.reason == EndReason::SignOut && !spare {
                for tokens in ending.targets.into_iter().filter_map(|target| target.newest) {
                    self.revoke(tokens, ending.attempt);
                }
            }
            match ending.attempt {
                Some(attempt) => self.sign_out_landed(attempt, true),
                None if ending.failed => self.notify(Event::StoreRecovered),
                None => {}
            }
        }
        if ledger.sign_in.is_some() {
            self.ledger = Some(ledger);
            self.read_ledger();
        }
    }

    /// The store is ill: what it cannot keep takes effect here, and is tried again.
    fn ledger_failed(&mut self, now: Now) {
        let Some(mut ledger) = self.ledger.take() else {
            return;
        };
        if ledger
            .sign_in
            .as_ref()
            .is_some_and(|sign_in| sign_in.unpublished().is_some())
        {
            self.notify(Event::StoreFailed { what: Unkept::SignIn });
            self.publish_sign_in(now, &mut ledger, false);
        }
        let spare = self.spares(ledger.sign_in.is_some());
        // One failure of the store is one event, however many sign-outs wait for it.
        if ledger.endings.iter().any(|ending| ending.attempt.is_some()) {
            self.notify(Event::StoreFailed {
                what: Unkept::Tombstone,
            });
        }
        for ending in &mut ledger.endings {
            let Some(attempt) = ending.attempt.take() else {
                continue;
            };
            ending.failed = true;
            for target in ending.targets.iter_mut().filter(|_| !spare) {
                if let Some(tokens) = target.newest.take() {
                    target.revoked = true;
                    self.revoke(tokens, Some(attempt));
                }
            }
            self.sign_out_landed(attempt, false);
        }
        ledger.merge_told();
        let spread = self.spread.part();
        let length = pause(&self.config.policy, ledger.failures, None, spread);
        ledger.failures = ledger.failures.saturating_add(1);
        ledger.step = Step::Waiting(now.mono.after(length));
        self.ledger = Some(ledger);
    }
}
