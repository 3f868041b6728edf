//! One flight: lock, load, mark, refresh, save, unlock.
//!
//! At most one ticket of a flight is out at any time. Each phase holds only what is valid in it; a result takes the flight
//! out of the machine, and puts it back in its next phase or ends it.

use alloc::boxed::Box;

use super::attempt::Attempt;
use super::effect::{Effect, LockResult, LockTicket, Save, StoreFailed, Swap};
use super::keep::Unsaved;
use super::mutation::mutated;
use super::outcome::{Cause, Failure, Outcome, TransientCause};
use super::refresh::{Base, Refused, Yield};
use super::{Lane, Machine, Status};
use crate::{MonoTime, Now, SessionId, State, Stored, TokenSet, Version};

/// Times a flight reads the store anew because the record changed under its lock. Only an unsound lock, or commands
/// in a row, can make it more than a few.
const MAX_RELOADS: u8 = 8;

/// A flight under way.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Flight {
    /// Who waits. Nobody, once it settled ahead of its end.
    pub(super) attempt: Option<Attempt>,
    /// Why it began.
    pub(super) cause: Cause,
    /// Its session ended: it goes on only to answer its tickets and to give the lock back.
    pub(super) orphan: bool,
    /// A sign-out revokes its new set together with the rest of the session.
    pub(super) revoked_by_sign_out: bool,
    pub(super) held: Option<Held>,
    /// This lost answer was already followed by a retry.
    pub(super) retried: bool,
    pub(super) reloads: u8,
    /// The last read was older than this, which was known. Another one like it is believed: the store numbers its
    /// writes anew.
    pub(super) doubted: Option<Version>,
    /// The foreign mark that was waited for under a lease.
    pub(super) waited: Option<Version>,
    /// The ticket that is out.
    pub(super) serial: u32,
    pub(super) phase: Phase,
}

/// The store's lock, while it is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Held {
    /// When the lease ends; `None`: the lock dies with us.
    pub(super) lease_until: Option<MonoTime>,
}

/// How far a flight got.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) enum Phase {
    /// Reading without the lock, because nothing is known yet.
    Opening,
    /// Waiting for the lock.
    Locking,
    /// Reading, although no request can be sent: what stands there may serve.
    LastLook(Lost),
    /// Reading under the lock.
    Loading,
    /// Another holder's mark may still be at work; its lease outlived it.
    WaitingOut(MonoTime),
    /// Writing the mark.
    Marking(Base),
    /// Waiting for the token endpoint.
    Refreshing(Base),
    /// Reading again after an answer was lost.
    Rereading(Base, Yield),
    /// Writing what a failed refresh leaves behind.
    Yielding(Failure),
    /// Writing the tombstone of a grant that the server says is dead.
    Burying(Base),
    /// Reading whether a tombstone that could not be written may be believed.
    Doubting(Base),
    /// Writing the new set.
    Saving(Unsaved),
    /// Reading why the new set could not be written over the record.
    Resolving(Unsaved),
    /// Pausing before the new set is written again. It is published; the lock is kept.
    Unsaved(Unsaved, MonoTime),
}

/// Why a flight can send no request any more.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) enum Lost {
    /// The lock was not to be had.
    Lock(TransientCause),
    /// A refresh failed, and the record moved on before that could be written down.
    Refresh(Failure),
}

impl Flight {
    pub(super) fn has_unsaved(&self) -> bool {
        matches!(
            self.phase,
            Phase::Saving(_) | Phase::Resolving(_) | Phase::Unsaved(..)
        )
    }

    /// The newest set of a session, if it is known here but not in the store.
    pub(super) fn unsaved_set(&self) -> Option<&Unsaved> {
        match &self.phase {
            Phase::Saving(unsaved) | Phase::Resolving(unsaved) | Phase::Unsaved(unsaved, _) => Some(unsaved),
            _ => None,
        }
    }

    /// The session and number of the set that this flight will write, if it has sent its request.
    pub(super) fn coming_set(&self) -> Option<(SessionId, u64)> {
        match &self.phase {
            Phase::Refreshing(base) => Some((base.session, base.set + 1)),
            _ => self.unsaved_set().map(|unsaved| (unsaved.session, unsaved.set)),
        }
    }

