//! A storm: many waiters, one refresh. From the arrival of the answer until the last waiter has its token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use oneflight_benches::measure::version;
use oneflight_benches::sessions::gated;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

const ROUNDS: usize = 15;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    println!("{}", version("oneflight"));
    println!("waiters  refreshes  from the answer to the last waiter, median of {ROUNDS}");
    for waiters in [10, 100, 1_000, 10_000] {
        let rounds = if quick { 1 } else { ROUNDS };
        let mut taken: Vec<f64> = (0..rounds).map(|_| runtime.block_on(storm(waiters))).collect();
        taken.sort_by(f64::total_cmp);
        let median = taken[taken.len() / 2];
        println!(
            "{waiters:>7}  {:>9}  {median:>8.3} ms  ({:.3} ms per 1,000)",
            1,
            median * 1_000.0 / waiters as f64
        );
    }
}

/// Milliseconds from the answer to the last of the waiters.
async fn storm(waiters: usize) -> f64 {
    let gate = Arc::new(Semaphore::new(0));
    let session = gated(gate.clone()).await;
    let stamp = session.token().await.expect("it is signed in").stamp();
    let about_to_wait = Arc::new(Barrier::new(waiters + 1));
    let renewed = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..waiters {
        let (session, barrier, renewed) = (session.clone(), about_to_wait.clone(), renewed.clone());
        tasks.spawn(async move {
            barrier.wait().await;
            let token = session.newer_than(stamp).await.expect("it is renewed");
            assert_ne!(token.stamp(), stamp);
            renewed.fetch_add(1, Ordering::Relaxed);
            Instant::now()
        });
    }
    about_to_wait.wait().await;
    // Every waiter is past the barrier and, after so many turns of the scheduler, waits for the flight.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        renewed.load(Ordering::Relaxed),
        0,
        "nobody has a new token before the answer"
    );
    let answered = Instant::now();
    // One permit: a second refresh would hang for ever.
    gate.add_permits(1);
    let mut last = answered;
    while let Some(at) = tasks.join_next().await {
        last = last.max(at.expect("no waiter panics"));
    }
    (last - answered).as_secs_f64() * 1e3
}
