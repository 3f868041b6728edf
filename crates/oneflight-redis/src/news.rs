//! What is told over publish/subscribe: one connection for the process, made anew when it was lost.
//!
//! A message is a hint. It says that a lease is free, or which version a record has moved on to; never a token.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use futures_util::{FutureExt as _, StreamExt as _};
use oneflight::Version;
use redis::aio::{PubSub, PubSubSink};
use redis::{Cmd, Msg, RedisResult};
use tokio::sync::{Notify, watch};

use crate::error::RedisStoreError;
use crate::names;
use crate::random;
use crate::value::{self, HEAD_MAX_BYTES};
use crate::wire::{Ask, Repeat, Wire};

/// The connection is tried this often when nothing is said, so that one that died without a word is noticed.
const PING_EVERY: Duration = Duration::from_secs(20);

/// The longest pause between two tries to connect.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The shortest one.
const PAUSE_MIN: Duration = Duration::from_millis(25);

/// So many channels are named in one command.
const CHANNELS_AT_ONCE: usize = 500;

/// What is known of one record without asking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// The newest version that was told of.
    pub(crate) version: u64,
    /// How often the lease became free.
    pub(crate) freed: u64,
    /// How often listening began. Before each time something may have been missed.
    pub(crate) heard: u64,
}

/// One record of this process: its names, the queue for its lease, and what was told of it.
pub(crate) struct Place {
    pub(crate) base: Arc<str>,
    /// Those of this process queue here, fairly; only the first asks the server.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    pub(crate) news: watch::Sender<News>,
    listener: Arc<Listener>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.listener.table();
        // Another one may have come into its place.
        if table
            .places
            .get(&self.base)
            .is_some_and(|entry| entry.place.strong_count() == 0)
        {
            table.places.remove(&self.base);
        }
    }
}

/// As long as it lives, the record's channel is listened to.
pub(crate) struct Interest {
    pub(crate) place: Arc<Place>,
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.place
            .listener
            .count(&self.place, |count| count.saturating_sub(1));
    }
}

pub(crate) struct Listener {
    table: Mutex<Table>,
    changed: Notify,
}

#[derive(Default)]
struct Table {
    places: HashMap<Arc<str>, Entry>,
    /// Whose wish has changed.
    dirty: HashSet<Arc<str>>,
}

struct Entry {
    place: Weak<Place>,
    interest: usize,
}

impl Listener {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// The place of this record; the same for all who ask while one of them keeps it.
    pub(crate) fn place(self: &Arc<Self>, base: &str) -> Arc<Place> {
        let mut table = self.table();
        if let Some(place) = table.places.get(base).and_then(|entry| entry.place.upgrade()) {
            return place;
        }
        let base: Arc<str> = base.into();
        let place = Arc::new(Place {
            base: Arc::clone(&base),
            turn: Arc::default(),
            news: watch::Sender::new(News::default()),
            listener: Arc::clone(self),
        });
        let entry = Entry {
            place: Arc::downgrade(&place),
            interest: 0,
        };
        table.places.insert(base, entry);
        place
    }

    pub(crate) fn listen(&self, place: &Arc<Place>) -> Interest {
        self.count(place, |count| count + 1);
        Interest {
            place: Arc::clone(place),
        }
    }

