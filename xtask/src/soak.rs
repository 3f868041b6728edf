//! `cargo xtask soak`: every scenario of the demo over real sockets, over and over; or those of
//! pages; or many processes on one grant; or those that are killed, and stores that fail.

use serde_json::Value;

use crate::failure::Failure;
use crate::options::Options;
use crate::pages::{self, Pages};
use crate::run::{cargo, say, shown};

/// What one round fires: each scenario with our client, and a storm with the clients that must lose it,
/// so that a server that has stopped biting is noticed.
const ROUND: [(&str, &str); 8] = [
    ("storm", "oneflight"),
    ("late-401", "oneflight"),
    ("lost-answer", "oneflight"),
    ("outage", "oneflight"),
    ("sign-out", "oneflight"),
    ("always-401", "oneflight"),
    ("storm", "textbook"),
    ("storm", "naive"),
];

/// How long to soak.
pub(crate) struct Soak {
    pub(crate) rounds: u32,
    pub(crate) requests: u32,
}

impl Default for Soak {
    fn default() -> Self {
        Self {
            rounds: 20,
            requests: 200,
        }
    }
}

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut soak = Soak::default();
    let (mut pages, mut lanes) = (None, 1);
    let (mut many, mut ill) = (false, false);
    let mut simulation = None;
    let mut options = Options::new("soak", args);
    while let Some(arg) = options.next() {
        match arg {
            "--rounds" => soak.rounds = options.number(arg)?,
            "--processes" => many = true,
            "--outages" => ill = true,
            "--pages" => pages = Some(options.number(arg)?),
            "--lanes" => lanes = options.number(arg)?,
            "--simulation" => simulation = Some(options.number(arg)?),
            "--requests" => soak.requests = options.number(arg)?,
            other => return Err(options.unknown(other)),
        }
    }
    if let Some(millions) = simulation {
        return simulate(millions);
    }
    if many {
        return processes();
    }
    if ill {
        return outages();
    }
    match pages {
        Some(times) => pages::soak(&Pages {
            times,
            rounds: soak.rounds,
            lanes,
        }),
        None => rounds(&soak),
    }
}

/// The seeded simulation of many holders over the machine itself, for so many million steps: the tests make ten.
fn simulate(millions: u32) -> Result<(), Failure> {
    let steps = u64::from(millions) * 1_000_000;
    shown(
        cargo()
            .env("ONEFLIGHT_SIMULATION_STEPS", steps.to_string())
            .args(["test", "--release", "--package", "oneflight-core", "--lib"])
            .args(["model::simulation::", "--", "--nocapture"]),
    )
}

/// 2, 10 and 50 processes, 100 requests each, 20 expiries of one grant, over each store, at the test server and at
/// `oidc-provider`.
fn processes() -> Result<(), Failure> {
    for processes in ["2", "10", "50"] {
        say(format!("{processes} processes × 100 requests × 20 expiries"));
        shown(
            cargo()
                .args(["test", "--package", "oneflight-tests", "--test", "processes"])
                .args(["--", "--nocapture", "--test-threads=1", "p3_ten_processes"])
                .env("ONEFLIGHT_PROCESSES", processes)
                .env("ONEFLIGHT_REQUESTS", "100")
                .env("ONEFLIGHT_EXPIRIES", "20"),
        )?;
    }
    Ok(())
}

/// Holders killed at every point, and stores that fail in the middle of an attempt: the tables of `docs/failures.md`.
fn outages() -> Result<(), Failure> {
    for (test, filter) in [("processes", "p2_p5_a_holder_killed"), ("outages", "")] {
        shown(
            cargo()
                .args(["test", "--package", "oneflight-tests", "--test", test])
                .args(["--", "--nocapture", "--test-threads=1", filter]),
        )?;
    }
    Ok(())
}

