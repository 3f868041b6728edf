//! The machine: one refresh, however many requests.
//!
//! A [`Machine`] stands for one grant at one holder. Commands ([`demand`](Machine::demand), [`sign_in`](Machine::sign_in),
//! [`sign_out`](Machine::sign_out)), results (each with the ticket of the effect it answers) and facts
//! ([`observed`](Machine::observed), [`handle_timeout`](Machine::handle_timeout)) go in. After each of them, drain
//! [`poll_effect`](Machine::poll_effect) and carry the effects out in order, then arm a timer with
//! [`poll_timeout`](Machine::poll_timeout).
//!
//! The parts: an *attempt* is what waiters wait for; a *flight* carries it through lock, load, mark, refresh, save and
//! unlock; the *ledger* writes sign-ins and tombstones beside the flight, without the lock.

mod adopt;
mod attempt;
mod command;
mod config;
mod demand;
mod effect;
#[cfg(test)]
pub(crate) mod fingerprint;
mod flight;
mod keep;
mod lean;
mod ledger;
pub(crate) mod mutation;
mod orphan;
mod outcome;
mod pending;
mod publish;
mod refresh;
mod revoke;
mod timer;
mod timing;

use alloc::boxed::Box;

pub use config::{Config, GrantKind, Policy, Renew};
pub use demand::{Demand, Demanded, Stamp};
pub use effect::{
    AttemptId, Current, Effect, LoadTicket, LockResult, LockTicket, Refresh, RefreshTicket, Revocation,
    RevokeTicket, Save, SaveTicket, Snapshot, Status, StoreFailed, Swap,
};
pub use outcome::{Cause, Event, Failure, Outcome, TransientCause, Unkept};

use crate::{MonoTime, Now, SessionId, Stored, Version, WallTime};
use adopt::Look;
use attempt::{Attempt, Cooldown};
use effect::Lane;
use flight::Flight;
use lean::Lean;
use ledger::Ledger;
use publish::Published;
use refresh::Refused;
use revoke::{Revoking, SigningOut};
use timing::Spread;

/// One grant at one holder. See the [module's page](self).
///
/// ```
/// use oneflight_core::machine::{Config, Demand, Demanded, Effect, Machine};
/// use oneflight_core::{HolderId, Now};
///
/// let config = Config { policy: Default::default(), holder: HolderId([1; 16]), seed: [2, 3] };
/// let mut machine = Machine::new(config);
/// let now = Now::default();
///
/// // Nothing is known yet, so the first demand reads the store.
/// let Demanded::Joined(attempt) = machine.demand(now, Demand::Usable) else { panic!() };
/// let Some(Effect::Load(ticket)) = machine.poll_effect() else { panic!() };
///
/// // There is no record: everybody who waited is told so.
/// machine.loaded(now, ticket, Ok(None));
/// let settled = std::iter::from_fn(|| machine.poll_effect())
///     .any(|effect| matches!(effect, Effect::Settle(id, _) if id == attempt));
/// assert!(settled);
/// ```
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Machine {
    config: Config,
    effects: Lean<Effect>,
    generation: u64,
    status: Status,
    published: Option<Published>,
    /// The newest version this holder has read or written.
    known: Option<Version>,
    flight: Option<Box<Flight>>,
    /// The attempt of the next flight, while an orphan is still under way.
    queued: Option<Box<Attempt>>,
    ledger: Option<Box<Ledger>>,
    /// Sessions ended here. Never adopted again.
    ended: Lean<SessionId>,
    cooldown: Option<Box<Cooldown>>,
    /// Failures in a row: the step of the back-off.
    failures: u32,
    /// The record whose pause this holder keeps, and since when.
    back_off_seen: Option<(Version, MonoTime)>,
    /// When the application said that something changed: the next pause found is not kept, if it began before.
    retried_at: Option<WallTime>,
    refused: Option<Box<Refused>>,
    /// When refusals caused renewals, within the window.
    rejections: Lean<MonoTime>,
    /// While signed out, the store is not read again before this.
    next_look: MonoTime,
    revoking: Lean<Revoking>,
    signing_out: Lean<SigningOut>,
    looking: Option<Look>,
    /// Writes, by anybody, that became known; tells a look that was overtaken.
    writes: u32,
    closed: bool,
    serials: u32,
    attempts: u64,
    spread: Spread,
    #[cfg(test)]
    pub(crate) mutation: Option<mutation::Mutation>,
    #[cfg(test)]
    deferred_sign_out: Option<AttemptId>,
}

