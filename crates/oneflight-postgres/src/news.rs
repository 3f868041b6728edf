//! What is told by NOTIFY: one connection for the process, made anew when it was lost.
//!
//! A message is a hint. It says that a lease is free, or which version a record has moved on to; never a token.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use tokio::sync::watch;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, Error, Socket};

use crate::error;
use crate::random;
use crate::tables::{KeyHash, hash, hex};
use crate::wire::{Repeat, Wire};

/// The connection is tried this often when nothing is said, so that one that died without a word is noticed.
const PING_EVERY: Duration = Duration::from_secs(20);

/// The longest and the shortest pause between two tries to connect.
const PAUSE_MAX: Duration = Duration::from_secs(5);
const PAUSE_MIN: Duration = Duration::from_millis(25);

/// So many records are looked at together after listening began anew.
const KEYS_AT_ONCE: usize = 500;

/// What is known of one record without asking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// The newest version that was told of.
    pub(crate) version: u64,
    /// How often the lease became free, or listening began: before it something may have been missed.
    pub(crate) freed: u64,
}

/// One record of this process: its key, the queue for its lease, and what was told of it.
pub(crate) struct Place {
    pub(crate) key: Box<str>,
    pub(crate) hash: KeyHash,
    /// Those of this process queue here, fairly; only the first asks the server.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    pub(crate) news: watch::Sender<News>,
    interest: AtomicUsize,
    listener: Arc<Listener>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.listener.places();
        // Another one may have come into its place.
        if places
            .get(&self.hash)
            .is_some_and(|place| place.strong_count() == 0)
        {
            places.remove(&self.hash);
        }
    }
}

/// As long as it lives, somebody wants to know the record's versions.
pub(crate) struct Interest(Arc<Place>);

impl Interest {
    pub(crate) fn new(place: &Arc<Place>) -> Self {
        place.interest.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(place))
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.interest.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) struct Listener {
    places: Mutex<HashMap<KeyHash, Weak<Place>>>,
    is_listening: AtomicBool,
}

impl Listener {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            places: Mutex::default(),
            is_listening: AtomicBool::new(false),
        })
    }

    /// The place of this record; the same for all who ask while one of them keeps it.
    pub(crate) fn place(self: &Arc<Self>, key: &str) -> Arc<Place> {
        let hash = hash(key);
        let mut places = self.places();
        if let Some(place) = places.get(&hash).and_then(Weak::upgrade) {
            return place;
        }
        let place = Arc::new(Place {
            key: key.into(),
            hash,
            turn: Arc::default(),
            news: watch::Sender::new(News::default()),
            interest: AtomicUsize::new(0),
            listener: Arc::clone(self),
        });
        places.insert(hash, Arc::downgrade(&place));
        place
    }

    pub(crate) fn is_listening(&self) -> bool {
        self.is_listening.load(Ordering::Acquire)
    }

    fn places(&self) -> MutexGuard<'_, HashMap<KeyHash, Weak<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens until the task is aborted.
    pub(crate) async fn run(self: Arc<Self>, wire: Arc<Wire>, dial: Box<dyn Dial>, server: Box<str>) {
        let mut failures = 0;
        loop {
            match tokio::time::timeout(wire.timeout, dial.dial()).await {
                Ok(Ok((client, messages))) => {
                    let lost = self.serve(&wire, client, messages).await;
                    if self.is_listening.swap(false, Ordering::AcqRel) {
                        failures = 0;
                    }
                    // Who waits for a message must not wait for one that will not come.
                    self.wake_all();
                    tracing::warn!(server = %server, cause = lost, "the connection that listens to PostgreSQL was lost");
                }
                Ok(Err(cause)) => {
                    let error = error::explain(&server, &wire.tables.shown(), &cause);
                    tracing::warn!(%error, "listening to PostgreSQL failed; it is tried again");
                }
                Err(_) => {
                    tracing::warn!(server = %server, "PostgreSQL did not answer in time; it is tried again")
                }
            }
            let pause = PAUSE_MIN.saturating_mul(1 << failures.min(8)).min(PAUSE_MAX);
            failures += 1;
            tokio::time::sleep(pause / 2 + random::up_to(pause / 2)).await;
        }
    }

    /// Until the connection is lost; says why.
    async fn serve(&self, wire: &Arc<Wire>, client: Client, mut messages: Messages) -> &'static str {
        let client = Arc::new(client);
        let mut doing = Some(command(
            wire,
            &client,
            format!("LISTEN \"{}\"", wire.tables.channel),
        ));
        let mut listens = false;
        let mut ping = tokio::time::interval(PING_EVERY);
        ping.reset();
        loop {
            let idle = doing.is_none();
            tokio::select! {
                message = messages.next() => match message {
                    Some(Ok(AsyncMessage::Notification(message))) => self.told(message.payload()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return "the connection failed",
                    None => return "the server closed it",
                },
                answered = async { doing.as_mut().expect("it is something").await }, if !idle => {
                    doing = None;
                    if !answered {
                        return "the server did not answer, or refused";
                    }
                    if !std::mem::replace(&mut listens, true) {
                        self.is_listening.store(true, Ordering::Release);
                        self.wake_all();
                        doing = Some(Box::pin(catch_up(Arc::clone(wire), self.wanted())));
                    }
                }
                _ = ping.tick(), if idle => doing = Some(command(wire, &client, "SELECT 1".to_owned())),
            }
        }
    }

    fn told(&self, payload: &str) {
        let Some((name, what)) = payload.split_once(' ') else {
            return;
        };
        let Some(hash) = unhex(name) else {
            return;
        };
        let place = self.places().get(&hash).and_then(Weak::upgrade);
        let Some(place) = place else {
            return;
        };
        match what {
            FREE => place.news.send_modify(|news| news.freed += 1),
            number => {
                if let Ok(version) = number.parse() {
                    place.told_of(version);
                }
            }
        }
    }

    fn all(&self) -> Vec<Arc<Place>> {
        self.places().values().filter_map(Weak::upgrade).collect()
    }

    fn wake_all(&self) {
        for place in self.all() {
            place.news.send_modify(|news| news.freed += 1);
        }
    }

    fn wanted(&self) -> Vec<Arc<Place>> {
        let mut all = self.all();
        all.retain(|place| place.interest.load(Ordering::Relaxed) > 0);
        all
    }
}

