//! What the application and its requests tell the machine to do.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::adopt::Look;
use super::attempt::Attempt;
use super::config::GrantKind;
use super::demand::{Demand, Demanded};
use super::effect::{AttemptId, Revocation, Status};
use super::ledger::Step;
use super::outcome::{Cause, Failure, Outcome, TransientCause};
use super::pending::{Ending, SigningIn, Target};
use super::publish::MAX_ENDED;
use super::{Lane, Machine};
use crate::{EndReason, Now, SessionId, Stored, TokenSet};

impl Machine {
    /// Says what a request needs. Either the snapshot serves already, or the demand joins the attempt that is under
    /// way, or it starts one, or none is allowed now.
    pub fn demand(&mut self, now: Now, demand: Demand) -> Demanded {
        self.rebase(now);
        #[cfg(test)]
        let demand = self.mutant_demand(demand);
        if self.closed {
            return Demanded::Refused(Failure::Closed);
        }
        if let Some(answer) = self.answer_without_attempt(now, demand) {
            return answer;
        }
        let refusal = matches!(demand, Demand::NewerThan(stamp) if stamp.generation == self.generation);
        if let Some(id) = self.join(demand) {
            return Demanded::Joined(id);
        }
        if let Some(failure) = self.cooling(now) {
            return Demanded::Refused(failure.clone());
        }
        if let Some(failure) = self.waiting_to_be_stored() {
            return Demanded::Refused(failure);
        }
        if refusal && let Err(failure) = self.spend_rejection(now) {
            return Demanded::Refused(failure);
        }
        let cause = match (&self.published, demand) {
            (None, _) => Cause::Opening,
            (Some(_), Demand::NewerThan(_)) if refusal => Cause::Refused,
            (Some(_), Demand::Due) => Cause::Due,
            (Some(_), _) => Cause::Expired,
        };
        let mut attempt = Attempt::new(self.attempt_id(), cause, now);
        attempt.join(demand, self.generation, self.published.as_ref());
        let id = attempt.id;
        if self.flight.is_some() {
            // That flight has told its waiters already, or is an orphan. Ours comes after it.
            self.queued = Some(Box::new(attempt));
        } else {
            self.start_flight(now, Some(attempt));
        }
        Demanded::Joined(id)
    }

    /// The demands that are settled by what is known.
    fn answer_without_attempt(&mut self, now: Now, demand: Demand) -> Option<Demanded> {
        let pending = self.ledger.as_ref().and_then(|ledger| ledger.sign_in.as_ref());
        if let Some(sign_in) = pending
            && let Some(id) = sign_in.unpublished()
        {
            return Some(match demand {
                Demand::NewerThan(_) => Demanded::Refused(Failure::Replaced),
                Demand::Usable | Demand::Due => Demanded::Joined(id),
            });
        }
        let unsaved_sign_in = pending.is_some();
        let Some(published) = &self.published else {
            if matches!(demand, Demand::NewerThan(_)) {
                return Some(Demanded::Refused(self.not_signed_in()));
            }
            let known = match self.status {
                Status::Unknown => false,
                Status::NeverSignedIn => self.config.policy.grant != GrantKind::ClientCredentials,
                Status::SignedIn | Status::SignedOut(_) => true,
            };
            let wait = known && (now.mono < self.next_look || unsaved_sign_in);
            return wait.then(|| Demanded::Refused(self.not_signed_in()));
        };
        let served = match demand {
            Demand::Usable => published.timing.is_usable(now.wall),
            Demand::Due => published.timing.is_usable(now.wall) && !published.timing.is_due(now.wall),
            Demand::NewerThan(stamp) if stamp.session != published.session => {
                return Some(Demanded::Refused(Failure::Replaced));
            }
            Demand::NewerThan(stamp) => {
                self.generation > stamp.generation && published.timing.is_usable(now.wall)
            }
        };
        if served {
            return Some(Demanded::LookAgain);
        }
        // A sign-in that is not stored yet must not be renewed from the record of another.
        unsaved_sign_in.then(|| {
            let retry_at = self
                .ledger
                .as_ref()
                .and_then(|ledger| ledger.retry_at())
                .unwrap_or(now.mono);
            Demanded::Refused(Failure::Transient {
                cause: TransientCause::StoreUnwritable,
                retry_at,
            })
        })
    }

