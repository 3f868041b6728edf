//! What must hold, wherever a trace leads. The numbers are those of the invariants.

use super::holder::{Awaited, Holder, Op, Waiter, access, bit, number, refresh};
use super::rules::ServerKind;
use super::server::Name;
use super::world::{Checked, LockState, Violation, World, ensure};
use crate::machine::fingerprint::age;
use crate::machine::{AttemptId, Outcome, Renew, Save, Snapshot, Status};
use crate::{EndReason, Record, State, TokenSet};

impl World {
    /// Before a machine's write is handed to the store.
    pub(super) fn may_save(&self, slot: u8, save: &Save) -> Checked {
        let live = matches!(save.record.state, State::Live { .. });
        let over = self.holder(slot).over & bit(number(save.record.session)) != 0;
        ensure(
            !(live && over),
            "5: a session is stored by a holder that knows that it was signed out",
        )
    }

    /// Before a record takes the place of another.
    pub(super) fn may_write(&self, record: &Record) -> Checked {
        let family = number(record.session);
        let past = &self.past;
        let old = self.store.as_ref().map(|stored| &stored.record);
        match &record.state {
            State::Live { tokens, .. } => {
                ensure(
                    past.buried & bit(family) == 0,
                    "5: a session stands in the store again after its sign-out landed",
                )?;
                match old {
                    Some(old) if old.session != record.session => ensure(
                        record.set == 0,
                        "6: a renewed set took the place of another session",
                    ),
                    Some(Record {
                        state: State::Live { tokens: older, .. },
                        set,
                        ..
                    }) => ensure(
                        record.set >= *set && refresh(tokens).index >= refresh(older).index,
                        "3: an older set took the place of a newer one",
                    ),
                    _ => Ok(()),
                }
            }
            State::Ended(reason) => {
                ensure(
                    old.is_some_and(|old| old.session == record.session),
                    "5: a tombstone took the place of another session",
                )?;
                match reason {
                    EndReason::SignOut => ensure(
                        (past.signed_out | past.replaced) & bit(family) != 0,
                        "5: a session was signed out that nobody had signed out",
                    ),
                    // Who signed out, or in over it, drops what it alone knows, and may not have revoked it yet.
                    EndReason::GrantDead { .. } => ensure(
                        !self.can_renew(family) || (past.signed_out | past.replaced) & bit(family) != 0,
                        "2: a session was buried as dead that could be renewed",
                    ),
                    EndReason::Removed => Err(Violation("2: a record was removed")),
                }
            }
        }
    }

    /// Before a refresh is sent.
    pub(super) fn may_present(&self, slot: u8, base: &TokenSet) -> Checked {
        let holder = self.holder(slot);
        let token = refresh(base);
        let at = usize::from(token.family);
        ensure(
            !(self.rules.sound() && self.holders.iter().any(|holder| holder.refreshes())),
            "1: two refreshes were awaited at once",
        )?;
        ensure(
            holder.over & bit(token.family) == 0,
            "5: the refresh token of a session that was signed out was presented",
        )?;
        let over = (self.past.signed_out | self.past.replaced) & bit(token.family) != 0;
        if self.rules.server != ServerKind::Constant {
            let known = |known: u32| known >> token.index > 1;
            // An owner that sleeps between its last look and its send, and loses its lease, cannot know what came to stand there
            // since: a loss that is documented.
            let stored = if self.rules.sound() {
                self.past.stored
            } else {
                holder.looked
            };
            ensure(
                !known(stored[at]),
                "2: a refresh token was presented although the store had its successor",
            )?;
            ensure(
                over || self.rules.frozen() || !self.holders.iter().any(|holder| known(holder.known[at])),
                "2: a refresh token was presented although a holder had its successor",
            )?;
        }
        // Where refresh tokens do not rotate, a newer set may have the very token that was refused: its owner lost its lease, and
        // could save what it had received only after another one was refused. Which answer the server gave last nobody can tell.
        let may_be_alive = self.rules.server == ServerKind::Constant && !self.rules.sound();
        ensure(
            !holder
                .refused
                .iter()
                .any(|(name, set)| *name == token && (!may_be_alive || *set == Some(access(base)))),
            "2: a refresh token was presented again after the server had refused it",
        )?;
        ensure(
            self.past.marked[at] >> token.index & 1 == 1,
            "2: a refresh was sent without a mark",
        )?;
        let before = self.sends.iter().find(|(name, _)| *name == token);
        let before = before.map_or(0, |(_, count)| *count);
        let (given, left) = (&self.rules.budget, &self.left);
        // A mark or a pause may not have reached the store, and a holder that starts anew has no memory of it.
        let faults = (given.crashes - left.crashes) + (given.store_faults - left.store_faults);
        let faults = faults + given.hurries - left.hurries;
        // Nor does one whose clock is ahead keep a pause that another began.
        let ahead = if given.clocks > left.clocks {
            self.rules.holders
        } else {
            0
        };
        let faults = faults + ahead;
        ensure(
            before < 2 + faults || over || self.rules.server == ServerKind::Constant,
            "2: a refresh token was presented more than twice within one pause",
        )?;
        let doubtful = self.past.doubtful[at] >> token.index & 1 == 1;
        ensure(
            !doubtful
                || self.rules.policy.profile.retry_after_loss
                || self.rules.server == ServerKind::Constant
                || self.is_lost(holder, base),
            "2: a refresh token that may be spent was presented while the access token still served",
        )?;
        let mut waiters = holder.waiting.iter().flat_map(|waiting| &waiting.waiters);
        let timer = self.rules.policy.renew == Renew::KeepFresh;
        ensure(
            age(base, self.now) == 2
                || waiters.any(|waiter| !self.serves(waiter, base))
                || (timer && age(base, self.now) == 1),
            "7: a set was renewed that served everybody",
        )
    }

