//! What a record that was read means: adopt it, renew from it, or learn that the session is over.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use super::attempt::Cooldown;
use super::config::GrantKind;
use super::flight::{Flight, Lost, Phase};
use super::mutation::mutated;
use super::outcome::{Event, Failure, Outcome, TransientCause};
use super::refresh::Base;
use super::{Machine, Status, StoreFailed};
use crate::{BackOff, EndReason, Mark, Now, Record, State, Stored, TokenSet, Version};

/// A look at the store beside flight and ledger.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Look {
    pub(super) serial: u32,
    /// The writes that were known when it began.
    pub(super) writes: u32,
    /// Another hint came since.
    pub(super) again: bool,
}

impl Machine {
    /// Judges what a flight read. `lost`: no request can be sent, so a record that does not serve is a failure.
    pub(super) fn take_stock(
        &mut self,
        now: Now,
        flight: Box<Flight>,
        stored: Option<&Stored>,
        lost: Option<Lost>,
    ) {
        #[cfg(test)]
        let mutant = self.mutant_stock(stored);
        #[cfg(test)]
        let stored = mutant.as_ref().or(stored);
        // What stands there counts, even if the store began to number its writes anew.
        self.known = stored.map(|stored| stored.version);
        let Some(&Stored { version, ref record }) = stored else {
            return self.take_nothing(now, flight, lost);
        };
        let ours = self.published.as_ref().map(|published| published.session);
        match record.state {
            State::Ended(reason) if self.published.is_none() && self.restarts_after(reason) => {
                self.start_session(now, flight, Some(version), lost);
            }
            State::Ended(reason) => {
                self.end_session(now, reason);
                self.end_flight(now, flight, Outcome::Failed(Failure::SignedOut(reason)));
            }
            State::Live { ref tokens, .. } if self.is_over(record.session, tokens) => {
                let failure = self.not_signed_in();
                self.end_flight(now, flight, Outcome::Failed(failure));
            }
            State::Live { .. } if ours.is_some_and(|ours| ours != record.session) => {
                self.become_session(now, record);
                self.end_flight(now, flight, Outcome::Failed(Failure::Replaced));
            }
            State::Live {
                ref tokens,
                mark,
                back_off,
            } => {
                if self.serves(flight.attempt.as_ref(), record.session, record.set, tokens, now) {
                    let generation = self.publish(now, record.session, record.set, tokens.clone());
                    self.forgive();
                    self.notify(Event::Adopted { generation });
                    return self.end_flight(now, flight, Outcome::Adopted { generation });
                }
                if let Some(lost) = lost {
                    return self.give_up(now, flight, lost);
                }
                let base = Base {
                    version: Some(version),
                    session: record.session,
                    set: record.set,
                    tokens: Some(tokens.clone()),
                    back_off,
                    carried_mark: mark.is_some(),
                };
                self.renew_from(now, flight, base, tokens, mark);
            }
        }
    }

    fn take_nothing(&mut self, now: Now, flight: Box<Flight>, lost: Option<Lost>) {
        if self.may_start() {
            return self.start_session(now, flight, None, lost);
        }
        if self.published.is_some() {
            self.end_session(now, EndReason::Removed);
        } else {
            self.never_signed_in(now);
        }
        let failure = self.not_signed_in();
        self.end_flight(now, flight, Outcome::Failed(failure));
    }

    /// Asks for the first set of a session that needs no sign-in, over nothing or over a tombstone.
    fn start_session(&mut self, now: Now, flight: Box<Flight>, version: Option<Version>, lost: Option<Lost>) {
        if let Some(lost) = lost {
            return self.give_up(now, flight, lost);
        }
        let (session, set) = match &self.published {
            Some(published) => (published.session, published.set),
            None => (self.fresh_session(), 0),
        };
        let base = Base {
            version,
            session,
            set,
            tokens: None,
            back_off: None,
            carried_mark: false,
        };
        // No refresh token is spent, so there is none to mark.
        self.send(now, flight, base);
    }

