//! What comes of it when something happens.

use alloc::vec::Vec;

use super::action::{Action, How, Want};
use super::holder::{Awaited, Holder, Op, Waiter, Waiting, bit, session, token_set};
use super::rules::{LEASE, LIFETIME, LockKind, TICK};
use super::server::Name;
use super::world::{Checked, LockState, Violation, World, ensure};
use crate::answer::{LossCause, NotProcessedCause, Verdict};
use crate::machine::fingerprint::{is_of_flight, is_of_ledger};
use crate::machine::{Demand, Demanded, LockResult, Revocation, Stamp, StoreFailed};
use crate::{EndReason, Now, State};

impl World {
    /// Does it. `false`: nothing came of it that a trace need follow.
    pub(super) fn act(&mut self, action: Action) -> Result<bool, Violation> {
        match action {
            Action::SignIn(slot) => self.sign_in(slot)?,
            Action::SignOut(slot) => self.sign_out(slot)?,
            Action::Demand(slot, want) => return self.demand(slot, want),
            Action::Hint(slot) => self.hint(slot)?,
            Action::Crash(slot, landed) => self.crash(slot, landed)?,
            Action::Timeout(slot) => self.tell(slot, |machine, now| machine.handle_timeout(now))?,
            Action::Go(slot, at, how) => self.go(slot, at, how)?,
            Action::Stray(at) => {
                let token = self.strays.remove(at);
                self.past.lost |= bit(token.family);
                let kind = self.rules.server;
                self.families[usize::from(token.family)].refresh(kind, token);
            }
            Action::Kill(family) => {
                self.left.kills -= 1;
                self.families[usize::from(family)].alive = false;
            }
            Action::LoseLease(_) => {
                self.left.lost_leases -= 1;
                self.lock = LockState::Free;
            }
            Action::Hurry(slot) => {
                self.left.hurries -= 1;
                self.tell(slot, |machine, now| machine.retry_now(now))?;
            }
            Action::Close(slot) => {
                self.left.closes -= 1;
                self.holder_mut(slot).closed = true;
                self.tell(slot, |machine, now| machine.close(now))?;
            }
            Action::Clock(slot, set) => {
                self.left.clocks -= 1;
                self.clocks[usize::from(slot)] = set;
            }
            Action::Tick => self.pass(TICK),
            Action::Age => {
                self.left.ages -= 1;
                let part = if self.rules.renews_ahead { 0.8 } else { 1.2 };
                self.pass(LIFETIME.mul_f32(part));
            }
        }
        Ok(true)
    }

    pub(super) fn pass(&mut self, length: core::time::Duration) {
        self.now = Now {
            wall: self.now.wall.after(length),
            mono: self.now.mono.after(length),
        };
        self.sends.clear();
        for family in &mut self.families {
            family.graced = 0;
        }
        match self.lock {
            LockState::Left => self.lock = LockState::Free,
            LockState::Held(slot) if self.rules.lock == LockKind::Leased => {
                let now = self.time_of(slot);
                self.holder_mut(slot).machine.lease(now, LEASE);
            }
            LockState::Held(_) | LockState::Free => {}
        }
    }

    fn sign_in(&mut self, slot: u8) -> Checked {
        self.left.sign_ins -= 1;
        let grant = self.issue();
        let family = grant.access.family;
        let holder = self.holder_mut(slot);
        holder.known[usize::from(family)] |= 1;
        let earlier = holder.waiting.iter().filter_map(|waiting| match waiting.awaited {
            Awaited::SignIn(earlier) => Some(bit(earlier)),
            _ => None,
        });
        let replaced = earlier
            .chain(holder.session().map(bit))
            .fold(0, |all, one| all | one);
        self.past.replaced |= replaced;
        let now = self.time_of(slot);
        let tokens = token_set(&self.rules, now, grant);
        let holder = self.holder_mut(slot);
        holder.sign_in_read = false;
        holder.reads_too_early = holder.ledger_reads();
        let id = holder.machine.sign_in(now, session(family), tokens);
        holder.waiting.push(Waiting {
            id,
            awaited: Awaited::SignIn(family),
            waiters: Vec::new(),
        });
        self.carry_out(slot)?;
        let stays = |waiter: &Waiter| waiter.session == Some(family);
        self.everybody_else_heard(
            slot,
            stays,
            "6: a sign-in left somebody waiting for the session before",
        )
    }

