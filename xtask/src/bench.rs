//! `cargo xtask bench`: the measurements, in their own workspace; with `--pages` those in a browser, with `--command` that of
//! the command's start.

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
        say("building the command in release mode (some minutes the first time)");
        return shown(
            cargo()
                .args(["bench", "--package", "oneflight-cli", "--bench", "start", "--"])
                .args(handed_on(rest)),
        );
    }
    say("building the measurements in release mode, peers included (some minutes the first time)");
    shown(
        cargo()
            .args(["bench", "--manifest-path", "benches/Cargo.toml", "--"])
            .args(handed_on(args)),
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
