//! `cargo xtask demo`: builds the command and becomes it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;

use crate::failure::Failure;
use crate::npm;
use crate::options::handed_on;
use crate::run::{cargo, say, shown};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    say("building the command `oneflight` (the first time takes a minute or two)");
    shown(cargo().args(["build", "--package", "oneflight-cli"]))?;
    let args = handed_on(args);
    // Becoming the command leaves it the terminal, the signals and the exit code.
    let error = cargo()
        .args(["run", "--quiet", "--package", "oneflight-cli", "--", "demo"])
        .args(args)
        .args(web_package(args))
        .exec();
    Err(Failure::new(format!("the demo did not start: {error}")))
}

/// Options that leave no page, or name its package themselves.
const WITHOUT_PACKAGE: [&str; 5] = ["--headless", "--issuer", "--web-package", "--help", "-h"];

/// The page also flies in the browser, if the package for it can be built.
fn web_package(args: &[String]) -> Vec<OsString> {
    let is_without = |arg: &String| WITHOUT_PACKAGE.contains(&arg.split('=').next().unwrap_or(arg));
    if args.iter().any(is_without) {
        return Vec::new();
    }
    match npm::dist() {
        Ok(dist) => vec!["--web-package".into(), dist.into()],
        Err(failure) => {
            say(format!(
                "the page will do without the clients in the browser: {failure}"
            ));
            Vec::new()
        }
    }
}
