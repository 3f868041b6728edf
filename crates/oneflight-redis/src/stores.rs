//! All records in one Redis, over one pair of connections.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oneflight::record::{RecordCodec, RecordError};
use redis::Cmd;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::builder::RedisStoresBuilder;
use crate::error::RedisStoreError;
use crate::facts::{Eviction, Facts};
use crate::names::Prefix;
use crate::news::Listener;
use crate::scripts::Scripts;
use crate::store::RedisStore;
use crate::value::{self, HEAD_MAX_BYTES, Unfit};
use crate::wire::{Ask, Repeat, Wire};

/// The records in one Redis, one per key.
///
/// Two connections serve all stores of the process, however many there are: one for commands, one to listen. Each is made
/// anew when it is lost. Cheap to clone; clones use the same two. They end when the last clone and the last store are gone.
///
/// # Examples
/// ```no_run
/// use oneflight::record::{Key, Keys, RecordCodec};
/// use oneflight_redis::RedisStores;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let codec = RecordCodec::encrypted(Keys::new(Key::from_env("SESSION_KEY")?));
/// let stores = RedisStores::builder("rediss://:password@redis.internal", codec)
///     .prefix("shop")
///     .connect()
///     .await?;
/// let store = stores.store("user-4711");
/// # let _ = store;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStores {
    shared: Arc<Shared>,
}

/// What all stores use.
pub(crate) struct Shared {
    pub(crate) wire: Arc<Wire>,
    pub(crate) listener: Arc<Listener>,
    pub(crate) scripts: Scripts,
    pub(crate) codec: RecordCodec,
    pub(crate) prefix: Prefix,
    pub(crate) lease: Duration,
    pub(crate) keep_live: Option<Duration>,
    pub(crate) keep_ended: Option<Duration>,
    pub(crate) runtime: Handle,
    pub(crate) facts: Facts,
    pub(crate) listening: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl RedisStores {
    /// Settings for the server at this URL: `redis://[user:password@]host[:port][/database]`, `rediss://…` (feature `tls`) or
    /// `redis+unix:///path`. How records are written is yours to choose: encrypted, unless there is a reason.
    pub fn builder(url: impl Into<String>, codec: RecordCodec) -> RedisStoresBuilder {
        RedisStoresBuilder::new(url.into(), codec)
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The store of this key. Touches the server not at all.
    #[must_use]
    pub fn store(&self, key: impl AsRef<str>) -> RedisStore {
        let base = self.shared.prefix.base(key.as_ref());
        let place = self.shared.listener.place(&base);
        RedisStore::new(Arc::clone(&self.shared), place)
    }

    /// Whether the server may throw records away when its memory is full, by what it said when it was connected to.
    #[must_use]
    pub fn eviction(&self) -> Eviction {
        self.shared.facts.eviction
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    pub(crate) fn foreign(&self, name: &str) -> RedisStoreError {
        RedisStoreError::Foreign {
            server: self.wire.server.clone(),
            key: name.into(),
        }
    }

    pub(crate) fn unfit(&self, name: &str, unfit: Unfit) -> RedisStoreError {
        match unfit {
            Unfit::Foreign => self.foreign(name),
            Unfit::Newer(format) => RedisStoreError::Newer {
                server: self.wire.server.clone(),
                key: name.into(),
                format,
            },
        }
    }

    pub(crate) fn unreadable(&self, name: &str, cause: RecordError) -> RedisStoreError {
        RedisStoreError::Record {
            server: self.wire.server.clone(),
            key: name.into(),
            cause,
        }
    }

    /// Why a script said that the value is none of ours.
    pub(crate) async fn look_closer(&self, name: &str) -> RedisStoreError {
        let mut command = Cmd::new();
        command.arg("GETRANGE").arg(name).arg(0).arg(HEAD_MAX_BYTES - 1);
        let head: Result<Vec<u8>, _> = self
            .wire
            .ask(name, Repeat::Harmless, Ask::Command(&command))
            .await;
        match head.map(|head| value::split(&head).map(drop)) {
            Ok(Err(unfit)) => self.unfit(name, unfit),
            Ok(Ok(())) => self.foreign(name),
            Err(error) => error,
        }
    }
}

impl fmt::Debug for RedisStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStores")
            .field("server", &self.shared.wire.server)
            .field("prefix", &self.shared.prefix)
            .finish_non_exhaustive()
    }
}