    /// Whether nothing is left to lose of an access token.
    fn is_lost(&self, holder: &Holder, tokens: &TokenSet) -> bool {
        let mut waiters = holder.waiting.iter().flat_map(|waiting| &waiting.waiters);
        let refused = waiters.any(|waiter| waiter.refused.is_some());
        age(tokens, self.now) == 2 || (self.rules.timeless && refused)
    }

    fn serves(&self, waiter: &Waiter, tokens: &TokenSet) -> bool {
        let age = age(tokens, self.now);
        age < 2 && waiter.refused != Some(access(tokens)) && !(waiter.due && age == 1)
    }

    /// Before a revocation is sent.
    pub(super) fn may_revoke(&self, slot: u8, tokens: &TokenSet) -> Checked {
        let family = refresh(tokens).family;
        let over = (self.past.signed_out | self.past.replaced) & bit(family) != 0;
        ensure(
            over || self.stored_session() != Some(family),
            "5: a refresh token of a session that lives was revoked",
        )?;
        let reaches = self.rules.policy.profile.revocation_reaches_beyond_family;
        let shown = self.holder(slot).session();
        ensure(
            !reaches || shown.is_none_or(|shown| shown == family),
            "5: a revocation reaches a session that lives",
        )
    }

    /// A machine changes what requests see.
    pub(super) fn publish(&mut self, slot: u8, snapshot: Snapshot) -> Checked {
        let holder = self.holder(slot);
        let before = &holder.shown;
        ensure(
            snapshot.generation >= before.generation,
            "4: a generation went back",
        )?;
        if let Some(current) = &snapshot.current {
            let (session, access) = (number(current.session), access(&current.tokens));
            ensure(
                snapshot.generation > before.generation
                    || (holder.session() == Some(session) && holder.access() == Some(access)),
                "4: another token was published under the same generation",
            )?;
            // A clock that was set back makes a machine judge anew what it shows already.
            let shown = holder.session() == Some(session) && snapshot.generation == before.generation;
            ensure(
                shown || holder.over & bit(session) == 0,
                "5: a session is published by a holder that knows that it was signed out",
            )?;
            ensure(
                shown || self.is_kept(access) || self.is_keeping(slot, access),
                "3: a set was published before it was saved",
            )?;
        } else if let Some(session) = holder.session() {
            self.may_end(session, snapshot.status)?;
        }
        self.holder_mut(slot).shown = snapshot;
        Ok(())
    }

    fn may_end(&self, session: u8, status: Status) -> Checked {
        // A sign-in that could not be stored gives way to what another holder stored meanwhile.
        let stored = self.past.kept[usize::from(session)] != 0;
        let over = self.past.signed_out | self.past.replaced | self.past.buried;
        let over = over & bit(session) != 0 || !stored;
        match status {
            Status::SignedOut(EndReason::SignOut) => {
                ensure(over, "5: a session ended that nobody had signed out")
            }
            // A tombstone that was read late may have been written over by whoever lost its lease and could not save.
            Status::SignedOut(EndReason::GrantDead { .. }) => ensure(
                !self.can_renew(session) || over || (self.rules.frozen() && self.rules.late_answers),
                "2: a session that could be renewed ended as dead",
            ),
            _ => Err(Violation("2: a session ended without a reason")),
        }
    }

    pub(super) fn is_kept(&self, access: Name) -> bool {
        self.past.kept[usize::from(access.family)] >> access.index & 1 == 1
    }