impl Machine {
    /// A machine that knows nothing yet: the first demand reads the store.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let spread = Spread(config.seed[0]);
        Self {
            config,
            effects: Lean::new(),
            generation: 0,
            status: Status::Unknown,
            published: None,
            known: None,
            flight: None,
            queued: None,
            ledger: None,
            ended: Lean::new(),
            cooldown: None,
            failures: 0,
            back_off_seen: None,
            retried_at: None,
            refused: None,
            rejections: Lean::new(),
            next_look: MonoTime::default(),
            revoking: Lean::new(),
            signing_out: Lean::new(),
            looking: None,
            writes: 0,
            closed: false,
            serials: 0,
            attempts: 0,
            spread,
            #[cfg(test)]
            mutation: None,
            #[cfg(test)]
            deferred_sign_out: None,
        }
    }

    /// The next thing to do, in order. Drain it after every input.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The newest version of the record that this holder has read or written. A hint of no newer one says nothing.
    #[must_use]
    pub fn known(&self) -> Option<Version> {
        self.known
    }

    /// What requests may read now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            generation: self.generation,
            status: self.status,
            current: self.published.as_ref().map(Published::current),
        }
    }

    /// Whether nothing is under way: no effect to carry out, no ticket to answer, nothing that waits to be stored.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.effects.is_empty()
            && self.flight.is_none()
            && self.queued.is_none()
            && self.ledger.is_none()
            && self.revoking.is_empty()
            && self.signing_out.is_empty()
            && self.looking.is_none()
    }

    /// Whether something that must be kept is not stored yet: a token set, a sign-in or a tombstone.
    #[must_use]
    pub fn has_unsaved(&self) -> bool {
        self.ledger.is_some() || self.flight.as_ref().is_some_and(|flight| flight.has_unsaved())
    }

    /// What was read, for the ticket of [`Effect::Load`].
    pub fn loaded(&mut self, now: Now, ticket: LoadTicket, result: Result<Option<Stored>, StoreFailed>) {
        self.rebase(now);
        // One owner, here: nobody below moves it.
        let result = result.as_ref().map(Option::as_ref).map_err(|failed| *failed);
        if let Ok(Some(stored)) = result {
            self.learn(stored.version);
        }
        match ticket.lane {
            Lane::Flight => self.flight_loaded(now, ticket.serial, result),
            Lane::Ledger => self.ledger_loaded(now, ticket.serial, result),
            Lane::Look => self.looked(now, ticket.serial, result),
        }
    }

    /// How the write went, for the ticket of [`Effect::Save`].
    pub fn saved(&mut self, now: Now, ticket: SaveTicket, result: Result<Swap, StoreFailed>) {
        self.rebase(now);
        if let Ok(Swap::Written(version)) = result {
            self.learn(version);
        }
        match ticket.lane {
            Lane::Flight => self.flight_saved(now, ticket.serial, result),
            Lane::Ledger | Lane::Look => self.ledger_saved(now, ticket.serial, result),
        }
    }

    fn learn(&mut self, version: Version) {
        if self.known < Some(version) {
            self.known = Some(version);
            self.writes = self.writes.wrapping_add(1);
        }
    }

    /// What is known that is newer than what was read.
    fn doubts(&self, stored: Option<&Stored>) -> Option<Version> {
        self.known
            .filter(|known| stored.is_some_and(|stored| stored.version < *known))
    }

    fn serial(&mut self) -> u32 {
        self.serials = self.serials.wrapping_add(1);
        self.serials
    }

    fn attempt_id(&mut self) -> AttemptId {
        self.attempts += 1;
        AttemptId(self.attempts)
    }

    fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn notify(&mut self, event: Event) {
        self.push(Effect::Notify(event));
    }

    fn settle(&mut self, id: AttemptId, outcome: Outcome) {
        self.push(Effect::Settle(id, outcome));
    }

    /// Asks for the record on behalf of one lane; the serial to remember.
    fn load(&mut self, lane: Lane) -> u32 {
        let serial = self.serial();
        self.push(Effect::Load(LoadTicket { lane, serial }));
        serial
    }

    /// Asks for a write on behalf of one lane; the serial to remember.
    fn save(&mut self, lane: Lane, save: Save) -> u32 {
        let serial = self.serial();
        self.push(Effect::Save(SaveTicket { lane, serial }, save));
        serial
    }
}
