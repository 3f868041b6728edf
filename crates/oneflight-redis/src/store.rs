//! One record in Redis.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use oneflight::record::next_version;
use oneflight::store::{Changes, Guard};
use oneflight::{BoxFuture, Record, State, Store, StoreError, Stored, Swap, Version};
use redis::Cmd;

use crate::error::RedisStoreError;
use crate::lease;
use crate::names;
use crate::news::Place;
use crate::scripts::FOREIGN;
use crate::stores::Shared;
use crate::value;
use crate::wire::{Ask, Repeat};

/// The record of one key, from [`RedisStores::store`](crate::RedisStores::store).
///
/// Clones, and stores of the same key, are the same record; those of one process share the queue for its lease.
#[derive(Clone)]
pub struct RedisStore {
    shared: Arc<Shared>,
    place: Arc<Place>,
}

impl RedisStore {
    pub(crate) fn new(shared: Arc<Shared>, place: Arc<Place>) -> Self {
        Self { shared, place }
    }

    async fn read(&self) -> Result<Option<Stored>, RedisStoreError> {
        let name = names::record(&self.place.base);
        let command = Cmd::get(&name);
        let wire = &self.shared.wire;
        let value: Option<Vec<u8>> = wire.ask(&name, Repeat::Harmless, Ask::Command(&command)).await?;
        let Some(value) = value else {
            return Ok(None);
        };
        let (head, bytes) = value::split(&value).map_err(|unfit| self.shared.unfit(&name, unfit))?;
        let record = self.shared.codec.read(&name, head.version, bytes);
        let record = record.map_err(|cause| self.shared.unreadable(&name, cause))?;
        Ok(Some(Stored {
            version: head.version,
            record,
        }))
    }

    async fn swap(&self, expected: Option<Version>, record: &Record) -> Result<Swap, RedisStoreError> {
        let shared = &self.shared;
        let name = names::record(&self.place.base);
        let version = next_version(expected);
        let sealed = shared.codec.write(&name, version, record);
        let sealed = sealed.map_err(|cause| shared.unreadable(&name, cause))?;
        let (state, keep) = match record.state {
            State::Ended(_) => ("ended", shared.keep_ended),
            State::Live { .. } => ("live", shared.keep_live),
        };
        let mut script = shared.scripts.swap.key(&name);
        let expected = expected.map(|Version(number)| number.to_string());
        script
            .arg(expected.unwrap_or_default())
            .arg(version.0.to_string())
            .arg(state)
            .arg(sealed.as_slice())
            .arg(keep.map(|keep| keep.as_millis().to_string()).unwrap_or_default());
        let answer: i64 = shared
            .wire
            .ask(&name, Repeat::Never, Ask::Script(&script))
            .await?;
        match answer {
            1 => Ok(Swap::Written(version)),
            FOREIGN => Err(shared.look_closer(&name).await),
            _ => Ok(Swap::Conflict),
        }
    }

    async fn tell(&self, version: Version) -> Result<(), RedisStoreError> {
        let mut command = Cmd::new();
        command
            .arg("PUBLISH")
            .arg(&*self.place.base)
            .arg(version.0.to_string());
        let wire = &self.shared.wire;
        let heard_by: Result<i64, _> = wire
            .ask(&self.place.base, Repeat::Harmless, Ask::Command(&command))
            .await;
        heard_by.map(drop)
    }
}

impl Store for RedisStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(async move { Ok(self.read().await?) })
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        Box::pin(async move {
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
        let news = self.place.news.subscribe();
        let seen = news.borrow().version;
        let interest = self.shared.listener.listen(&self.place);
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

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("server", &self.shared.wire.server)
            .field("key", &names::record(&self.place.base))
            .finish_non_exhaustive()
    }
}
