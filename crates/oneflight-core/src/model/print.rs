//! A world as a number: worlds with the same number have the same future.

use alloc::vec::Vec;
use core::hash::Hasher;

use super::holder::{Holder, Op, Waiter};
use super::world::{LockState, World};
use crate::machine::fingerprint::Print;

/// More than any world has.
const MOST_HOLDERS: usize = 4;

impl World {
    /// Holders that change places change nothing, so their order is not in it.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut print = Print::new(self.now, self.remembered());
        let mut holders = [0; MOST_HOLDERS];
        for (slot, holder) in self.slots().zip(&self.holders) {
            print.attempts.clear();
            print
                .attempts
                .extend(holder.waiting.iter().map(|waiting| waiting.id));
            print.holder = Some(holder.id);
            holders[usize::from(slot)] = print.apart(|print| self.print_holder(print, holder, slot));
        }
        print.holder = None;
        holders.sort_unstable();
        print.put(holders);
        print.put(self.left);
        print.stored(self.store.as_ref());
        print.put(matches!(self.lock, LockState::Left));
        print.put(&self.families);
        print.put(&self.strays);
        print.put(&self.sends);
        print.put(self.past);
        print.finish()
    }

    /// Every version that anybody may still compare.
    fn remembered(&self) -> Vec<crate::Version> {
        let mut versions = Vec::new();
        versions.extend(self.store.as_ref().map(|stored| stored.version));
        for holder in &self.holders {
            holder.machine.remembered(&mut versions);
            versions.extend(holder.hint.iter().flatten().map(|stored| stored.version));
            for op in &holder.ops {
                versions.extend(match op {
                    Op::Loaded(_, Ok(Some(stored))) => Some(stored.version),
                    Op::Save(_, save) => save.expected,
                    Op::Saved(_, Ok(crate::machine::Swap::Written(version))) => Some(*version),
                    _ => None,
                });
            }
        }
        versions.sort_unstable();
        versions.dedup();
        versions
    }

    fn print_holder(&self, print: &mut Print, holder: &Holder, slot: u8) {
        print.put(self.clocks[usize::from(slot)]);
        holder.machine.print(print);
        print.put(self.lock == LockState::Held(slot));
        let mark = self
            .store
            .as_ref()
            .is_some_and(|stored| match &stored.record.state {
                crate::State::Live { mark, .. } => mark.is_some_and(|mark| mark.holder == holder.id),
                crate::State::Ended(_) => false,
            });
        print.put(mark);
        print.put((holder.known, holder.over, holder.signed_out));
        print.put((
            holder.sign_in_read,
            holder.signed_out_unseen,
            holder.signed_out_unseen_in,
        ));
        print.put((holder.reads_too_early, holder.closed));
        if !self.rules.sound() {
            print.put((holder.looked, holder.presented));
        }
        print.put(&holder.refused);
        print.put(holder.hint.is_some());
        print.stored(holder.hint.as_ref().and_then(Option::as_ref));
        for waiting in &holder.waiting {
            print.put(waiting.awaited);
            for waiter in &waiting.waiters {
                let newest = waiter.older_than.map(|older| older == holder.shown.generation);
                print.put((
                    newest,
                    Waiter {
                        older_than: None,
                        ..*waiter
                    },
                ));
            }
        }
        // In no order: they are under way side by side.
        let ops = holder
            .ops
            .iter()
            .map(|op| print.apart(|print| print_op(print, holder, op)));
        let ops = ops.fold(0, u64::wrapping_add);
        print.put((holder.ops.len(), ops));
    }
}

fn print_op(print: &mut Print, of: &Holder, op: &Op) {
    print.put(core::mem::discriminant(op));
    match op {
        Op::Lock(_) => {}
        Op::Load(ticket) => print.load(*ticket),
        Op::Loaded(ticket, result) => {
            print.load(*ticket);
            print.put(result.is_ok());
            print.stored(result.as_ref().ok().and_then(Option::as_ref));
        }
        Op::Save(ticket, save) => {
            print.save(*ticket);
            print.version(save.expected);
            print.record(&save.record);
        }
        Op::Saved(ticket, result) => {
            print.save(*ticket);
            match result {
                Ok(crate::machine::Swap::Written(version)) => print.version(Some(*version)),
                result => print.put(result.is_ok()),
            }
        }
        Op::Refresh(_, token) => print.put(token),
        Op::Answered(_, token, grant) => print.put((token, grant)),
        Op::Revoke(ticket, token) => {
            print.attempt(of.machine.awaits_revocation(*ticket).flatten());
            print.put(token);
        }
    }
}
