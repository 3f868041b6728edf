//! The sessions of a back end with many users: one per key.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use crate::error::ConfigError;
use crate::session::{Shared, open};
use crate::{Session, SessionBuilder, Store};

/// How many sessions are kept, if nobody says otherwise.
pub const DEFAULT_CAPACITY: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not zero");

/// A registry of sessions, one per key: made when first asked for, loaded from its store when first used, forgotten when
/// idle and room is needed.
///
/// Whoever asks for a key twice gets handles of the same session, so the refresh stays single. A session is forgotten
/// only if nobody outside holds a handle of it, nothing of it is under way or waits to be stored, and no pause after a
/// failure runs. What it knew is in its store; the next one with the same key reads it there. So the function that gives
/// the stores must give the same record for the same key: over memory, use [`MemoryStores`](crate::MemoryStores).
///
/// Cheap to clone; clones are the same registry.
///
/// # Examples
/// ```
/// use oneflight::{MemoryStores, Session, Sessions};
/// # use oneflight::endpoint::TokenEndpoint;
///
/// # fn run(endpoint: impl TokenEndpoint) -> Result<(), Box<dyn std::error::Error>> {
/// let stores = MemoryStores::new();
/// let sessions = Sessions::new(
///     Session::builder().endpoint(endpoint).origins(["https://api.example.com"]),
///     move |user: &u64| stores.store(*user),
/// )?;
/// let session = sessions.session(&4711)?;
/// # let _ = session;
/// # Ok(())
/// # }
/// ```
pub struct Sessions<K> {
    registry: Arc<Registry<K>>,
}

struct Registry<K> {
    shared: Arc<Shared>,
    store: Box<StoreOf<K>>,
    capacity: NonZeroUsize,
    table: Mutex<Table<K>>,
}

/// Gives each key its store.
type StoreOf<K> = dyn Fn(&K) -> Arc<dyn Store> + Send + Sync;

struct Table<K> {
    entries: HashMap<K, Entry>,
    /// The keys in the order in which they are looked at when room is needed ("clock" replacement).
    ring: VecDeque<K>,
}

struct Entry {
    session: Session,
    /// It was asked for since it was last looked at.
    used: bool,
}

/// Every session of the registry is in use, and there is no room for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "all {capacity} sessions of the registry are in use; drop handles that are no longer needed, or raise the capacity"
)]
#[non_exhaustive]
pub struct RegistryFull {
    /// How many there may be.
    pub capacity: NonZeroUsize,
}

impl<K: Eq + Hash + Clone + Send + Sync + 'static> Sessions<K> {
    /// A registry of [`DEFAULT_CAPACITY`] whose sessions share these settings; each has the store that the function gives
    /// for its key. The store of the settings is not used.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and the next step.
    pub fn new<S: Store>(
        settings: SessionBuilder,
        store: impl Fn(&K) -> S + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        Self::with_capacity(DEFAULT_CAPACITY, settings, store)
    }

    /// The same for another number of sessions.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and the next step.
    pub fn with_capacity<S: Store>(
        capacity: NonZeroUsize,
        settings: SessionBuilder,
        store: impl Fn(&K) -> S + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            registry: Arc::new(Registry {
                shared: settings.shared()?,
                store: Box::new(move |key| Arc::new(store(key))),
                capacity,
                table: Mutex::new(Table {
                    entries: HashMap::new(),
                    ring: VecDeque::new(),
                }),
            }),
        })
    }

    /// The session of this key. Does not read the store; the first demand does.
    ///
    /// # Errors
    /// [`RegistryFull`] if there is no room and no session can be forgotten.
    pub fn session(&self, key: &K) -> Result<Session, RegistryFull> {
        if let Some(session) = self.get(key) {
            return Ok(session);
        }
        // The application's code runs without the lock. If somebody else is quicker, this session was never used.
        let made = open(Arc::clone(&self.registry.shared), (self.registry.store)(key));
        let mut table = self.table();
        let forgotten = match table.entries.contains_key(key) {
            true => None,
            false => self.make_room(&mut table)?,
        };
        let session = match table.entries.entry(key.clone()) {
            Place::Occupied(mut entry) => entry.get_mut().handle(),
            Place::Vacant(place) => {
                let entry = place.insert(Entry {
                    session: made,
                    used: false,
                });
                let session = entry.handle();
                table.ring.push_back(key.clone());
                session
            }
        };
        drop(table);
        drop(forgotten);
        Ok(session)
    }

    /// The session of this key, if the registry has it now.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Session> {
        self.table().entries.get_mut(key).map(Entry::handle)
    }

    /// Forgets the session of this key if nothing would be lost, and says whether it is gone now.
    pub fn forget(&self, key: &K) -> bool {
        let mut table = self.table();
        let forgotten = match table.entries.entry(key.clone()) {
            Place::Vacant(_) => return true,
            Place::Occupied(entry) if entry.get().is_idle() => entry.remove(),
            Place::Occupied(_) => return false,
        };
        table.ring.retain(|known| known != key);
        drop(table);
        drop(forgotten);
        true
    }

    /// How many sessions the registry has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().entries.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes all sessions it has now, and gives back the keys of those with something unsaved.
    ///
    /// # Cancel safety
    /// No session begins a new attempt after the first poll; dropping the future afterwards only means not to wait.
    pub async fn close(&self) -> Vec<K> {
        let all: Vec<(K, Session)> = {
            let table = self.table();
            let entries = table.entries.iter();
            entries
                .map(|(key, entry)| (key.clone(), entry.session.clone()))
                .collect()
        };
        let closing = all
            .into_iter()
            .map(async |(key, session)| session.close().await.unsaved.then_some(key));
        join_all(closing).await.into_iter().flatten().collect()
    }

    /// Forgets one idle session if all places are taken. Sessions that were asked for since the last look get another
    /// round.
    fn make_room(&self, table: &mut Table<K>) -> Result<Option<Entry>, RegistryFull> {
        let capacity = self.registry.capacity;
        if table.entries.len() < capacity.get() {
            return Ok(None);
        }
        // Twice round: the first round may do no more than take everybody's second chance.
        for _ in 0..2 * table.ring.len() {
            let Some(key) = table.ring.pop_front() else { break };
            let entry = table.entries.get_mut(&key);
            if entry.is_some_and(Entry::take_chance) {
                return Ok(table.entries.remove(&key));
            }
            table.ring.push_back(key);
        }
        Err(RegistryFull { capacity })
    }

    fn table(&self) -> MutexGuard<'_, Table<K>> {
        self.registry.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn handle(&mut self) -> Session {
        self.used = true;
        self.session.clone()
    }

    fn is_idle(&self) -> bool {
        // Nobody can make a handle of the only one but us, and the table is locked.
        self.session.is_only_handle() && self.session.is_at_rest()
    }

    /// Whether it can go now.
    fn take_chance(&mut self) -> bool {
        !std::mem::take(&mut self.used) && self.is_idle()
    }
}

impl<K> Clone for Sessions<K> {
    fn clone(&self) -> Self {
        Self {
            registry: Arc::clone(&self.registry),
        }
    }
}

impl<K> fmt::Debug for Sessions<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("capacity", &self.registry.capacity)
            .finish_non_exhaustive()
    }
}
