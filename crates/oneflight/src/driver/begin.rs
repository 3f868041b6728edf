//! Beginning what the machine asks for.

use std::sync::Arc;

use oneflight_core::TokenSet;
use oneflight_core::Version;
use oneflight_core::answer::{LossCause, Verdict};
use oneflight_core::machine::{Effect, Refresh, Revocation, Save, StoreFailed};
use tracing::Instrument as _;

use super::answer::{Answer, Done, Locked};
use super::careful::{self, Cut};
use super::{Driver, Ticket};
use crate::endpoint::RefreshRequest;
use crate::error::Source;
use crate::events;
use crate::session::{Inner, Work};
use crate::store::StoreError;

impl Driver {
    pub(super) fn begin(&mut self, work: Work) {
        match work {
            Work::Settle(id, settled) => {
                let waiting = self.inner.state().busy().take_waiting(id);
                if let Some(waiting) = waiting {
                    waiting.send_replace(Some(settled));
                }
            }
            Work::StatusChanged => events::tell_status(&self.inner),
            Work::Effect(effect) => self.begin_effect(effect),
        }
    }

    fn begin_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Lock(ticket) => self.start(Ticket::Lock(ticket), "lock", lock),
            Effect::Load(ticket) => self.start(Ticket::Load(ticket), "load", load),
            Effect::Save(ticket, what) => {
                self.start(Ticket::Save(ticket), "save", |inner| save(inner, what));
            }
            Effect::Refresh(ticket, what) => {
                self.start(Ticket::Refresh(ticket), "refresh", |inner| refresh(inner, what));
            }
            Effect::Revoke(ticket, tokens) => {
                self.start(Ticket::Revoke(ticket), "revoke", |inner| revoke(inner, tokens));
            }
            Effect::Unlock => self.unlock(),
            Effect::Announce(version) => self.announce(version),
            Effect::Notify(event) => events::tell(&self.inner, event),
            // Publish and Settle were taken over already, and there is no other.
            _ => {}
        }
    }

    /// Keeps the ticket and begins the effect.
    fn start<F>(&mut self, ticket: Ticket, what: &'static str, effect: impl FnOnce(Arc<Inner>) -> F)
    where
        F: Future<Output = (Answer, Option<Source>)> + Send + 'static,
    {
        let slot = self.inner.state().busy().keep(ticket);
        let effect = effect(Arc::clone(&self.inner)).instrument(tracing::debug_span!("oneflight", what));
        self.running.push(Box::pin(async move {
            let (answer, trouble) = effect.await;
            Done {
                slot: Some(slot),
                answer,
                trouble,
            }
        }));
    }

    /// Begins something that nobody waits for the end of.
    fn start_aside(&mut self, effect: impl Future<Output = Answer> + Send + 'static) {
        self.running.push(Box::pin(async move {
            Done {
                slot: None,
                answer: effect.await,
                trouble: None,
            }
        }));
    }

    pub(super) fn unlock(&mut self) {
        let Some(guard) = self.guard.take() else {
            // The renewal of the lease has the guard; without one, there is nothing to give back.
            self.unlock_on_return = self.lease_renewal.is_some();
            return;
        };
        self.lease_renewal = None;
        let inner = Arc::clone(&self.inner);
        self.start_aside(async move {
            let deadline = inner.shared.policy.save_deadline;
            if let Err(cut) = careful::run(&inner, deadline, async move { guard.release().await }).await {
                tracing::warn!(%cut, "giving the store's lock back failed");
            }
            Answer::Nothing
        });
    }

    fn announce(&mut self, version: Version) {
        let inner = Arc::clone(&self.inner);
        self.start_aside(async move {
            let deadline = inner.shared.policy.save_deadline;
            let announced =
                careful::run(&inner, deadline, async { inner.store.announce(version).await }).await;
            if let Err(cut) = announced {
                tracing::warn!(%cut, "telling other holders of a change failed");
            }
            Answer::Nothing
        });
    }

    pub(super) fn renew_lease(&mut self) {
        let Some(mut guard) = self.guard.take() else {
            return;
        };
        let inner = Arc::clone(&self.inner);
        self.start_aside(async move {
            let deadline = inner.shared.policy.save_deadline;
            let mut renewed = None;
            let code = async {
                renewed = guard
                    .renew()
                    .await
                    .map_err(|error| warn("renewing the lease", &error))
                    .ok();
            };
            if let Err(cut) = careful::run(&inner, deadline, code).await {
                tracing::warn!(%cut, "renewing the lease of the store's lock failed");
            }
            Answer::Leased(guard, renewed)
        });
    }
}

async fn lock(inner: Arc<Inner>) -> (Answer, Option<Source>) {
    let deadline = inner.shared.lock_deadline;
    match careful::run(&inner, deadline, async { inner.store.lock().await }).await {
        Ok(Ok(guard)) => (Answer::Locked(Locked::Held(guard)), None),
        Ok(Err(error)) => (Answer::Locked(Locked::Failed), Some(Source::new(error))),
        Err(Cut::TimedOut) => (Answer::Locked(Locked::TimedOut), None),
        Err(Cut::Panicked) => (Answer::Locked(Locked::Failed), Some(Source::new(Cut::Panicked))),
    }
}

async fn load(inner: Arc<Inner>) -> (Answer, Option<Source>) {
    let deadline = inner.shared.policy.save_deadline;
    let (loaded, trouble) =
        store_result(careful::run(&inner, deadline, async { inner.store.load().await }).await);
    (Answer::Loaded(loaded), trouble)
}

async fn save(inner: Arc<Inner>, save: Save) -> (Answer, Option<Source>) {
    let deadline = inner.shared.policy.save_deadline;
    let Save { expected, record } = save;
    let code = async { inner.store.compare_and_swap(expected, record).await };
    let (saved, trouble) = store_result(careful::run(&inner, deadline, code).await);
    (Answer::Saved(saved), trouble)
}

fn store_result<T>(result: Result<Result<T, StoreError>, Cut>) -> (Result<T, StoreFailed>, Option<Source>) {
    match result {
        Ok(Ok(value)) => (Ok(value), None),
        Ok(Err(error)) => (Err(StoreFailed), Some(Source::new(error))),
        Err(cut) => (Err(StoreFailed), Some(Source::new(cut))),
    }
}

async fn refresh(inner: Arc<Inner>, refresh: Refresh) -> (Answer, Option<Source>) {
    let deadline = inner.shared.policy.request_deadline;
    let request = RefreshRequest::new(refresh, Arc::clone(&inner.shared.clock));
    let code = async { inner.shared.endpoint.refresh(request).await };
    match careful::run(&inner, deadline, code).await {
        Ok(reply) => (Answer::Refreshed(reply.verdict), reply.source),
        Err(cut) => {
            let verdict = Verdict::Ambiguous {
                cause: match cut {
                    Cut::TimedOut => LossCause::TimedOut,
                    Cut::Panicked => LossCause::Unknown,
                },
                retry_after: None,
                salvaged: None,
            };
            (Answer::Refreshed(verdict), Some(Source::new(cut)))
        }
    }
}

async fn revoke(inner: Arc<Inner>, tokens: Arc<TokenSet>) -> (Answer, Option<Source>) {
    let deadline = inner.shared.policy.request_deadline;
    let code = async { inner.shared.endpoint.revoke(tokens).await };
    let revoked = careful::run(&inner, deadline, code).await;
    (Answer::Revoked(revoked.unwrap_or(Revocation::Failed)), None)
}

fn warn(what: &'static str, error: &StoreError) {
    tracing::warn!(%error, what, "the store failed");
}
