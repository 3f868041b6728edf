//! Where the record of a session is kept, and how holders keep out of each other's way.

#[cfg(feature = "file")]
mod file;
mod memory;
#[cfg(feature = "record")]
pub mod record;

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use oneflight_core::machine::Swap;
use oneflight_core::{Record, Stored, Version};

#[cfg(feature = "file")]
pub use file::{Damage, FileStore, FileStoreError, FileStores, Prune, Pruned};
pub use memory::{MemoryStore, MemoryStores};

use crate::BoxFuture;

/// The versions that a store says it has moved on to. Hints: some may be missing, some may come twice.
pub type Changes = Pin<Box<dyn Stream<Item = Version> + Send>>;

/// One record, shared by all holders of a grant, and a lock around its renewal.
///
/// The driver gives every call a deadline and drops the future when it is over. A call that fails says nothing about
/// the session: nobody is signed out because a store is ill.
///
/// # Cancel safety
/// A future that is dropped may or may not have had its effect; the driver reads again before it decides. A dropped
/// [`lock`](Self::lock) must not stay held.
///
/// # Stores of your own
/// `oneflight-testkit` (feature `store`) has the cases that every store must pass.
pub trait Store: Send + Sync + 'static {
    /// Reads the record; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say, or if what it holds is no record that this version can read.
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>>;

    /// Waits for the lock that keeps other holders from renewing. Fair, if the store can be.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot lock. A lock that failed is not a lock that is held by somebody else.
    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>>;

    /// Writes the record if the version that stands there is `expected`; `None`: if there is no record.
    ///
    /// Atomic, and durable before it says [`Swap::Written`] if the store can be. Also called without the lock, by
    /// sign-in and sign-out. Its version is greater than the one it replaces; if a record is removed and made anew, its
    /// versions are not those of before.
    ///
    /// # Errors
    /// [`StoreError`] if it is not known that the record was written, or that it was not.
    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>>;

    /// How long the lock lasts without being renewed, if it is a lease; `None`: until it is given back or its holder dies.
    ///
    /// A request and the save of its answer must fit into it: [`SessionBuilder::build`](crate::SessionBuilder::build) refuses
    /// deadlines that do not. A registry of [`Sessions`](crate::Sessions) has no store yet when it is built.
    fn lease(&self) -> Option<Duration> {
        None
    }

    /// Tells the other holders that the record has moved on to this version. Best effort; never a token.
    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        let _ = version;
        Box::pin(std::future::ready(()))
    }

    /// What other holders announce. `None`: this store cannot tell, so holders learn of each other when they read.
    fn changes(&self) -> Option<Changes> {
        None
    }
}

/// The store's lock, held. Dropping it gives the lock back as well as can be done without waiting.
pub trait Guard: Send {
    /// How long the lock is ours without being renewed; `None`: until we give it back or die.
    fn lease(&self) -> Option<Duration> {
        None
    }

    /// Makes a lease last longer, and says how long it lasts from now on. Called only where there is a
    /// [`lease`](Self::lease), well before it ends.
    ///
    /// # Errors
    /// [`StoreError`] if the lease may have been lost.
    fn renew(&mut self) -> BoxFuture<'_, Result<Duration, StoreError>> {
        let lease = self.lease().unwrap_or_default();
        Box::pin(std::future::ready(Ok(lease)))
    }

    /// Gives the lock back.
    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self);
        Box::pin(std::future::ready(()))
    }
}

/// A store could not do what it was asked. Says nothing about the session.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct StoreError {
    what: Box<str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StoreError {
    /// Says what could not be done: which store, and what was tried. Must not hold a token.
    #[must_use]
    pub fn new(what: impl Into<Box<str>>) -> Self {
        Self {
            what: what.into(),
            source: None,
        }
    }

    /// Adds why.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Debug for dyn Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl fmt::Debug for dyn Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}
