//! When nothing is under way any more: what must have come of it, and whether the session lives on.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::action::{Action, Want};
use super::holder::{Holder, Op, bit, refresh};
use super::rules::{LIFETIME, TICK};
use super::world::{Checked, LockState, Violation, World, ensure};
use crate::State;

/// More steps than any world without faults needs to come to rest.
const MAX_STEPS: usize = 400;

impl World {
    /// Whether nothing is under way, and nothing will begin by itself.
    pub(super) fn is_quiet(&self) -> bool {
        self.holders
            .iter()
            .all(|holder| holder.ops.is_empty() && holder.machine.is_idle())
    }

    /// What must have come of everything, when the world is quiet.
    pub(super) fn check_quiet(&self) -> Checked {
        ensure(
            !matches!(self.lock, LockState::Held(_)),
            "9: a lock is held for ever",
        )?;
        for holder in &self.holders {
            ensure(
                holder.waiting.is_empty(),
                "6: somebody waits although nothing is under way",
            )?;
            let kept = |access| self.is_kept(access) || self.is_overtaken(access);
            ensure(
                !holder.machine.has_unsaved() && holder.access().is_none_or(kept),
                "3: a set was never saved",
            )?;
            let stored = self.stored_session();
            let over = holder.signed_out | holder.signed_out_unseen_in;
            ensure(
                stored.is_none_or(|stored| over & bit(stored) == 0),
                "5: a session stands in the store although its sign-out is over",
            )?;
            for (family, number) in self.families.iter().zip(0..) {
                let signed_out = holder.signed_out & !self.past.lost & bit(number) != 0;
                let spared = self.rules.policy.profile.revocation_reaches_beyond_family;
                ensure(
                    !(signed_out && family.alive) || spared,
                    "5: a session was signed out, and its newest refresh token was not revoked",
                )?;
            }
        }
        Ok(())
    }

    /// From a quiet world on, nothing goes wrong any more: the token runs out, and everybody wants another.
    pub(super) fn check_future(&self) -> Checked {
        let mut world = self.clone();
        world.left = super::rules::Budget {
            demands: self.rules.holders,
            ..Default::default()
        };
        world.strays.clear();
        world.pass(LIFETIME.mul_f32(2.5));
        let posts = world.posts();
        let renewable = world
            .store
            .as_ref()
            .and_then(|stored| match &stored.record.state {
                State::Live { tokens, .. } => {
                    let token = refresh(tokens);
                    let family = world.families[usize::from(token.family)];
                    (family.alive && family.valid >> token.index & 1 == 1).then_some(token.family)
                }
                State::Ended(_) => None,
            });
        let want = if self.rules.timeless {
            Want::Newer
        } else {
            Want::Usable
        };
        for slot in world.slots() {
            world.act(Action::Demand(slot, want))?;
        }
        world.rest()?;
        let open = |holder: &&Rc<Holder>| !holder.closed;
        if let Some(family) = renewable.filter(|_| world.holders.iter().any(|holder| !holder.closed)) {
            for holder in world.holders.iter().filter(open) {
                ensure(
                    holder.session() == Some(family),
                    "6: a session that could be renewed was not, with nothing in the way",
                )?;
            }
            // Where only a refusal tells, a holder that slept may be glad of what another has renewed; and where all
            // learn first that they were replaced, nobody has asked for the new session yet.
            let shown = |holder: &&Rc<Holder>| holder.session().is_none_or(|shown| shown == family);
            let asked = self.holders.iter().filter(open).any(|holder| shown(&holder));
            let least = u32::from(asked && !self.rules.timeless);
            ensure(
                (posts + least..=posts + 1).contains(&world.posts()),
                "1: several demands after an expiry did not cost exactly one refresh",
            )?;
        }
        Ok(())
    }

    fn posts(&self) -> u32 {
        self.families.iter().map(|family| u32::from(family.issued)).sum()
    }

    /// Lets everything under way come to its end, with nothing going wrong.
    pub(super) fn rest(&mut self) -> Checked {
        for _ in 0..MAX_STEPS {
            if self.is_quiet() {
                return self.check_quiet();
            }
            let mut actions = Vec::new();
            for slot in self.slots() {
                self.progress(slot, &mut actions);
            }
            match actions.first() {
                Some(action) => {
                    self.act(*action)?;
                }
                None => {
                    let stuck = |op: &Op| matches!(op, Op::Lock(_));
                    ensure(
                        self.holders.iter().all(|holder| holder.ops.iter().all(stuck)),
                        "6: nothing goes on although an answer is due",
                    )?;
                    self.pass(TICK);
                }
            }
        }
        Err(Violation("6: the world does not come to rest"))
    }
}
