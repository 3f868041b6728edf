//! The lock around a renewal: a lease, which ends by itself if its owner does not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oneflight::store::Guard;
use oneflight::{BoxFuture, StoreError};
use tokio::sync::{OwnedMutexGuard, watch};

use crate::error::RedisStoreError;
use crate::news::{Interest, News, Place};
use crate::scripts::TAKEN;
use crate::stores::Shared;
use crate::wire::{Ask, Repeat};
use crate::{names, random};

/// Who waits asks again at the latest after this long, and at the earliest after half of it, in case a message was lost.
const SAFETY_NET: Duration = Duration::from_secs(10);

/// Who waits for the end of a lease comes up to this much later, so that not all come at once.
const SPREAD: Duration = Duration::from_millis(20);

/// A claim whose answer was not seen may arrive late; it is given back up to this many times.
const ROUNDS: u32 = 4;

/// Waits for the lease.
pub(crate) async fn take(shared: &Arc<Shared>, place: &Arc<Place>) -> Result<Lease, RedisStoreError> {
    let turn = Arc::clone(&place.turn).lock_owned().await;
    let mut claim = Claim::new(shared, place, turn)?;
    let mut news = place.news.subscribe();
    let mut interest: Option<Interest> = None;
    loop {
        let seen = *news.borrow_and_update();
        let asked = Instant::now();
        let Some(rest) = claim.ask().await? else {
            let until = asked + shared.lease;
            return Ok(Lease { claim, until });
        };
        // If nobody listened until now, the end of the lease may have been missed: listening begins with another look.
        if interest.is_none() {
            interest = Some(shared.listener.listen(place));
        }
        wait(&mut news, seen, rest).await;
    }
}

/// Until there is a reason to ask again.
async fn wait(news: &mut watch::Receiver<News>, seen: News, rest: Duration) {
    let net = SAFETY_NET / 2 + random::up_to(SAFETY_NET / 2);
    let timer = (rest + random::up_to(SPREAD)).min(net);
    let told = async {
        // The sender lives in the place, which the claim keeps.
        let _ = news
            .wait_for(|news| (news.freed, news.heard) != (seen.freed, seen.heard))
            .await;
    };
    tokio::select! {
        () = told => {}
        () = tokio::time::sleep(timer) => {}
    }
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
    fn new(
        shared: &Arc<Shared>,
        place: &Arc<Place>,
        turn: OwnedMutexGuard<()>,
    ) -> Result<Self, RedisStoreError> {
        Ok(Self {
            shared: Arc::clone(shared),
            place: Arc::clone(place),
            owner: random::owner()?.into(),
            standing: Standing::Nothing,
            turn: Some(turn),
        })
    }

    /// `None`: it is ours; else how long it is another's.
    async fn ask(&mut self) -> Result<Option<Duration>, RedisStoreError> {
        let name = names::lease(&self.place.base);
        let mut script = self.shared.scripts.take.key(&name);
        script.arg(&*self.owner).arg(millis(self.shared.lease));
        self.standing = Standing::Asked;
        let answer: i64 = self
            .shared
            .wire
            .ask(&name, Repeat::Harmless, Ask::Script(&script))
            .await?;
        self.standing = match answer {
            TAKEN => Standing::Granted,
            _ => Standing::Nothing,
        };
        match (answer, u64::try_from(answer)) {
            (TAKEN, _) => Ok(None),
            (_, Ok(rest)) => Ok(Some(Duration::from_millis(rest))),
            // A lease always ends; this one was not written by us.
            _ => Err(self.shared.foreign(&name)),
        }
    }

    /// Whether the server had it.
    async fn give_back(shared: &Shared, place: &Place, owner: &str) -> Result<bool, RedisStoreError> {
        let name = names::lease(&place.base);
        let mut script = shared.scripts.give_back.key(&name);
        script.arg(owner).arg(&*place.base);
        let ended: i64 = shared
            .wire
            .ask(&name, Repeat::Harmless, Ask::Script(&script))
            .await?;
        Ok(ended == 1)
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
                    Ok(false) | Err(_) => tokio::time::sleep(shared.wire.timeout * round).await,
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
    async fn prolong(&mut self) -> Result<Duration, RedisStoreError> {
        let shared = Arc::clone(&self.claim.shared);
        let name = names::lease(&self.claim.place.base);
        let mut script = shared.scripts.renew.key(&name);
        script.arg(&*self.claim.owner).arg(millis(shared.lease));
        let asked = Instant::now();
        let prolonged: i64 = shared
            .wire
            .ask(&name, Repeat::Harmless, Ask::Script(&script))
            .await?;
        if prolonged != 1 {
            self.until = asked;
            self.claim.standing = Standing::Nothing;
            return Err(RedisStoreError::LeaseLost {
                server: shared.wire.server.clone(),
                key: name.into(),
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
            if claim.standing == Standing::Nothing {
                return;
            }
            let ended = Claim::give_back(&claim.shared, &claim.place, &claim.owner).await;
            match ended {
                Ok(_) => claim.standing = Standing::Nothing,
                Err(error) => tracing::warn!(%error, "the lease is given back in the background"),
            }
        })
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
