//! The tests of the npm packages: in Node, with every Angular, and as those who install them get them.

use crate::failure::Failure;
use crate::npm;
use crate::run::{program, root, say, watched};

/// What Node's test runner says in the words of Rust's.
const REPORTER: &str = "tests/npm/reporter.mjs";

/// Runs them all; `each` is given every line, in the words of Rust's test runner.
pub(crate) fn all(mut each: impl FnMut(&str)) -> Result<bool, Failure> {
    npm::build()?;
    let reporter = root().join(REPORTER);
    let option = format!("--test-reporter={}", reporter.display());
    let mut well = true;
    for (what, file) in [
        ("oneflight", "packages/oneflight/test/session.test.mjs"),
        ("installed", "tests/npm/packages.test.mjs"),
    ] {
        say(format!("the tests of the npm packages: {file}"));
        let mut node = program("node");
        node.args(["--test", &option, file]).env("ONEFLIGHT_TESTS", what);
        well &= watched(&mut node, &mut each)?;
    }
    say("the tests of @oneflight/angular, with each Angular it supports");
    let mut node = program("node");
    node.arg("packages/angular/test/run.mjs")
        .env("ONEFLIGHT_TEST_REPORTER", &reporter);
    well &= watched(&mut node, &mut each)?;
    Ok(well)
}
