//! From the mark to the answer: the refresh token is on its way.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use super::Machine;
use super::effect::{Effect, Refresh, RefreshTicket, Save, StoreFailed, Swap};
use super::flight::{Flight, Lost, Phase};
use super::keep::Unsaved;
use super::mutation::mutated;
use super::outcome::{Event, Failure, Outcome, TransientCause, Unkept};
use crate::answer::{ErrorCode, LossCause, NotProcessedCause, Setting, Verdict};
use crate::{BackOff, EndReason, Mark, Now, Record, SessionId, State, Stored, TokenSet, Version};

/// What is renewed: a record as it stands in the store.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Base {
    /// What the next write expects to find.
    pub(super) version: Option<Version>,
    pub(super) session: SessionId,
    pub(super) set: u64,
    /// `None` where a session starts without a refresh token.
    pub(super) tokens: Option<Arc<TokenSet>>,
    pub(super) back_off: Option<BackOff>,
    /// The record carried a mark before ours: an answer was lost once already, or a holder crashed.
    pub(super) carried_mark: bool,
}

/// What a failed refresh leaves behind.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Yield {
    pub(super) cause: YieldCause,
    pub(super) retry_after: Option<Duration>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) enum YieldCause {
    /// Surely not processed: the mark goes, unless an earlier request left one.
    NotProcessed(NotProcessedCause),
    /// Perhaps processed: the mark stays.
    AnswerLost(LossCause),
    Interaction(Option<ErrorCode>),
    Configuration(Setting, Option<ErrorCode>),
    /// The lease is too short for a request: nothing was sent.
    LeaseTooShort,
}

/// A set whose refresh token was refused for good while the store could not confirm it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Refused {
    pub(super) tokens: Arc<TokenSet>,
    /// An answer had been lost before.
    pub(super) after_loss: bool,
}

impl Base {
    fn record(&self, state: State) -> Record {
        Record {
            session: self.session,
            set: self.set,
            state,
        }
    }
}

impl Machine {
    /// Writes down that the refresh token may be on its way. No mark written, no request sent.
    pub(super) fn mark(&mut self, now: Now, flight: Box<Flight>, base: Base) {
        let Some(tokens) = base.tokens.clone().filter(|_| !mutated!(self, NoMark)) else {
            return self.send(now, flight, base);
        };
        let mark = Some(Mark {
            holder: self.config.holder,
            at: now.wall,
        });
        let record = base.record(State::Live {
            tokens,
            mark,
            back_off: base.back_off,
        });
        self.fly_save(
            flight,
            Save {
                expected: base.version,
                record,
            },
            Phase::Marking(base),
        );
    }

    pub(super) fn marked(
        &mut self,
        now: Now,
        flight: Box<Flight>,
        mut base: Base,
        result: Result<Swap, StoreFailed>,
    ) {
        match result {
            Ok(Swap::Written(version)) => {
                base.version = Some(version);
                self.send(now, flight, base);
            }
            Ok(Swap::Conflict) => self.look_again(now, flight),
            Err(StoreFailed) => self.fail_store(now, flight, TransientCause::StoreUnwritable),
        }
    }

    pub(super) fn send(&mut self, now: Now, flight: Box<Flight>, base: Base) {
        let policy = &self.config.policy;
        let needed = policy.request_deadline.saturating_add(policy.save_deadline);
        let lease_until = flight.held.and_then(|held| held.lease_until);
        if lease_until.is_some_and(|until| until.since(now.mono) <= needed) {
            let done = Yield {
                cause: YieldCause::LeaseTooShort,
                retry_after: None,
            };
            return self.yield_with(now, flight, base, done);
        }
        self.notify(Event::Renewing { cause: flight.cause });
        let serial = self.serial();
        self.push(Effect::Refresh(
            RefreshTicket { serial },
            Refresh {
                base: base.tokens.clone(),
            },
        ));
        self.fly_wait(flight, serial, Phase::Refreshing(base));
    }

