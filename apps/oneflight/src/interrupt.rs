//! SIGINT and SIGTERM: work that must not be torn apart is let end.

use std::io;

/// The signals that ask this process to end. From the first listening on they no longer end it by themselves.
pub(crate) struct Interrupts {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Interrupts {
    /// Begins to listen.
    ///
    /// # Errors
    /// What the system says if it has no signal for us.
    pub(crate) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The next time that somebody asks.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping it.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }

    /// Does work that is let end when somebody asks for the first time, with a word to them; `None`: they asked twice.
    pub(crate) async fn let_end<T>(&mut self, what: &str, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return Some(done),
            () = self.next() => eprintln!("interrupted: {what} is let end; once more to leave at once"),
        }
        tokio::select! {
            done = &mut work => Some(done),
            () = self.next() => None,
        }
    }
}