    fn sign_out(&mut self, slot: u8) -> Checked {
        self.left.sign_outs -= 1;
        let holder = self.holder(slot);
        let shown = holder.session();
        let pending = holder.waiting.iter().filter_map(|waiting| match waiting.awaited {
            Awaited::SignIn(family) => Some(bit(family)),
            _ => None,
        });
        let ends = pending.chain(shown.map(bit)).fold(0, |all, one| all | one);
        let signs_in = |waiting: &Waiting| matches!(waiting.awaited, Awaited::SignIn(_));
        let unread = holder.waiting.iter().any(signs_in) && !holder.sign_in_read;
        let unseen = unread || (holder.shown.status == crate::machine::Status::Unknown && ends == 0);
        let stood = self.session_to_end().filter(|_| unseen).map_or(0, bit);
        self.past.signed_out |= ends | stood;
        let now = self.time_of(slot);
        let holder = self.holder_mut(slot);
        let read = usize::from(holder.ledger_reads());
        holder.signed_out_unseen[read] |= unseen;
        holder.over |= ends | stood;
        holder.signed_out |= ends;
        holder.signed_out_unseen_in |= stood;
        let id = holder.machine.sign_out(now);
        holder.waiting.push(Waiting {
            id,
            awaited: Awaited::SignOut(shown),
            waiters: Vec::new(),
        });
        self.carry_out(slot)?;
        self.everybody_else_heard(slot, |_| unseen, "6: a sign-out left somebody waiting")
    }

    fn everybody_else_heard(
        &self,
        slot: u8,
        stays: impl Fn(&Waiter) -> bool,
        promise: &'static str,
    ) -> Checked {
        let mut waiters = self
            .holder(slot)
            .waiting
            .iter()
            .flat_map(|waiting| &waiting.waiters);
        ensure(waiters.all(stays), promise)
    }

    fn demand(&mut self, slot: u8, want: Want) -> Result<bool, Violation> {
        let holder = self.holder(slot);
        let newest = holder.shown.generation;
        let stamp = holder.shown.current.as_ref().map(|current| Stamp {
            session: current.session,
            generation: newest,
        });
        let demand = match (want, stamp) {
            (Want::Usable, _) | (_, None) => Demand::Usable,
            (Want::Due, _) => Demand::Due,
            (Want::Newer, Some(stamp)) => Demand::NewerThan(stamp),
            (Want::Older, Some(stamp)) => Demand::NewerThan(Stamp {
                generation: newest - 1,
                ..stamp
            }),
        };
        let older_than = match demand {
            Demand::NewerThan(stamp) => Some(stamp.generation),
            _ => None,
        };
        let mut waiter = Waiter {
            session: holder.session(),
            older_than,
            refused: holder.access().filter(|_| older_than == Some(newest)),
            due: demand == Demand::Due,
        };
        let now = self.time_of(slot);
        let usable = holder
            .shown
            .current
            .as_ref()
            .is_some_and(|current| current.is_usable(now.wall));
        let holder = self.holder_mut(slot);
        match holder.machine.demand(now, demand) {
            Demanded::Joined(id) => {
                self.left.demands -= 1;
                let holder = self.holder_mut(slot);
                match holder.waiting.iter_mut().find(|waiting| waiting.id == id) {
                    Some(waiting) => {
                        if let Awaited::SignIn(family) = waiting.awaited {
                            waiter.session = Some(family);
                        }
                        waiting.waiters.push(waiter);
                        waiting.waiters.sort_unstable();
                    }
                    None => holder.waiting.push(Waiting {
                        id,
                        awaited: Awaited::Renewal,
                        waiters: alloc::vec![waiter],
                    }),
                }
                self.carry_out(slot)?;
                Ok(true)
            }
            Demanded::LookAgain => {
                ensure(
                    usable,
                    "6: a request was sent to look at a token that serves nobody",
                )?;
                self.satisfies(slot, &waiter)?;
                self.carry_out(slot)?;
                Ok(false)
            }
            Demanded::Refused(_) => {
                let signs_in = |waiting: &Waiting| matches!(waiting.awaited, Awaited::SignIn(_));
                let replaced = self.holder(slot).waiting.iter().any(signs_in);
                let closed = self.holder(slot).closed;
                ensure(
                    !usable || replaced || closed || matches!(want, Want::Newer | Want::Due),
                    "6: a request was refused although a token for it is there",
                )?;
                self.carry_out(slot)?;
                Ok(false)
            }
        }
    }

    fn hint(&mut self, slot: u8) -> Checked {
        self.left.hints -= 1;
        match self.holder_mut(slot).hint.take().flatten() {
            None => self.tell(slot, |machine, now| machine.reload(now)),
            Some(stored) => {
                self.hear(slot, Some(&stored), false);
                self.tell(slot, |machine, now| machine.observed(now, stored))
            }
        }
    }