    /// What the token endpoint answered, for the ticket of [`Effect::Refresh`].
    pub fn refreshed(&mut self, now: Now, ticket: RefreshTicket, verdict: Verdict) {
        self.rebase(now);
        let Some(mut flight) = self.take_flight(ticket.serial) else {
            return;
        };
        let base = match core::mem::replace(&mut flight.phase, Phase::Opening) {
            Phase::Refreshing(base) => base,
            phase => {
                flight.phase = phase;
                self.flight = Some(flight);
                return;
            }
        };
        let cap = self.config.policy.back_off_cap;
        let (cause, retry_after) = match verdict {
            Verdict::Renewed(set) => {
                let tokens = merge(base.tokens.as_deref(), set, now);
                return self.renewed(now, flight, base, tokens, None);
            }
            verdict if flight.orphan => {
                if let (Some(late), Some(old)) = (salvaged(verdict), &base.tokens) {
                    self.revoke_late(Arc::new(salvage(old, late)), false);
                }
                return self.orphan_lands(now, flight);
            }
            Verdict::Dead { .. } if base.tokens.is_some() && !self.starts_itself() => {
                return self.bury(now, flight, base);
            }
            Verdict::Dead { code } => (
                YieldCause::Configuration(Setting::ClientAuthentication, code),
                None,
            ),
            Verdict::Interaction { code } => (YieldCause::Interaction(code), None),
            Verdict::Configuration { setting, code } => (YieldCause::Configuration(setting, code), None),
            Verdict::Transient { cause, retry_after } => (YieldCause::NotProcessed(cause), retry_after),
            Verdict::Ambiguous {
                cause,
                retry_after,
                salvaged,
            } => {
                let loss = Yield {
                    cause: YieldCause::AnswerLost(cause),
                    retry_after: retry_after.map(|retry_after| retry_after.delay(now.wall, cap)),
                };
                if let (Some(refresh_token), Some(old)) = (salvaged, &base.tokens) {
                    let tokens = salvage(old, refresh_token);
                    return self.renewed(now, flight, base, tokens, Some(loss));
                }
                return self.fly_load(flight, Phase::Rereading(base, loss));
            }
        };
        let retry_after = retry_after.map(|retry_after| retry_after.delay(now.wall, cap));
        self.yield_with(now, flight, base, Yield { cause, retry_after });
    }

    /// A new set is here. Nothing may lose it from now on.
    fn renewed(&mut self, now: Now, flight: Box<Flight>, base: Base, tokens: TokenSet, loss: Option<Yield>) {
        let tokens = Arc::new(tokens);
        if flight.orphan && !mutated!(self, KeepLateToken) {
            self.revoke_late(tokens, false);
            return self.orphan_lands(now, flight);
        }
        let failure = loss.map(|loss| self.failure_of(now, &loss, base.back_off).0);
        let unsaved = Unsaved {
            session: base.session,
            set: base.set + 1,
            tokens,
            expected: base.version,
            published: false,
            failure,
        };
        self.keep(now, flight, unsaved);
    }

    /// What was read after an answer was lost. If nothing moved, the same token is presented once more, where the
    /// profile allows it and the record carried no mark before.
    pub(super) fn reread(
        &mut self,
        now: Now,
        mut flight: Box<Flight>,
        base: Base,
        loss: Yield,
        result: Result<Option<&Stored>, StoreFailed>,
    ) {
        match result {
            Err(StoreFailed) => {
                let (failure, _) = self.failure_of(now, &loss, base.back_off);
                self.fail_flight(now, flight, failure);
            }
            Ok(stored) if stored.as_ref().map(|stored| stored.version) != base.version => {
                self.take_stock(now, flight, stored, None);
            }
            Ok(_) => {
                let allowed =
                    self.config.policy.profile.retry_after_loss && !base.carried_mark && !flight.retried;
                if allowed || mutated!(self, RetryForEver) {
                    flight.retried = true;
                    return self.send(now, flight, base);
                }
                self.yield_with(now, flight, base, loss);
            }
        }
    }

