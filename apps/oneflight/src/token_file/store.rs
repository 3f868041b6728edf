//! The file as a store of the session.

use std::fs::{File, TryLockError};
use std::time::Duration;

use oneflight::BoxFuture;
use oneflight::store::{Guard, Store, StoreError};
use oneflight_core::machine::Swap;
use oneflight_core::{Record, Stored, Version};

use super::{TokenFile, TokenFileError};

/// How often a held lock is tried again. A wait inside the system could not be given up.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(25);

/// The lock on the file beside ours; it ends with its owner, however that ends.
struct Turn {
    _locked: File,
}

impl Guard for Turn {}

impl Store for TokenFile {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        let file = self.clone();
        Box::pin(async move { aside(move || file.load()).await.map(Some) })
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        Box::pin(async move {
            let failed =
                |error| StoreError::new(format!("{} cannot be locked", self.path.display())).because(error);
            let file = self.lock_file("lock").map_err(failed)?;
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(Box::new(Turn { _locked: file }) as Box<dyn Guard>),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(TRY_AGAIN_AFTER).await,
                    Err(TryLockError::Error(error)) => return Err(failed(error)),
                }
            }
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        let file = self.clone();
        Box::pin(async move { aside(move || file.compare_and_swap(expected, record)).await })
    }
}

/// Runs what waits for a disk where it keeps nobody else waiting.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TokenFileError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| StoreError::new("the token file failed").because(error)),
        Err(panicked) => Err(StoreError::new("the token file could not be worked on").because(panicked)),
    }
}
