//! A holder of the record: its store, with patience and words for what it does wrong.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use oneflight::store::{Changes, Guard};
use oneflight::{BoxFuture, Record, Store, StoreError, Stored, Swap, Version};

use super::records::Shape;
use super::report::{Verdict, expect, failed};
use super::subject::{Shown, Subject};

/// So often a holder reads while another is expected to wait.
const LOOKS: usize = 20;

/// A store on the record, opened as another process would.
#[derive(Clone)]
pub(super) struct Holder {
    name: &'static str,
    pub(super) store: Arc<dyn Shown>,
    patience: Duration,
}

impl Subject {
    pub(super) async fn holder(&self, name: &'static str) -> Holder {
        Holder {
            name,
            store: (self.open)().await,
            patience: self.patience,
        }
    }

    pub(super) async fn pair(&self) -> (Holder, Holder) {
        (
            self.holder("the first holder").await,
            self.holder("the second holder").await,
        )
    }
}

impl Holder {
    /// The same under another name, with another store.
    pub(super) fn with(&self, store: Arc<dyn Shown>) -> Self {
        Self {
            store,
            ..self.clone()
        }
    }

    pub(super) async fn load(&self) -> Verdict<Option<Stored>> {
        self.done("read the record", self.store.load()).await
    }

    /// The record, which must be there.
    pub(super) async fn stored(&self) -> Verdict<Stored> {
        let expected = || format!("{} to find the record", self.name);
        self.load()
            .await?
            .ok_or_else(|| failed(expected(), "it finds none"))
    }

    pub(super) async fn swap(&self, expected: Option<Version>, record: Record) -> Verdict<Swap> {
        self.done("write", self.store.compare_and_swap(expected, record))
            .await
    }

    /// Writes, over the version that stands there.
    pub(super) async fn write(&self, expected: Option<Version>, record: Record) -> Verdict<Version> {
        match self.swap(expected, record).await? {
            Swap::Written(version) => Ok(version),
            Swap::Conflict => Err(failed(
                format!("{} to write over {}", self.name, shown(expected)),
                "a conflict, though that is what stands there",
            )),
        }
    }

    /// Tries to write over a version that does not stand there.
    pub(super) async fn refused(&self, expected: Option<Version>, record: Record, standing: &str) -> Verdict {
        let swap = self.swap(expected, record).await?;
        expect(
            swap == Swap::Conflict,
            &format!("a conflict for who expects {} where {standing}", shown(expected)),
            || format!("{swap:?}"),
        )
    }

    pub(super) async fn lock(&self) -> Verdict<Box<dyn Guard>> {
        self.done("get the lock, which is free", self.store.lock()).await
    }

    pub(super) async fn release(&self, guard: Box<dyn Guard>) -> Verdict {
        let releasing = tokio::time::timeout(self.patience, guard.release()).await;
        releasing.map_err(|_| {
            failed(
                format!("{} to give the lock back", self.name),
                format!("nothing within {:?}", self.patience),
            )
        })
    }

    /// Lets time pass, as much as the store takes to answer so often: whoever was about to do something has done it.
    pub(super) async fn look_around(&self) -> Verdict {
        for _ in 0..LOOKS {
            self.load().await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Fails if it gets the lock while another looks around.
    pub(super) async fn stays_out(&self, other: &Self, expected: &str) -> Verdict {
        tokio::select! {
            biased;
            taken = self.store.lock() => Err(failed(expected, match taken {
                Ok(_) => "it got the lock too".to_owned(),
                Err(error) => format!("an error: {}", chain(&error)),
            })),
            looked = other.look_around() => looked,
        }
    }

    /// The record must be of this shape, under this version.
    pub(super) async fn finds(&self, version: Version, shape: &Shape) -> Verdict {
        let stored = self.stored().await?;
        expect(
            stored.version == version,
            &format!("{} to read version {}, as it was written", self.name, version.0),
            || format!("version {}", stored.version.0),
        )?;
        shape.must_be(&stored.record)
    }

    pub(super) async fn announce(&self, version: Version) -> Verdict {
        let told = tokio::time::timeout(self.patience, self.store.announce(version)).await;
        told.map_err(|_| {
            failed(
                "announcing to end",
                format!("it goes on after {:?}", self.patience),
            )
        })
    }

    pub(super) fn changes(&self) -> Option<Changes> {
        self.store.changes()
    }

    pub(super) async fn done<T>(
        &self,
        what: &str,
        doing: impl Future<Output = Result<T, StoreError>>,
    ) -> Verdict<T> {
        let expected = || format!("{} to {what}", self.name);
        match tokio::time::timeout(self.patience, doing).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(failed(expected(), format!("an error: {}", chain(&error)))),
            Err(_) => Err(failed(expected(), format!("nothing within {:?}", self.patience))),
        }
    }
}

fn shown(version: Option<Version>) -> String {
    match version {
        Some(Version(number)) => format!("version {number}"),
        None => "no record".to_owned(),
    }
}

/// An error and what it comes from, each as it is shown to people and to developers.
pub(super) fn chain(error: &StoreError) -> String {
    let mut text = format!("{error} ({error:?})");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!("; because {error} ({error:?})"));
        source = error.source();
    }
    text
}

/// Drops a future at its `awaits`-th wait, counted from 0; `None`: it was dropped.
pub(super) async fn give_up<T>(mut future: BoxFuture<'_, T>, mut awaits: usize) -> Option<T> {
    poll_fn(move |cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if awaits == 0 => Poll::Ready(None),
        Poll::Pending => {
            awaits -= 1;
            Poll::Pending
        }
    })
    .await
}

/// So that a holder can be given to a session.
impl Store for Holder {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        self.store.load()
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        self.store.lock()
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        self.store.compare_and_swap(expected, record)
    }

    fn lease(&self) -> Option<Duration> {
        self.store.lease()
    }

    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        self.store.announce(version)
    }

    fn changes(&self) -> Option<Changes> {
        self.store.changes()
    }
}
