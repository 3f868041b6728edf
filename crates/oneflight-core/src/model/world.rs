//! The world that the machines live in: store, lock, server, time; and what can happen in it.

use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::holder::{self, FAMILIES, Holder, bit, number, refresh, token_set};
use super::rules::{Budget, Rules, SKEW, StoreKind};
use super::server::{Family, Grant, Name};
use crate::machine::{Effect, Swap};
use crate::{EndReason, Now, Record, State, Stored, Version, WallTime};

/// Which promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Violation(pub(super) &'static str);

pub(super) type Checked = Result<(), Violation>;

pub(super) fn ensure(holds: bool, promise: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(Violation(promise)) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum LockState {
    Free,
    Held(u8),
    /// Its holder crashed, and the lease runs on.
    Left,
}

/// What is remembered of each session, as bits of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Past {
    /// Somebody was told to sign it out.
    pub(super) signed_out: u8,
    /// Somebody signed in over it.
    pub(super) replaced: u8,
    /// A tombstone of a sign-out stood in the store.
    pub(super) buried: u8,
    /// Nobody can be blamed if its newest refresh token is not revoked: who knew it is gone, or never was.
    pub(super) lost: u8,
    /// Refresh tokens that may have been spent without anybody getting the answer.
    pub(super) doubtful: [u32; FAMILIES],
    /// Access tokens that stood in the store.
    pub(super) kept: [u32; FAMILIES],
    /// Refresh tokens that stood in the store.
    pub(super) stored: [u32; FAMILIES],
    /// Refresh tokens that stood there under a mark.
    pub(super) marked: [u32; FAMILIES],
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) rules: Rc<Rules>,
    pub(super) now: Now,
    pub(super) left: Budget,
    pub(super) holders: Vec<Rc<Holder>>,
    pub(super) store: Option<Stored>,
    pub(super) writes: u64,
    pub(super) lock: LockState,
    pub(super) families: Vec<Family>,
    /// Requests that nobody waits for any more, but that may still reach the server.
    pub(super) strays: Vec<Name>,
    /// How often each refresh token was presented since time last passed.
    pub(super) sends: Vec<(Name, u8)>,
    pub(super) past: Past,
    pub(super) lives: u8,
    /// How each holder's wall clock is set.
    pub(super) clocks: Vec<Set>,
}

/// How a wall clock is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Set {
    Right,
    Slow,
    Fast,
}

impl World {
    pub(super) fn new(rules: &Rc<Rules>) -> Self {
        let mut world = Self {
            now: Now {
                wall: WallTime::from_unix_millis(1_000_000_000),
                mono: crate::MonoTime::from_millis(1_000_000_000),
            },
            left: rules.budget,
            holders: (0..rules.holders)
                .map(|slot| Rc::new(Holder::new(rules, slot, 0)))
                .collect(),
            rules: rules.clone(),
            store: None,
            writes: 0,
            lock: LockState::Free,
            families: Vec::new(),
            strays: Vec::new(),
            sends: Vec::new(),
            past: Past::default(),
            lives: 0,
            clocks: alloc::vec![Set::Right; usize::from(rules.holders)],
        };
        if !rules.empty {
            let grant = world.issue();
            let record = Record {
                session: holder::session(grant.access.family),
                set: 0,
                state: State::Live {
                    tokens: Arc::new(token_set(rules, world.now, grant)),
                    mark: None,
                    back_off: None,
                },
            };
            world.put(record);
        }
        world
    }

    pub(super) fn holder(&self, slot: u8) -> &Holder {
        &self.holders[usize::from(slot)]
    }

    pub(super) fn holder_mut(&mut self, slot: u8) -> &mut Holder {
        Rc::make_mut(&mut self.holders[usize::from(slot)])
    }

