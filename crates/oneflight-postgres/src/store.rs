//! One record in PostgreSQL.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use oneflight::record::next_version;
use oneflight::store::{Changes, Guard};
use oneflight::{BoxFuture, Record, State, Store, StoreError, Stored, Swap, Version};
use tokio_postgres::types::Type;

use crate::error::PostgresStoreError;
use crate::lease;
use crate::news::{Interest, Place};
use crate::stores::Shared;
use crate::tables::KEY_MAX_BYTES;
use crate::wire::{Parameter, Repeat};

/// The record of one key, from [`PostgresStores::store`](crate::PostgresStores::store).
///
/// Clones, and stores of the same key, are the same record; those of one process share the queue for its lease.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
    place: Arc<Place>,
}

impl PostgresStore {
    pub(crate) fn new(shared: Arc<Shared>, place: Arc<Place>) -> Self {
        Self { shared, place }
    }

    async fn read(&self) -> Result<Option<Stored>, PostgresStoreError> {
        let (key, wire) = (fit(&self.place.key)?, &self.shared.wire);
        let rows = wire
            .ask(Repeat::Harmless, &wire.tables.load, &[(&key, Type::TEXT)])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let version: i64 = row.try_get(0).map_err(|error| wire.explain(&error))?;
        let bytes: &[u8] = row.try_get(1).map_err(|error| wire.explain(&error))?;
        let version = Version(u64::try_from(version).map_err(|_| self.shared.foreign(key))?);
        let record = self.shared.codec.read(&wire.tables.place(key), version, bytes);
        let record = record.map_err(|cause| self.shared.unreadable(key, cause))?;
        Ok(Some(Stored { version, record }))
    }

    async fn swap(&self, expected: Option<Version>, record: &Record) -> Result<Swap, PostgresStoreError> {
        let (key, wire) = (fit(&self.place.key)?, &self.shared.wire);
        let version = next_version(expected);
        let Ok(number) = i64::try_from(version.0) else {
            // Nothing that high can stand there.
            return Ok(Swap::Conflict);
        };
        let sealed = self.shared.codec.write(&wire.tables.place(key), version, record);
        let sealed = sealed.map_err(|cause| self.shared.unreadable(key, cause))?;
        let (bytes, ended) = (sealed.as_slice(), matches!(record.state, State::Ended(_)));
        let mut parameters: Vec<Parameter<'_>> = vec![
            (&key, Type::TEXT),
            (&number, Type::INT8),
            (&ended, Type::BOOL),
            (&bytes, Type::BYTEA),
        ];
        // Smaller than its successor, which fits.
        let before = expected.map(|Version(number)| number.cast_signed());
        let sql = match &before {
            None => &wire.tables.insert,
            Some(before) => {
                parameters.push((before, Type::INT8));
                &wire.tables.update
            }
        };
        let rows = wire.ask(Repeat::Never, sql, &parameters).await?;
        Ok(if rows.is_empty() {
            Swap::Conflict
        } else {
            Swap::Written(version)
        })
    }

    async fn tell(&self, version: Version) -> Result<(), PostgresStoreError> {
        let (wire, what) = (&self.shared.wire, self.place.moved_on(version.0));
        let parameters: [Parameter<'_>; 2] = [(&wire.tables.channel, Type::TEXT), (&what, Type::TEXT)];
        wire.ask(Repeat::Harmless, "SELECT pg_notify($1, $2)", &parameters)
            .await
            .map(drop)
    }
}

/// What PostgreSQL can hold as a key.
pub(crate) fn fit(key: &str) -> Result<&str, PostgresStoreError> {
    if key.len() > KEY_MAX_BYTES || key.contains('\0') {
        return Err(PostgresStoreError::Key { bytes: key.len() });
    }
    Ok(key)
}

impl Store for PostgresStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(async move { Ok(self.read().await?) })
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        Box::pin(async move {
            fit(&self.place.key)?;
            let lease: Box<dyn Guard> = Box::new(lease::take(&self.shared, &self.place).await?);
            Ok(lease)
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        Box::pin(async move { Ok(self.swap(expected, &record).await?) })
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.shared.lease)
    }

    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.tell(version).await {
                tracing::warn!(%error, "other holders were not told of a change; they learn of it when they read");
            }
        })
    }

    fn changes(&self) -> Option<Changes> {
        self.shared.listening.as_ref()?;
        let news = self.place.news.subscribe();
        let seen = news.borrow().version;
        let interest = Interest::new(&self.place);
        Some(Box::pin(stream::unfold(
            (news, seen, interest),
            |(mut news, seen, interest)| async move {
                // The sender lives in the place, which the interest keeps.
                let version = news.wait_for(|news| news.version != seen).await.ok()?.version;
                Some((Version(version), (news, version, interest)))
            },
        )))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("server", &self.shared.wire.server)
            .field("key", &self.place.key)
            .finish_non_exhaustive()
    }
}
