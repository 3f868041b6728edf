//! Stores that live and die with the process.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use oneflight_core::machine::Swap;
use oneflight_core::{BackOff, EndReason, Mark, Record, SessionId, State, Stored, TokenSet, Version};
use tokio::sync::OwnedMutexGuard;

use super::{Changes, Guard, Store, StoreError};
use crate::BoxFuture;

/// A store in memory: nothing survives the process.
///
/// Clones share the record, so several sessions over one `MemoryStore` are several holders of one grant. Its lock is
/// fair and dies with its holder.
///
/// # Examples
/// ```
/// use oneflight::{MemoryStore, Store};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = MemoryStore::new();
/// assert!(store.load().await.expect("memory does not fail").is_none());
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore {
    cell: Arc<Cell>,
}

/// What the clones of one store share.
#[derive(Default)]
struct Cell {
    content: Mutex<Content>,
    /// Made when somebody first wants it.
    turn: OnceLock<Arc<tokio::sync::Mutex<()>>>,
}

#[derive(Default)]
struct Content {
    kept: Option<Kept>,
    /// 0: nothing was announced yet. The first version is 1.
    announced: u64,
    next_watcher: u32,
    watchers: Vec<Watcher>,
}

/// A record in little room: marks and pauses are rare, and there may be a hundred thousand records.
struct Kept {
    version: u64,
    session: SessionId,
    set: u64,
    state: KeptState,
}

enum KeptState {
    Live(Arc<TokenSet>, Option<Box<Troubled>>),
    Ended(EndReason),
}

struct Troubled {
    mark: Option<Mark>,
    back_off: Option<BackOff>,
}

struct Watcher {
    id: u32,
    waker: Option<Waker>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Cell {
    fn content(&self) -> MutexGuard<'_, Content> {
        // Nothing below can panic half-way through a change.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn new(version: u64, record: Record) -> Self {
        let Record { session, set, state } = record;
        let state = match state {
            State::Live {
                tokens,
                mark,
                back_off,
            } => {
                let troubled = mark.is_some() || back_off.is_some();
                let troubled = troubled.then(|| Box::new(Troubled { mark, back_off }));
                KeptState::Live(tokens, troubled)
            }
            State::Ended(reason) => KeptState::Ended(reason),
        };
        Self {
            version,
            session,
            set,
            state,
        }
    }

    fn stored(&self) -> Stored {
        let state = match &self.state {
            KeptState::Live(tokens, troubled) => State::Live {
                tokens: Arc::clone(tokens),
                mark: troubled.as_ref().and_then(|troubled| troubled.mark),
                back_off: troubled.as_ref().and_then(|troubled| troubled.back_off),
            },
            KeptState::Ended(reason) => State::Ended(*reason),
        };
        Stored {
            version: Version(self.version),
            record: Record {
                session: self.session,
                set: self.set,
                state,
            },
        }
    }
}

impl Store for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        let stored = self.cell.content().kept.as_ref().map(Kept::stored);
        Box::pin(std::future::ready(Ok(stored)))
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        let turn = Arc::clone(self.cell.turn.get_or_init(Arc::default));
        Box::pin(async move {
            let guard: Box<dyn Guard> = Box::new(Turn {
                _held: turn.lock_owned().await,
            });
            Ok(guard)
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        Box::pin(async move {
            let mut content = self.cell.content();
            let standing = content.kept.as_ref().map(|kept| kept.version);
            if standing != expected.map(|Version(number)| number) {
                return Ok(Swap::Conflict);
            }
            let version = standing.unwrap_or_default() + 1;
            let before = content.kept.replace(Kept::new(version, record));
            drop(content);
            // Wiping tokens takes a moment that others need not wait for.
            drop(before);
            Ok(Swap::Written(Version(version)))
        })
    }

    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let wakers: Vec<Waker> = {
                let mut content = self.cell.content();
                content.announced = content.announced.max(version.0);
                let wakers = content.watchers.iter_mut();
                wakers.filter_map(|watcher| watcher.waker.take()).collect()
            };
            wakers.into_iter().for_each(Waker::wake);
        })
    }

    fn changes(&self) -> Option<Changes> {
        let mut content = self.cell.content();
        let id = content.next_watcher;
        content.next_watcher += 1;
        // Most stores have one watcher, and there may be many stores.
        content.watchers.reserve_exact(1);
        content.watchers.push(Watcher { id, waker: None });
        Some(Box::pin(Announced {
            cell: Arc::clone(&self.cell),
            id,
            seen: content.announced,
        }))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.cell.content().kept.as_ref().map(|kept| kept.version);
        f.debug_struct("MemoryStore")
            .field("version", &version)
            .finish_non_exhaustive()
    }
}

struct Turn {
    _held: OwnedMutexGuard<()>,
}

impl Guard for Turn {}

/// The announcements that came after it was made; of several the last.
struct Announced {
    cell: Arc<Cell>,
    id: u32,
    seen: u64,
}

impl Stream for Announced {
    type Item = Version;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Version>> {
        let this = &mut *self;
        let mut content = this.cell.content();
        if content.announced > this.seen {
            this.seen = content.announced;
            return Poll::Ready(Some(Version(this.seen)));
        }
        let id = this.id;
        if let Some(watcher) = content.watchers.iter_mut().find(|watcher| watcher.id == id) {
            watcher.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let id = self.id;
        self.cell.content().watchers.retain(|watcher| watcher.id != id);
    }
}

/// A memory store per key, made when first asked for: where a back end without a shared store keeps its users' grants.
///
/// It forgets a key only when told to, so a registry of sessions that evicts idle ones finds their records here again.
#[derive(Clone)]
pub struct MemoryStores<K> {
    stores: Arc<Mutex<HashMap<K, MemoryStore>>>,
}

impl<K: Eq + Hash> MemoryStores<K> {
    /// No stores yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The store of this key.
    pub fn store(&self, key: K) -> MemoryStore {
        self.stores().entry(key).or_default().clone()
    }

    /// Forgets a key and, once no session uses it any more, its record.
    pub fn remove(&self, key: &K) {
        self.stores().remove(key);
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stores().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn stores(&self) -> MutexGuard<'_, HashMap<K, MemoryStore>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Default for MemoryStores<K> {
    fn default() -> Self {
        Self {
            stores: Arc::default(),
        }
    }
}

impl<K> fmt::Debug for MemoryStores<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStores")
    }
}
