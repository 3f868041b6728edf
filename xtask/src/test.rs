//! `cargo xtask test`: set-up, every test, and the check that each behaviour has one.

use std::collections::BTreeSet;

use crate::behaviours;
use crate::browser;
use crate::example;
use crate::failure::Failure;
use crate::npm::{self, glue, size};
use crate::options::handed_on;
use crate::packages;
use crate::run::{cargo, say, watched};
use crate::setup;

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let chosen = handed_on(args);
    let mut environment = setup::run()?;
    match npm::dist() {
        // The demo's page is tried with it.
        Ok(dist) => environment.push(("ONEFLIGHT_WEB_PACKAGE", dist.into())),
        Err(failure) if chosen.is_empty() => return Err(failure),
        Err(failure) => say(format!("the package for browsers is not there: {failure}")),
    }
    say("cargo test: unit, integration, real-server, demo page and documentation tests");
    let mut seen = Seen::default();
    let succeeded = watched(
        cargo()
            .args(["test", "--workspace", "--all-features", "--no-fail-fast"])
            .args(chosen)
            .envs(environment.iter().cloned()),
        |line| seen.line(line),
    )?;
    if !succeeded && seen.runners == 0 {
        return Err(Failure::new("the tests did not compile; the reason is above"));
    }
    let glue = glue::check();
    // A filter is meant for Rust's tests; `cargo xtask browser` has its own.
    let packages = !chosen.is_empty() || packages::all(|line| seen.line(line))?;
    let browsers = !chosen.is_empty() || browser::all(&environment, |line| seen.line(line))?;
    let examples = !chosen.is_empty() || example::quick(&environment, |line| seen.line(line))?;
    let weight = if chosen.is_empty() { size::check() } else { Ok(()) };
    println!("{} passed, {} failed", seen.passed, seen.failed);
    let checked = if chosen.is_empty() {
        behaviours::check_run(seen.names)
    } else {
        say("only some tests were asked for: the check of the behaviours is left out");
        Ok(())
    };
    if succeeded && packages && browsers && examples {
        checked.and(glue).and(weight)
    } else {
        Err(Failure::new("some tests failed; they are named above"))
    }
}

/// What the runner's lines have said so far.
#[derive(Default)]
struct Seen {
    /// Names of the tests that passed, without their modules.
    names: BTreeSet<String>,
    /// How many test programs came to their end.
    runners: u64,
    passed: u64,
    failed: u64,
}

impl Seen {
    fn line(&mut self, line: &str) {
        self.names.extend(passed_test(line).map(str::to_owned));
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.runners += 1;
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
        }
    }
}

/// The number before `word` in `ok. 3 passed; 0 failed; …`.
fn count(counts: &str, word: &str) -> u64 {
    let mut last = "";
    for token in counts.split([' ', ';']) {
        if token == word {
            return last.parse().unwrap_or(0);
        }
        last = token;
    }
    0
}

/// The name, without its modules, of the test that a line of the runner says has passed.
fn passed_test(line: &str) -> Option<&str> {
    let path = line.strip_prefix("test ")?.strip_suffix(" ... ok")?;
    let path = path.strip_suffix(" - should panic").unwrap_or(path);
    path.rsplit("::").next()
}

#[cfg(test)]
mod tests {
    use super::{Seen, passed_test};

    #[test]
    fn only_a_passed_test_is_counted() {
        assert_eq!(passed_test("test a::b::s1_one_post ... ok"), Some("s1_one_post"));
        assert_eq!(passed_test("test s1_x - should panic ... ok"), Some("s1_x"));
        assert_eq!(passed_test("test s1_x ... FAILED"), None);
        assert_eq!(passed_test("test s1_x ... ignored, slow"), None);
        assert_eq!(passed_test("test result: ok. 3 passed"), None);
        assert_eq!(passed_test("s1_x ... ok"), None);
    }

    #[test]
    fn the_counts_of_all_runners_add_up() {
        let mut seen = Seen::default();
        seen.line("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        seen.line("test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured");
        seen.line("test s1_one_post ... ok");
        assert_eq!((seen.runners, seen.passed, seen.failed), (2, 15, 2));
        assert!(seen.names.contains("s1_one_post"));
    }
}
