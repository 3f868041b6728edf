//! Ten thousand grants in one process.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use oneflight::endpoint::OAuthEndpoint;
use oneflight::{Action, Clock as _, Policy, Session, Sessions, SystemClock, TokenSet};
use oneflight_reqwest::ReqwestExchange;
use oneflight_testkit::TestServer;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::figures::{Times, proc_number};
use crate::place::Place;
use crate::servers::Servers;
use crate::sessions::Other;

/// How many sign-ins, and how many renewals of the quick round, are under way at once.
const CALLERS: usize = 200;
/// A caller who is told to come again does, so often.
const MOST_TRIES: u32 = 20;
/// How often the connections are counted.
const COUNT_EVERY: Duration = Duration::from_millis(100);

/// What became of the grants of one place.
pub struct Fleet {
    pub name: &'static str,
    pub grants: usize,
    /// One after the other, as fast as it goes, 200 at a time.
    pub quick: Round,
    /// Each when its token expires, spread over a time.
    pub paced: Round,
    /// Kilobytes of the process before there was a session, and at its peak.
    pub before_kb: u64,
    pub peak_kb: u64,
    /// The most connections to the store's server that were seen.
    pub connections: u64,
    pub alive: usize,
    pub reuse_detected: u64,
}

/// One renewal of every grant.
pub struct Round {
    pub took: Duration,
    pub posts: u64,
    /// Callers that were told to come again.
    pub retries: u64,
    /// What a caller waited for its token, in milliseconds.
    pub median_ms: f64,
    pub p99_ms: f64,
    /// Processor time of the process.
    pub busy: Duration,
}

pub async fn measure(place: &Place, servers: &mut Servers, grants: usize, within: Duration) -> Fleet {
    let server = TestServer::builder().start_in_thread().expect("a free port");
    let [name, at] = place.args();
    let (token_url, within_ms) = (server.token_url(), within.as_millis().to_string());
    let mut other = Other::start(&["--fleet", &name, &at, &token_url, &within_ms]);
    other.hear("ready").await;
    let before_kb = proc_number(&other.id(), "status", "VmRSS");
    for _ in 0..grants {
        let session = server.issue_session();
        other
            .tell(&format!("{} {}", session.access_token, session.refresh_token()))
            .await;
    }
    other.tell("go").await;
    let mut connections = 0;
    let mut rounds = Vec::new();
    for _ in 0..2 {
        let posts = server.counters().refresh_posts;
        other.hear("begins").await;
        let line = {
            let ended = other.hear("round ");
            tokio::pin!(ended);
            loop {
                tokio::select! {
                    line = &mut ended => break line,
                    () = tokio::time::sleep(COUNT_EVERY) => {
                        connections = connections.max(servers.connections(place).await);
                    }
                }
            }
        };
        rounds.push(Round::parse(&line, server.counters().refresh_posts - posts));
    }
    let peak_kb = proc_number(&other.id(), "status", "VmHWM");
    let paced = rounds.pop().expect("two rounds");
    let quick = rounds.pop().expect("two rounds");
    Fleet {
        name: place.name(),
        grants,
        quick,
        paced,
        before_kb,
        peak_kb,
        connections,
        alive: server
            .families()
            .iter()
            .filter(|family| family.is_alive())
            .count(),
        reuse_detected: server.counters().reuse_detected,
    }
}

impl Round {
    /// `TOOK_MS RETRIES MEDIAN_MS P99_MS BUSY_MS`
    fn parse(line: &str, posts: u64) -> Self {
        let numbers: Vec<f64> = line
            .split(' ')
            .map(|number| number.parse().expect("a number"))
            .collect();
        let [took, retries, median_ms, p99_ms, busy] = numbers[..] else {
            panic!("five numbers, not {line:?}");
        };
        Self {
            took: Duration::from_secs_f64(took / 1e3),
            posts,
            retries: retries as u64,
            median_ms,
            p99_ms,
            busy: Duration::from_secs_f64(busy / 1e3),
        }
    }
}

