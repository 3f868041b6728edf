//! `cargo xtask demo`: builds the command and becomes it.

use std::os::unix::process::CommandExt;

use crate::failure::Failure;
use crate::options::handed_on;
use crate::run::{cargo, say, shown};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    say("building the command `oneflight` (the first time takes a minute or two)");
    shown(cargo().args(["build", "--package", "oneflight-cli"]))?;
    // Becoming the command leaves it the terminal, the signals and the exit code.
    let error = cargo()
        .args(["run", "--quiet", "--package", "oneflight-cli", "--", "demo"])
        .args(handed_on(args))
        .exec();
    Err(Failure::new(format!("the demo did not start: {error}")))
}