    /// The time, as this holder reads it.
    pub(super) fn time_of(&self, slot: u8) -> Now {
        let right = self.now.wall;
        let wall = match self.clocks[usize::from(slot)] {
            Set::Right => right,
            Set::Fast => right.after(SKEW),
            Set::Slow => WallTime::from_unix_millis(
                right.as_unix_millis() - u64::try_from(SKEW.as_millis()).expect("an hour is short"),
            ),
        };
        Now { wall, ..self.now }
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = u8> + use<> {
        0..self.rules.holders
    }

    /// A sign-in at the server.
    pub(super) fn issue(&mut self) -> Grant {
        let name = Name {
            family: u8::try_from(self.families.len()).expect("few sign-ins"),
            index: 0,
        };
        self.families.push(Family::new());
        Grant {
            access: name,
            refresh: Some(name),
        }
    }

    /// Writes, if the version is the one expected.
    pub(super) fn swap(&mut self, save: &crate::machine::Save) -> Result<Swap, Violation> {
        let found = self.store.as_ref().map(|stored| stored.version);
        if found != save.expected && self.rules.store == StoreKind::Comparing {
            return Ok(Swap::Conflict);
        }
        self.may_write(&save.record)?;
        self.replace(number(save.record.session));
        Ok(Swap::Written(self.put(save.record.clone())))
    }

    /// Notes whose place a session takes in the store.
    fn replace(&mut self, session: u8) {
        if let Some(stood) = self.store.as_ref().map(|stored| number(stored.record.session))
            && stood != session
        {
            self.past.replaced |= bit(stood);
            // A sign-in revokes nothing, and whoever signs out what it replaced need not know the newest token.
            self.past.lost |= bit(stood);
        }
    }

    fn put(&mut self, record: Record) -> Version {
        let family = record.session.0[0];
        match &record.state {
            State::Live { tokens, mark, .. } => {
                let at = usize::from(family);
                self.past.kept[at] |= 1 << holder::access(tokens).index;
                self.past.stored[at] |= 1 << refresh(tokens).index;
                if mark.is_some() {
                    self.past.marked[at] |= 1 << refresh(tokens).index;
                }
            }
            State::Ended(EndReason::SignOut) => self.past.buried |= bit(family),
            State::Ended(_) => {}
        }
        self.writes += 1;
        let version = Version(self.writes);
        self.store = Some(Stored { version, record });
        version
    }

    /// The session that stands in the store and lives.
    pub(super) fn stored_session(&self) -> Option<u8> {
        let stored = self.store.as_ref()?;
        matches!(stored.record.state, State::Live { .. }).then(|| stored.record.session.0[0])
    }

    /// The session that a sign-out ends which has not read what stands in the store: one that lives, or one that was found
    /// dead, for that may be taken back.
    pub(super) fn session_to_end(&self) -> Option<u8> {
        let record = &self.store.as_ref()?.record;
        match record.state {
            State::Live { .. } | State::Ended(EndReason::GrantDead { .. }) => Some(number(record.session)),
            State::Ended(_) => None,
        }
    }

    /// Whether a family may still be renewed: it lives, and one of its valid tokens is in the store, or where a holder
    /// that wants to know can wait for it: with a live holder, or on its way there.
    pub(super) fn can_renew(&self, family: u8) -> bool {
        let Family {
            alive, valid, graced, ..
        } = self.families[usize::from(family)];
        let stored = self
            .store
            .as_ref()
            .map_or(0, |stored| match &stored.record.state {
                State::Live { tokens, .. } if stored.record.session.0[0] == family => {
                    1 << refresh(tokens).index
                }
                _ => 0,
            });
        let held = self.holders.iter().fold(0, |held, holder| {
            let answers = holder.ops.iter().fold(0, |bits, op| match op {
                holder::Op::Answered(
                    _,
                    _,
                    Some(Grant {
                        refresh: Some(name), ..
                    }),
                ) if name.family == family => bits | 1 << name.index,
                _ => bits,
            });
            held | holder.known[usize::from(family)] | answers
        });
        let held = if self.rules.frozen() { 0 } else { held };
        alive && (valid | graced) & (stored | held) != 0
    }

    /// Hands a machine its input, then carries out what it wants.
    pub(super) fn tell<T>(
        &mut self,
        slot: u8,
        input: impl FnOnce(&mut crate::machine::Machine, Now) -> T,
    ) -> Result<T, Violation> {
        let now = self.time_of(slot);
        let told = input(&mut self.holder_mut(slot).machine, now);
        self.carry_out(slot)?;
        Ok(told)
    }

    /// Carries out, in order, what a machine wants.
    pub(super) fn carry_out(&mut self, slot: u8) -> Checked {
        while let Some(effect) = self.holder_mut(slot).machine.poll_effect() {
            self.carry(slot, effect)?;
        }
        self.check_holder(slot)
    }

    fn carry(&mut self, slot: u8, effect: Effect) -> Checked {
        use holder::Op;
        let op = match effect {
            Effect::Lock(ticket) => Op::Lock(ticket),
            Effect::Load(ticket) => Op::Load(ticket),
            Effect::Save(ticket, save) => {
                self.may_save(slot, &save)?;
                Op::Save(ticket, save)
            }
            Effect::Refresh(ticket, request) => {
                let base = request.base.ok_or(Violation("a refresh without a token"))?;
                self.may_present(slot, &base)?;
                let token = refresh(&base);
                self.holder_mut(slot).presented = Some(holder::access(&base));
                match self.sends.iter_mut().find(|(name, _)| *name == token) {
                    Some((_, count)) => *count += 1,
                    None => self.sends.push((token, 1)),
                }
                self.sends.sort_unstable();
                Op::Refresh(ticket, token)
            }
            Effect::Revoke(ticket, tokens) => {
                self.may_revoke(slot, &tokens)?;
                Op::Revoke(ticket, refresh(&tokens))
            }
            Effect::Unlock => {
                ensure(
                    self.lock == LockState::Held(slot) || !self.rules.sound(),
                    "9: a lock was given back that was not held",
                )?;
                if self.lock == LockState::Held(slot) {
                    self.lock = LockState::Free;
                }
                return Ok(());
            }
            Effect::Publish(snapshot) => return self.publish(slot, snapshot),
            Effect::Announce(_) => {
                self.announce(slot);
                return Ok(());
            }
            Effect::Settle(id, outcome) => return self.settle(slot, id, &outcome),
            Effect::Notify(_) => return Ok(()),
        };
        self.holder_mut(slot).ops.push(op);
        Ok(())
    }

    /// Lets the other holders know that the store has moved on.
    fn announce(&mut self, from: u8) {
        if self.left.hints == 0 {
            return;
        }
        let record = self.store.clone().filter(|_| self.rules.hints_carry_records);
        for slot in self.slots().filter(|slot| *slot != from) {
            self.holder_mut(slot).hint = Some(record.clone());
        }
    }
}