    /// Leaves in the record what others must know of a failure, then fails.
    fn yield_with(&mut self, now: Now, flight: Box<Flight>, base: Base, done: Yield) {
        let Some(tokens) = base.tokens.clone() else {
            let (failure, _) = self.failure_of(now, &done, base.back_off);
            return self.fail_flight(now, flight, failure);
        };
        let (failure, back_off) = self.failure_of(now, &done, base.back_off);
        // What happened to this request says nothing about one before it whose answer was lost.
        let uncertain =
            matches!(done.cause, YieldCause::AnswerLost(_)) || base.carried_mark || flight.retried;
        let mark = (uncertain && !self.starts_itself()).then_some(Mark {
            holder: self.config.holder,
            at: now.wall,
        });
        let record = base.record(State::Live {
            tokens,
            mark,
            back_off,
        });
        // The pause holds here from now on, whether or not it can be shared.
        let failure = self.cool_down(failure);
        self.fly_save(
            flight,
            Save {
                expected: base.version,
                record,
            },
            Phase::Yielding(failure),
        );
    }

    pub(super) fn yielded(
        &mut self,
        now: Now,
        flight: Box<Flight>,
        failure: Failure,
        result: Result<Swap, StoreFailed>,
    ) {
        match result {
            // What stands there may serve. If it does not, the failure stands: its pause has begun.
            Ok(Swap::Conflict) => return self.fly_load(flight, Phase::LastLook(Lost::Refresh(failure))),
            Ok(Swap::Written(version)) => {
                self.back_off_seen = Some((version, now.mono));
                self.push(Effect::Announce(version));
            }
            // The mark stays behind, and costs at most a retry.
            Err(StoreFailed) => {}
        }
        self.end_flight(now, flight, Outcome::Failed(failure));
    }

    /// What the waiters are told, and the pause that all holders keep.
    fn failure_of(&mut self, now: Now, done: &Yield, stored: Option<BackOff>) -> (Failure, Option<BackOff>) {
        let hold = now.mono.after(self.config.policy.hold());
        let cause = match &done.cause {
            YieldCause::Interaction(code) => {
                return (
                    Failure::Interaction {
                        code: code.clone(),
                        retry_at: hold,
                    },
                    None,
                );
            }
            YieldCause::Configuration(setting, code) => {
                let failure = Failure::Configuration {
                    setting: *setting,
                    code: code.clone(),
                    retry_at: hold,
                };
                return (failure, None);
            }
            YieldCause::NotProcessed(cause) => TransientCause::NotProcessed(*cause),
            YieldCause::AnswerLost(cause) => TransientCause::AnswerLost(*cause),
            YieldCause::LeaseTooShort => {
                // Ours alone: no other holder has to pause for it.
                return (self.store_failure(now, TransientCause::LockFailed), stored);
            }
        };
        let (back_off, retry_at) = self.back_off(now, stored, done.retry_after);
        (Failure::Transient { cause, retry_at }, Some(back_off))
    }

    /// The server says that the grant is dead. Believed once a tombstone stands over the very version whose token it
    /// refused.
    pub(super) fn bury(&mut self, now: Now, flight: Box<Flight>, base: Base) {
        let reason = self.dead(&flight, &base);
        if mutated!(self, BelieveInvalidGrant) {
            self.end_session(now, reason);
            return self.end_flight(now, flight, Outcome::Failed(Failure::SignedOut(reason)));
        }
        let record = base.record(State::Ended(reason));
        self.fly_save(
            flight,
            Save {
                expected: base.version,
                record,
            },
            Phase::Burying(base),
        );
    }