    /// A holder reads a record. What its sign-in or sign-out reads is what they are about.
    fn hear(&mut self, slot: u8, stored: Option<&crate::Stored>, ledger: bool) {
        let holder = self.holder_mut(slot);
        let [mut aims, mut reads] = [false; 2];
        if ledger {
            // What is known to be old is read again.
            let old = stored.is_some_and(|stored| holder.machine.known() > Some(stored.version));
            reads = !core::mem::take(&mut holder.reads_too_early) && !old;
            let [now, next] = holder.signed_out_unseen;
            aims = now;
            holder.signed_out_unseen = [next, false];
        }
        let first = reads && !holder.sign_in_read;
        holder.sign_in_read |= reads;
        let Some(record) = stored.map(|stored| &stored.record) else {
            return;
        };
        let session = bit(record.session.0[0]);
        let live = match record.state {
            State::Ended(EndReason::SignOut) => {
                self.holder_mut(slot).over |= session;
                false
            }
            State::Ended(_) => false,
            State::Live { .. } => true,
        };
        let verdict = matches!(record.state, State::Ended(EndReason::GrantDead { .. }));
        let holder = self.holder_mut(slot);
        let replaces = |waiting: &Waiting| match waiting.awaited {
            Awaited::SignIn(family) => bit(family) != session,
            _ => false,
        };
        let signs_in = holder.waiting.iter().any(replaces);
        // A session that was found dead has its place taken, too, also by a sign-in that nobody waits for any more: a verdict
        // may be taken back, and a sign-out of the sign-in buries it for good.
        let over_dead = verdict && ((reads && signs_in) || (first && holder.machine.has_unsaved()));
        let replaced = (live && reads && signs_in) || over_dead;
        if (live || verdict) && aims {
            holder.over |= session;
            holder.signed_out |= session;
            self.past.signed_out |= session;
        }
        if replaced {
            self.past.replaced |= session;
        }
    }

    fn crash(&mut self, slot: u8, landed: bool) -> Checked {
        self.left.crashes -= 1;
        self.lives += 1;
        let fresh = Holder::new(&self.rules, slot, self.lives);
        let dead = core::mem::replace(self.holder_mut(slot), fresh);
        for op in dead.ops {
            match op {
                Op::Save(_, save) if landed => {
                    self.swap(&save)?;
                }
                Op::Revoke(_, token) if landed => self.families[usize::from(token.family)].revoke(token),
                Op::Refresh(_, token) => self.stray(token),
                Op::Answered(_, token, _) => self.doubt(token),
                _ => {}
            }
        }
        // Whatever it alone knew is gone, and nobody can revoke it.
        self.past.lost = u8::MAX;
        if self.lock == LockState::Held(slot) {
            self.lock = match self.rules.lock {
                LockKind::Leased => LockState::Left,
                LockKind::Dying | LockKind::Unsound => LockState::Free,
            };
        }
        Ok(())
    }

    fn stray(&mut self, token: Name) {
        self.doubt(token);
        self.strays.push(token);
        self.strays.sort_unstable();
    }

    fn doubt(&mut self, token: Name) {
        self.past.doubtful[usize::from(token.family)] |= 1 << token.index;
    }

    fn look(&mut self, slot: u8) {
        self.holder_mut(slot).looked = self.past.stored;
    }

