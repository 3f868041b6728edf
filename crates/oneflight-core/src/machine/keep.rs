//! From the answer to the store: a new set is saved before it is published, and never dropped.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::Machine;
use super::effect::{Effect, Save, StoreFailed, Swap};
use super::flight::{Flight, Phase};
use super::mutation::mutated;
use super::outcome::{Event, Failure, Outcome, TransientCause, Unkept};
use crate::{EndReason, Now, Record, SessionId, State, Stored, TokenSet, Version};

/// A new set that is not stored yet.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Unsaved {
    pub(super) session: SessionId,
    pub(super) set: u64,
    pub(super) tokens: Arc<TokenSet>,
    /// What the next write expects to find.
    pub(super) expected: Option<Version>,
    /// Requests read it already, because the store failed to keep it.
    pub(super) published: bool,
    /// The answer held a new refresh token and nothing else of use: the attempt fails, once that token is safe.
    pub(super) failure: Option<Failure>,
}

impl Machine {
    pub(super) fn keep(&mut self, now: Now, mut flight: Box<Flight>, mut unsaved: Unsaved) {
        if mutated!(self, PublishBeforeSave) && !unsaved.published {
            self.publish_renewed(now, &mut flight, &mut unsaved);
        }
        let record = Record {
            session: unsaved.session,
            set: unsaved.set,
            state: State::Live {
                tokens: unsaved.tokens.clone(),
                mark: None,
                back_off: None,
            },
        };
        self.fly_save(
            flight,
            Save {
                expected: unsaved.expected,
                record,
            },
            Phase::Saving(unsaved),
        );
    }

    /// How writing the new set went.
    pub(super) fn kept(
        &mut self,
        now: Now,
        flight: Box<Flight>,
        unsaved: Unsaved,
        result: Result<Swap, StoreFailed>,
    ) {
        match result {
            Ok(Swap::Written(version)) => self.kept_as(now, flight, unsaved, version),
            Ok(Swap::Conflict) => self.fly_load(flight, Phase::Resolving(unsaved)),
            Err(StoreFailed) => self.keep_unsaved(now, flight, unsaved),
        }
    }

    /// The new set stands in the store under this version.
    fn kept_as(&mut self, now: Now, mut flight: Box<Flight>, mut unsaved: Unsaved, version: Version) {
        if unsaved.published {
            self.notify(Event::StoreRecovered);
            // The steps counted since were the store's. A failure of the server still holds its pause.
            self.failures = u32::from(self.cooling(now).is_some());
        } else {
            self.publish_renewed(now, &mut flight, &mut unsaved);
        }
        self.push(Effect::Announce(version));
        self.land(now, &mut flight);
    }

    /// Lets requests read the new set, and tells those who waited for it.
    fn publish_renewed(&mut self, now: Now, flight: &mut Flight, unsaved: &mut Unsaved) {
        let cause = flight.cause;
        let first = self.published.is_none();
        let generation = self.publish(now, unsaved.session, unsaved.set, unsaved.tokens.clone());
        unsaved.published = true;
        if first {
            self.notify(Event::SignedIn {
                session: unsaved.session,
                generation,
            });
        }
        let attempt = flight.attempt.take();
        if let Some(failure) = unsaved.failure.take() {
            let failure = self.cool_down(failure);
            return self.settle_attempt(now, attempt, Outcome::Failed(failure));
        }
        self.forgive();
        let outcome = match &attempt {
            Some(attempt) if attempt.was_refused(&unsaved.tokens) => Outcome::Failed(Failure::SameToken),
            Some(_) => Outcome::Renewed { generation },
            None => {
                let took = core::time::Duration::ZERO;
                return self.notify(Event::Renewed {
                    generation,
                    cause,
                    took,
                    waiters: 0,
                });
            }
        };
        self.settle_attempt(now, attempt, outcome);
    }

    /// The store failed to keep the new set. It is published all the same: the old refresh token is spent. The lock is
    /// kept, so that nobody presents the spent one, and the saving is tried again.
    pub(super) fn keep_unsaved(&mut self, now: Now, mut flight: Box<Flight>, mut unsaved: Unsaved) {
        if !unsaved.published {
            self.notify(Event::StoreFailed {
                what: Unkept::TokenSet,
            });
            self.publish_renewed(now, &mut flight, &mut unsaved);
        }
        if mutated!(self, UnlockWhileUnsaved) && flight.held.take().is_some() {
            self.push(Effect::Unlock);
        }
        let (_, retry_at) = self.back_off(now, None, None);
        if let Some(queued) = self.queued.take() {
            let failure = Failure::Transient {
                cause: TransientCause::StoreUnwritable,
                retry_at,
            };
            self.settle_attempt(now, Some(*queued), Outcome::Failed(failure));
        }
        self.fly_wait(flight, 0, Phase::Unsaved(unsaved, retry_at));
    }

