//! What can happen next.

use alloc::vec::Vec;

use super::holder::Op;
use super::rules::LockKind;
use super::world::{LockState, Set, World};
use crate::State;
use crate::machine::fingerprint::age;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Usable,
    /// The API refused the newest token.
    Newer,
    /// The API refused an older token of the same session, late.
    Older,
    Due,
}

/// How something under way goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Well,
    /// It is done, and the answer takes its time.
    Late,
    Fail,
    /// The write landed, and the answer says that it failed.
    FailLanded,
    /// Somebody else kept the lock for too long.
    TimeOut,
    /// Not processed, and the answer says so.
    Throttle,
    /// The answer is lost, or all of it but the refresh token.
    Lose,
    Tear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    SignIn(u8),
    SignOut(u8),
    Demand(u8, Want),
    Hint(u8),
    /// With or without what it was writing having landed.
    Crash(u8, bool),
    Timeout(u8),
    /// Something under way at a holder goes on.
    Go(u8, usize, How),
    /// A request reaches the server that nobody waits for any more.
    Stray(usize),
    Kill(u8),
    LoseLease(u8),
    Hurry(u8),
    Close(u8),
    /// Its wall clock is set.
    Clock(u8, Set),
    /// All pauses are over.
    Tick,
    /// The access tokens come of age.
    Age,
}

impl World {
    /// Everything that can happen next.
    pub(super) fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for slot in self.slots() {
            self.progress(slot, &mut actions);
            self.commands(slot, &mut actions);
            self.mishaps(slot, &mut actions);
        }
        let left = &self.left;
        actions.extend((0..self.strays.len()).map(Action::Stray));
        if left.kills > 0 {
            let families = 0..self.families.len();
            let alive = families.filter(|family| self.families[*family].alive);
            actions.extend(
                alive
                    .filter_map(|family| u8::try_from(family).ok())
                    .map(Action::Kill),
            );
        }
        if self.time_may_pass() {
            if self.something_pauses() {
                actions.push(Action::Tick);
            }
            if left.ages > 0 {
                actions.push(Action::Age);
            }
        }
        actions
    }

    /// What goes on by itself, without anything going wrong.
    pub(super) fn progress(&self, slot: u8, actions: &mut Vec<Action>) {
        let holder = self.holder(slot);
        for (at, op) in holder.ops.iter().enumerate() {
            let blocked = matches!(op, Op::Lock(_))
                && self.lock != LockState::Free
                && self.rules.lock != LockKind::Unsound;
            if !blocked {
                actions.push(Action::Go(slot, at, How::Well));
            }
        }
        if holder
            .machine
            .poll_timeout(self.time_of(slot))
            .is_some_and(|wait| wait.is_zero())
        {
            actions.push(Action::Timeout(slot));
        }
    }

    fn commands(&self, slot: u8, actions: &mut Vec<Action>) {
        let (holder, left) = (self.holder(slot), &self.left);
        if left.sign_ins > 0 && !holder.closed {
            actions.push(Action::SignIn(slot));
        }
        if left.sign_outs > 0 {
            actions.push(Action::SignOut(slot));
        }
        if holder.hint.is_some() && left.hints > 0 {
            actions.push(Action::Hint(slot));
        }
        if left.hurries > 0 {
            actions.push(Action::Hurry(slot));
        }
        if left.closes > 0 && !holder.closed {
            actions.push(Action::Close(slot));
        }
        if left.demands > 0 {
            let wants: &[Want] = match &holder.shown.current {
                None => &[Want::Usable],
                Some(current) => match age(&current.tokens, self.now) {
                    0 => &[Want::Newer, Want::Older],
                    1 => &[Want::Due, Want::Newer, Want::Older],
                    _ => &[Want::Usable, Want::Newer, Want::Older],
                },
            };
            actions.extend(wants.iter().map(|want| Action::Demand(slot, *want)));
        }
    }

    fn mishaps(&self, slot: u8, actions: &mut Vec<Action>) {
        let (holder, left) = (self.holder(slot), &self.left);
        for (at, op) in holder.ops.iter().enumerate() {
            let mut may = |allowed: bool, how: How| {
                if allowed {
                    actions.push(Action::Go(slot, at, how));
                }
            };
            match op {
                Op::Lock(_) => {
                    may(left.lock_faults > 0 && self.lock != LockState::Free, How::TimeOut);
                    may(left.lock_faults > 0, How::Fail);
                }
                Op::Load(_) => {
                    may(self.rules.late_answers, How::Late);
                    may(left.store_faults > 0, How::Fail);
                }
                Op::Save(..) => {
                    may(self.rules.late_answers, How::Late);
                    may(left.store_faults > 0, How::Fail);
                    may(left.store_faults > 0, How::FailLanded);
                }
                Op::Refresh(..) => {
                    may(left.throttles > 0, How::Throttle);
                    may(left.losses > 0, How::Lose);
                }
                Op::Answered(_, _, grant) => {
                    may(left.losses > 0, How::Lose);
                    let refresh = grant.as_ref().and_then(|grant| grant.refresh);
                    may(left.losses > 0 && refresh.is_some(), How::Tear);
                }
                Op::Revoke(..) => may(left.revoke_faults > 0, How::Fail),
                Op::Loaded(..) | Op::Saved(..) => {}
            }
        }
        if left.crashes > 0 {
            actions.push(Action::Crash(slot, false));
            if holder
                .ops
                .iter()
                .any(|op| matches!(op, Op::Save(..) | Op::Revoke(..)))
            {
                actions.push(Action::Crash(slot, true));
            }
        }
        if left.lost_leases > 0 && self.lock == LockState::Held(slot) {
            actions.push(Action::LoseLease(slot));
        }
        if left.clocks > 0 {
            let others = [Set::Right, Set::Slow, Set::Fast]
                .into_iter()
                .filter(|set| *set != self.clocks[usize::from(slot)]);
            actions.extend(others.map(|set| Action::Clock(slot, set)));
        }
    }

    /// Whoever owns the deadlines ends what is under way before a pause is over, unless everything is slow.
    fn time_may_pass(&self) -> bool {
        let patient = |op: &Op| matches!(op, Op::Lock(_));
        self.rules.slow || self.holders.iter().all(|holder| holder.ops.iter().all(patient))
    }

    fn something_pauses(&self) -> bool {
        let paused = self
            .store
            .as_ref()
            .is_some_and(|stored| match &stored.record.state {
                State::Live { back_off, .. } => {
                    back_off.is_some_and(|pause| pause.start.after(pause.length) > self.now.wall)
                }
                State::Ended(_) => false,
            });
        paused
            || self.lock == LockState::Left
            || !self.sends.is_empty()
            || self.families.iter().any(|family| family.graced != 0)
            || self
                .slots()
                .any(|slot| self.holder(slot).machine.pauses(self.time_of(slot)))
    }
}
