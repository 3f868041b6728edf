//! The npm package in real browsers: `tests/browser`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;
use crate::npm;
use crate::options::handed_on;
use crate::run::{asked, cargo, program, say, shown, watched};
use crate::setup::{self, Environment};

/// How often each scenario runs for every change.
const ROUNDS: &str = "3";

/// `cargo xtask browser`: set-up, and the browser tests alone; `args` are those of `tests/browser/run.mjs`.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let environment = prepare()?;
    shown(command(&environment)?.args(handed_on(args)))
}

/// Installs and builds what they need.
pub(crate) fn prepare() -> Result<Environment, Failure> {
    let environment = setup::run()?;
    npm::build()?;
    say("building the command `oneflight`");
    shown(cargo().args(["build", "--package", "oneflight-cli"]))?;
    Ok(environment)
}

/// What runs them, when all is built.
pub(crate) fn command(environment: &Environment) -> Result<Command, Failure> {
    let mut command = program("node");
    command
        .args(["tests/browser/run.mjs", "--binary"])
        .arg(binary()?)
        .envs(environment.iter().cloned());
    Ok(command)
}

/// All of them, after `cargo test` has built the command; `each` is given every line, in the words of Rust's test runner.
pub(crate) fn all(environment: &Environment, each: impl FnMut(&str)) -> Result<bool, Failure> {
    npm::build()?;
    say(format!(
        "the browser tests: {ROUNDS} rounds in Chromium and in Firefox, side by side"
    ));
    watched(command(environment)?.args(["--rounds", ROUNDS]), each)
}

/// The command `oneflight`, where cargo puts it.
pub(crate) fn binary() -> Result<PathBuf, Failure> {
    let found = asked(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))
        .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        .and_then(|metadata| metadata["target_directory"].as_str().map(PathBuf::from))
        .map(|target| target.join("debug/oneflight"))
        .filter(|file| file.is_file());
    found.ok_or_else(|| Failure::new("the command `oneflight` is not where cargo should have put it"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use crate::run::root;
    use crate::scan;
    use crate::spec::{self, Id};

    /// The parts of the specification that hold in a page.
    const PARTS: &str = "SRFTLO";

    /// Names of the scenarios in the browsers.
    fn scenarios() -> BTreeSet<String> {
        let all = scan::tests_below(root()).unwrap().into_iter();
        let pages = all.filter(|found| found.file.starts_with("tests/browser"));
        pages.map(|found| found.name).collect()
    }

    /// The first cells of the table of what no scenario shows.
    fn left_out() -> BTreeSet<String> {
        let text = fs::read_to_string(root().join("tests/browser/README.md")).unwrap();
        let (_, rest) = text.split_once("## Lines that no scenario shows").unwrap();
        let rows = rest.lines().filter_map(|line| line.strip_prefix("| "));
        rows.filter_map(|row| row.split_once(" |"))
            .map(|(cell, _)| cell.to_owned())
            .collect()
    }

    #[test]
    fn every_implemented_line_of_the_parts_that_hold_in_a_page_has_a_scenario() {
        let shown: BTreeSet<Id> = scenarios().iter().flat_map(|name| Id::leading(name)).collect();
        let left_out = left_out();
        let missing: Vec<String> = spec::read(&root().join("docs/spec.md"))
            .unwrap()
            .into_iter()
            .filter(|behaviour| behaviour.implemented && PARTS.contains(behaviour.id.part()))
            .filter(|behaviour| !shown.contains(&behaviour.id))
            .map(|behaviour| behaviour.id.to_string())
            .filter(|id| !left_out.contains(id))
            .collect();
        assert!(missing.is_empty(), "no scenario shows {missing:?}");
    }

    #[test]
    fn every_case_of_the_interceptors_is_tried_in_browsers_by_the_same_name() {
        let suite = fs::read_to_string(root().join("tests/src/lib.rs")).unwrap();
        let cases: Vec<&str> = suite
            .lines()
            .filter_map(|line| line.trim().strip_prefix("#[test] fn ")?.strip_suffix(';'))
            .collect();
        assert!(cases.len() > 40, "{cases:?}");
        let (scenarios, left_out) = (scenarios(), left_out());
        let missing: Vec<&str> = cases
            .into_iter()
            .filter(|case| !scenarios.contains(*case) && !left_out.contains(*case))
            .collect();
        assert!(missing.is_empty(), "not tried in browsers: {missing:?}");
    }
}