    /// Another record stands where the new set should have gone.
    pub(super) fn resolve(
        &mut self,
        now: Now,
        flight: Box<Flight>,
        mut unsaved: Unsaved,
        stored: Option<&Stored>,
    ) {
        let Some(stored @ &Stored { version, ref record }) = stored else {
            if self.starts_itself() {
                // Whoever removed the record did not end the session: it needs none to go on.
                unsaved.expected = None;
                return self.keep_again(now, flight, unsaved);
            }
            return self.lost_session(now, flight, unsaved, EndReason::Removed);
        };
        if record.session != unsaved.session {
            return self.lost_to_another(now, flight, unsaved, record);
        }
        match record.state {
            State::Ended(EndReason::GrantDead { .. }) if record.set < unsaved.set => {
                // Somebody presented the token that we had spent for this set, and believed the answer.
                unsaved.expected = Some(version);
                self.keep_again(now, flight, unsaved);
            }
            State::Ended(reason) => self.lost_session(now, flight, unsaved, reason),
            State::Live { ref tokens, .. } => {
                if tokens.access_token.same_as(&unsaved.tokens.access_token) && record.set == unsaved.set {
                    return self.kept_as(now, flight, unsaved, version);
                }
                if record.set < unsaved.set {
                    // Only the mark or the pause changed.
                    unsaved.expected = Some(version);
                    return self.keep_again(now, flight, unsaved);
                }
                if mutated!(self, RevokeSuperseded) {
                    self.revoke(unsaved.tokens, None);
                }
                // Another holder's set of the same session: ours is superseded. It is dropped, and not revoked, for
                // that would end the family that both belong to.
                self.adopt_instead(now, flight, stored);
            }
        }
    }

    /// Writes over what was found, now or, if that went on for too long, after a pause.
    fn keep_again(&mut self, now: Now, mut flight: Box<Flight>, unsaved: Unsaved) {
        if flight.may_reload() {
            self.keep(now, flight, unsaved);
        } else {
            self.keep_unsaved(now, flight, unsaved);
        }
    }

    fn adopt_instead(&mut self, now: Now, flight: Box<Flight>, stored: &Stored) {
        if let State::Live { tokens, .. } = &stored.record.state {
            let timing = self.timing(stored.record.session, stored.record.set, tokens, now.wall);
            if timing.is_usable(now.wall) {
                let generation = self.publish(now, stored.record.session, stored.record.set, tokens.clone());
                if flight.attempt.is_none() {
                    self.notify(Event::Adopted { generation });
                }
            }
        }
        if flight.attempt.is_none() {
            let mut flight = flight;
            return self.land(now, &mut flight);
        }
        self.take_stock(now, flight, Some(stored), None);
    }

    /// The session ended in the store before its new set could be kept: the set is late.
    fn lost_session(&mut self, now: Now, flight: Box<Flight>, unsaved: Unsaved, reason: EndReason) {
        self.revoke_late(unsaved.tokens, false);
        self.end_session(now, reason);
        self.end_flight(now, flight, Outcome::Failed(Failure::SignedOut(reason)));
    }

    fn lost_to_another(&mut self, now: Now, flight: Box<Flight>, unsaved: Unsaved, record: &Record) {
        match record.state {
            State::Ended(reason) => self.lost_session(now, flight, unsaved, reason),
            State::Live { .. } => {
                self.revoke_late(unsaved.tokens, true);
                self.become_session(now, record);
                self.end_flight(now, flight, Outcome::Failed(Failure::Replaced));
            }
        }
    }

    /// The pause before an unsaved set is written again is over.
    pub(super) fn retry_save(&mut self, now: Now) {
        let Some(mut flight) = self.flight.take() else {
            return;
        };
        match core::mem::replace(&mut flight.phase, Phase::Opening) {
            Phase::Unsaved(unsaved, _) => self.keep(now, flight, unsaved),
            phase => {
                flight.phase = phase;
                self.flight = Some(flight);
            }
        }
    }
}
