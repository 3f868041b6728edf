//! Waiting for a token, in the caller's future: nothing here does the work, so dropping it changes nothing.

use std::sync::Arc;

use oneflight_core::SessionId;
use oneflight_core::machine::{Demand, Failure, Outcome, Stamp, Status};
use tokio::sync::watch;

use super::busy::Settled;
use super::inner::Joined;
use super::published::Published;
use super::{Session, Token};
use crate::Error;
use crate::driver::is_within;
use crate::error::Source;

/// How often one call looks anew because what it found was overtaken. Each time somebody else got on, so a few are
/// enough; a call that went on for ever would be worse than an error.
const MAX_LOOKS: usize = 16;

impl Session {
    /// Waits until there is a token that serves the demand.
    #[cfg(not(feature = "metrics"))]
    pub(super) async fn wait(&self, demand: Demand) -> Result<Token, Error> {
        self.look(demand).await
    }

    /// The same, with a look at the clock.
    #[cfg(feature = "metrics")]
    pub(super) async fn wait(&self, demand: Demand) -> Result<Token, Error> {
        let start = self.inner.now().mono;
        let result = self.look(demand).await;
        crate::metrics::waited(self.inner.now().mono.since(start));
        result
    }

    async fn look(&self, demand: Demand) -> Result<Token, Error> {
        for _ in 0..MAX_LOOKS {
            match self.inner.demand(demand) {
                Joined::Look(published) => {
                    if let Some(token) = self.serving(demand, published) {
                        return Ok(token);
                    }
                }
                Joined::Refused(failure, source) => return Err(self.failed(failure, source)),
                // This is the attempt's own work: it would wait for itself.
                Joined::Wait(_) if is_within(&self.inner) => return Err(Error::Reentered),
                Joined::Wait(receiver) => {
                    let settled = self.settled(receiver).await?;
                    if let Some(token) = self.take(demand, settled)? {
                        return Ok(token);
                    }
                }
            }
        }
        Err(Error::Unsettled)
    }

    /// The token, if what is published serves the demand now.
    pub(super) fn serving(&self, demand: Demand, published: Arc<Published>) -> Option<Token> {
        let live = published.live.as_ref()?;
        let now = self.inner.shared.clock.wall();
        let serves = live.is_usable(now)
            && match demand {
                Demand::Usable => true,
                Demand::Due => !live.is_due(now),
                Demand::NewerThan(stamp) => is_newer(live.stamp, stamp),
            };
        if serves { Token::new(published) } else { None }
    }

    /// Waits until the attempt ends.
    pub(super) async fn settled(
        &self,
        mut receiver: watch::Receiver<Option<Settled>>,
    ) -> Result<Settled, Error> {
        match receiver.wait_for(Option::is_some).await {
            Ok(settled) => settled.clone().ok_or(Error::RuntimeGone),
            // The driver's drop let go of the other end.
            Err(_gone) => Err(Error::RuntimeGone),
        }
    }

    /// What the attempt left for this caller. `None`: it was overtaken, look again.
    fn take(&self, demand: Demand, settled: Settled) -> Result<Option<Token>, Error> {
        match settled.outcome {
            Outcome::Renewed { generation }
            | Outcome::Adopted { generation }
            | Outcome::SignedIn { generation, .. } => {
                self.take_published(demand, settled.session, generation)
            }
            Outcome::Ended { .. } => Err(self.signed_out()),
            Outcome::Failed(failure) => Err(self.failed(failure, settled.source)),
            // What a newer core may say.
            _ => Ok(None),
        }
    }

    /// What was published is taken even if its lifetime is over already: it is the newest there is, and asking for more
    /// would never end.
    fn take_published(
        &self,
        demand: Demand,
        session: Option<SessionId>,
        generation: u64,
    ) -> Result<Option<Token>, Error> {
        let published = self.inner.published.load_full();
        let Some(live) = &published.live else {
            return Err(self.signed_out());
        };
        // Another sign-in may have come in the moment between.
        if Some(live.stamp.session) != session {
            return Err(Error::Replaced);
        }
        let newer = match demand {
            Demand::NewerThan(stamp) if stamp.session != live.stamp.session => return Err(Error::Replaced),
            Demand::NewerThan(stamp) => is_newer(live.stamp, stamp),
            Demand::Usable | Demand::Due => true,
        };
        if newer && live.stamp.generation >= generation {
            return Ok(Token::new(published));
        }
        Ok(None)
    }

    fn signed_out(&self) -> Error {
        match self.status() {
            Status::SignedOut(reason) => Error::SignedOut(reason),
            _ => Error::NeverSignedIn,
        }
    }

    pub(super) fn failed(&self, failure: Failure, source: Option<Source>) -> Error {
        Error::from_failure(failure, self.inner.now().mono, source)
    }
}

fn is_newer(published: Stamp, refused: Stamp) -> bool {
    published.session == refused.session && published.generation > refused.generation
}
