//! What the handles of one session share, and the only way to its machine.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use oneflight_core::machine::{AttemptId, Demand, Demanded, Effect, Failure, Machine, Outcome, Policy};
use oneflight_core::origin::AllowList;
use oneflight_core::{MonoTime, Now, SessionId, Version};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use super::published::Published;
use crate::driver::{self, Ticket};
use crate::endpoint::TokenEndpoint;
use crate::error::Source;
use crate::events::Listeners;
use crate::store::Changes;
use crate::{Clock, Store};

/// Renewals ahead of time are asked for no more often than this, however many requests find one due.
const ASK_AHEAD_EVERY_MILLIS: u64 = 100;

/// Settings that many sessions may share.
pub(crate) struct Shared {
    pub(crate) endpoint: Arc<dyn TokenEndpoint>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) origins: Option<AllowList>,
    pub(crate) policy: Arc<Policy>,
    /// How long to wait for the store's lock.
    pub(crate) lock_deadline: Duration,
    /// Where drivers run.
    pub(crate) home: Mutex<Handle>,
}

/// One session. Kept lean: there may be a hundred thousand.
pub(crate) struct Inner {
    pub(crate) published: ArcSwap<Published>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Arc<dyn Store>,
    /// Handles that the application holds. The driver holds none.
    pub(crate) handles: AtomicUsize,
    /// Wakes the driver.
    pub(crate) wake: Notify,
    pub(crate) listeners: OnceLock<Box<Listeners>>,
    /// When a renewal ahead of time was last asked for, in milliseconds of the wall clock.
    asked_ahead_at: AtomicU64,
    state: Mutex<State>,
}

/// What the driver and the callers take turns at. Locked for moments, never across user code or an await.
pub(crate) struct State {
    pub(crate) machine: Machine,
    /// Effects that the driver has not begun, in order.
    pub(crate) work: VecDeque<Work>,
    /// The rights to answer the effects that are under way, by slot.
    pub(crate) tickets: Vec<Option<Ticket>>,
    waiting: Vec<(AttemptId, watch::Sender<Option<Settled>>)>,
    pub(crate) driver: DriverState,
    /// The stream of hints, while no driver listens to it.
    pub(crate) parked: Parked,
    /// The stream has something to say.
    pub(crate) hinted: bool,
    /// The newest version that was read or written here.
    pub(crate) known: Option<Version>,
    /// What the endpoint or the store last had to say, until something goes well.
    pub(crate) trouble: Option<Source>,
    /// Who waits until nothing is under way.
    pub(crate) rest: Option<Arc<Notify>>,
    /// When the last pause after a failure ends.
    pause_until: MonoTime,
    latest: MonoTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DriverState {
    Absent,
    Running,
}

/// Where the stream of hints is.
pub(crate) enum Parked {
    /// Nobody has asked the store for one.
    NotAsked,
    /// Here, with a waker that starts the driver.
    Here(Changes),
    /// With the driver, or the store has none.
    Elsewhere,
}

/// Something for the driver to do.
pub(crate) enum Work {
    Effect(Effect),
    Settle(AttemptId, Settled),
    StatusChanged,
}

/// How an attempt ended, as its waiters learn it.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) outcome: Outcome,
    /// The session that was published then.
    pub(crate) session: Option<SessionId>,
    pub(crate) source: Option<Source>,
}

/// Where a demand leads.
pub(crate) enum Joined {
    Wait(watch::Receiver<Option<Settled>>),
    /// What is published serves, as of this time.
    Look(Arc<Published>),
    Refused(Failure, Option<Source>),
}