/// The process that has them all.
pub async fn holder(place: &Place, token_url: &str, within: Duration) {
    let stores = place.open().await;
    println!("ready");
    let mut tokens = Vec::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match line.split_once(' ') {
            Some((access, refresh)) => tokens.push((access.to_owned(), refresh.to_owned())),
            None => break,
        }
    }
    let http = ReqwestExchange::new(oneflight_tests::http_builder()).expect("no TLS is needed");
    let endpoint = OAuthEndpoint::builder(token_url, "app", http)
        .build()
        .expect("it is complete");
    let mut policy = Policy::default();
    policy.rejection_budget = u8::MAX;
    let builder = Session::builder()
        .endpoint(endpoint)
        .without_origins()
        .policy(policy);
    let capacity = NonZeroUsize::new(tokens.len()).expect("some grants");
    let sessions = Sessions::with_capacity(capacity, builder, move |number: &usize| {
        stores.store(&number.to_string())
    });
    let sessions = Arc::new(sessions.expect("the settings are complete"));
    let count = tokens.len();
    // What the first token says of its life is what the paced round goes by.
    stream::iter(tokens.into_iter().enumerate())
        .for_each_concurrent(CALLERS, |(number, (access, refresh))| {
            let sessions = Arc::clone(&sessions);
            async move {
                let set = TokenSet::new(&access, SystemClock::default().wall())
                    .and_then(|set| set.refresh_token(&refresh))
                    .expect("these are tokens")
                    .expires_in(Duration::from_secs(900));
                let session = sessions.session(&number).expect("there is room");
                while !session
                    .sign_in(set_again(&set))
                    .await
                    .is_ok_and(|signed_in| signed_in.saved)
                {}
            }
        })
        .await;
    println!("begins");
    let quick = Clocked::start();
    let waits: Vec<(Duration, u32)> = stream::iter(0..count)
        .map(|number| renew(Arc::clone(&sessions), number))
        .buffer_unordered(CALLERS)
        .collect()
        .await;
    quick.say(&waits);

    println!("begins");
    let paced = Clocked::start();
    let start = tokio::time::Instant::now();
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let sessions = Arc::clone(&sessions);
            // As their tokens expire: evenly over the time.
            let at = start + within.mul_f64(number as f64 / count as f64);
            tokio::spawn(async move {
                tokio::time::sleep_until(at).await;
                renew(sessions, number).await
            })
        })
        .collect();
    let mut waits = Vec::with_capacity(count);
    for task in tasks {
        waits.push(task.await.expect("no panic"));
    }
    paced.say(&waits);
    // Whoever looks at this process has until its input ends.
    while let Ok(Some(_)) = lines.next_line().await {}
}

/// A sign-in takes the set.
fn set_again(set: &TokenSet) -> TokenSet {
    let refresh = set.refresh_token.as_ref().expect("it has one");
    TokenSet::new(set.access_token.expose(), set.received_at)
        .and_then(|again| again.refresh_token(refresh.expose()))
        .expect("these are tokens")
        .expires_in(set.expires_in.unwrap_or_default())
}

/// The API refuses its token: it gets a newer one. How long that took, and how often it was told to come again.
async fn renew(sessions: Arc<Sessions<usize>>, number: usize) -> (Duration, u32) {
    let session = sessions.session(&number).expect("there is room");
    let start = Instant::now();
    let mut retries = 0;
    let refused = loop {
        match session.token().await {
            Ok(token) => break token.stamp(),
            Err(error) => come_again(&error, &mut retries).await,
        }
    };
    while let Err(error) = session.newer_than(refused).await {
        come_again(&error, &mut retries).await;
    }
    (start.elapsed(), retries)
}

async fn come_again(error: &oneflight::Error, retries: &mut u32) {
    let Action::Retry { after } = error.action() else {
        panic!("a grant is lost: {error}");
    };
    *retries += 1;
    assert!(*retries < MOST_TRIES, "it does not get better: {error}");
    tokio::time::sleep(after).await;
}

/// Time, and processor time.
struct Clocked {
    start: Instant,
    ticks: u64,
}

impl Clocked {
    fn start() -> Self {
        Self {
            start: Instant::now(),
            ticks: ticks(),
        }
    }

    fn say(self, waits: &[(Duration, u32)]) {
        /// `USER_HZ` of every Linux there is.
        const MILLIS_PER_TICK: u64 = 10;
        let took = self.start.elapsed();
        let busy = (ticks() - self.ticks) * MILLIS_PER_TICK;
        let mut times = Times::default();
        let mut retries = 0;
        for (wait, again) in waits {
            times.add(*wait);
            retries += u64::from(*again);
        }
        println!(
            "round {} {retries} {} {} {busy}",
            took.as_secs_f64() * 1e3,
            times.part_ms(0.5),
            times.part_ms(0.99)
        );
    }
}

/// Processor time so far, user and system.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // Fields 14 and 15; the name, which ends with the bracket, is the second.
    fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}