    /// Joins the attempt that is under way, if there is one.
    fn join(&mut self, demand: Demand) -> Option<AttemptId> {
        let (generation, published) = (self.generation, self.published.as_ref());
        let flying = self.flight.as_mut().and_then(|flight| flight.attempt.as_mut());
        let attempt = flying.or(self.queued.as_deref_mut())?;
        attempt.join(demand, generation, published);
        Some(attempt.id)
    }

    /// An unsaved set is written before anything else is done under the lock, so a renewal of it must wait.
    fn waiting_to_be_stored(&self) -> Option<Failure> {
        let retry_at = self.flight.as_ref().and_then(|flight| flight.save_retry_at())?;
        Some(Failure::Transient {
            cause: TransientCause::StoreUnwritable,
            retry_at,
        })
    }

    /// Takes one renewal from the budget of refusals, or says when there will be one again.
    fn spend_rejection(&mut self, now: Now) -> Result<(), Failure> {
        let window = self.config.policy.rejection_window;
        self.rejections.retain(|at| now.mono.since(*at) < window);
        if self.rejections.len() < usize::from(self.config.policy.rejection_budget) {
            self.rejections.push(now.mono);
            return Ok(());
        }
        let oldest = self.rejections.first().copied().unwrap_or(now.mono);
        Err(Failure::RejectionBudget {
            retry_at: oldest.after(window),
        })
    }

    /// Signs in with tokens that the application obtained. `session` is 128 random bits made for this sign-in.
    ///
    /// Waiters of the session that it replaces settle as replaced, at once. The attempt settles when the sign-in is
    /// published: [`Outcome::SignedIn`] says whether it is stored, [`Failure::Replaced`] that another sign-in was
    /// quicker, [`Failure::SignedOut`] that a sign-out overtook it.
    pub fn sign_in(&mut self, now: Now, session: SessionId, tokens: TokenSet) -> AttemptId {
        self.rebase(now);
        let id = self.attempt_id();
        if self.closed {
            self.settle(id, Outcome::Failed(Failure::Closed));
            return id;
        }
        // The oldest first: what was signed in while the store was ill does not stand in it.
        let mut replaces = Vec::new();
        let published = self.published.as_ref().map(|published| published.session);
        self.orphan(now, &Outcome::Failed(Failure::Replaced));
        if let Some(earlier) = self.ledger.as_mut().and_then(|ledger| ledger.sign_in.take()) {
            replaces = earlier.replaces;
            replaces.push(earlier.session);
            if let Some(waiting) = earlier.attempt {
                self.settle(waiting, Outcome::Failed(Failure::Replaced));
            }
        }
        replaces.extend(published.filter(|published| !replaces.contains(published)));
        replaces.truncate(MAX_ENDED);
        let sign_in = SigningIn::new(id, session, Arc::new(tokens), replaces, self.known);
        self.ledger.get_or_insert_default().sign_in = Some(sign_in);
        self.forgive();
        self.rejections.clear();
        self.drive_ledger();
        id
    }

    /// Ends the session that requests see now, and any that an unsaved sign-in of ours was to replace: here at once,
    /// in the store and at the authorization server as soon as they can be reached.
    ///
    /// The attempt settles with [`Outcome::Ended`] after the first try.
    pub fn sign_out(&mut self, now: Now) -> AttemptId {
        self.rebase(now);
        let id = self.attempt_id();
        #[cfg(test)]
        if self.defers_sign_out(id) {
            return id;
        }
        self.end_sessions(now, id);
        id
    }