    /// Why the grant is dead: what was known when the token was refused, not what a later attempt finds.
    fn dead(&self, flight: &Flight, base: &Base) -> EndReason {
        let refused = base.tokens.as_ref().and_then(|tokens| self.refused(tokens));
        let after_loss = refused.map_or(base.carried_mark || flight.retried, |refused| refused.after_loss);
        EndReason::GrantDead { after_loss }
    }

    /// Remembers that the server refused this set's refresh token for good, until it can be believed.
    fn remember_refused(&mut self, flight: &Flight, base: &Base) {
        let after_loss = self.dead(flight, base) == EndReason::GrantDead { after_loss: true };
        self.refused = base
            .tokens
            .clone()
            .map(|tokens| Box::new(Refused { tokens, after_loss }));
    }

    pub(super) fn buried(
        &mut self,
        now: Now,
        flight: Box<Flight>,
        base: Base,
        result: Result<Swap, StoreFailed>,
    ) {
        match result {
            Ok(Swap::Written(version)) => {
                self.push(Effect::Announce(version));
                let reason = self.dead(&flight, &base);
                self.end_session(now, reason);
                self.end_flight(now, flight, Outcome::Failed(Failure::SignedOut(reason)));
            }
            Ok(Swap::Conflict) => {
                // Whatever stands there now was not refused, unless it is the same token under another mark.
                self.remember_refused(&flight, &base);
                self.look_again(now, flight);
            }
            Err(StoreFailed) => self.fly_load(flight, Phase::Doubting(base)),
        }
    }

    /// The tombstone could not be written. A store that can be read decides whether the verdict is believed here.
    pub(super) fn doubt(
        &mut self,
        now: Now,
        flight: Box<Flight>,
        base: Base,
        result: Result<Option<&Stored>, StoreFailed>,
    ) {
        self.remember_refused(&flight, &base);
        match result {
            Err(StoreFailed) => self.fail_store(now, flight, TransientCause::StoreUnreadable),
            Ok(Some(stored)) if Some(stored.version) == base.version => {
                let reason = self.dead(&flight, &base);
                self.notify(Event::StoreFailed {
                    what: Unkept::Tombstone,
                });
                self.pend_tombstone(now, base.session, base.set, reason);
                self.end_session(now, reason);
                self.end_flight(now, flight, Outcome::Failed(Failure::SignedOut(reason)));
            }
            Ok(stored) => self.take_stock(now, flight, stored, None),
        }
    }
}

/// The new set: what the answer holds, and what it left out of the old one (RFC 6749 §6: an absent refresh token means
/// that the old one goes on, an absent scope that it is unchanged).
fn merge(old: Option<&TokenSet>, new: TokenSet, now: Now) -> TokenSet {
    TokenSet {
        refresh_token: new.refresh_token.or_else(|| {
            old.and_then(|old| old.refresh_token.as_ref())
                .map(|token| token.duplicate())
        }),
        scope: new.scope.or_else(|| old.and_then(|old| old.scope.clone())),
        id_token: new.id_token.or_else(|| {
            old.and_then(|old| old.id_token.as_ref())
                .map(|token| token.duplicate())
        }),
        access_token: new.access_token,
        expires_in: new.expires_in,
        received_at: new.received_at.min(now.wall),
        extra: new.extra,
    }
}

fn salvaged(verdict: Verdict) -> Option<crate::RefreshToken> {
    match verdict {
        Verdict::Ambiguous { salvaged, .. } => salvaged,
        _ => None,
    }
}

/// The old access token with the new refresh token of an answer that could not be used otherwise.
fn salvage(old: &TokenSet, refresh_token: crate::RefreshToken) -> TokenSet {
    TokenSet {
        access_token: old.access_token.duplicate(),
        refresh_token: Some(refresh_token),
        received_at: old.received_at,
        expires_in: old.expires_in,
        scope: old.scope.clone(),
        id_token: old.id_token.as_ref().map(crate::Secret::duplicate),
        extra: old
            .extra
            .iter()
            .map(|(name, json)| (name.clone(), json.duplicate()))
            .collect(),
    }
}