    /// Whether a set that is not stored may be shown: a sign-in, or a renewal under the lock, that is still being saved.
    fn is_keeping(&self, slot: u8, access: Name) -> bool {
        let locked = self.lock == LockState::Held(slot) || !self.rules.sound();
        let failed = self.left.store_faults < self.rules.budget.store_faults;
        failed && self.holder(slot).machine.has_unsaved() && (locked || access.index == 0)
    }

    /// Whether another holder renewed the session while this one, without its lease, could not save: its set is dropped,
    /// and shown until there is a better one.
    pub(super) fn is_overtaken(&self, access: Name) -> bool {
        !self.rules.sound() && self.stored_session() == Some(access.family)
    }

    /// A machine says how an attempt or a command ended.
    pub(super) fn settle(&mut self, slot: u8, id: AttemptId, outcome: &Outcome) -> Checked {
        let holder = self.holder(slot);
        let Some(at) = holder.waiting.iter().position(|waiting| waiting.id == id) else {
            return ensure(
                self.rules.renews_ahead,
                "6: an attempt settled twice, or was never begun",
            );
        };
        let waiting = &holder.waiting[at];
        match outcome {
            Outcome::Renewed { generation }
            | Outcome::Adopted { generation }
            | Outcome::SignedIn { generation, .. } => {
                ensure(
                    *generation == holder.shown.generation,
                    "6: an attempt gave a generation that is not published",
                )?;
                let usable = holder.shown.current.as_ref();
                let usable = usable.is_some_and(|current| current.is_usable(self.time_of(slot).wall));
                ensure(
                    usable || !matches!(outcome, Outcome::Adopted { .. }),
                    "6: an expired set was adopted for a request",
                )?;
                for waiter in &waiting.waiters {
                    self.satisfies(slot, waiter)?;
                }
                if let Awaited::SignIn(family) = waiting.awaited {
                    ensure(
                        holder.session() == Some(family),
                        "6: a sign-in ended with another session",
                    )?;
                }
            }
            Outcome::Ended { landed, .. } => {
                let Awaited::SignOut(session) = waiting.awaited else {
                    return Err(Violation("6: an attempt ended like a sign-out"));
                };
                let ended = session.is_none() || self.stored_session() != session;
                ensure(!landed || ended, "5: a sign-out landed, and did not")?;
            }
            Outcome::Failed(_) => {}
        }
        self.holder_mut(slot).waiting.remove(at);
        Ok(())
    }

    /// Whether what is published is what a request needs.
    pub(super) fn satisfies(&self, slot: u8, waiter: &Waiter) -> Checked {
        let holder = self.holder(slot);
        ensure(
            waiter.session.is_none() || waiter.session == holder.session(),
            "6: a request was given the token of another session",
        )?;
        ensure(
            waiter
                .older_than
                .is_none_or(|older| holder.shown.generation > older),
            "4: a request was given a generation that is not newer",
        )?;
        ensure(
            waiter.refused.is_none() || waiter.refused != holder.access(),
            "4: a request was given the very token that was refused",
        )
    }

    /// After a machine was told something, and all it wanted was begun.
    pub(super) fn check_holder(&self, slot: u8) -> Checked {
        let holder = self.holder(slot);
        let machine = &holder.machine;
        let snapshot = machine.snapshot();
        ensure(
            snapshot.generation == holder.shown.generation
                && snapshot.status == holder.shown.status
                && snapshot.current.as_ref().map(|current| access(&current.tokens)) == holder.access(),
            "6: the snapshot is not what was published",
        )?;
        let awaited = holder.ops.iter().all(|op| match op {
            Op::Lock(ticket) => machine.awaits_lock(*ticket),
            Op::Load(ticket) | Op::Loaded(ticket, _) => machine.awaits_load(*ticket),
            Op::Save(ticket, _) | Op::Saved(ticket, _) => machine.awaits_save(*ticket),
            Op::Refresh(ticket, _) | Op::Answered(ticket, ..) => machine.awaits_refresh(*ticket),
            Op::Revoke(ticket, _) => machine.awaits_revocation(*ticket).is_some(),
        });
        ensure(awaited, "6: nobody waits for an answer that is under way")?;
        ensure(
            machine.is_idle() || !holder.ops.is_empty() || machine.poll_timeout(self.time_of(slot)).is_some(),
            "6: a machine waits for nothing",
        )?;
        ensure(
            holder.waiting.is_empty() || !machine.is_idle(),
            "6: somebody waits for a machine that does nothing",
        )?;
        let unkept = holder.access().filter(|access| !self.is_kept(*access));
        let replaced = |access: Name| self.past.replaced & bit(access.family) != 0;
        ensure(
            unkept.is_none_or(|access| {
                self.is_keeping(slot, access) || replaced(access) || self.is_overtaken(access)
            }),
            "3: a set that is not stored is no longer being saved under the lock",
        )
    }
}