impl Inner {
    pub(crate) fn new(machine: Machine, shared: Arc<Shared>, store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            published: ArcSwap::from_pointee(Published::new(machine.snapshot())),
            shared,
            store,
            handles: AtomicUsize::new(0),
            wake: Notify::new(),
            listeners: OnceLock::new(),
            asked_ahead_at: AtomicU64::new(0),
            state: Mutex::new(State {
                machine,
                work: VecDeque::new(),
                tickets: Vec::new(),
                waiting: Vec::new(),
                driver: DriverState::Absent,
                parked: Parked::NotAsked,
                hinted: false,
                known: None,
                trouble: None,
                rest: None,
                pause_until: MonoTime::default(),
                latest: MonoTime::default(),
            }),
        })
    }

    pub(crate) fn now(&self) -> Now {
        self.shared.clock.now()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic in between would be a defect of ours; going on beats hanging everybody.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the machine an input, takes over what it asks for, and sees that a driver is there to do it.
    pub(crate) fn input<R>(self: &Arc<Self>, input: impl FnOnce(&mut State, Now) -> R) -> R {
        // The clock is the application's code: it is read before the lock is taken.
        let now = self.now();
        let mut state = self.state();
        let now = state.not_earlier(now);
        let result = input(&mut state, now);
        self.take_over(&mut state);
        driver::ensure(self, state, now);
        result
    }

    /// Publishes at once, and queues everything else for the driver.
    pub(crate) fn take_over(&self, state: &mut State) {
        while let Some(effect) = state.machine.poll_effect() {
            match effect {
                Effect::Publish(snapshot) => {
                    let before = self.published.load().status;
                    let published = Published::new(snapshot);
                    if published.live.is_some() {
                        state.trouble = None;
                    }
                    let changed = published.status != before;
                    self.published.store(Arc::new(published));
                    if changed && self.listeners.get().is_some() {
                        state.work.push_back(Work::StatusChanged);
                    }
                }
                Effect::Settle(id, outcome) => {
                    if let Outcome::Failed(failure) = &outcome {
                        state.pause_until = state.pause_until.max(failure.retry_at().unwrap_or_default());
                    }
                    let settled = Settled {
                        outcome,
                        session: self.published.load().live.as_ref().map(|live| live.stamp.session),
                        source: state.trouble.clone(),
                    };
                    state.work.push_back(Work::Settle(id, settled));
                }
                effect => state.work.push_back(Work::Effect(effect)),
            }
        }
    }

    /// Says what a request needs.
    pub(crate) fn demand(self: &Arc<Self>, demand: Demand) -> Joined {
        self.input(|state, now| match state.machine.demand(now, demand) {
            Demanded::Joined(id) => Joined::Wait(state.wait_for(id)),
            Demanded::LookAgain => Joined::Look(self.published.load_full()),
            Demanded::Refused(failure) => Joined::Refused(failure, state.trouble.clone()),
        })
    }

    /// Gives a command, and a way to learn how it ended.
    pub(crate) fn command(
        self: &Arc<Self>,
        command: impl FnOnce(&mut Machine, Now) -> AttemptId,
    ) -> watch::Receiver<Option<Settled>> {
        self.input(|state, now| {
            let id = command(&mut state.machine, now);
            state.wait_for(id)
        })
    }

    /// Asks for a renewal ahead of time, unless that was done a moment ago.
    #[cold]
    pub(crate) fn ask_ahead(self: &Arc<Self>, wall_millis: u64) {
        let asked_at = self.asked_ahead_at.load(Ordering::Relaxed);
        // A difference that is too large comes from a clock that was set back.
        if asked_at.abs_diff(wall_millis) < ASK_AHEAD_EVERY_MILLIS {
            return;
        }
        let mine =
            self.asked_ahead_at
                .compare_exchange(asked_at, wall_millis, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok() {
            self.input(|state, now| state.machine.demand(now, Demand::Due));
        }
    }
}

impl State {
    /// The monotonic clock, which callers read before they take turns, does not go back here.
    pub(crate) fn not_earlier(&mut self, mut now: Now) -> Now {
        self.latest = self.latest.max(now.mono);
        now.mono = self.latest;
        now
    }

    pub(crate) fn forget_pause(&mut self) {
        self.pause_until = MonoTime::default();
    }

    pub(crate) fn pause_until(&self) -> MonoTime {
        self.pause_until
    }

    fn wait_for(&mut self, id: AttemptId) -> watch::Receiver<Option<Settled>> {
        if let Some((_, sender)) = self.waiting.iter().find(|(waiting, _)| *waiting == id) {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(None);
        self.waiting.push((id, sender));
        receiver
    }

    /// Who waits for this attempt.
    pub(crate) fn take_waiting(&mut self, id: AttemptId) -> Option<watch::Sender<Option<Settled>>> {
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == id)?;
        let (_, sender) = self.waiting.swap_remove(place);
        if self.waiting.is_empty() {
            // An idle session keeps no room for them.
            self.waiting = Vec::new();
        }
        Some(sender)
    }

    /// Who waits for anything at all.
    pub(crate) fn take_all_waiting(&mut self) -> Vec<(AttemptId, watch::Sender<Option<Settled>>)> {
        std::mem::take(&mut self.waiting)
    }

    /// Keeps a ticket until its effect is done.
    pub(crate) fn keep(&mut self, ticket: Ticket) -> usize {
        match self.tickets.iter().position(Option::is_none) {
            Some(slot) => {
                self.tickets[slot] = Some(ticket);
                slot
            }
            None => {
                self.tickets.push(Some(ticket));
                self.tickets.len() - 1
            }
        }
    }

    pub(crate) fn take_ticket(&mut self, slot: usize) -> Option<Ticket> {
        let ticket = self.tickets.get_mut(slot)?.take();
        if self.tickets.iter().all(Option::is_none) {
            self.tickets = Vec::new();
        }
        ticket
    }

    /// Whether nothing is under way but, perhaps, the pause before something is stored again.
    pub(crate) fn is_settled(&self) -> bool {
        let open = !self.work.is_empty() || !self.tickets.is_empty();
        !open && (self.machine.is_idle() || self.machine.has_unsaved())
    }

    /// Whether nothing is under way, here or in the machine.
    pub(crate) fn is_quiet(&self) -> bool {
        self.work.is_empty() && self.tickets.is_empty() && self.machine.is_idle()
    }
}
