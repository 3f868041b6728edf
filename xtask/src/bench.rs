//! `cargo xtask bench`: the measurements, in their own workspace.

use crate::failure::Failure;
use crate::options::handed_on;
use crate::run::{cargo, say, shown};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    say("building the measurements in release mode, peers included (some minutes the first time)");
    shown(
        cargo()
            .args(["bench", "--manifest-path", "benches/Cargo.toml", "--"])
            .args(handed_on(args)),
    )
}