    fn count(&self, place: &Place, change: impl FnOnce(usize) -> usize) {
        let mut table = self.table();
        let Some(entry) = table.places.get_mut(&place.base) else {
            return;
        };
        let before = entry.interest;
        entry.interest = change(before);
        if (before == 0) != (entry.interest == 0) {
            table.dirty.insert(Arc::clone(&place.base));
            self.changed.notify_one();
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens until the task is aborted.
    pub(crate) async fn run(self: Arc<Self>, wire: Arc<Wire>) {
        let mut failures = 0;
        loop {
            let connecting = tokio::time::timeout(wire.timeout, wire.client.get_async_pubsub());
            match connecting.await {
                Ok(Ok(connection)) => {
                    let mut ear = Ear::new(&self, &wire);
                    match ear.serve(connection).await {
                        None => {
                            tracing::warn!(server = %wire.server, "the connection that listens to Redis was lost")
                        }
                        Some(error) => tracing::warn!(%error, "listening to Redis failed; it is tried again"),
                    }
                    if ear.was_answered {
                        failures = 0;
                    }
                }
                Ok(Err(error)) => {
                    let error = wire.explain("", &error);
                    tracing::warn!(%error, "listening to Redis failed; it is tried again");
                }
                Err(_) => {
                    tracing::warn!(server = %wire.server, "Redis did not answer in time; it is tried again")
                }
            }
            let pause = PAUSE_MIN.saturating_mul(1 << failures.min(8)).min(PAUSE_MAX);
            failures += 1;
            tokio::time::sleep(pause / 2 + random::up_to(pause / 2)).await;
        }
    }

    fn told(&self, message: &Msg) {
        let place = {
            let table = self.table();
            let entry = table.places.get(message.get_channel_name());
            entry.and_then(|entry| entry.place.upgrade())
        };
        let Some(place) = place else {
            return;
        };
        match message.get_payload_bytes() {
            b"free" => place.news.send_modify(|news| news.freed += 1),
            text => {
                let version = std::str::from_utf8(text).ok().and_then(value::number);
                if let Some(version) = version {
                    place.told_of(Version(version));
                }
            }
        }
    }

    /// What is to be listened to now, and what no longer, of the wishes that have changed.
    fn wishes(&self, heard: &mut HashSet<Arc<str>>) -> Wishes {
        let mut table = self.table();
        let dirty: Vec<Arc<str>> = table.dirty.iter().take(CHANNELS_AT_ONCE).cloned().collect();
        let mut wishes = Wishes::default();
        for base in dirty {
            table.dirty.remove(&base);
            let place = table.places.get(&base).filter(|entry| entry.interest > 0);
            match place.and_then(|entry| entry.place.upgrade()) {
                Some(place) if heard.insert(Arc::clone(&base)) => wishes.more.push(place),
                Some(_) => {}
                None if heard.remove(&base) => wishes.less.push(base),
                None => {}
            }
        }
        wishes
    }
}

impl Place {
    fn told_of(&self, version: Version) {
        self.news.send_if_modified(|news| {
            let newer = version.0 > news.version;
            news.version = news.version.max(version.0);
            newer
        });
    }
}

#[derive(Default)]
struct Wishes {
    more: Vec<Arc<Place>>,
    less: Vec<Arc<str>>,
}

/// One connection, as long as it lasts.
struct Ear<'a> {
    listener: &'a Listener,
    wire: &'a Arc<Wire>,
    heard: HashSet<Arc<str>>,
    /// What was asked of the server and is not answered yet. One thing at a time.
    doing: Option<BoxFuture<'static, Result<(), RedisStoreError>>>,
    /// Something that was asked was answered. A user who may not subscribe is not tried again and again at once.
    was_answered: bool,
}

impl<'a> Ear<'a> {
    fn new(listener: &'a Listener, wire: &'a Arc<Wire>) -> Self {
        let mut table = listener.table();
        let table = &mut *table;
        table.dirty.extend(table.places.keys().cloned());
        Self {
            listener,
            wire,
            heard: HashSet::new(),
            doing: None,
            was_answered: false,
        }
    }

    /// Until the connection is lost; says why, if it is known.
    async fn serve(&mut self, connection: PubSub) -> Option<RedisStoreError> {
        let (sink, mut messages) = connection.split();
        let mut ping = tokio::time::interval(PING_EVERY);
        ping.reset();
        loop {
            if self.doing.is_none() {
                self.begin(&sink);
            }
            let idle = self.doing.is_none();
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) => self.listener.told(&message),
                    None => return None,
                },
                done = async { self.doing.as_mut().expect("it is something").await }, if !idle => {
                    self.doing = None;
                    match done {
                        Ok(()) => self.was_answered = true,
                        Err(error) => return Some(error),
                    }
                }
                () = self.listener.changed.notified(), if idle => {}
                _ = ping.tick(), if idle => self.ping(&sink),
            }
        }
    }

    /// Begins to do what is wished for.
    fn begin(&mut self, sink: &PubSubSink) {
        let wishes = self.listener.wishes(&mut self.heard);
        if wishes.more.is_empty() && wishes.less.is_empty() {
            return;
        }
        // There may be more of it.
        self.listener.changed.notify_one();
        let (mut sink, wire) = (sink.clone(), Arc::clone(self.wire));
        let doing = async move {
            let more: Vec<&str> = wishes.more.iter().map(|place| &*place.base).collect();
            if !more.is_empty() {
                within(&wire, sink.subscribe(more)).await?;
            }
            for place in &wishes.more {
                place.news.send_modify(|news| news.heard += 1);
            }
            let less: Vec<&str> = wishes.less.iter().map(|base| &**base).collect();
            if !less.is_empty() {
                within(&wire, sink.unsubscribe(less)).await?;
            }
            catch_up(&wire, wishes.more).await;
            Ok(())
        };
        self.doing = Some(doing.boxed());
    }

    fn ping(&mut self, sink: &PubSubSink) {
        let (mut sink, wire) = (sink.clone(), Arc::clone(self.wire));
        let doing = async move { within(&wire, sink.ping::<redis::Value>()).await.map(drop) };
        self.doing = Some(doing.boxed());
    }
}

async fn within<T>(wire: &Wire, asked: impl Future<Output = RedisResult<T>>) -> Result<T, RedisStoreError> {
    let answer = tokio::time::timeout(wire.timeout, asked).await;
    let answer = answer.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()));
    answer.map_err(|error| wire.explain("", &error))
}

/// Reads what may have been told while nobody listened: the versions, not the records.
async fn catch_up(wire: &Wire, places: Vec<Arc<Place>>) {
    let reading = places.into_iter().map(async |place: Arc<Place>| {
        let name = names::record(&place.base);
        let mut command = Cmd::new();
        command.arg("GETRANGE").arg(&name).arg(0).arg(HEAD_MAX_BYTES - 1);
        let head: Result<Vec<u8>, _> = wire.ask(&name, Repeat::Harmless, Ask::Command(&command)).await;
        // A record that cannot be read now says so to whoever loads it.
        if let Some((head, _)) = head.ok().as_deref().and_then(|head| value::split(head).ok()) {
            place.told_of(head.version);
        }
    });
    join_all(reading).await;
}