const FREE: &str = "free";

impl Place {
    pub(crate) fn free(&self) -> String {
        format!("{} {FREE}", hex(&self.hash))
    }

    pub(crate) fn moved_on(&self, version: u64) -> String {
        format!("{} {version}", hex(&self.hash))
    }

    fn told_of(&self, version: u64) {
        self.news.send_if_modified(|news| {
            let newer = version > news.version;
            news.version = news.version.max(version);
            newer
        });
    }
}

fn unhex(text: &str) -> Option<KeyHash> {
    let mut hash = KeyHash::default();
    if text.len() != 2 * hash.len() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// Whether it was answered in time.
fn command(wire: &Wire, client: &Arc<Client>, sql: String) -> BoxFuture<'static, bool> {
    let (client, timeout) = (Arc::clone(client), wire.timeout);
    Box::pin(async move {
        let answer = tokio::time::timeout(timeout, client.batch_execute(&sql)).await;
        matches!(answer, Ok(Ok(())))
    })
}

/// Reads what may have been told while nobody listened: the versions, not the records.
async fn catch_up(wire: Arc<Wire>, places: Vec<Arc<Place>>) -> bool {
    for some in places.chunks(KEYS_AT_ONCE) {
        let keys: Vec<&str> = some.iter().map(|place| &*place.key).collect();
        // Records that cannot be read now say so to whoever loads them.
        let Ok(rows) = wire
            .ask(
                Repeat::Harmless,
                &wire.tables.versions,
                &[(&keys, Type::TEXT_ARRAY)],
            )
            .await
        else {
            break;
        };
        for row in rows {
            let (Ok(key), Ok(version)) = (row.try_get::<_, &str>(0), row.try_get::<_, i64>(1)) else {
                continue;
            };
            if let (Some(place), Ok(version)) = (
                some.iter().find(|place| &*place.key == key),
                u64::try_from(version),
            ) {
                place.told_of(version);
            }
        }
    }
    true
}

type Messages = BoxStream<'static, Result<AsyncMessage, Error>>;

/// Makes the connection that listens, whatever its TLS.
pub(crate) trait Dial: Send + Sync {
    fn dial(&self) -> BoxFuture<'_, Result<(Client, Messages), Error>>;
}

pub(crate) struct Dialer<T> {
    pub(crate) config: Config,
    pub(crate) tls: T,
}

impl<T> Dial for Dialer<T>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send + 'static,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn dial(&self) -> BoxFuture<'_, Result<(Client, Messages), Error>> {
        Box::pin(async move {
            let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
            let messages: Messages = stream::poll_fn(move |cx| connection.poll_message(cx)).boxed();
            Ok((client, messages))
        })
    }
}
