//! What an attempt costs beside the token request, and what a request costs while the token is valid.

use std::time::{Duration, Instant};

use oneflight::{Session, Stamp};

use crate::figures::{Times, proc_number};
use crate::place::Place;
use crate::servers::Servers;
use crate::sessions::{at_once, session, tokens};

/// How long nothing must have been asked.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const MOST_LOOKS: usize = 100;

/// What was measured of one place.
pub struct Attempt {
    pub name: &'static str,
    /// From the demand to the token, with an endpoint that answers at once.
    pub times: Times,
    /// What the server was asked in one attempt, by its own count.
    pub asked: Option<u64>,
}

/// All places take turns, attempt by attempt.
pub async fn measure(places: &[Place], servers: &mut Servers, rounds: usize) -> Vec<Attempt> {
    let mut subjects = Vec::new();
    for place in places {
        let session = session(at_once(), place.open().await.store("attempt"));
        session.sign_in(tokens()).await.expect("it is taken");
        // Scripts are loaded, connections made.
        let stamp = attempt(&session, None, &mut Times::default()).await;
        subjects.push((place, session, stamp, Times::default()));
    }
    for _ in 0..rounds {
        for (_, session, stamp, times) in &mut subjects {
            *stamp = attempt(session, Some(*stamp), times).await;
        }
    }
    let mut results = Vec::new();
    for (place, session, _, times) in subjects {
        session.close().await;
        results.push(Attempt {
            name: place.name(),
            times,
            asked: count_one(place, servers).await,
        });
    }
    results
}

/// What the server is asked for by a whole attempt: it gives back the lock and tells the others after the requests were let go.
async fn count_one(place: &Place, servers: &mut Servers) -> Option<u64> {
    servers.count(place).await;
    let session = session(at_once(), place.open().await.store("attempt"));
    session.sign_in(tokens()).await.expect("it is taken");
    let stamp = attempt(&session, None, &mut Times::default()).await;
    quiet(place, servers).await;
    let before = servers.asked(place).await;
    attempt(&session, Some(stamp), &mut Times::default()).await;
    session.close().await;
    quiet(place, servers).await;
    let after = servers.asked(place).await;
    servers.count_no_more().await;
    before.zip(after).map(|(before, after)| after - before)
}

/// Until nothing more is asked.
async fn quiet(place: &Place, servers: &mut Servers) {
    let mut last = servers.asked(place).await;
    for _ in 0..MOST_LOOKS {
        tokio::time::sleep(LOOK_AGAIN).await;
        let now = servers.asked(place).await;
        if now == last {
            return;
        }
        last = now;
    }
}

async fn attempt(session: &Session, refused: Option<Stamp>, times: &mut Times) -> Stamp {
    let refused = match refused {
        Some(stamp) => stamp,
        None => session.token().await.expect("it is signed in").stamp(),
    };
    let start = Instant::now();
    let token = session.newer_than(refused).await.expect("it is renewed");
    times.add(start.elapsed());
    token.stamp()
}

/// What requests with a valid token cost.
pub struct Idle {
    pub name: &'static str,
    pub nanos: f64,
    /// What the server was asked meanwhile.
    pub asked: Option<u64>,
    /// Reads from files or sockets that this process made meanwhile, by the system's count.
    pub reads: u64,
}

pub async fn idle(place: &Place, servers: &mut Servers, requests: u64) -> Idle {
    servers.count(place).await;
    let session = session(at_once(), place.open().await.store("idle"));
    session.sign_in(tokens()).await.expect("it is taken");
    session.token().await.expect("it is signed in");
    quiet(place, servers).await;
    let before = servers.asked(place).await;
    // What looking costs is no part of it.
    let look = || proc_number("self", "io", "syscr");
    let costs = look();
    let costs = look() - costs;
    let reads = look();
    let start = Instant::now();
    for _ in 0..requests {
        let token = session.token().await.expect("it is valid");
        std::hint::black_box(token.header());
    }
    let nanos = start.elapsed().as_secs_f64() * 1e9 / requests as f64;
    let reads = look() - reads - costs;
    let after = servers.asked(place).await;
    servers.count_no_more().await;
    Idle {
        name: place.name(),
        nanos,
        asked: before.zip(after).map(|(before, after)| after - before),
        reads,
    }
}
