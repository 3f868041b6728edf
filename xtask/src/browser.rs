//! The npm package in real browsers: `tests/browser`.

use std::path::PathBuf;

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
    let environment = setup::run()?;
    npm::build()?;
    say("building the command `oneflight`");
    shown(cargo().args(["build", "--package", "oneflight-cli"]))?;
    shown(
        program("node")
            .arg("tests/browser/run.mjs")
            .arg("--binary")
            .arg(binary()?)
            .args(handed_on(args))
            .envs(environment),
    )
}

/// All of them, after `cargo test` has built the command; `each` is given every line, in the words of Rust's test runner.
pub(crate) fn all(environment: &Environment, each: impl FnMut(&str)) -> Result<bool, Failure> {
    npm::build()?;
    say(format!(
        "the browser tests: {ROUNDS} rounds in Chromium and in Firefox, side by side"
    ));
    watched(
        program("node")
            .args(["tests/browser/run.mjs", "--rounds", ROUNDS, "--binary"])
            .arg(binary()?)
            .envs(environment.iter().cloned()),
        each,
    )
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