    /// When the store is tried again, while it fails to keep the new set.
    pub(super) fn save_retry_at(&self) -> Option<MonoTime> {
        match self.phase {
            Phase::Unsaved(_, at) => Some(at),
            _ => None,
        }
    }

    /// Counts a read that a change of the record made necessary. False if there have been too many.
    pub(super) fn may_reload(&mut self) -> bool {
        self.reloads = self.reloads.saturating_add(1);
        self.reloads <= MAX_RELOADS
    }

    /// Whether the refresh token may be on its way, or the record about to be written, so that a hint must wait.
    pub(super) fn is_committed(&self) -> bool {
        !matches!(
            self.phase,
            Phase::Opening | Phase::Locking | Phase::LastLook(_) | Phase::WaitingOut(..)
        )
    }
}

impl Machine {
    pub(super) fn start_flight(&mut self, now: Now, attempt: Option<Attempt>) {
        let cause = attempt.as_ref().map_or(Cause::Due, |attempt| attempt.cause);
        let mut flight = Box::new(Flight {
            attempt,
            cause,
            orphan: false,
            revoked_by_sign_out: false,
            held: None,
            retried: false,
            reloads: 0,
            doubted: None,
            waited: None,
            serial: 0,
            phase: Phase::Opening,
        });
        if self.published.is_none() && (self.status != Status::NeverSignedIn || now.mono >= self.next_look) {
            flight.serial = self.load(Lane::Flight);
            self.flight = Some(flight);
        } else {
            self.take_lock(flight);
        }
    }

    fn take_lock(&mut self, mut flight: Box<Flight>) {
        let serial = self.serial();
        self.push(Effect::Lock(LockTicket { serial }));
        flight.serial = serial;
        flight.phase = Phase::Locking;
        self.flight = Some(flight);
    }

    /// Takes the flight out if this is the ticket it waits for.
    pub(super) fn take_flight(&mut self, serial: u32) -> Option<Box<Flight>> {
        self.flight.take_if(|flight| flight.serial == serial)
    }

    /// Puts the flight back to wait for what it reads.
    pub(super) fn fly_load(&mut self, mut flight: Box<Flight>, phase: Phase) {
        flight.serial = self.load(Lane::Flight);
        flight.phase = phase;
        self.flight = Some(flight);
    }

    /// Puts the flight back to wait for what it writes.
    pub(super) fn fly_save(&mut self, mut flight: Box<Flight>, save: Save, phase: Phase) {
        flight.serial = self.save(Lane::Flight, save);
        flight.phase = phase;
        self.flight = Some(flight);
    }

    /// Puts the flight back to wait for a time, or for the token endpoint's answer under this serial.
    pub(super) fn fly_wait(&mut self, mut flight: Box<Flight>, serial: u32, phase: Phase) {
        flight.serial = serial;
        flight.phase = phase;
        self.flight = Some(flight);
    }

    /// Ends the flight: gives the lock back, tells its waiters, and starts the one that waited for it.
    pub(super) fn end_flight(&mut self, now: Now, mut flight: Box<Flight>, outcome: Outcome) {
        self.settle_attempt(now, flight.attempt.take(), outcome);
        self.land(now, &mut flight);
    }

    /// Gives the lock back and lets the next flight start.
    pub(super) fn land(&mut self, now: Now, flight: &mut Flight) {
        if flight.held.take().is_some() {
            self.push(Effect::Unlock);
        }
        #[cfg(test)]
        self.begin_deferred_sign_out(now);
        let Some(queued) = self.queued.take() else { return };
        if let Some(published) = &self.published {
            let (session, set, tokens) = (published.session, published.set, published.tokens.clone());
            if self.serves(Some(&queued), session, set, &tokens, now) {
                let generation = self.generation;
                return self.settle_attempt(now, Some(*queued), Outcome::Adopted { generation });
            }
        }
        self.start_flight(now, Some(*queued));
    }

    /// Fails the flight with what everybody who asks within the pause is told.
    pub(super) fn fail_flight(&mut self, now: Now, flight: Box<Flight>, failure: Failure) {
        let failure = self.cool_down(failure);
        self.end_flight(now, flight, Outcome::Failed(failure));
    }