    pub(super) fn end_sessions(&mut self, now: Now, id: AttemptId) {
        let targets = self.sessions_to_end();
        if targets.is_empty() && self.status != Status::Unknown {
            if self.is_beginning() {
                self.end_session(now, EndReason::SignOut);
            }
            if self.ledger.is_none() {
                let revocation = Revocation::NotOffered;
                self.settle(
                    id,
                    Outcome::Ended {
                        landed: true,
                        revocation,
                    },
                );
                return;
            }
            // An earlier command still has something to bury: this one shares its end.
        }
        for session in targets.iter().filter_map(|target| target.session) {
            self.remember_ended(session);
        }
        let ledger = self.ledger.get_or_insert_default();
        let came_late = matches!(ledger.step, Step::Loading(_));
        if let Some(sign_in) = ledger.sign_in.take()
            && let Some(waiting) = sign_in.attempt
        {
            self.settle(waiting, Outcome::Failed(Failure::SignedOut(EndReason::SignOut)));
        }
        self.begin_sign_out(id);
        let ending = Ending {
            attempt: Some(id),
            reason: EndReason::SignOut,
            targets,
            failed: false,
            came_late,
        };
        self.ledger.get_or_insert_default().endings.push(ending);
        self.end_session(now, EndReason::SignOut);
        self.drive_ledger();
    }

    /// Whether nobody is signed in, but somebody waits for a session, or the next request begins one by itself.
    fn is_beginning(&self) -> bool {
        let flying = self
            .flight
            .as_ref()
            .is_some_and(|flight| flight.attempt.is_some());
        flying || self.queued.is_some() || self.starts_itself()
    }

    fn sessions_to_end(&mut self) -> Vec<Target> {
        let mut targets = Vec::new();
        let published = self.published.as_ref();
        // The set on its way to the store, if it belongs to the session that ends and not to an earlier one.
        let unsaved = self.flight.as_mut().and_then(|flight| {
            let session = flight.unsaved_set()?.session;
            let ends = published.map_or(!flight.orphan, |published| published.session == session);
            flight.revoked_by_sign_out |= ends;
            flight.unsaved_set().filter(|_| ends)
        });
        if let Some(unsaved) = unsaved {
            let newest = Some(unsaved.tokens.clone());
            targets.push(Target::new(Some(unsaved.session), unsaved.set, newest));
        } else if let Some(published) = published {
            let newest = Some(published.tokens.clone());
            targets.push(Target::new(Some(published.session), published.set, newest));
        }
        if let Some(sign_in) = self.ledger.as_ref().and_then(|ledger| ledger.sign_in.as_ref()) {
            let known =
                |targets: &[Target], session| targets.iter().any(|target| target.session == Some(session));
            if !known(&targets, sign_in.session) {
                targets.push(Target::new(
                    Some(sign_in.session),
                    0,
                    Some(sign_in.tokens.clone()),
                ));
            }
            for session in &sign_in.replaces {
                if !known(&targets, *session) {
                    targets.push(Target::new(Some(*session), 0, None));
                }
            }
        }
        let pending = self.ledger.as_ref().and_then(|ledger| ledger.sign_in.as_ref());
        let unread = pending.is_some_and(SigningIn::replaces_unread);
        if unread || (targets.is_empty() && self.status == Status::Unknown) {
            targets.push(Target::new(None, 0, None));
        }
        targets
    }

    /// Reads the store again: a hint came that it moved on, or the holder woke up.
    pub fn reload(&mut self, now: Now) {
        self.rebase(now);
        if let Some(look) = &mut self.looking {
            // What it reads may be older than what this hint is about.
            look.again = true;
        } else if !self.closed {
            let serial = self.load(Lane::Look);
            self.looking = Some(Look {
                serial,
                writes: self.writes,
                again: false,
            });
        }
    }

    /// Forgets pauses, also the one in the record if it has begun: the application knows that something changed (the
    /// network is back, the configuration is mended).
    pub fn retry_now(&mut self, now: Now) {
        self.rebase(now);
        self.cooldown = None;
        self.failures = 0;
        self.retried_at = Some(now.wall);
        self.hurry(now);
    }

    /// No new attempt begins from now on; what is under way ends and is saved.
    pub fn close(&mut self, now: Now) {
        self.rebase(now);
        self.closed = true;
        if let Some(queued) = self.queued.take() {
            self.settle(queued.id, Outcome::Failed(Failure::Closed));
        }
        self.hurry(now);
    }

    /// Another holder's record, as it was read from the store. A hint: it is weighed against what is known.
    pub fn observed(&mut self, now: Now, stored: Stored) {
        self.rebase(now);
        self.weigh(now, &stored);
    }
}
