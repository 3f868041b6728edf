//! Where a grant is kept, as something that can be named on a command line, and the stores there.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use oneflight::record::{Key, Keys, RecordCodec};
use oneflight::store::{Changes, Guard};
use oneflight::{
    BoxFuture, FileStore, MemoryStores, Record, State, Store, StoreError, Stored, Swap, Version,
};
use oneflight_postgres::PostgresStores;
use oneflight_redis::RedisStores;

/// Where grants are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this process alone.
    Memory,
    /// In files of a folder.
    File(PathBuf),
    /// At a Redis server.
    Redis(String),
    /// At a PostgreSQL server.
    Postgres(String),
}

impl Place {
    /// As it is called in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File(_) => "file",
            Self::Redis(_) => "Redis",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// As two arguments.
    pub fn args(&self) -> [String; 2] {
        let place = match self {
            Self::Memory => String::new(),
            Self::File(folder) => folder.display().to_string(),
            Self::Redis(url) | Self::Postgres(url) => url.clone(),
        };
        [self.name().to_owned(), place]
    }

    /// From them.
    pub fn parse(name: &str, place: &str) -> Self {
        match name {
            "file" => Self::File(place.into()),
            "Redis" => Self::Redis(place.to_owned()),
            "PostgreSQL" => Self::Postgres(place.to_owned()),
            _ => Self::Memory,
        }
    }

    /// Opens it, as an application would: encrypted where it is shared by machines.
    pub async fn open(&self) -> Stores {
        let key = Key::new("bench", [7; 32]).expect("a name and 32 bytes");
        let codec = RecordCodec::encrypted(Keys::new(key));
        match self {
            Self::Memory => Stores::Memory(MemoryStores::new()),
            Self::File(folder) => Stores::File(folder.clone()),
            Self::Redis(url) => {
                let stores = RedisStores::builder(url.as_str(), codec).connect().await;
                Stores::Redis(stores.expect("Redis answers"))
            }
            Self::Postgres(url) => {
                let stores = PostgresStores::builder(url.as_str(), codec)
                    .listen(url.as_str())
                    .migrate()
                    .connect()
                    .await;
                Stores::Postgres(stores.expect("PostgreSQL answers"))
            }
        }
    }
}

/// The stores of one place.
#[derive(Clone)]
pub enum Stores {
    Memory(MemoryStores<String>),
    File(PathBuf),
    Redis(RedisStores),
    Postgres(PostgresStores),
}

impl Stores {
    /// The store of one grant.
    pub fn store(&self, key: &str) -> AnyStore {
        let inner: Box<dyn Store> = match self {
            Self::Memory(stores) => Box::new(stores.store(key.to_owned())),
            Self::File(folder) => {
                Box::new(FileStore::open(folder.join(key)).expect("the folder can be written to"))
            }
            Self::Redis(stores) => Box::new(stores.store(key)),
            Self::Postgres(stores) => Box::new(stores.store(key)),
        };
        AnyStore {
            inner,
            heard: Arc::default(),
        }
    }
}

/// What the store was asked, and when.
#[derive(Debug, Default, Clone, Copy)]
pub struct Heard {
    /// How many wait for the lock now.
    pub waiting: u64,
    /// When the last save of a new token set began, and when it was acknowledged: monotonic nanoseconds.
    pub save: (u64, u64),
}

/// Any store, and what was asked of it.
pub struct AnyStore {
    inner: Box<dyn Store>,
    heard: Arc<Mutex<Heard>>,
}

impl AnyStore {
    /// What it was asked, to look at later.
    pub fn heard(&self) -> Arc<Mutex<Heard>> {
        Arc::clone(&self.heard)
    }
}

/// Somebody waits for the lock, until this is dropped.
struct Waiting(Arc<Mutex<Heard>>);

impl Waiting {
    fn begin(heard: &Arc<Mutex<Heard>>) -> Self {
        heard.lock().expect("no panic").waiting += 1;
        Self(Arc::clone(heard))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.lock().expect("no panic").waiting -= 1;
    }
}

impl Store for AnyStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        self.inner.load()
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        let waiting = Waiting::begin(&self.heard);
        let lock = self.inner.lock();
        Box::pin(async move {
            let _waiting = waiting;
            lock.await
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        let is_save = matches!(record.state, State::Live { mark: None, .. });
        Box::pin(async move {
            let begin = nanos();
            let swapped = self.inner.compare_and_swap(expected, record).await;
            if is_save {
                self.heard.lock().expect("no panic").save = (begin, nanos());
            }
            swapped
        })
    }

    fn lease(&self) -> Option<std::time::Duration> {
        self.inner.lease()
    }

    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        self.inner.announce(version)
    }

    fn changes(&self) -> Option<Changes> {
        self.inner.changes()
    }
}

/// The monotonic clock of the machine, which all its processes share.
pub fn nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or_default() * 1_000_000_000
        + u64::try_from(now.tv_nsec).unwrap_or_default()
}