    /// Ends a flight that could not send a request, and found nothing that serves.
    pub(super) fn give_up(&mut self, now: Now, flight: Box<Flight>, lost: Lost) {
        match lost {
            Lost::Lock(cause) => self.fail_store(now, flight, cause),
            Lost::Refresh(failure) => self.end_flight(now, flight, Outcome::Failed(failure)),
        }
    }

    pub(super) fn fail_store(&mut self, now: Now, flight: Box<Flight>, cause: TransientCause) {
        let failure = self.store_failure(now, cause);
        self.end_flight(now, flight, Outcome::Failed(failure));
    }

    /// How taking the lock went, for the ticket of [`Effect::Lock`].
    pub fn locked(&mut self, now: Now, ticket: LockTicket, result: LockResult) {
        self.rebase(now);
        let Some(mut flight) = self.take_flight(ticket.serial) else {
            return;
        };
        let lost = match result {
            LockResult::Acquired => {
                flight.held = Some(Held { lease_until: None });
                None
            }
            LockResult::Leased(length) => {
                flight.held = Some(Held {
                    lease_until: Some(now.mono.after(length)),
                });
                None
            }
            LockResult::TimedOut => Some(TransientCause::LockBusy),
            LockResult::Failed => Some(TransientCause::LockFailed),
        };
        match lost {
            // A hint or a sign-out settled everything while the lock was awaited.
            _ if flight.attempt.is_none() => self.land(now, &mut flight),
            None => self.fly_load(flight, Phase::Loading),
            Some(cause) => self.fly_load(flight, Phase::LastLook(Lost::Lock(cause))),
        }
    }

    /// The lease of the store's lock was renewed and ends after this long. A fact from the driver.
    pub fn lease(&mut self, now: Now, remaining: core::time::Duration) {
        if let Some(held) = self.flight.as_mut().and_then(|flight| flight.held.as_mut()) {
            held.lease_until = Some(now.mono.after(remaining));
        }
    }

    pub(super) fn flight_loaded(
        &mut self,
        now: Now,
        serial: u32,
        result: Result<Option<&Stored>, StoreFailed>,
    ) {
        let Some(mut flight) = self.take_flight(serial) else {
            return;
        };
        if flight.orphan {
            // Nothing for this flight, but perhaps news for the machine.
            if let Ok(Some(stored)) = result {
                self.weigh(now, stored);
            }
            return self.orphan_lands(now, flight);
        }
        let doubt = self.doubts(result.ok().flatten());
        if doubt.is_some() && flight.doubted != doubt {
            // A hint was quicker.
            flight.doubted = doubt;
            let phase = core::mem::replace(&mut flight.phase, Phase::Opening);
            return self.fly_load(flight, phase);
        }
        match (core::mem::replace(&mut flight.phase, Phase::Opening), result) {
            (Phase::Resolving(unsaved), Ok(stored)) => self.resolve(now, flight, unsaved, stored),
            (Phase::Resolving(unsaved), Err(StoreFailed)) => self.keep_unsaved(now, flight, unsaved),
            (Phase::Rereading(base, loss), result) => self.reread(now, flight, base, loss, result),
            (Phase::Doubting(base), result) => self.doubt(now, flight, base, result),
            _ if flight.attempt.is_none() => self.land(now, &mut flight),
            (Phase::Opening, Ok(stored)) => self.open(now, flight, stored),
            (Phase::LastLook(lost), Ok(stored)) => self.take_stock(now, flight, stored, Some(lost)),
            (Phase::LastLook(Lost::Refresh(failure)), Err(StoreFailed)) => {
                self.end_flight(now, flight, Outcome::Failed(failure));
            }
            (_, Ok(stored)) => self.take_stock(now, flight, stored, None),
            (_, Err(StoreFailed)) => self.fail_store(now, flight, TransientCause::StoreUnreadable),
        }
    }

