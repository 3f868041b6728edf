//! What is tried: a record, how holders open it, and what its store is able to do.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oneflight::{BoxFuture, Store};

/// What a store is given to do what it must. Generous: a machine that runs tests is busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// A store that can be shown.
pub(super) trait Shown: Store + fmt::Debug {
    fn shown(&self) -> String;
}

impl<S: Store + fmt::Debug> Shown for S {
    fn shown(&self) -> String {
        format!("{self:?} {self:#?}")
    }
}

type Open = Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Shown>> + Send + Sync>;
pub(super) type Hook = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;
type Read = Box<dyn Fn() -> BoxFuture<'static, Vec<u8>> + Send + Sync>;

/// One record that does not exist yet, and how to open a store on it as another process would.
///
/// # Examples
/// ```
/// use oneflight::MemoryStore;
/// use oneflight_testkit::store::Subject;
///
/// let record = MemoryStore::new();
/// let subject = Subject::new(move || std::future::ready(record.clone())).tells_changes();
/// # let _ = subject;
/// ```
#[must_use = "a subject does nothing until it is tried"]
pub struct Subject {
    pub(super) open: Open,
    pub(super) patience: Duration,
    pub(super) tells_changes: bool,
    pub(super) short_lease: Option<Open>,
    pub(super) end_lease: Option<Hook>,
    pub(super) remove: Option<Hook>,
    pub(super) restart: Option<Hook>,
    pub(super) raw: Option<Read>,
    pub(super) outage: Option<(Hook, Hook)>,
    _kept: Vec<Box<dyn Any + Send + Sync>>,
}

fn hook<F, A>(function: F) -> Hook
where
    F: Fn() -> A + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    Box::new(move || Box::pin(function()))
}

fn open<F, A>(function: F) -> Open
where
    F: Fn() -> A + Send + Sync + 'static,
    A: Future + Send + 'static,
    A::Output: Store + fmt::Debug,
{
    Box::new(move || {
        let opening = function();
        Box::pin(async move { Arc::new(opening.await) as Arc<dyn Shown> })
    })
}

impl Subject {
    /// `holder` opens the record as a process of its own would: always the same record, each time with connections of its
    /// own, if the store has any.
    pub fn new<F, A>(holder: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future + Send + 'static,
        A::Output: Store + fmt::Debug,
    {
        Self {
            open: open(holder),
            patience: PATIENCE,
            tells_changes: false,
            short_lease: None,
            end_lease: None,
            remove: None,
            restart: None,
            raw: None,
            outage: None,
            _kept: Vec::new(),
        }
    }

    /// How long the store may take for what it must do at once, such as to give a free lock. Default: 20 s.
    ///
    /// A lease should last longer, or its end passes for its return.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The store has [changes](Store::changes), so holders learn of each other without asking.
    pub fn tells_changes(mut self) -> Self {
        self.tells_changes = true;
        self
    }

    /// Opens the same record with a lease of a few seconds, for the cases that wait for its end.
    pub fn short_lease<F, A>(mut self, holder: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future + Send + 'static,
        A::Output: Store + fmt::Debug,
    {
        self.short_lease = Some(open(holder));
        self
    }

    /// Ends the lease on the record behind its owner's back, as if its time were over.
    pub fn end_lease<F, A>(mut self, end: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        self.end_lease = Some(hook(end));
        self
    }

    /// Removes the record.
    pub fn remove<F, A>(mut self, remove: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        self.remove = Some(hook(remove));
        self
    }

    /// Ends what serves the record as a crash would, and starts it again. What was written must outlive it.
    pub fn restart<F, A>(mut self, restart: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        self.restart = Some(hook(restart));
        self
    }

    /// Reads everything that the store keeps outside of the process, names and values alike. For stores that encrypt.
    pub fn raw<F, A>(mut self, read: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Vec<u8>> + Send + 'static,
    {
        self.raw = Some(Box::new(move || Box::pin(read())));
        self
    }

    /// Breaks what serves the record, and mends it. Nothing that was written may be lost by it.
    pub fn outage<B, C, D, E>(mut self, begin: B, end: D) -> Self
    where
        B: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = ()> + Send + 'static,
        D: Fn() -> E + Send + Sync + 'static,
        E: Future<Output = ()> + Send + 'static,
    {
        self.outage = Some((hook(begin), hook(end)));
        self
    }

    /// Keeps something alive as long as the subject: a folder, a server.
    pub fn keep(mut self, value: impl Any + Send + Sync) -> Self {
        self._kept.push(Box::new(value));
        self
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("patience", &self.patience)
            .field("tells_changes", &self.tells_changes)
            .finish_non_exhaustive()
    }
}
