//! `cargo xtask bench`: the measurements, in their own workspace; with `--pages` those in a browser, with `--command` that of
//! the command's start, with `--stores` those of sessions that several processes share.

use crate::browser;
use crate::failure::Failure;
use crate::options::handed_on;
use crate::run::{cargo, program, root, say, shown};
use crate::setup;

/// Where the libraries lie that a page could take instead.
const PEERS: &str = "tests/browser/bench/peers";

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let Some((_, rest)) = args.split_first().filter(|(first, _)| *first == "--pages") {
        return pages(handed_on(rest));
    }
    if let Some((_, rest)) = args.split_first().filter(|(first, _)| *first == "--command") {
        return command(handed_on(rest));
    }
    if let Some((_, rest)) = args.split_first().filter(|(first, _)| *first == "--stores") {
        return stores(handed_on(rest));
    }
    say("building the measurements in release mode, peers included (some minutes the first time)");
    shown(
        cargo()
            .args(["bench", "--manifest-path", "benches/Cargo.toml", "--"])
            .args(handed_on(args)),
    )
}

/// Everything once, briefly, to see that it runs.
pub(crate) fn smoke() -> Result<(), Failure> {
    let quick = ["--test".to_owned()];
    run(&quick)?;
    command(&quick)?;
    stores(&quick)
}

/// The start of the command.
fn command(args: &[String]) -> Result<(), Failure> {
    say("building the command in release mode (some minutes the first time)");
    shown(
        cargo()
            .args(["bench", "--package", "oneflight-cli", "--bench", "start", "--"])
            .args(args),
    )
}

/// The measurements over a file, Redis and PostgreSQL, whose servers they start and stop; `args` are those of `benches/stores`.
fn stores(args: &[String]) -> Result<(), Failure> {
    let environment = setup::stores()?;
    say("building the measurements of the stores in release mode");
    shown(
        cargo()
            .args([
                "run",
                "--release",
                "--quiet",
                "--manifest-path",
                "benches/stores/Cargo.toml",
                "--",
            ])
            .args(args)
            .envs(environment),
    )
}

/// The measurements in Chromium; `args` are those of `tests/browser/bench/run.mjs`.
fn pages(args: &[String]) -> Result<(), Failure> {
    let environment = browser::prepare()?;
    setup::npm_packages(&root().join(PEERS)).map_err(Failure::new)?;
    shown(
        program("node")
            .args(["tests/browser/bench/run.mjs", "--peers", PEERS, "--binary"])
            .arg(browser::binary()?)
            .args(args)
            .envs(environment),
    )
}