/// Runs all rounds and prints what they came to. Fails if any scenario ended otherwise than it should.
pub(crate) fn rounds(soak: &Soak) -> Result<(), Failure> {
    say("building the command `oneflight`");
    shown(cargo().args(["build", "--package", "oneflight-cli"]))?;
    let mut tallies = ROUND.map(|_| Tally::default());
    for round in 1..=soak.rounds {
        for ((scenario, client), tally) in ROUND.into_iter().zip(&mut tallies) {
            if let Err(reason) = fire(scenario, client, soak.requests, tally) {
                say(format!("round {round}: {scenario} with {client}: {reason}"));
                tally.failures += 1;
            }
        }
        if round % 5 == 0 || round == soak.rounds {
            say(format!("{round} of {} rounds", soak.rounds));
        }
    }
    println!("{:<12} {:<10} {}", "scenario", "client", Tally::HEADINGS);
    for ((scenario, client), tally) in ROUND.into_iter().zip(&tallies) {
        println!("{scenario:<12} {client:<10} {}", tally.row());
    }
    let failures: u32 = tallies.iter().map(|tally| tally.failures).sum();
    let runs = soak.rounds as usize * ROUND.len();
    println!("{runs} runs, {failures} failed");
    if failures == 0 {
        Ok(())
    } else {
        Err(Failure::new(format!("{failures} runs ended as they should not")))
    }
}

/// One run of the demo.
fn fire(scenario: &str, client: &str, requests: u32, tally: &mut Tally) -> Result<(), String> {
    let requests = requests.to_string();
    let output = cargo()
        .args(["run", "--quiet", "--package", "oneflight-cli", "--", "demo"])
        .args(["--headless", "--json", "--scenario", scenario])
        .args(["--client", client, "--requests", &requests])
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let object: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no JSON object ({error}): {}", said.trim()))?;
    tally.add(&object)?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{}: {object} {}", output.status, said.trim()))
    }
}

/// What the runs of one scenario came to; the counts are the server's.
#[derive(Default)]
struct Tally {
    runs: u64,
    requests: u64,
    ok: u64,
    refresh_posts: u64,
    refresh_posts_most: u64,
    reuse_detected: u64,
    p99_ms_most: f64,
    failures: u32,
}

impl Tally {
    const HEADINGS: &'static str = "    runs  requests        ok  refreshes  most/run  reuse  p99 ms  failed";

    fn add(&mut self, object: &Value) -> Result<(), String> {
        let count = |name: &str| {
            object[name]
                .as_u64()
                .ok_or_else(|| format!("no count `{name}` in {object}"))
        };
        let posts = count("refresh_posts")?;
        self.requests += count("requests")?;
        self.ok += count("ok")?;
        // Some servers count, some only know that it happened.
        self.reuse_detected += match &object["reuse_detected"] {
            Value::Bool(seen) => u64::from(*seen),
            _ => count("reuse_detected")?,
        };
        self.refresh_posts += posts;
        self.refresh_posts_most = self.refresh_posts_most.max(posts);
        let p99 = object["p99_ms"]
            .as_f64()
            .ok_or_else(|| format!("no `p99_ms` in {object}"))?;
        self.p99_ms_most = self.p99_ms_most.max(p99);
        self.runs += 1;
        Ok(())
    }

    fn row(&self) -> String {
        format!(
            "{:>8}  {:>8}  {:>8}  {:>9}  {:>8}  {:>5}  {:>6.0}  {:>6}",
            self.runs,
            self.requests,
            self.ok,
            self.refresh_posts,
            self.refresh_posts_most,
            self.reuse_detected,
            self.p99_ms_most,
            self.failures,
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Tally;

    #[test]
    fn counts_add_up_and_the_worst_is_kept() {
        let mut tally = Tally::default();
        for (posts, p99) in [(1, 20.5), (3, 10.0)] {
            tally
                .add(&json!({
                    "requests": 50, "ok": 49, "refresh_posts": posts,
                    "reuse_detected": 0, "p99_ms": p99,
                }))
                .unwrap();
        }
        assert_eq!((tally.runs, tally.requests, tally.ok), (2, 100, 98));
        assert_eq!((tally.refresh_posts, tally.refresh_posts_most), (4, 3));
        assert!((tally.p99_ms_most - 20.5).abs() < 0.01);
    }

    #[test]
    fn a_count_that_is_not_there_is_an_error() {
        assert!(Tally::default().add(&json!({"requests": 50})).is_err());
    }
}
