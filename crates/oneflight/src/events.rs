//! What the application hears: a stream of events, a watchable status, and `tracing`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use oneflight_core::machine::Status;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

pub use oneflight_core::answer::{ErrorCode, LossCause, NotProcessedCause, Setting};
pub use oneflight_core::machine::{Cause, Event, Failure, Outcome, Revocation, TransientCause, Unkept};

use crate::session::Inner;

/// How many events wait for a listener that is slow; older ones are dropped and counted.
pub const MAX_EVENTS: usize = 64;

/// Channels that exist once somebody listens.
pub(crate) struct Listeners {
    events: broadcast::Sender<Event>,
    status: watch::Sender<Status>,
}

impl Listeners {
    fn of(inner: &Inner) -> &Self {
        inner.listeners.get_or_init(|| {
            Box::new(Self {
                events: broadcast::Sender::new(MAX_EVENTS),
                status: watch::Sender::new(inner.published.load().status),
            })
        })
    }
}

/// Tells listeners, logs and metrics. Runs in the driver, outside every lock.
pub(crate) fn tell(inner: &Inner, event: Event) {
    trace(&event);
    #[cfg(feature = "metrics")]
    crate::metrics::count(&event);
    if let Some(listeners) = inner.listeners.get() {
        // Nobody listening is no failure.
        let _ = listeners.events.send(event);
    }
}

/// Tells what the status is now.
pub(crate) fn tell_status(inner: &Inner) {
    if let Some(listeners) = inner.listeners.get() {
        let status = inner.published.load().status;
        listeners
            .status
            .send_if_modified(|told| std::mem::replace(told, status) != status);
    }
}

/// Events carry no secret, so they can be shown as they are.
fn trace(event: &Event) {
    match event {
        Event::RenewalFailed { failure } => tracing::warn!(?failure, "renewal failed"),
        Event::StoreFailed { what } => tracing::warn!(?what, "the store failed; trying again"),
        Event::SignedOut { reason } => tracing::info!(%reason, "signed out"),
        Event::SignedIn { generation, .. } => tracing::info!(generation, "signed in"),
        Event::Renewing { cause } => tracing::debug!(?cause, "renewing"),
        Event::Renewed {
            generation,
            cause,
            took,
            waiters,
        } => tracing::info!(generation, ?cause, ?took, waiters, "renewed"),
        Event::Adopted { generation } => tracing::info!(generation, "adopted from another holder"),
        event => tracing::debug!(?event, "session event"),
    }
}

/// So many events were dropped because the listener was slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were dropped because nobody took them in time")]
pub struct Lagged(pub u64);

/// The events of a session, from now on. Ends when the session does.
///
/// # Cancel safety
/// Dropping [`next`](Self::next) loses no event.
#[must_use = "streams do nothing unless polled"]
pub struct Events {
    stream: Pin<Box<dyn Stream<Item = Result<Event, Lagged>> + Send + Sync>>,
}

impl Events {
    pub(crate) fn of(inner: &Arc<Inner>) -> Self {
        let receiver = Listeners::of(inner).events.subscribe();
        let stream = unfold(receiver, async |mut receiver| {
            let event = match receiver.recv().await {
                Ok(event) => Ok(event),
                Err(RecvError::Lagged(missed)) => Err(Lagged(missed)),
                Err(RecvError::Closed) => return None,
            };
            Some((event, receiver))
        });
        Self {
            stream: Box::pin(stream),
        }
    }

    /// The next event; `None` when the session is gone.
    ///
    /// # Errors
    /// [`Lagged`] counts the events that were missed; the stream goes on.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        self.stream.next().await
    }
}

impl Stream for Events {
    type Item = Result<Event, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(cx)
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}

/// The status of a session: first as it is, then each time it has changed. Of several changes the last. Ends when the
/// session does.
#[must_use = "streams do nothing unless polled"]
pub struct StatusChanges {
    stream: Pin<Box<dyn Stream<Item = Status> + Send + Sync>>,
}

impl StatusChanges {
    pub(crate) fn of(inner: &Arc<Inner>) -> Self {
        let mut receiver = Listeners::of(inner).status.subscribe();
        receiver.mark_changed();
        // What changed between the making of the channel and the subscription is told now.
        tell_status(inner);
        let stream = unfold(receiver, async |mut receiver| {
            receiver.changed().await.ok()?;
            let status = *receiver.borrow_and_update();
            Some((status, receiver))
        });
        Self {
            stream: Box::pin(stream),
        }
    }

    /// The status now, at the first call; then the next one that differs. `None` when the session is gone.
    pub async fn next(&mut self) -> Option<Status> {
        self.stream.next().await
    }
}

impl Stream for StatusChanges {
    type Item = Status;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(cx)
    }
}

impl std::fmt::Debug for StatusChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StatusChanges")
    }
}
