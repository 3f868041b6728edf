//! What all connections of a server share.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::clients::Client;
use super::codes::Codes;
use super::conn::Order;
use super::control::ControlGates;
use super::counters::{ApiRequest, Counters, RefreshRequest};
use super::gate::Gates;
use super::grants::{Grants, Pair, Terms};
use super::log::{Event, What};
use super::script::Script;
use super::settings::Settings;
use crate::clock::Clock;

/// How many requests of each kind, and events, are remembered; older ones are forgotten first.
pub(crate) const REMEMBERED: usize = 50_000;

/// The state behind one lock, which is never held across an await.
#[derive(Debug)]
pub(crate) struct State {
    clock: Clock,
    started: Instant,
    pub(crate) settings: Settings,
    pub(crate) clients: BTreeMap<String, Client>,
    pub(crate) grants: Grants,
    pub(crate) codes: Codes,
    pub(crate) script: Script,
    pub(crate) counters: Counters,
    pub(crate) api_requests: Remembered<ApiRequest>,
    pub(crate) refresh_requests: Remembered<RefreshRequest>,
    pub(crate) events: Remembered<Event>,
    pub(crate) refuse_connections: u64,
}

impl State {
    fn new(clock: Clock, settings: Settings, clients: BTreeMap<String, Client>) -> Self {
        Self {
            clock,
            started: Instant::now(),
            settings,
            clients,
            grants: Grants::default(),
            codes: Codes::default(),
            script: Script::default(),
            counters: Counters::default(),
            api_requests: Remembered::default(),
            refresh_requests: Remembered::default(),
            events: Remembered::default(),
            refuse_connections: 0,
        }
    }

    /// Remembers that something happened now.
    pub(crate) fn log(&mut self, what: What) {
        let event = Event {
            number: self.events.next(),
            at_ms: millis(self.clock.unix()),
            elapsed_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            what,
        };
        self.events.push(event);
    }

    /// Begins a family.
    pub(crate) fn sign_in(&mut self, terms: Terms, now: Duration) -> Pair {
        let subject = terms.subject.clone();
        let pair = self.grants.sign_in(terms, now, &self.settings);
        self.log(What::SignedIn {
            token: pair.id,
            subject,
        });
        pair
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
        if self.items.len() == REMEMBERED {
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
        self.after(0)
    }

    /// Those with a higher number.
    pub(crate) fn after(&self, number: u64) -> Vec<T> {
        let skip = number.saturating_add(1).saturating_sub(self.first);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        self.items.iter().skip(skip).cloned().collect()
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
    /// Gates that were closed through the control plane.
    pub(crate) control_gates: ControlGates,
    /// To the listeners that can go offline.
    pub(crate) listeners: OnceLock<Vec<mpsc::Sender<Order>>>,
    life: Mutex<Option<watch::Sender<u64>>>,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Shared {
    pub(crate) fn new(clock: Clock, settings: Settings, clients: BTreeMap<String, Client>) -> Self {
        let state = State::new(clock.clone(), settings, clients);
        Self {
            clock,
            gates: Gates::default(),
            hung: Notify::new(),
            origins: OnceLock::new(),
            control_gates: ControlGates::default(),
            listeners: OnceLock::new(),
            life: Mutex::new(Some(watch::Sender::new(0))),
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
        let result = {
            let mut state = self.lock();
            let result = change(&mut state);
            for (family, death) in state.grants.take_deaths() {
                state.log(What::FamilyDied { family, death });
            }
            result
        };
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
        millis(self.now())
    }

    fn life(&self) -> MutexGuard<'_, Option<watch::Sender<u64>>> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server's life, to be watched; `None` when it is over.
    pub(crate) fn alive(&self) -> Option<watch::Receiver<u64>> {
        self.life().as_ref().map(watch::Sender::subscribe)
    }

    /// Ends the server's life: all listeners, connections and handlers.
    pub(crate) fn stop(&self) {
        drop(self.life().take());
    }

    pub(crate) async fn go_offline(&self) -> io::Result<()> {
        self.order(Order::GoOffline).await?;
        if let Some(life) = &*self.life() {
            life.send_modify(|epoch| *epoch += 1);
        }
        self.write(|state| state.log(What::WentOffline));
        Ok(())
    }

    pub(crate) async fn go_online(&self) -> io::Result<()> {
        self.order(Order::GoOnline).await?;
        self.write(|state| state.log(What::WentOnline));
        Ok(())
    }

    async fn order(&self, order: fn(oneshot::Sender<io::Result<()>>) -> Order) -> io::Result<()> {
        let gone = || io::Error::new(io::ErrorKind::NotConnected, "the server was shut down");
        for listener in self.listeners.get().into_iter().flatten() {
            let (answer, answered) = oneshot::channel();
            listener.send(order(answer)).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())??;
        }
        Ok(())
    }

    pub(crate) fn origins(&self) -> &Origins {
        self.origins
            .get()
            .expect("set before the first connection is accepted")
    }

    /// Ends access tokens issued so far, of one family or of all.
    pub(crate) fn expire_access_tokens(&self, family: Option<u64>) {
        self.write(|state| {
            state.grants.expire_access(family);
            state.log(What::AccessTokensExpired { family });
        });
    }

    /// Moves the clock.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        let by_ms = millis(by);
        self.write(|state| state.log(What::ClockAdvanced { by_ms }));
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_keeps_its_numbers() {
        let mut all = Remembered::default();
        let count = REMEMBERED as u64 + 10;
        for number in 1..=count {
            assert_eq!(all.push(number), number);
        }
        assert_eq!(all.all().len(), REMEMBERED);
        assert_eq!((all.all()[0], all.get_mut(10).copied()), (11, None));
        assert_eq!(all.get_mut(11).copied(), Some(11));
        assert_eq!(all.after(count - 2), [count - 1, count]);
        assert!(all.after(count).is_empty() && all.after(u64::MAX - 1).is_empty());
        assert_eq!(all.next(), count + 1);
    }
}
