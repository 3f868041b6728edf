//! What the handles of one session share, and the only way to its machine.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use oneflight_core::machine::{AttemptId, Demand, Demanded, Effect, Failure, Machine, Outcome, Policy};
use oneflight_core::origin::AllowList;
use oneflight_core::{MonoTime, Now};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use super::busy::{Busy, Settled, Work};
use super::published::Published;
use crate::driver;
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
    /// No clock was given: requests read the system's own, without the way through `clock`.
    pub(crate) by_system_clock: bool,
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
    pub(crate) listeners: OnceLock<Box<Listeners>>,
    /// When a renewal ahead of time was last asked for, in milliseconds of the wall clock.
    asked_ahead_at: AtomicU64,
    state: Mutex<State>,
}

/// What the driver and the callers take turns at. Locked for moments, never across user code or an await.
pub(crate) struct State {
    pub(crate) machine: Machine,
    busy: Option<Box<Busy>>,
    pub(crate) driver: DriverState,
    /// The stream of hints, while no driver listens to it. It has a waker that starts one.
    pub(crate) changes: Option<Changes>,
    /// The store was asked for the stream of hints.
    pub(crate) listens: bool,
    /// The stream has something to say.
    pub(crate) hinted: bool,
    trouble: Option<Box<Trouble>>,
    latest: MonoTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DriverState {
    Absent,
    Running,
}

/// What last went wrong, until something goes well.
#[derive(Default)]
struct Trouble {
    /// What the endpoint or the store had to say.
    source: Option<Source>,
    /// When the pause after the failure ends.
    pause_until: MonoTime,
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
            listeners: OnceLock::new(),
            asked_ahead_at: AtomicU64::new(0),
            state: Mutex::new(State {
                machine,
                busy: None,
                driver: DriverState::Absent,
                changes: None,
                listens: false,
                hinted: false,
                trouble: None,
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
            let work = match effect {
                Effect::Publish(snapshot) => {
                    let published = Published::new(snapshot);
                    if published.live.is_some() {
                        state.trouble = None;
                    }
                    let before = self.published.load().status;
                    let told = published.status == before || self.listeners.get().is_none();
                    self.published.store(Arc::new(published));
                    if told {
                        continue;
                    }
                    Work::StatusChanged
                }
                Effect::Settle(id, outcome) => {
                    if let Outcome::Failed(failure) = &outcome
                        && let Some(retry_at) = failure.retry_at()
                    {
                        state.trouble.get_or_insert_default().pause_until = retry_at;
                    }
                    let settled = Settled {
                        outcome,
                        session: self.published.load().live.as_ref().map(|live| live.stamp.session),
                        source: state.source(),
                    };
                    Work::Settle(id, settled)
                }
                effect => Work::Effect(effect),
            };
            state.busy().work.push_back(work);
        }
    }

    /// Says what a request needs.
    pub(crate) fn demand(self: &Arc<Self>, demand: Demand) -> Joined {
        self.input(|state, now| match state.machine.demand(now, demand) {
            Demanded::Joined(id) => Joined::Wait(state.busy().wait_for(id)),
            Demanded::LookAgain => Joined::Look(self.published.load_full()),
            Demanded::Refused(failure) => Joined::Refused(failure, state.source()),
        })
    }

    /// Gives a command, and a way to learn how it ended.
    pub(crate) fn command(
        self: &Arc<Self>,
        command: impl FnOnce(&mut Machine, Now) -> AttemptId,
    ) -> watch::Receiver<Option<Settled>> {
        self.input(|state, now| {
            let id = command(&mut state.machine, now);
            state.busy().wait_for(id)
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

    pub(crate) fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    /// What is under way, if anything is.
    pub(crate) fn busy_if_any(&mut self) -> Option<&mut Busy> {
        self.busy.as_deref_mut()
    }

    /// Takes away all that was under way.
    pub(crate) fn take_busy(&mut self) -> Option<Box<Busy>> {
        self.busy.take()
    }

    /// Whether nothing is under way, here or in the machine.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_done() && self.machine.is_idle()
    }

    /// Whether nothing is under way but, perhaps, the pause before something is stored again.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_done() && (self.machine.is_idle() || self.machine.has_unsaved())
    }

    fn is_done(&self) -> bool {
        self.busy.as_ref().is_none_or(|busy| busy.is_done())
    }

    /// Whether this is what the driver will notify when nothing is under way any more.
    pub(crate) fn is_awaited(&self, rest: &Arc<Notify>) -> bool {
        let current = self.busy.as_ref().and_then(|busy| busy.rest.as_ref());
        current.is_some_and(|current| Arc::ptr_eq(current, rest))
    }

    /// What the endpoint or the store last had to say.
    fn source(&self) -> Option<Source> {
        self.trouble.as_ref()?.source.clone()
    }

    pub(crate) fn set_source(&mut self, source: Source) {
        self.trouble.get_or_insert_default().source = Some(source);
    }

    /// Whether a pause after a failure runs.
    pub(crate) fn is_pausing(&self, now: Now) -> bool {
        self.trouble
            .as_ref()
            .is_some_and(|trouble| now.mono < trouble.pause_until)
    }

    pub(crate) fn forget_trouble(&mut self) {
        self.trouble = None;
    }
}
