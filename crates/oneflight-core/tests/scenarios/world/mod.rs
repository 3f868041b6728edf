//! A small world: holders that share a store, an authorization server, and a clock that moves when told to.
//!
//! Effects are carried out one at a time ([`World::step`]), up to a chosen one ([`World::run_until`]), or all of them
//! ([`World::run`]). Carrying out and answering can be told apart ([`World::perform`], [`World::answer`]), for what
//! happens in between. The world checks the invariants that hold in every play; see [`World::drain`].

mod drive;
mod holder;
mod server;
mod store;

use std::time::Duration;

use oneflight_core::answer::Verdict;
use oneflight_core::machine::{AttemptId, LoadTicket, RefreshTicket, SaveTicket};
use oneflight_core::machine::{
    Config, Current, Demand, Demanded, Effect, LockResult, LockTicket, Machine, Outcome, Policy, Refresh,
    Revocation, RevokeTicket, Save, Stamp, StoreFailed, Swap,
};
use oneflight_core::{HolderId, MonoTime, Now, SessionId, State, Stored, TokenSet, WallTime};

pub(crate) use holder::Holder;
pub(crate) use server::{Fault, Rotation, Server};
pub(crate) use store::{Ill, LockKind, Store};

/// How often timers may fire without time moving on, before a play is called a busy loop.
const MAX_ROUNDS_AT_ONCE: u32 = 50;

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Which effect is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Lock,
    Load,
    /// Any write.
    Save,
    /// A write that puts a mark there.
    Mark,
    /// A write of a live record without a mark.
    Keep,
    /// A write of a tombstone.
    Bury,
    Refresh,
}

impl Kind {
    fn is(self, effect: &Effect) -> bool {
        match (self, effect) {
            (Self::Lock, Effect::Lock(_))
            | (Self::Load, Effect::Load(_))
            | (Self::Save, Effect::Save(..))
            | (Self::Refresh, Effect::Refresh(..)) => true,
            (_, Effect::Save(_, Save { record, .. })) => match record.state {
                State::Live { mark: Some(_), .. } => self == Self::Mark,
                State::Live { .. } => self == Self::Keep,
                State::Ended(_) => self == Self::Bury,
            },
            _ => false,
        }
    }
}

/// What the outside has to say to an effect.
#[derive(Debug)]
#[must_use]
pub(crate) enum Answer {
    Locked(LockTicket, LockResult),
    Loaded(LoadTicket, Result<Option<Stored>, StoreFailed>),
    Saved(SaveTicket, Result<Swap, StoreFailed>),
    Refreshed(RefreshTicket, Refresh, Verdict),
    Revoked(RevokeTicket, Revocation),
}

fn id(born: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&born.to_le_bytes());
    id
}

pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) store: Store,
    pub(crate) server: Server,
    pub(crate) holders: Vec<Holder>,
    policy: Policy,
    /// No more than one refresh is awaited at a time. Switched off where the lock is broken on purpose.
    pub(crate) sound_lock: bool,
    awaited: u32,
    born: u64,
}

impl World {
    /// Holders that know nothing yet, with the default policy.
    pub(crate) fn of(holders: usize) -> Self {
        Self::with(holders, |_| {})
    }

    /// Holders that know nothing yet, with a policy.
    pub(crate) fn with(holders: usize, adjust: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy::default();
        adjust(&mut policy);
        let mut world = Self {
            now: Now {
                wall: WallTime::from_unix_millis(1_700_000_000_000),
                mono: MonoTime::from_millis(5_000_000),
            },
            store: Store::default(),
            server: Server::default(),
            holders: Vec::new(),
            policy,
            sound_lock: true,
            awaited: 0,
            born: 0,
        };
        for _ in 0..holders {
            let holder = world.newborn();
            world.holders.push(holder);
        }
        world
    }

    /// Holders that share one session: the first signed in, the others found it.
    pub(crate) fn signed_in(holders: usize) -> Self {
        Self::signed_in_with(holders, |_| {})
    }

    pub(crate) fn signed_in_with(holders: usize, adjust: impl FnOnce(&mut Policy)) -> Self {
        let mut world = Self::with(holders, adjust);
        world.sign_in(0);
        world.run();
        world.all_open();
        world
    }

    /// Lets every holder read the store.
    pub(crate) fn all_open(&mut self) {
        for h in 0..self.holders.len() {
            let _ = self.demand(h, Demand::Usable);
        }
        self.run();
    }

    fn newborn(&mut self) -> Holder {
        self.born += 1;
        let born = self.born;
        Holder::new(Machine::new(Config {
            policy: std::sync::Arc::new(self.policy.clone()),
            holder: HolderId(id(born)),
            seed: [born * 7919, born * 104_729],
        }))
    }

    // Commands.

    pub(crate) fn demand(&mut self, h: usize, demand: Demand) -> Demanded {
        let demanded = self.holders[h].machine.demand(self.now, demand);
        if let Demanded::Joined(id) = demanded {
            self.holders[h].waiting.insert(id);
        }
        self.drain(h);
        demanded
    }

    /// A demand that must join an attempt.
    pub(crate) fn join(&mut self, h: usize, demand: Demand) -> AttemptId {
        match self.demand(h, demand) {
            Demanded::Joined(id) => id,
            other => panic!("{demand:?} was not joined but {other:?}"),
        }
    }

