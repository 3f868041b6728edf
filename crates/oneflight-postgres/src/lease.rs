//! The lock around a renewal: a lease, which ends by itself if its owner does not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oneflight::store::Guard;
use oneflight::{BoxFuture, StoreError};
use tokio::sync::{OwnedMutexGuard, watch};
use tokio_postgres::types::Type;

use crate::error::PostgresStoreError;
use crate::news::{News, Place};
use crate::random;
use crate::stores::Shared;
use crate::wire::Repeat;

/// Who waits asks again at the latest after this long, and at the earliest after half of it, in case a message was lost.
const SAFETY_NET: Duration = Duration::from_secs(10);

/// The same where nothing listens.
const POLL: Duration = Duration::from_millis(500);

/// Who waits for the end of a lease comes up to this much later, so that not all come at once.
const SPREAD: Duration = Duration::from_millis(20);

/// Nobody asks again sooner, unless told.
const REST_MIN: Duration = Duration::from_millis(5);

/// A claim whose answer was not seen may arrive late; it is given back up to this many times.
const ROUNDS: u32 = 4;

/// Waits for the lease.
pub(crate) async fn take(shared: &Arc<Shared>, place: &Arc<Place>) -> Result<Lease, PostgresStoreError> {
    let turn = Arc::clone(&place.turn).lock_owned().await;
    let mut claim = Claim {
        shared: Arc::clone(shared),
        place: Arc::clone(place),
        owner: random::owner()?.into(),
        standing: Standing::Nothing,
        turn: Some(turn),
    };
    let mut news = place.news.subscribe();
    loop {
        let seen = *news.borrow_and_update();
        let asked = Instant::now();
        let Some(rest) = claim.ask().await? else {
            let until = asked + shared.lease;
            return Ok(Lease { claim, until });
        };
        wait(shared, &mut news, seen, rest).await;
    }
}

/// Until there is a reason to ask again.
async fn wait(shared: &Shared, news: &mut watch::Receiver<News>, seen: News, rest: Duration) {
    let net = if shared.listener.is_listening() {
        SAFETY_NET
    } else {
        POLL
    };
    let net = net / 2 + random::up_to(net / 2);
    let timer = (rest.max(REST_MIN) + random::up_to(SPREAD)).min(net);
    // The sender lives in the place, which the claim keeps.
    let told = news.wait_for(|news| news.freed != seen.freed);
    let _ = tokio::time::timeout(timer, told).await;
}

/// One claim to the lease, granted or not. Dropped, it is given back in the background.
struct Claim {
    shared: Arc<Shared>,
    place: Arc<Place>,
    /// Random, so that nobody ends another's lease.
    owner: Arc<str>,
    standing: Standing,
    turn: Option<OwnedMutexGuard<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing of it is in the server.
    Nothing,
    /// It was sent, and no answer was seen.
    Asked,
    Granted,
}

impl Claim {
    /// `None`: it is ours; else how long it is another's.
    async fn ask(&mut self) -> Result<Option<Duration>, PostgresStoreError> {
        let (key, owner) = (&*self.place.key, &*self.owner);
        let lease = millis(self.shared.lease);
        self.standing = Standing::Asked;
        let wire = &self.shared.wire;
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
            [(&key, Type::TEXT), (&owner, Type::TEXT), (&lease, Type::FLOAT8)];
        let rows = wire.ask(Repeat::Harmless, &wire.tables.take, &parameters).await?;
        let row = rows.first();
        let taken = row.and_then(|row| row.try_get(0).ok()).unwrap_or(false);
        if taken {
            self.standing = Standing::Granted;
            return Ok(None);
        }
        self.standing = Standing::Nothing;
        let rest: Option<f64> = row.and_then(|row| row.try_get(1).ok().flatten());
        let rest = Duration::try_from_secs_f64(rest.unwrap_or_default() / 1000.0);
        Ok(Some(rest.unwrap_or_default()))
    }

    /// Whether the server had it.
    async fn give_back(shared: &Shared, place: &Place, owner: &str) -> Result<bool, PostgresStoreError> {
        let (key, channel, free) = (&*place.key, &shared.wire.tables.channel, place.free());
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 4] = [
            (&key, Type::TEXT),
            (&owner, Type::TEXT),
            (channel, Type::TEXT),
            (&free, Type::TEXT),
        ];
        let wire = &shared.wire;
        let rows = wire
            .ask(Repeat::Harmless, &wire.tables.release, &parameters)
            .await?;
        Ok(!rows.is_empty())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.standing == Standing::Nothing {
            return;
        }
        let granted = self.standing == Standing::Granted;
        let (shared, place) = (Arc::clone(&self.shared), Arc::clone(&self.place));
        let owner = Arc::clone(&self.owner);
        let mut turn = self.turn.take();
        self.shared.runtime.spawn(async move {
            for round in 1..=ROUNDS {
                let ended = Self::give_back(&shared, &place, &owner).await;
                // Others of this process need not wait for a server that does not answer; they ask it themselves.
                drop(turn.take());
                match ended {
                    Ok(true) => return,
                    Ok(false) if granted => return,
                    // Perhaps it is still on its way, over a connection that was given up.
                    Ok(false) | Err(_) => tokio::time::sleep(shared.wire.timeout / 4 * round).await,
                }
            }
        });
    }
}

/// The lease, ours.
pub(crate) struct Lease {
    claim: Claim,
    until: Instant,
}

impl Lease {
    async fn prolong(&mut self) -> Result<Duration, PostgresStoreError> {
        let shared = Arc::clone(&self.claim.shared);
        let (key, owner, lease) = (&*self.claim.place.key, &*self.claim.owner, millis(shared.lease));
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
            [(&key, Type::TEXT), (&owner, Type::TEXT), (&lease, Type::FLOAT8)];
        let asked = Instant::now();
        let rows = shared
            .wire
            .ask(Repeat::Harmless, &shared.wire.tables.renew, &parameters)
            .await?;
        if rows.is_empty() {
            self.until = asked;
            return Err(PostgresStoreError::LeaseLost {
                server: shared.wire.server.clone(),
                key: key.into(),
            });
        }
        self.until = asked + shared.lease;
        Ok(self.rest())
    }

    fn rest(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

impl Guard for Lease {
    fn lease(&self) -> Option<Duration> {
        Some(self.rest())
    }

    fn renew(&mut self) -> BoxFuture<'_, Result<Duration, StoreError>> {
        Box::pin(async move { Ok(self.prolong().await?) })
    }

    fn release(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let claim = &mut self.claim;
            match Claim::give_back(&claim.shared, &claim.place, &claim.owner).await {
                Ok(_) => claim.standing = Standing::Nothing,
                Err(error) => tracing::warn!(%error, "the lease is given back in the background"),
            }
        })
    }
}

fn millis(length: Duration) -> f64 {
    length.as_secs_f64() * 1000.0
}
