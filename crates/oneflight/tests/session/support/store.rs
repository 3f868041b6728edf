//! A store that fails, hangs, panics and waits as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use oneflight::store::{Changes, Guard};
use oneflight::{BoxFuture, MemoryStore, Record, Store, StoreError, Stored, Swap, Version};

use super::server::Gate;

/// What becomes of one operation.
#[derive(Clone)]
pub enum Fault {
    None,
    Fail,
    /// Writes, and reports a failure.
    FailAfter,
    Hang,
    /// Writes, and never says so.
    HangAfter,
    Panic,
    /// Panics before there is a future.
    PanicAtOnce,
    Gate(Arc<Gate>),
}

#[derive(Default)]
pub struct Script {
    pub next: VecDeque<Fault>,
    pub always: Option<Fault>,
}

#[derive(Clone, Default)]
pub struct HostileStore {
    pub memory: MemoryStore,
    pub loads: Arc<Mutex<Script>>,
    pub locks: Arc<Mutex<Script>>,
    pub saves: Arc<Mutex<Script>>,
}

impl HostileStore {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn over(memory: MemoryStore) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }

    pub fn always(script: &Mutex<Script>, fault: Option<Fault>) {
        script.lock().unwrap().always = fault;
    }

    pub fn next(script: &Mutex<Script>, faults: impl IntoIterator<Item = Fault>) {
        script.lock().unwrap().next.extend(faults);
    }

    fn fault(&self, script: &Mutex<Script>) -> Fault {
        let mut script = script.lock().unwrap();
        let fault = script.next.pop_front().or_else(|| script.always.clone());
        let fault = fault.unwrap_or(Fault::None);
        if matches!(fault, Fault::PanicAtOnce) {
            drop(script);
            panic!("scripted");
        }
        fault
    }
}

async fn before(fault: &Fault) -> Result<(), StoreError> {
    match fault {
        Fault::None | Fault::FailAfter | Fault::HangAfter => Ok(()),
        Fault::Fail => Err(StoreError::new("scripted")),
        Fault::Hang => std::future::pending().await,
        Fault::Panic | Fault::PanicAtOnce => panic!("scripted"),
        Fault::Gate(gate) => {
            gate.pass().await;
            Ok(())
        }
    }
}

impl Store for HostileStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        let fault = self.fault(&self.loads);
        Box::pin(async move {
            before(&fault).await?;
            self.memory.load().await
        })
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        let fault = self.fault(&self.locks);
        Box::pin(async move {
            before(&fault).await?;
            self.memory.lock().await
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        let fault = self.fault(&self.saves);
        Box::pin(async move {
            before(&fault).await?;
            let swap = self.memory.compare_and_swap(expected, record).await?;
            match fault {
                Fault::FailAfter => Err(StoreError::new("scripted, after writing")),
                Fault::HangAfter => std::future::pending().await,
                _ => Ok(swap),
            }
        })
    }

    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        self.memory.announce(version)
    }

    fn changes(&self) -> Option<Changes> {
        self.memory.changes()
    }
}
