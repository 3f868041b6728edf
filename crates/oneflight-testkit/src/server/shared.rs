//! What all connections of a server share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::clients::Client;
use super::counters::{ApiRequest, Counters, RefreshRequest};
use super::fault::Script;
use super::gate::Gates;
use super::grants::Grants;
use super::settings::Settings;
use crate::clock::Clock;

/// How many requests of each kind are remembered; older ones are forgotten first.
pub(crate) const REMEMBERED_REQUESTS: usize = 100_000;

/// The state behind one lock, which is never held across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) clients: BTreeMap<String, Client>,
    pub(crate) grants: Grants,
    pub(crate) script: Script,
    pub(crate) counters: Counters,
    pub(crate) api_requests: Remembered<ApiRequest>,
    pub(crate) refresh_requests: Remembered<RefreshRequest>,
    pub(crate) refuse_connections: u64,
}

impl State {
    pub(crate) fn new(settings: Settings, clients: BTreeMap<String, Client>) -> Self {
        Self {
            settings,
            clients,
            grants: Grants::default(),
            script: Script::default(),
            counters: Counters::default(),
            api_requests: Remembered::default(),
            refresh_requests: Remembered::default(),
            refuse_connections: 0,
        }
    }

    /// The counters, with what the grants count themselves.
    pub(crate) fn snapshot(&self) -> Counters {
        let sums = self.grants.sums();
        let mut counters = self.counters.clone();
        counters.rotations = sums.rotations;
        counters.replays = sums.replays;
        counters.reuse_detected = sums.reuse_detected;
        counters.families_alive = sums.alive;
        counters.families_dead = sums.dead;
        counters
    }
}

/// A bounded memory of numbered things.
#[derive(Debug)]
pub(crate) struct Remembered<T> {
    first: u64,
    items: VecDeque<T>,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self {
            first: 1,
            items: VecDeque::new(),
        }
    }
}

impl<T: Clone> Remembered<T> {
    /// The number the next one will have.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    pub(crate) fn push(&mut self, item: T) -> u64 {
        let number = self.next();
        if self.items.len() == REMEMBERED_REQUESTS {
            self.items.pop_front();
            self.first += 1;
        }
        self.items.push_back(item);
        number
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.items.get_mut(at)
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.items.iter().cloned().collect()
    }
}

/// Where the server can be reached.
#[derive(Debug)]
pub(crate) struct Origins {
    pub(crate) auth: String,
    pub(crate) api: String,
    pub(crate) stranger: Option<String>,
}

/// Everything a request handler needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) gates: Gates,
    pub(crate) hung: Notify,
    pub(crate) origins: OnceLock<Origins>,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Shared {
    pub(crate) fn new(clock: Clock, state: State) -> Self {
        Self {
            clock,
            gates: Gates::default(),
            hung: Notify::new(),
            origins: OnceLock::new(),
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the state, and wakes those that wait for a change.
    pub(crate) fn write<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.send_replace(());
        result
    }

    /// Waits until the state is as wanted. Cancel safe.
    pub(crate) async fn wait<R>(&self, mut wanted: impl FnMut(&State) -> Option<R>) -> R {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = self.read(&mut wanted) {
                return found;
            }
            // The sender lives in `self`: this cannot fail.
            let _ = changed.changed().await;
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.unix()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn origins(&self) -> &Origins {
        self.origins
            .get()
            .expect("set before the first connection is accepted")
    }
}
