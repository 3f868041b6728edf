//! All records in one set of tables, over one pool.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oneflight::record::{RecordCodec, RecordError};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::builder::PostgresStoresBuilder;
use crate::error::PostgresStoreError;
use crate::news::Listener;
use crate::store::PostgresStore;
use crate::wire::Wire;

/// The records in one PostgreSQL database, one per key.
///
/// A bounded pool of connections serves all stores of the process, however many there are, and one more connection listens.
/// Cheap to clone; clones use the same. They end when the last clone and the last store are gone. An example is on
/// [the crate's page](crate).
#[derive(Clone)]
pub struct PostgresStores {
    shared: Arc<Shared>,
}

/// What all stores use.
pub(crate) struct Shared {
    pub(crate) wire: Arc<Wire>,
    pub(crate) listener: Arc<Listener>,
    pub(crate) codec: RecordCodec,
    pub(crate) lease: Duration,
    pub(crate) runtime: Handle,
    pub(crate) listening: Option<AbortHandle>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

impl PostgresStores {
    /// Settings for the server at this URL, `postgres://user[:password]@host[:port]/database`, or pgBouncer's. How records are
    /// written is yours to choose: encrypted, unless there is a reason.
    pub fn builder(url: impl Into<String>, codec: RecordCodec) -> PostgresStoresBuilder {
        PostgresStoresBuilder::new(url.into(), codec)
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The store of this key. Touches the server not at all. A key of more than 1,024 bytes, or with a NUL, gives a store whose
    /// every operation fails with [`PostgresStoreError::Key`].
    #[must_use]
    pub fn store(&self, key: impl AsRef<str>) -> PostgresStore {
        let place = self.shared.listener.place(key.as_ref());
        PostgresStore::new(Arc::clone(&self.shared), place)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    pub(crate) fn foreign(&self, key: &str) -> PostgresStoreError {
        self.unreadable(key, RecordError::Foreign)
    }

    pub(crate) fn unreadable(&self, key: &str, cause: RecordError) -> PostgresStoreError {
        PostgresStoreError::Record {
            server: self.wire.server.clone(),
            table: self.wire.tables.shown().into(),
            key: key.into(),
            cause,
        }
    }
}

impl fmt::Debug for PostgresStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStores")
            .field("server", &self.shared.wire.server)
            .field("table", &self.shared.wire.tables.shown())
            .finish_non_exhaustive()
    }
}
