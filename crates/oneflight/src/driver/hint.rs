//! What the store says has changed, also while no driver is there.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use oneflight_core::Version;

use super::{Driver, ensure};
use crate::session::Inner;
use crate::store::Changes;

/// The next hint; `None`: there will be no more.
pub(super) async fn next(changes: &mut Option<Changes>) -> Option<Version> {
    poll_fn(|cx| poll(changes, cx)).await
}

fn poll(changes: &mut Option<Changes>, cx: &mut Context<'_>) -> Poll<Option<Version>> {
    let Some(stream) = changes else {
        return Poll::Pending;
    };
    // A stream that panics is one that has ended.
    catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll_next(cx))).unwrap_or(Poll::Ready(None))
}

impl Driver {
    /// Takes up the stream where the driver before left it, or asks the store for one.
    pub(super) fn listen(&mut self) {
        let listens = {
            let mut state = self.inner.state();
            self.changes = state.changes.take();
            std::mem::replace(&mut state.listens, true)
        };
        if !listens {
            let changes = catch_unwind(AssertUnwindSafe(|| self.inner.store.changes()));
            self.changes = changes.unwrap_or(None);
        }
    }

    /// Leaves a waker with the stream that starts a driver, so that an idle session hears of changes without a task of
    /// its own. A hint that is there already is given back.
    pub(super) fn arm_hints(&mut self) -> Option<Version> {
        self.changes.as_ref()?;
        let starter = Starter {
            inner: Arc::downgrade(&self.inner),
        };
        let waker = Waker::from(Arc::new(starter));
        match poll(&mut self.changes, &mut Context::from_waker(&waker)) {
            Poll::Ready(Some(version)) => Some(version),
            Poll::Ready(None) => {
                self.changes = None;
                None
            }
            Poll::Pending => None,
        }
    }

    /// Reads the store again if the hint speaks of something new.
    pub(super) fn take_hint(&mut self, hint: Option<Version>) {
        match hint {
            None => self.changes = None,
            Some(_) => self.input(|state, now| {
                if hint > state.machine.known() {
                    state.machine.reload(now);
                }
            }),
        }
    }
}

/// Starts the driver. Holds the session weakly: the stream, which the session owns, holds this.
struct Starter {
    inner: Weak<Inner>,
}

impl Wake for Starter {
    fn wake(self: Arc<Self>) {
        let Some(inner) = self.inner.upgrade() else {
            return;
        };
        let now = inner.now();
        let mut state = inner.state();
        state.hinted = true;
        ensure(&inner, state, now);
    }
}
