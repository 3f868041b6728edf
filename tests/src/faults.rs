//! Points of an attempt at which a process can be made to end, or to tell that it came there.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use oneflight::endpoint::{RefreshRequest, Reply};
use oneflight::store::{Changes, Guard};
use oneflight::{BoxFuture, Record, State, Store, StoreError, Stored, Swap, TokenEndpoint, Version};
use rustix::process::{Signal, getpid, kill_process};

/// The points in the order in which an attempt comes to them.
pub const POINTS: [&str; 10] = [
    "before-lock",
    "locked",
    "loaded",
    "before-mark",
    "marked",
    "before-send",
    "answered",
    "before-save",
    "saved",
    "before-unlock",
];

/// Where a save comes to that finds another version; no attempt has to come here.
pub const SAVE_REFUSED: &str = "save-refused";

/// Where a request comes to that its connection took over, and that nobody can call back; it comes here only if it is to stop.
pub const IN_CONNECTION: &str = "in-connection";

/// What is to happen where.
#[derive(Default)]
pub struct Points {
    die: Mutex<Option<&'static str>>,
    stop: Mutex<Option<&'static str>>,
    go: Condvar,
    tell: Mutex<Option<&'static str>>,
    /// The first look at a store comes before the lock, and is no point.
    locked: AtomicBool,
}

impl Points {
    /// At this point the process ends by SIGKILL.
    pub fn die_at(&self, point: &str) {
        *self.die.lock().unwrap() = Some(known(point));
    }

    /// At this point the process says so and goes no further until it is let go: a place to freeze it at, for a process
    /// that sends itself SIGSTOP may come further before it takes effect.
    pub fn stop_at(&self, point: &str) {
        *self.stop.lock().unwrap() = Some(known(point));
    }

    /// Lets go who stopped.
    pub fn go(&self) {
        *self.stop.lock().unwrap() = None;
        self.go.notify_all();
    }

    /// At this point the process says so.
    pub fn tell_at(&self, point: &str) {
        *self.tell.lock().unwrap() = Some(known(point));
    }

    fn stops_at(&self, point: &'static str) -> bool {
        *self.stop.lock().unwrap() == Some(point)
    }

    fn at(&self, point: &'static str) {
        if *self.tell.lock().unwrap() == Some(point) {
            say(point);
        }
        let stop = self.stop.lock().unwrap();
        if *stop == Some(point) {
            say(point);
            drop(self.go.wait_while(stop, |stop| stop.is_some()).unwrap());
        }
        if *self.die.lock().unwrap() == Some(point) {
            kill_process(getpid(), Signal::KILL).unwrap();
            // Nothing may happen between the signal's sending and its effect.
            loop {
                std::thread::park();
            }
        }
    }
}

fn say(point: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "at {point}").unwrap();
    out.flush().unwrap();
}

fn known(point: &str) -> &'static str {
    let mut all = POINTS.into_iter().chain([SAVE_REFUSED, IN_CONNECTION]);
    all.find(|known| *known == point).expect("there is such a point")
}

/// A token endpoint with the points around a request.
pub struct FaultyEndpoint<E> {
    inner: Arc<E>,
    points: Arc<Points>,
}

impl<E> FaultyEndpoint<E> {
    /// Around this one.
    pub fn new(inner: E, points: &Arc<Points>) -> Self {
        let points = Arc::clone(points);
        let inner = Arc::new(inner);
        Self { inner, points }
    }

    /// Hands the request to a task of its own, which goes on although nobody waits for it any more.
    async fn by_a_connection(&self, request: RefreshRequest) -> Reply
    where
        E: TokenEndpoint,
    {
        let (inner, points) = (Arc::clone(&self.inner), Arc::clone(&self.points));
        let sent = tokio::spawn(async move {
            points.at(IN_CONNECTION);
            inner.refresh(request).await
        });
        sent.await.expect("it does not panic")
    }
}

impl<E: TokenEndpoint> TokenEndpoint for FaultyEndpoint<E> {
    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            self.points.at("before-send");
            let reply = match self.points.stops_at(IN_CONNECTION) {
                true => self.by_a_connection(request).await,
                false => self.inner.refresh(request).await,
            };
            self.points.at("answered");
            reply
        })
    }
}

/// A store with the points around the lock and the record.
pub struct FaultyStore<S> {
    inner: S,
    points: Arc<Points>,
}

impl<S> FaultyStore<S> {
    /// Around this one.
    pub fn new(inner: S, points: &Arc<Points>) -> Self {
        let points = Arc::clone(points);
        Self { inner, points }
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(async move {
            let stored = self.inner.load().await;
            if self.points.locked.load(Ordering::SeqCst) {
                self.points.at("loaded");
            }
            stored
        })
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        Box::pin(async move {
            self.points.at("before-lock");
            let inner = self.inner.lock().await?;
            self.points.locked.store(true, Ordering::SeqCst);
            self.points.at("locked");
            let points = Arc::clone(&self.points);
            Ok(Box::new(FaultyGuard { inner, points }) as Box<dyn Guard>)
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        let marks = matches!(record.state, State::Live { mark: Some(_), .. });
        let (before, after) = match marks {
            true => ("before-mark", "marked"),
            false => ("before-save", "saved"),
        };
        Box::pin(async move {
            self.points.at(before);
            let swap = self.inner.compare_and_swap(expected, record).await;
            match swap {
                Ok(Swap::Conflict) => self.points.at(SAVE_REFUSED),
                _ => self.points.at(after),
            }
            swap
        })
    }

    fn lease(&self) -> Option<std::time::Duration> {
        self.inner.lease()
    }

    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        self.inner.announce(version)
    }

    fn changes(&self) -> Option<Changes> {
        self.inner.changes()
    }
}

struct FaultyGuard {
    inner: Box<dyn Guard>,
    points: Arc<Points>,
}

impl Guard for FaultyGuard {
    fn lease(&self) -> Option<std::time::Duration> {
        self.inner.lease()
    }

    fn renew(&mut self) -> BoxFuture<'_, Result<std::time::Duration, StoreError>> {
        self.inner.renew()
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.points.at("before-unlock");
            self.points.locked.store(false, Ordering::SeqCst);
            self.inner.release().await;
        })
    }
}
