//! The application's code, with a deadline, and with its panics caught.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::session::Inner;

tokio::task_local! {
    /// The address of the session whose work this is.
    static WITHIN: usize;
}

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cut {
    #[error("it did not end in time")]
    TimedOut,
    #[error("it panicked")]
    Panicked,
}

/// Runs the application's code within its deadline. Making its future, polling it and dropping it may each panic, so
/// `code` does all three.
pub(super) async fn run<T>(
    inner: &Arc<Inner>,
    deadline: Duration,
    code: impl Future<Output = T> + Send,
) -> Result<T, Cut> {
    let timed = async move { tokio::time::timeout(deadline, code).await };
    let caught = AssertUnwindSafe(timed).catch_unwind();
    match WITHIN.scope(address(inner), caught).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_elapsed)) => Err(Cut::TimedOut),
        // The payload may say anything, a token among it; the panic hook has shown it to whoever wants to see.
        Err(_payload) => Err(Cut::Panicked),
    }
}

/// Whether this is called by the work of that very session, which would wait for itself.
pub(crate) fn is_within(inner: &Arc<Inner>) -> bool {
    WITHIN
        .try_with(|within| *within == address(inner))
        .unwrap_or(false)
}

fn address(inner: &Arc<Inner>) -> usize {
    Arc::as_ptr(inner).addr()
}
