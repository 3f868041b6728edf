//! What is done to many records: listing, pruning, removing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, TryStreamExt as _, stream};
use redis::Cmd;

use crate::RedisStores;
use crate::error::RedisStoreError;
use crate::names;
use crate::scripts::FOREIGN;
use crate::stores::Shared;
use crate::value::{self, HEAD_MAX_BYTES, Head};
use crate::wire::{Ask, Repeat};

/// So many keys the server looks at in one step of a listing.
const SCAN_COUNT: u32 = 1_000;

/// So many records are looked at together when pruning. They go over one connection.
const AT_ONCE: usize = 64;

/// What is to be pruned.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Prune {
    ended_for: Duration,
    unwritten_for: Option<Duration>,
}

impl Prune {
    /// Sessions that ended this long ago.
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

    fn wants(&self, head: Head, now: u64) -> bool {
        let age = Duration::from_millis(now.saturating_sub(head.written));
        match head.ended {
            true => age >= self.ended_for,
            false => self.unwritten_for.is_some_and(|length| age >= length),
        }
    }
}

/// What pruning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Records that were looked at.
    pub seen: u64,
    /// Records that are gone.
    pub removed: u64,
    /// Values that this version of the crate did not write; they were left as they are.
    pub foreign: u64,
}

impl RedisStores {
    /// The keys that have a record, read while the listing goes on (SCAN): keys that come or go meanwhile may be in it or not,
    /// and a key may come twice.
    ///
    /// The server looks at every key of its database for it, a thousand at a time, also at those of others.
    ///
    /// # Errors
    /// [`RedisStoreError`], after which the stream ends.
    pub fn keys(&self) -> impl Stream<Item = Result<String, RedisStoreError>> + Send + use<> {
        let shared = Arc::clone(self.shared());
        let begin = Listing {
            shared,
            cursor: Some(0),
            found: VecDeque::new(),
        };
        stream::try_unfold(begin, |mut listing| async move {
            loop {
                if let Some(key) = listing.found.pop_front() {
                    return Ok(Some((key, listing)));
                }
                if !listing.read_on().await? {
                    return Ok(None);
                }
            }
        })
    }

    /// Removes records of sessions that are over, by the server's clock. Nothing is decrypted. A record that is written
    /// meanwhile stays.
    ///
    /// Tombstones [expire by themselves](crate::RedisStoresBuilder::expire_ended_after); this is for those kept for ever, for
    /// sooner, and for live sessions that nobody uses.
    ///
    /// # Errors
    /// [`RedisStoreError`]; what was removed until then is gone.
    pub async fn prune(&self, prune: Prune) -> Result<Pruned, RedisStoreError> {
        let shared = self.shared();
        let mut time = Cmd::new();
        time.arg("TIME");
        let (seconds, micros): (u64, u64) =
            shared.wire.ask("", Repeat::Harmless, Ask::Command(&time)).await?;
        let now = seconds.saturating_mul(1000) + micros / 1000;
        self.keys()
            .map_ok(|key| prune_one(shared, key, prune, now))
            .try_buffer_unordered(AT_ONCE)
            .try_fold(Pruned::default(), async |mut pruned, fate| {
                pruned.seen += 1;
                match fate {
                    Fate::Stays => {}
                    Fate::Removed => pruned.removed += 1,
                    Fate::Foreign => pruned.foreign += 1,
                }
                Ok(pruned)
            })
            .await
    }

    /// Removes the record of this key, and says whether there was one. Nobody is told: sign out first, if the session lives.
    ///
    /// # Errors
    /// [`RedisStoreError`]; what others wrote under that key is left as it is.
    pub async fn remove(&self, key: impl AsRef<str>) -> Result<bool, RedisStoreError> {
        let shared = self.shared();
        let name = names::record(&shared.prefix.base(key.as_ref()));
        match remove(shared, &name, "").await? {
            FOREIGN => Err(shared.look_closer(&name).await),
            removed => Ok(removed == 1),
        }
    }
}

struct Listing {
    shared: Arc<Shared>,
    /// `None`: all was read.
    cursor: Option<u64>,
    found: VecDeque<String>,
}

impl Listing {
    /// `false`: there is no more.
    async fn read_on(&mut self) -> Result<bool, RedisStoreError> {
        let Some(cursor) = self.cursor else {
            return Ok(false);
        };
        let mut scan = Cmd::new();
        scan.arg("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(self.shared.prefix.pattern())
            .arg("COUNT")
            .arg(SCAN_COUNT);
        let wire = &self.shared.wire;
        let (next, names): (u64, Vec<Vec<u8>>) = wire.ask("", Repeat::Harmless, Ask::Command(&scan)).await?;
        self.cursor = (next != 0).then_some(next);
        let names = names.into_iter().filter_map(|name| String::from_utf8(name).ok());
        let prefix = &self.shared.prefix;
        self.found.extend(names.filter_map(|name| prefix.key(&name)));
        Ok(true)
    }
}

enum Fate {
    Stays,
    Removed,
    Foreign,
}

async fn prune_one(shared: &Shared, key: String, prune: Prune, now: u64) -> Result<Fate, RedisStoreError> {
    let name = names::record(&shared.prefix.base(&key));
    let mut command = Cmd::new();
    command.arg("GETRANGE").arg(&name).arg(0).arg(HEAD_MAX_BYTES - 1);
    let head: Vec<u8> = match shared
        .wire
        .ask(&name, Repeat::Harmless, Ask::Command(&command))
        .await
    {
        Err(RedisStoreError::Foreign { .. }) => return Ok(Fate::Foreign),
        head => head?,
    };
    if head.is_empty() {
        return Ok(Fate::Stays);
    }
    let Ok((head, _)) = value::split(&head) else {
        return Ok(Fate::Foreign);
    };
    if !prune.wants(head, now) {
        return Ok(Fate::Stays);
    }
    match remove(shared, &name, &head.version.0.to_string()).await? {
        1 => Ok(Fate::Removed),
        FOREIGN => Ok(Fate::Foreign),
        _ => Ok(Fate::Stays),
    }
}

async fn remove(shared: &Shared, name: &str, version: &str) -> Result<i64, RedisStoreError> {
    let mut script = shared.scripts.remove.key(name);
    script.arg(version);
    shared
        .wire
        .ask(name, Repeat::Harmless, Ask::Script(&script))
        .await
}
