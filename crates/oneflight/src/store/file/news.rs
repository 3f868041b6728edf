//! What holders hear of each other.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream;
use oneflight_core::Version;
use tokio::sync::watch;

use super::Shared;
use crate::store::Changes;

#[cfg(target_os = "linux")]
use super::watch as watching;
#[cfg(not(target_os = "linux"))]
use elsewhere as watching;

/// What is known of one file without opening it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct News {
    /// The newest version that was seen.
    pub(super) version: u64,
    /// There will be no more.
    pub(super) over: bool,
}

/// What the clones of a store tell each other.
#[derive(Default)]
pub(super) struct Told {
    /// The version that one of them wrote last. The system tells of it before whoever wrote it knows, and it would be read
    /// for nothing; the other clones hear of it when it is announced.
    wrote: AtomicU64,
    announced: watch::Sender<u64>,
}

impl Told {
    /// This version is about to stand in the file.
    pub(super) fn writing(&self, version: Version) {
        self.wrote.store(version.0, Ordering::SeqCst);
    }

    /// It may not: the next one of that number may be another's.
    pub(super) fn not_written(&self) {
        self.wrote.store(0, Ordering::SeqCst);
    }

    pub(super) fn announce(&self, version: Version) {
        self.announced.send_replace(version.0);
    }
}

/// The versions that others write, and that clones announce. The first thing to be heard is the version that stands.
pub(super) fn changes(shared: &Arc<Shared>) -> Changes {
    let shared = Arc::clone(shared);
    let announced = shared.told.announced.subscribe();
    Box::pin(stream::unfold(
        Hearing {
            shared,
            announced,
            outside: Outside::ToBegin,
        },
        |mut hearing| async move {
            let version = hearing.next().await?;
            Some((version, hearing))
        },
    ))
}

struct Hearing {
    shared: Arc<Shared>,
    announced: watch::Receiver<u64>,
    outside: Outside,
}

/// What comes from other processes.
enum Outside {
    /// It takes a look at the disk.
    ToBegin,
    Heard {
        news: watch::Receiver<News>,
        /// The newest version that was seen.
        seen: u64,
        _place: Arc<watching::Place>,
    },
    Nothing,
}

impl Hearing {
    async fn next(&mut self) -> Option<Version> {
        loop {
            let version = tokio::select! {
                announced = self.announced.changed() => {
                    announced.ok()?;
                    *self.announced.borrow_and_update()
                }
                version = self.outside.next(&self.shared) => match version {
                    Some(version) if version == self.shared.told.wrote.load(Ordering::SeqCst) => continue,
                    Some(version) => version,
                    None => {
                        self.outside = Outside::Nothing;
                        continue;
                    }
                },
            };
            return Some(Version(version));
        }
    }
}

impl Outside {
    /// The next version; `None`: there will be no more.
    async fn next(&mut self, shared: &Arc<Shared>) -> Option<u64> {
        if let Self::ToBegin = self {
            let begun = Arc::clone(shared);
            let begun = shared.means.reads.run(move |_| begin(&begun.disk.path)).await;
            let place = begun.ok().flatten()?;
            *self = Self::Heard {
                news: place.news(),
                seen: 0,
                _place: place,
            };
        }
        match self {
            Self::Heard { news, seen, .. } => {
                let found = *news
                    .wait_for(|news| news.over || news.version > *seen)
                    .await
                    .ok()?;
                if found.version > *seen {
                    *seen = found.version;
                    return Some(found.version);
                }
                None
            }
            _ => std::future::pending().await,
        }
    }
}

fn begin(path: &Path) -> Option<Arc<watching::Place>> {
    match watching::listen(path) {
        Ok(place) => Some(place),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "changes of this file are not heard; holders learn of each other when they read");
            None
        }
    }
}

/// Systems whose notifications are not used.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;
    use std::path::Path;
    use std::sync::Arc;

    use tokio::sync::watch;

    use super::News;

    /// There is none.
    pub(super) enum Place {}

    impl Place {
        pub(super) fn news(&self) -> watch::Receiver<News> {
            match *self {}
        }
    }

    pub(super) fn listen(_path: &Path) -> io::Result<Arc<Place>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
