//! The driver: the one task that carries out what a session's machine asks for.
//!
//! It exists while there is something to do. Callers wait for it and never do its work, so dropping a caller changes
//! nothing. It owns the store's lock and the futures of the application's code; the rights to answer lie in the session's
//! state, so that they outlive it: if the runtime ends, its drop answers for it, and everybody who waits gets an error.

mod abandon;
mod answer;
mod begin;
mod careful;
mod hint;

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use oneflight_core::machine::{LoadTicket, LockTicket, RefreshTicket, RevokeTicket, SaveTicket};
use oneflight_core::{MonoTime, Now, Version};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::BoxFuture;
use crate::session::{DriverState, Inner, State};
use crate::store::{Changes, Guard};
use answer::Done;

pub(crate) use careful::is_within;

/// The driver never sleeps shorter than this, so that a clock that stands still costs no processor.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// A lease is renewed when this part of it is over: one third.
const LEASE_PART: u32 = 3;

/// The right to answer an effect.
pub(crate) enum Ticket {
    Lock(LockTicket),
    Load(LoadTicket),
    Save(SaveTicket),
    Refresh(RefreshTicket),
    Revoke(RevokeTicket),
}

/// Sees that a driver is there if there is something to do.
pub(crate) fn ensure(inner: &Arc<Inner>, mut state: MutexGuard<'_, State>, now: Now) {
    if state.driver == DriverState::Running {
        let wake = Arc::clone(&state.busy().wake);
        drop(state);
        wake.notify_one();
        return;
    }
    if state.is_quiet() && state.machine.poll_timeout(now).is_none() && !state.hinted {
        return;
    }
    state.driver = DriverState::Running;
    let wake = Arc::clone(&state.busy().wake);
    drop(state);
    let home = inner
        .shared
        .home
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    Driver::spawn(Arc::clone(inner), wake, &home, Home::Chosen);
}

/// Where a driver was spawned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    /// On the runtime that the application chose.
    Chosen,
    /// On the runtime of the caller, because that one has ended.
    Callers,
}

pub(crate) struct Driver {
    inner: Arc<Inner>,
    /// Callers wake us by it.
    wake: Arc<Notify>,
    home: Home,
    progress: Progress,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    /// The store's lock, while it is ours.
    guard: Option<Box<dyn Guard>>,
    lease_renewal: Option<MonoTime>,
    /// The lock is to be given back as soon as the renewal of its lease gives it back to us.
    unlock_on_return: bool,
    changes: Option<Changes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// The runtime has not run it.
    Spawned,
    Running,
    /// It ended by itself, with nothing left to do.
    Ended,
}

/// What the driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Looks again for something to do.
    Work,
    Sleep,
    End,
}

/// What happened while the driver slept.
enum Woken {
    Done(Done),
    Hint(Option<Version>),
    Timeout,
    LeaseRenewal,
    ByCaller,
}

impl Driver {
    fn spawn(inner: Arc<Inner>, wake: Arc<Notify>, runtime: &Handle, home: Home) {
        // Made before it is spawned: a runtime that has ended drops the future at once, and the drop must see it.
        let driver = Self {
            inner,
            wake,
            home,
            progress: Progress::Spawned,
            running: FuturesUnordered::new(),
            guard: None,
            lease_renewal: None,
            unlock_on_return: false,
            changes: None,
        };
        runtime.spawn(driver.run());
    }

    async fn run(mut self) {
        self.progress = Progress::Running;
        self.listen();
        loop {
            self.begin_all();
            match self.next() {
                // A stream that never runs dry must not keep the thread.
                Next::Work => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Next::Sleep => {}
                Next::End => {
                    self.progress = Progress::Ended;
                    return;
                }
            }
            match self.sleep().await {
                Woken::Done(done) => self.answer(done),
                Woken::Hint(hint) => self.take_hint(hint),
                Woken::Timeout => self.input(|state, now| state.machine.handle_timeout(now)),
                Woken::LeaseRenewal => self.renew_lease(),
                Woken::ByCaller => {}
            }
        }
    }

    /// Begins everything that waits to be begun, in order.
    fn begin_all(&mut self) {
        loop {
            // The lock is free again before the work begins.
            let work = self.inner.state().busy().work.pop_front();
            match work {
                Some(work) => self.begin(work),
                None => return,
            }
        }
    }

    /// Gives the machine an input. What it asks for is begun in the next turn of the loop.
    fn input(&self, input: impl FnOnce(&mut State, Now)) {
        let now = self.inner.now();
        let mut state = self.inner.state();
        let now = state.not_earlier(now);
        input(&mut state, now);
        self.inner.take_over(&mut state);
    }

    /// Waits for whatever comes first.
    async fn sleep(&mut self) -> Woken {
        let (timeout, lease_renewal) = {
            let now = self.inner.now();
            let mut state = self.inner.state();
            let now = state.not_earlier(now);
            let lease_renewal = self.lease_renewal.filter(|_| self.guard.is_some());
            (
                state.machine.poll_timeout(now),
                lease_renewal.map(|at| at.since(now.mono)),
            )
        };
        tokio::select! {
            Some(done) = self.running.next(), if !self.running.is_empty() => Woken::Done(done),
            hint = hint::next(&mut self.changes), if self.changes.is_some() => Woken::Hint(hint),
            () = self.wake.notified() => Woken::ByCaller,
            () = sleep(timeout), if timeout.is_some() => Woken::Timeout,
            () = sleep(lease_renewal), if lease_renewal.is_some() => Woken::LeaseRenewal,
        }
    }

    /// What comes after everything was begun. Once this says that the driver ends, another one may begin at any time.
    fn next(&mut self) -> Next {
        let now = self.inner.now();
        if !self.running.is_empty() || !self.is_done(&mut self.inner.state(), now) {
            return Next::Sleep;
        }
        self.inner.state().hinted = false;
        // From here on a hint starts a driver; one that was there before is taken now.
        if let Some(hint) = self.arm_hints() {
            self.take_hint(Some(hint));
            return Next::Work;
        }
        let mut state = self.inner.state();
        if state.hinted || !self.is_done(&mut state, now) {
            return Next::Work;
        }
        state.driver = DriverState::Absent;
        state.changes = self.changes.take();
        let busy = state.take_busy();
        drop(state);
        drop(busy);
        Next::End
    }

    fn is_done(&self, state: &mut State, now: Now) -> bool {
        self.tell_closers(state);
        let keeps_time = state.machine.poll_timeout(now).is_some() && !self.is_abandoned(state);
        state.is_quiet() && !keeps_time
    }

    /// Nobody holds the session any more, and nothing waits to be stored: there is nobody to keep a token fresh for.
    fn is_abandoned(&self, state: &State) -> bool {
        self.inner.handles.load(Ordering::Acquire) == 0 && state.is_quiet()
    }

    /// Tells those who wait for the end of what is under way.
    fn tell_closers(&self, state: &mut State) {
        if state.is_settled()
            && let Some(rest) = state.busy().rest.take()
        {
            rest.notify_waiters();
        }
    }
}

async fn sleep(length: Option<Duration>) {
    tokio::time::sleep(length.unwrap_or_default().max(SHORTEST_SLEEP)).await;
}