    /// Decides whether the record's refresh token may be presented now.
    fn renew_from(
        &mut self,
        now: Now,
        flight: Box<Flight>,
        base: Base,
        tokens: &Arc<TokenSet>,
        mark: Option<Mark>,
    ) {
        let Some(version) = base.version else {
            return self.send(now, flight, base);
        };
        if self.config.policy.grant == GrantKind::RefreshToken && tokens.refresh_token.is_none() {
            return self.cannot_renew(now, flight);
        }
        if self.is_refused(tokens) {
            return self.bury(now, flight, base);
        }
        if let Some(remaining) = self.shared_pause(now, version, base.back_off) {
            let retry_at = now.mono.after(remaining);
            let failure = Failure::Transient {
                cause: TransientCause::BackOff,
                retry_at,
            };
            return self.fail_flight(now, flight, failure);
        }
        if self.starts_itself() {
            // No refresh token is spent, so there is none to mark.
            return self.send(now, flight, base);
        }
        if let Some(mark) = mark {
            let leased = flight.held.is_some_and(|held| held.lease_until.is_some());
            let foreign = mark.holder != self.config.holder;
            if leased && foreign && !Self::was_waited_for(&flight, version) {
                let policy = &self.config.policy;
                let until = now
                    .mono
                    .after(policy.request_deadline)
                    .after(policy.save_deadline);
                return self.wait_out(flight, until, version);
            }
            if let Some(wait) = self.forbidden(now, &flight, &base, tokens) {
                let retry_at = now.mono.after(wait);
                let failure = Failure::Transient {
                    cause: TransientCause::WaitingForExpiry,
                    retry_at,
                };
                return self.fail_flight(now, flight, failure);
            }
        }
        self.mark(now, flight, base);
    }

    /// No refresh token: nothing changes until somebody signs in, so the store is not asked again for a while.
    fn cannot_renew(&mut self, now: Now, flight: Box<Flight>) {
        let until = now.mono.after(self.config.policy.hold());
        self.cooldown = Some(Box::new(Cooldown {
            until,
            failure: Failure::NoRefreshToken,
        }));
        self.end_flight(now, flight, Outcome::Failed(Failure::NoRefreshToken));
    }

    /// What is left of the pause that another holder (or this one, before it restarted) wrote into the record.
    fn shared_pause(&mut self, now: Now, version: Version, back_off: Option<BackOff>) -> Option<Duration> {
        let back_off = back_off?;
        let retried_at = self.retried_at.take();
        let skip = retried_at.is_some_and(|retried_at| back_off.start <= retried_at);
        let seen = match self.back_off_seen {
            Some((of, seen)) if of == version => seen,
            _ => now.mono,
        };
        self.back_off_seen = Some((version, seen));
        let remaining = back_off.remaining(now, seen).min(self.config.policy.back_off_cap);
        let is_over = now.mono.after(remaining) == now.mono;
        (!skip && !is_over).then_some(remaining)
    }

