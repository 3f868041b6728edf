//! What came of a flight: the one object that `--json` prints.

use std::time::Duration;

use serde::Serialize;

use super::flight::{Landing, Outcome};
use super::kinds::{ClientKind, Scenario};

/// The result of a flight. `refresh_posts` and `reuse_detected` are the server's counts, `null` where the server is not
/// ours to ask; `session_alive` was found out by letting the token expire once more and calling again.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) scenario: Scenario,
    pub(crate) client: ClientKind,
    pub(crate) requests: u32,
    pub(crate) ok: u32,
    pub(crate) unauthorized: u32,
    pub(crate) errors: u32,
    pub(crate) refresh_posts: Option<u64>,
    pub(crate) reuse_detected: Option<u64>,
    pub(crate) session_alive: bool,
    pub(crate) elapsed_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// How the requests of a flight ended, before anybody asked the server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) ok: u32,
    pub(crate) unauthorized: u32,
    pub(crate) errors: u32,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Tally {
    pub(crate) fn of(landings: &[Landing]) -> Self {
        let mut tally = Self::default();
        for landing in landings {
            match landing.outcome {
                Outcome::Ok => tally.ok += 1,
                Outcome::Unauthorized => tally.unauthorized += 1,
                Outcome::Failed { .. } => tally.errors += 1,
            }
        }
        let mut took: Vec<Duration> = landings.iter().map(|landing| landing.took).collect();
        took.sort_unstable();
        tally.p50 = rank(&took, 50);
        tally.p99 = rank(&took, 99);
        tally
    }
}

/// The nearest-rank percentile of sorted spans; nothing of nothing.
fn rank(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

impl Report {
    /// The report in one line of words: "1 refresh, 50 ok, session lives".
    pub(crate) fn words(&self) -> String {
        let mut parts = Vec::new();
        if let Some(posts) = self.refresh_posts {
            parts.push(if posts == 1 {
                "1 refresh".to_owned()
            } else {
                format!("{posts} refreshes")
            });
        }
        if self.ok > 0 {
            parts.push(format!("{} ok", self.ok));
        }
        match (self.unauthorized, self.errors) {
            (0, 0) => {}
            (unauthorized, 0) => parts.push(format!("{unauthorized} unauthorized")),
            (unauthorized, errors) => parts.push(format!("{} failed", unauthorized + errors)),
        }
        if self.reuse_detected.is_some_and(|reuse| reuse > 0) {
            parts.push("reuse detected".to_owned());
        }
        parts.push(
            match (self.scenario, self.session_alive) {
                (Scenario::SignOut, false) if self.reuse_detected == Some(0) => "signed out, and stays so",
                (Scenario::SignOut, true) => "signed in again behind the user's back",
                (_, true) => "session lives",
                (_, false) => "signed out",
            }
            .to_owned(),
        );
        parts.join(", ")
    }
}

/// Milliseconds with one decimal.
pub(crate) fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landing(ms: u64, outcome: Outcome) -> Landing {
        Landing {
            outcome,
            took: Duration::from_millis(ms),
        }
    }

    #[test]
    fn x2_percentiles_are_nearest_rank() {
        let landings: Vec<Landing> = (1..=200).rev().map(|ms| landing(ms, Outcome::Ok)).collect();
        let tally = Tally::of(&landings);
        assert_eq!(
            (tally.ok, tally.p50.as_millis(), tally.p99.as_millis()),
            (200, 100, 198)
        );
        assert_eq!(Tally::of(&[]).p99, Duration::ZERO);
        assert_eq!(Tally::of(&[landing(7, Outcome::Unauthorized)]).p50.as_millis(), 7);
    }

    #[test]
    fn x2_the_verdict_names_what_the_user_feels() {
        let mut report = Report {
            scenario: Scenario::Storm,
            client: ClientKind::Oneflight,
            requests: 50,
            ok: 50,
            unauthorized: 0,
            errors: 0,
            refresh_posts: Some(1),
            reuse_detected: Some(0),
            session_alive: true,
            elapsed_ms: 1.0,
            p50_ms: 1.0,
            p99_ms: 1.0,
        };
        assert_eq!(report.words(), "1 refresh, 50 ok, session lives");
        (report.refresh_posts, report.reuse_detected, report.session_alive) = (Some(50), Some(49), false);
        (report.ok, report.unauthorized) = (0, 50);
        assert_eq!(
            report.words(),
            "50 refreshes, 50 unauthorized, reuse detected, signed out"
        );
        (report.refresh_posts, report.reuse_detected) = (None, None);
        assert_eq!(report.words(), "50 unauthorized, signed out");
    }
}