    fn go(&mut self, slot: u8, at: usize, how: How) -> Checked {
        let op = self.holder_mut(slot).ops.remove(at);
        match (op, how) {
            (Op::Lock(ticket), _) => {
                let result = match how {
                    How::Well => {
                        self.lock = LockState::Held(slot);
                        match self.rules.lock {
                            LockKind::Leased => LockResult::Leased(LEASE),
                            LockKind::Dying | LockKind::Unsound => LockResult::Acquired,
                        }
                    }
                    _ => {
                        self.left.lock_faults -= 1;
                        if how == How::TimeOut {
                            LockResult::TimedOut
                        } else {
                            LockResult::Failed
                        }
                    }
                };
                self.tell(slot, |machine, now| machine.locked(now, ticket, result))
            }
            (Op::Load(ticket), How::Fail) => {
                self.left.store_faults -= 1;
                if is_of_ledger(ticket) {
                    let holder = self.holder_mut(slot);
                    holder.reads_too_early = false;
                    let [now, next] = holder.signed_out_unseen;
                    holder.signed_out_unseen = [now || next, false];
                }
                self.tell(slot, |machine, now| machine.loaded(now, ticket, Err(StoreFailed)))
            }
            (Op::Load(ticket), _) => {
                if is_of_flight(ticket) {
                    self.look(slot);
                }
                self.answer(slot, how, Op::Loaded(ticket, Ok(self.store.clone())))
            }
            (Op::Save(ticket, save), How::Fail | How::FailLanded) => {
                self.left.store_faults -= 1;
                if how == How::FailLanded {
                    self.swap(&save)?;
                }
                self.tell(slot, |machine, now| machine.saved(now, ticket, Err(StoreFailed)))
            }
            (Op::Save(ticket, save), _) => {
                let swap = self.swap(&save)?;
                if matches!(save.record.state, State::Live { mark: Some(_), .. }) {
                    self.look(slot);
                }
                self.answer(slot, how, Op::Saved(ticket, Ok(swap)))
            }
            (Op::Refresh(ticket, token), How::Lose) => {
                self.stray(token);
                self.lose(slot, ticket, None)
            }
            (Op::Refresh(ticket, _), How::Throttle) => {
                self.left.throttles -= 1;
                let verdict = Verdict::Transient {
                    cause: NotProcessedCause::Unavailable,
                    retry_after: None,
                };
                self.tell(slot, |machine, now| machine.refreshed(now, ticket, verdict))
            }
            (Op::Refresh(ticket, token), _) => {
                let kind = self.rules.server;
                let grant = self.families[usize::from(token.family)].refresh(kind, token);
                self.holder_mut(slot)
                    .ops
                    .insert(at, Op::Answered(ticket, token, grant));
                Ok(())
            }
            (Op::Revoke(ticket, token), _) => {
                let result = if how == How::Fail {
                    self.left.revoke_faults -= 1;
                    self.past.lost |= bit(token.family);
                    Revocation::Failed
                } else {
                    self.families[usize::from(token.family)].revoke(token);
                    Revocation::Done
                };
                self.tell(slot, |machine, now| machine.revoked(now, ticket, result))
            }
            (Op::Answered(ticket, token, grant), How::Lose | How::Tear) => {
                self.past.lost |= bit(token.family);
                self.doubt(token);
                let salvaged = grant.filter(|_| how == How::Tear).and_then(|grant| grant.refresh);
                self.lose(slot, ticket, salvaged)
            }
            (op, _) => self.answer(slot, How::Well, op),
        }
    }

    /// Hands over an answer, now or later.
    fn answer(&mut self, slot: u8, how: How, op: Op) -> Checked {
        if how == How::Late {
            self.holder_mut(slot).ops.push(op);
            return Ok(());
        }
        match op {
            Op::Loaded(ticket, result) => {
                if let Ok(stored) = &result {
                    self.hear(slot, stored.as_ref(), is_of_ledger(ticket));
                }
                self.tell(slot, |machine, now| machine.loaded(now, ticket, result))
            }
            Op::Saved(ticket, result) => self.tell(slot, |machine, now| machine.saved(now, ticket, result)),
            Op::Answered(ticket, token, None) => {
                let holder = self.holder_mut(slot);
                holder.refused.push((token, holder.presented));
                let verdict = Verdict::Dead { code: None };
                self.tell(slot, |machine, now| machine.refreshed(now, ticket, verdict))
            }
            Op::Answered(ticket, token, Some(grant)) => {
                if let Some(refresh) = grant.refresh {
                    self.holder_mut(slot).known[usize::from(token.family)] |= 1 << refresh.index;
                }
                let verdict = Verdict::Renewed(token_set(&self.rules, self.time_of(slot), grant));
                self.tell(slot, |machine, now| machine.refreshed(now, ticket, verdict))
            }
            op => panic!("{op:?} is no answer"),
        }
    }

    fn lose(&mut self, slot: u8, ticket: crate::machine::RefreshTicket, salvaged: Option<Name>) -> Checked {
        self.left.losses -= 1;
        let salvaged = salvaged.map(|refresh| {
            self.holder_mut(slot).known[usize::from(refresh.family)] |= 1 << refresh.index;
            let grant = super::server::Grant {
                access: refresh,
                refresh: Some(refresh),
            };
            token_set(&self.rules, self.time_of(slot), grant)
                .refresh_token
                .expect("it was just put there")
        });
        let verdict = Verdict::Ambiguous {
            cause: LossCause::TimedOut,
            retry_after: None,
            salvaged,
        };
        self.tell(slot, |machine, now| machine.refreshed(now, ticket, verdict))
    }
}
