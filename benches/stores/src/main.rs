//! What sessions cost that several processes share: over memory (one process: the floor), a file, Redis, PostgreSQL.
//!
//! ```text
//! oneflight-bench-stores [--test] [--only handover|attempt|idle|fleet] [--store memory|file|Redis|PostgreSQL]
//!                        [--rounds N] [--requests N] [--grants N] [--within-seconds N] [--no-fsync]
//! ```
//!
//! Whatever the figures: a valid token must cost the store nothing, and no grant may be lost, or it fails.

mod attempt;
mod figures;
mod fleet;
mod handover;
mod place;
mod servers;
mod sessions;

use std::time::Duration;

use crate::figures::{disk, load};
use crate::place::Place;
use crate::servers::Servers;

/// What is to be measured, and how long.
struct Plan {
    rounds: usize,
    requests: u64,
    grants: usize,
    within: Duration,
    only: Option<String>,
    store: Option<String>,
    fsync: bool,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        match args[..] {
            ["--waiter", name, at] => handover::waiter(&Place::parse(name, at)).await,
            ["--fleet", name, at, token_url, within_ms] => {
                let within = Duration::from_millis(within_ms.parse().expect("a number"));
                fleet::holder(&Place::parse(name, at), token_url, within).await;
            }
            _ => run(&Plan::of(&args)).await,
        }
    });
}

impl Plan {
    fn of(args: &[&str]) -> Self {
        let quick = args.contains(&"--test");
        let number = |name: &str, quickly: u64, usual: u64| {
            let at = args.iter().position(|arg| *arg == name);
            let given = at.and_then(|at| args.get(at + 1)?.parse().ok());
            given.unwrap_or(if quick { quickly } else { usual })
        };
        let word = |name: &str| {
            let at = args.iter().position(|arg| *arg == name)?;
            args.get(at + 1).map(|word| (*word).to_owned())
        };
        Self {
            rounds: number("--rounds", 5, 300) as usize,
            requests: number("--requests", 1_000, 1_000_000),
            grants: number("--grants", 100, 10_000) as usize,
            within: Duration::from_secs(number("--within-seconds", 1, 60)),
            only: word("--only"),
            store: word("--store"),
            fsync: !args.contains(&"--no-fsync"),
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

async fn run(plan: &Plan) {
    let mut servers = Servers::start(plan.fsync).await;
    let mut places = servers.places();
    places.retain(|place| plan.store.as_deref().is_none_or(|only| only == place.name()));
    println!("load average at the start: {}", load());
    println!(
        "4 KiB written to this disk for good: median | 99 %: {}",
        disk().cells()
    );
    println!(
        "Redis with appendfsync everysec, PostgreSQL with fsync {}; records encrypted in both, not in the file",
        if plan.fsync { "on" } else { "off" }
    );
    if plan.wants("handover") {
        handovers(plan, &places, &mut servers).await;
    }
    if plan.wants("attempt") {
        attempts(plan, &places, &mut servers).await;
    }
    if plan.wants("idle") {
        idle(plan, &places, &mut servers).await;
    }
    if plan.wants("fleet") {
        fleets(plan, &places, &mut servers).await;
    }
    println!("\nload average at the end: {}", load());
}

async fn handovers(plan: &Plan, places: &[Place], servers: &mut Servers) {
    let rounds = plan.rounds;
    println!(
        "\nFrom the save in one process to the token in another that waits for it, {rounds} flights each:\n"
    );
    println!(
        "| store | after the save was acknowledged: median | 99 % | after it began: median | 99 % | a round trip: median | 99 % |"
    );
    println!("|---|---|---|---|---|---|---|");
    for place in places.iter().filter(|place| **place != Place::Memory) {
        let result = handover::measure(place, servers, rounds).await;
        let round_trip = result
            .round_trip
            .as_ref()
            .map_or_else(|| "– | –".to_owned(), |times| times.cells());
        println!(
            "| {} | {} | {} | {round_trip} |",
            result.name,
            result.from_saved.cells(),
            result.from_saving.cells()
        );
    }
}

async fn attempts(plan: &Plan, places: &[Place], servers: &mut Servers) {
    let rounds = plan.rounds;
    println!("\nAn attempt, with a token endpoint that answers at once, {rounds} each, taking turns:\n");
    println!("| store | demand to token: median | 99 % | asked of the server in the whole attempt |");
    println!("|---|---|---|---|");
    for result in attempt::measure(places, servers, rounds).await {
        let asked = result
            .asked
            .map_or_else(|| "–".to_owned(), |asked| asked.to_string());
        println!("| {} | {} | {asked} |", result.name, result.times.cells());
    }
}

async fn idle(plan: &Plan, places: &[Place], servers: &mut Servers) {
    let requests = plan.requests;
    println!("\n{requests} requests for a token that is valid:\n");
    println!("| store | each | asked of the server | reads of the process |");
    println!("|---|---|---|---|");
    for place in places {
        let result = attempt::idle(place, servers, requests).await;
        assert!(
            result.asked.unwrap_or_default() == 0,
            "a valid token asked the server"
        );
        assert!(result.reads == 0, "a valid token was read from somewhere");
        let asked = result
            .asked
            .map_or_else(|| "–".to_owned(), |asked| asked.to_string());
        println!(
            "| {} | {:.0} ns | {asked} | {} |",
            result.name, result.nanos, result.reads
        );
    }
}

async fn fleets(plan: &Plan, places: &[Place], servers: &mut Servers) {
    let (grants, within) = (plan.grants, plan.within.as_secs());
    println!(
        "\n{grants} grants in one process, each renewed once as fast as it goes, 200 at a time, then once more, spread over {within} s:\n"
    );
    println!(
        "| store | renewals a second | told to come again | a caller waits: median | 99 % | spread: processor time | told to come again | a caller waits: median | 99 % | memory before, peak | connections | token requests | grants alive | used twice |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let shared = places
        .iter()
        .filter(|place| matches!(place, Place::Redis(_) | Place::Postgres(_)));
    for place in shared {
        let result = fleet::measure(place, servers, grants, plan.within).await;
        let (quick, paced) = (&result.quick, &result.paced);
        assert!(
            result.alive == grants && result.reuse_detected == 0,
            "a grant is lost"
        );
        println!(
            "| {} | {:.0} | {} | {:.1} ms | {:.1} ms | {:.1} s of {:.0} s | {} | {:.1} ms | {:.1} ms | {:.1} MB, {:.1} MB | {} | {} | {} of {} | {} |",
            result.name,
            result.grants as f64 / quick.took.as_secs_f64(),
            quick.retries,
            quick.median_ms,
            quick.p99_ms,
            paced.busy.as_secs_f64(),
            paced.took.as_secs_f64(),
            paced.retries,
            paced.median_ms,
            paced.p99_ms,
            result.before_kb as f64 / 1024.0,
            result.peak_kb as f64 / 1024.0,
            result.connections,
            quick.posts + paced.posts,
            result.alive,
            result.grants,
            result.reuse_detected,
        );
    }
}