    pub(super) fn flight_saved(&mut self, now: Now, serial: u32, result: Result<Swap, StoreFailed>) {
        let Some(mut flight) = self.take_flight(serial) else {
            return;
        };
        match core::mem::replace(&mut flight.phase, Phase::Opening) {
            Phase::Saving(unsaved) if flight.orphan && !mutated!(self, KeepLateToken) => {
                self.orphan_saved(now, flight, unsaved, result);
            }
            Phase::Saving(unsaved) => self.kept(now, flight, unsaved, result),
            _ if flight.orphan => self.orphan_lands(now, flight),
            Phase::Marking(base) => self.marked(now, flight, base, result),
            Phase::Yielding(failure) => self.yielded(now, flight, failure, result),
            Phase::Burying(base) => self.buried(now, flight, base, result),
            phase => {
                // No other phase writes.
                flight.phase = phase;
                self.flight = Some(flight);
            }
        }
    }

    /// Reads the record again because it changed under the lock, a bounded number of times.
    pub(super) fn look_again(&mut self, now: Now, mut flight: Box<Flight>) {
        if !flight.may_reload() {
            return self.fail_store(now, flight, TransientCause::StoreContended);
        }
        self.fly_load(flight, Phase::Loading);
    }

    /// The first look at the store: what is there is taken over without the lock; only a renewal needs it.
    fn open(&mut self, now: Now, flight: Box<Flight>, stored: Option<&Stored>) {
        if let Some(published) = &self.published {
            // A hint was quicker than this read, and may know more; waiters of what it showed have joined.
            let (session, set, tokens) = (published.session, published.set, published.tokens.clone());
            if self.serves(flight.attempt.as_ref(), session, set, &tokens, now) {
                let generation = self.generation;
                return self.end_flight(now, flight, Outcome::Adopted { generation });
            }
            return self.take_lock(flight);
        }
        let Some(Stored { record, .. }) = stored else {
            self.never_signed_in(now);
            if self.may_start() {
                return self.take_lock(flight);
            }
            let failure = self.not_signed_in();
            return self.end_flight(now, flight, Outcome::Failed(failure));
        };
        match &record.state {
            State::Ended(reason) if self.restarts_after(*reason) => self.take_lock(flight),
            State::Ended(reason) => {
                self.end_session(now, *reason);
                self.end_flight(now, flight, Outcome::Failed(Failure::SignedOut(*reason)));
            }
            State::Live { tokens, .. } if self.is_over(record.session, tokens) => {
                self.next_look = now.mono.after(self.config.policy.floor());
                let failure = self.not_signed_in();
                self.end_flight(now, flight, Outcome::Failed(failure));
            }
            State::Live { tokens, .. } => {
                let generation = self.become_session(now, record).unwrap_or(self.generation);
                if self.serves(flight.attempt.as_ref(), record.session, record.set, tokens, now) {
                    return self.end_flight(now, flight, Outcome::Adopted { generation });
                }
                self.take_lock(flight);
            }
        }
    }

    /// Whether this session was ended here, or its refresh token is known to be dead here.
    pub(super) fn is_over(&self, session: SessionId, tokens: &TokenSet) -> bool {
        let ended =
            self.ended.contains(&session) || self.ledger.as_ref().is_some_and(|ledger| ledger.ends(session));
        (ended && !mutated!(self, ForgetEnded)) || (self.published.is_none() && self.is_refused(tokens))
    }

    /// Whether the server refused this refresh token for good.
    pub(super) fn is_refused(&self, tokens: &TokenSet) -> bool {
        self.refused(tokens).is_some()
    }

    /// What is known of the refusal of this refresh token.
    pub(super) fn refused(&self, tokens: &TokenSet) -> Option<&Refused> {
        let is_this = |refused: &&Refused| match (&refused.tokens.refresh_token, &tokens.refresh_token) {
            (Some(refused), Some(token)) => refused.same_as(token),
            // Where the transport brings it, the set stands for the token that went with it.
            (None, None) => refused.tokens.access_token.same_as(&tokens.access_token),
            _ => false,
        };
        self.refused.as_deref().filter(is_this)
    }

    pub(super) fn was_waited_for(flight: &Flight, version: Version) -> bool {
        flight.waited == Some(version)
    }

    pub(super) fn wait_out(&mut self, mut flight: Box<Flight>, until: MonoTime, version: Version) {
        flight.waited = Some(version);
        self.fly_wait(flight, 0, Phase::WaitingOut(until));
    }
}