    /// Where a replay may kill the family, a token that may be spent is presented only when nothing is left to lose:
    /// how long until then, if that is not now.
    fn forbidden(&self, now: Now, flight: &Flight, base: &Base, tokens: &TokenSet) -> Option<Duration> {
        if self.config.policy.profile.retry_after_loss {
            return None;
        }
        let refused = flight
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.is_refusal());
        let left = match tokens.expires_in {
            Some(lifetime) => {
                let start = self.start_of(base.session, base.set, tokens, now.wall);
                start.after(lifetime).since(now.wall)
            }
            None if refused => Duration::ZERO,
            None => self.config.policy.back_off_cap,
        };
        (!left.is_zero()).then(|| left.min(self.config.policy.back_off_cap))
    }

    pub(super) fn starts_itself(&self) -> bool {
        self.config.policy.grant == GrantKind::ClientCredentials
    }

    /// Whether a session begins without a sign-in: unless the application signed out here.
    pub(super) fn may_start(&self) -> bool {
        self.starts_itself() && self.status != Status::SignedOut(EndReason::SignOut)
    }

    /// Whether a session that needs no sign-in begins anew after such an end.
    pub(super) fn restarts_after(&self, reason: EndReason) -> bool {
        self.may_start() && reason != EndReason::SignOut
    }

    fn fresh_session(&mut self) -> crate::SessionId {
        let mut source = super::timing::Spread(self.config.seed[1]);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&source.next().to_le_bytes());
        id[8..].copy_from_slice(&source.next().to_le_bytes());
        self.config.seed[1] = source.next();
        crate::SessionId(id)
    }

    /// A look at the store beside the flight has been answered.
    pub(super) fn looked(&mut self, now: Now, serial: u32, result: Result<Option<&Stored>, StoreFailed>) {
        let Some(look) = self.looking.take_if(|look| look.serial == serial) else {
            return;
        };
        match result {
            Ok(Some(stored)) => self.weigh(now, stored),
            Ok(None) => self.weigh_absence(now, look.writes),
            Err(StoreFailed) => {}
        }
        if look.again {
            self.reload(now);
        }
    }

    /// No record was there; believed only if nothing was seen written meanwhile, and nothing of ours is still to be
    /// written.
    fn weigh_absence(&mut self, now: Now, writes: u32) {
        let busy = self.signs_in() || self.flight.as_ref().is_some_and(|flight| flight.is_committed());
        if writes != self.writes || busy || self.starts_itself() {
            return;
        }
        self.known = None;
        if self.published.is_some() {
            self.end_session(now, EndReason::Removed);
        } else {
            self.never_signed_in(now);
        }
    }

    /// Weighs another holder's record against what is known here.
    pub(super) fn weigh(&mut self, now: Now, stored: &Stored) {
        let &Stored { version, ref record } = stored;
        let ours = self
            .published
            .as_ref()
            .is_some_and(|published| published.session == record.session);
        let stale = self.known.is_some_and(|known| version < known);
        let final_word = ours && matches!(record.state, State::Ended(EndReason::SignOut));
        self.learn(version);
        if let State::Ended(reason) = record.state
            && self.ends_sign_in(now, record.session, reason)
        {
            return;
        }
        if self.signs_in() || (stale && !final_word) {
            return;
        }
        match &record.state {
            State::Ended(reason) => self.weigh_tombstone(now, record, *reason),
            State::Live { tokens, .. } if self.is_over(record.session, tokens) => {}
            State::Live { tokens, .. } if ours => self.weigh_set(now, record, tokens),
            State::Live { tokens, .. } => {
                if self.published.is_some() {
                    self.orphan(now, &Outcome::Failed(Failure::Replaced));
                }
                if let Some(generation) = self.become_session(now, record) {
                    self.settle_served(now, record, tokens, generation);
                }
            }
        }
    }

    /// Tells the waiters of a flight that has not sent anything, and those who wait for it to end, that a hint was all
    /// they needed.
    fn settle_served(&mut self, now: Now, record: &Record, tokens: &TokenSet, generation: u64) {
        let waits = self.queued.as_deref();
        if waits.is_some() && self.serves(waits, record.session, record.set, tokens, now) {
            let queued = self.queued.take().map(|queued| *queued);
            self.settle_attempt(now, queued, Outcome::Adopted { generation });
        }
        let Some(mut flight) = self.flight.take() else {
            return;
        };
        let idle = !flight.orphan && !flight.is_committed();
        if idle && self.serves(flight.attempt.as_ref(), record.session, record.set, tokens, now) {
            let attempt = flight.attempt.take();
            self.settle_attempt(now, attempt, Outcome::Adopted { generation });
            if let Phase::WaitingOut(..) = flight.phase {
                return self.land(now, &mut flight);
            }
        }
        self.flight = Some(flight);
    }

    fn weigh_tombstone(&mut self, now: Now, record: &Record, reason: EndReason) {
        let dead = matches!(reason, EndReason::GrantDead { .. });
        let coming = self.flight.as_ref().and_then(|flight| flight.coming_set());
        let published = self
            .published
            .as_ref()
            .map(|published| (published.session, published.set));
        let is_newer = |(session, set)| session == record.session && set > record.set;
        // Somebody believed a token dead that we have exchanged for this set, or are exchanging.
        if dead && (coming.is_some_and(is_newer) || published.is_some_and(is_newer)) {
            return;
        }
        if self.published.is_none() && self.restarts_after(reason) {
            return;
        }
        self.end_session(now, reason);
    }

    fn weigh_set(&mut self, now: Now, record: &Record, tokens: &Arc<TokenSet>) {
        let newer = self.published.as_ref().is_some_and(|published| {
            record.set > published.set || !published.tokens.access_token.same_as(&tokens.access_token)
        });
        let committed = self
            .flight
            .as_ref()
            .is_some_and(|flight| !flight.orphan && flight.is_committed());
        let usable = self
            .timing(record.session, record.set, tokens, now.wall)
            .is_usable(now.wall);
        if !newer || committed || !(usable || mutated!(self, AdoptByNewer)) {
            return;
        }
        let generation = self.publish(now, record.session, record.set, tokens.clone());
        self.forgive();
        self.notify(Event::Adopted { generation });
        self.settle_served(now, record, tokens, generation);
    }

    /// The mutant that refreshes from memory instead of from the store.
    #[cfg(test)]
    fn mutant_stock(&self, stored: Option<&Stored>) -> Option<Stored> {
        let published = self
            .published
            .as_ref()
            .filter(|_| mutated!(self, NoReloadUnderLock));
        let published = published?;
        let state = State::Live {
            tokens: published.tokens.clone(),
            mark: None,
            back_off: None,
        };
        let record = Record {
            session: published.session,
            set: published.set,
            state,
        };
        stored.map(|stored| Stored {
            version: stored.version,
            record,
        })
    }
}
