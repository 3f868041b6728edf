//! What is done to many records: listing, pruning, removing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio_postgres::types::Type;

use crate::PostgresStores;
use crate::error::PostgresStoreError;
use crate::store::fit;
use crate::stores::Shared;
use crate::wire::Repeat;

/// So many keys come at once.
const PAGE: i64 = 1_000;

/// Longer than anybody waits, and short enough for an interval of PostgreSQL.
const AGE_MAX: Duration = Duration::from_secs(1_000 * 365 * 24 * 60 * 60);

/// What is to be pruned.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Prune {
    ended_for: Duration,
    unwritten_for: Option<Duration>,
}

impl Prune {
    /// Sessions that ended this long ago. Longer than any holder that still has the session in memory goes without reading.
    pub fn ended_for(length: Duration) -> Self {
        Self {
            ended_for: length,
            unwritten_for: None,
        }
    }

    /// And live ones that were not written for this long: nobody has renewed them since. Their users must sign in again.
    pub fn or_unwritten_for(mut self, length: Duration) -> Self {
        self.unwritten_for = Some(length);
        self
    }
}

impl PostgresStores {
    /// The keys that have a record, in order, a thousand per statement. Keys that come or go meanwhile may be in it or not.
    ///
    /// # Errors
    /// [`PostgresStoreError`], after which the stream ends.
    pub fn keys(&self) -> impl Stream<Item = Result<String, PostgresStoreError>> + Send + use<> {
        let begin = Listing {
            shared: Arc::clone(self.shared()),
            last: None,
            more: true,
            found: VecDeque::new(),
        };
        stream::try_unfold(begin, |mut listing| async move {
            loop {
                if let Some(key) = listing.found.pop_front() {
                    return Ok(Some((key, listing)));
                }
                if !listing.more {
                    return Ok(None);
                }
                listing.read_on().await?;
            }
        })
    }

    /// Removes records of sessions that are over, by the server's clock, in one statement, and says how many. Nothing is decrypted.
    /// Leases that ended go with them: an owner that dies leaves its own behind, until the next holder of the key takes it over.
    ///
    /// # Errors
    /// [`PostgresStoreError`]; after [`PostgresStoreError::TimedOut`] it may have been done all the same.
    pub async fn prune(&self, prune: Prune) -> Result<u64, PostgresStoreError> {
        let millis = |length: Duration| length.min(AGE_MAX).as_secs_f64() * 1000.0;
        let ended = millis(prune.ended_for);
        // No age at all: nothing is older than that.
        let live = prune.unwritten_for.map(millis);
        let wire = &self.shared().wire;
        let rows = wire
            .ask(
                Repeat::Never,
                &wire.tables.prune,
                &[(&ended, Type::FLOAT8), (&live, Type::FLOAT8)],
            )
            .await?;
        let count: i64 = match rows.first() {
            Some(row) => row.try_get(0).map_err(|error| wire.explain(&error))?,
            None => 0,
        };
        Ok(count.unsigned_abs())
    }

    /// Removes the record of this key and a lease on it that ended, and says whether there was a record. Nobody is told: sign out first, if the session lives.
    ///
    /// # Errors
    /// [`PostgresStoreError`].
    pub async fn remove(&self, key: impl AsRef<str>) -> Result<bool, PostgresStoreError> {
        let (key, wire) = (fit(key.as_ref())?, &self.shared().wire);
        let rows = wire
            .ask(Repeat::Never, &wire.tables.remove, &[(&key, Type::TEXT)])
            .await?;
        Ok(!rows.is_empty())
    }
}

struct Listing {
    shared: Arc<Shared>,
    last: Option<String>,
    more: bool,
    found: VecDeque<String>,
}

impl Listing {
    async fn read_on(&mut self) -> Result<(), PostgresStoreError> {
        let wire = &self.shared.wire;
        let rows = wire
            .ask(
                Repeat::Harmless,
                &wire.tables.page,
                &[(&self.last, Type::TEXT), (&PAGE, Type::INT8)],
            )
            .await?;
        for row in &rows {
            self.found
                .push_back(row.try_get(0).map_err(|error| wire.explain(&error))?);
        }
        self.more = !rows.is_empty();
        self.last = self.found.back().cloned().or(self.last.take());
        Ok(())
    }
}