    /// The API refused the token that this holder publishes now.
    pub(crate) fn refused(&mut self, h: usize) -> AttemptId {
        let stamp = self.stamp(h);
        self.join(h, Demand::NewerThan(stamp))
    }

    /// The API refuses what this holder publishes, or it has nothing to publish.
    pub(crate) fn refused_or_usable(&mut self, h: usize) -> Demanded {
        let demand = match self.is_signed_in(h) {
            true => Demand::NewerThan(self.stamp(h)),
            false => Demand::Usable,
        };
        self.demand(h, demand)
    }

    /// Signs in with new tokens of the server.
    pub(crate) fn sign_in(&mut self, h: usize) -> AttemptId {
        let tokens = self.server.authorize(self.now.wall);
        self.sign_in_with(h, tokens)
    }

    pub(crate) fn sign_in_with(&mut self, h: usize, tokens: TokenSet) -> AttemptId {
        self.born += 1;
        let session = SessionId(id(self.born));
        self.holders[h].move_on();
        let id = self.holders[h].machine.sign_in(self.now, session, tokens);
        self.holders[h].waiting.insert(id);
        self.drain(h);
        id
    }

    pub(crate) fn sign_out(&mut self, h: usize) -> AttemptId {
        let holder = &mut self.holders[h];
        let ended = holder.machine.snapshot().current.map(|current| current.session);
        holder.move_on();
        let id = holder.machine.sign_out(self.now);
        holder.waiting.insert(id);
        self.drain(h);
        assert!(!self.is_signed_in(h), "signed out and signed in");
        self.holders[h].ended.extend(ended);
        id
    }

    /// Anything else that a machine can be told.
    pub(crate) fn tell(&mut self, h: usize, what: impl FnOnce(&mut Machine, Now)) {
        what(&mut self.holders[h].machine, self.now);
        self.drain(h);
    }

    /// Another holder's hint arrives: the store is to be read again.
    pub(crate) fn hint(&mut self, h: usize) {
        self.tell(h, Machine::reload);
    }

    /// Another holder's hint arrives with the record as it stands.
    pub(crate) fn observe(&mut self, h: usize) {
        let stored = self.store.stored.clone().unwrap();
        self.tell(h, |machine, now| machine.observed(now, stored));
    }

    /// The holder dies where it stands, and another one starts in its place.
    pub(crate) fn crash(&mut self, h: usize) {
        self.store.died(h);
        let newborn = self.newborn();
        let dead = std::mem::replace(&mut self.holders[h], newborn);
        self.awaited -= dead.awaited;
    }

    // What holders show.

    pub(crate) fn current(&self, h: usize) -> Current {
        self.holders[h].machine.snapshot().current.expect("signed in")
    }

    pub(crate) fn is_signed_in(&self, h: usize) -> bool {
        self.holders[h].machine.snapshot().current.is_some()
    }

    pub(crate) fn access(&self, h: usize) -> String {
        self.current(h).tokens.access_token.expose().into()
    }

    pub(crate) fn stamp(&self, h: usize) -> Stamp {
        Stamp {
            session: self.current(h).session,
            generation: self.holders[h].machine.snapshot().generation,
        }
    }

    pub(crate) fn outcome(&self, h: usize, id: AttemptId) -> Option<&Outcome> {
        self.holders[h].outcome(id)
    }

    /// How an attempt that must be over ended.
    pub(crate) fn ended(&self, h: usize, id: AttemptId) -> Outcome {
        self.outcome(h, id).expect("the attempt is settled").clone()
    }

    pub(crate) fn posts(&self) -> usize {
        self.server.posts.len()
    }

    // Time.

    /// Both clocks move on, and nobody looks.
    pub(crate) fn skip(&mut self, length: Duration) {
        self.now.wall = self.now.wall.after(length);
        self.now.mono = self.now.mono.after(length);
    }

    /// Time passes: timers fire when they are due, and everything that can happen does.
    pub(crate) fn pass(&mut self, length: Duration) {
        let end = self.now.mono.after(length);
        let mut rounds_at_once = 0;
        self.run();
        loop {
            let now = self.now;
            let left = end.since(now.mono);
            let wait = self
                .holders
                .iter()
                .filter_map(|holder| holder.machine.poll_timeout(now))
                .min();
            let Some(wait) = wait.filter(|wait| *wait <= left) else {
                return self.skip(left);
            };
            rounds_at_once = if wait.is_zero() { rounds_at_once + 1 } else { 0 };
            assert!(rounds_at_once < MAX_ROUNDS_AT_ONCE, "a timer fires for ever");
            self.skip(wait);
            self.wake();
        }
    }

    pub(crate) fn renew_lease(&mut self, h: usize) {
        if let Some(length) = self.store.renew_lease(h, self.now.mono) {
            self.tell(h, |machine, now| machine.lease(now, length));
        }
    }

    /// Every timer fires now, and every lease is renewed.
    pub(crate) fn wake(&mut self) {
        for h in 0..self.holders.len() {
            self.renew_lease(h);
            self.tell(h, Machine::handle_timeout);
        }
        self.run();
    }
}
