//! The JavaScript of Rust front ends, made of the package's sources. It lies in the repository, because who depends on the
//! crate has neither Node nor this folder.

use std::fs;
use std::path::PathBuf;

use super::stage::unless_made;
use super::{oneflight, workplace};
use crate::failure::Failure;
use crate::run::{program, root, say, silent};
use crate::setup;

/// Where the crate `oneflight-web` looks for it.
const FILE: &str = "crates/oneflight-web/js/glue.js";

/// Brings the file up to date. Says whether it was.
pub(super) fn write() -> Result<bool, Failure> {
    let new = made()?;
    let file = root().join(FILE);
    let text = fs::read(&new).map_err(|error| Failure::at(&new, &error))?;
    if fs::read(&file).is_ok_and(|old| old == text) {
        return Ok(true);
    }
    say(format!("npm: {FILE} is new: it belongs into the commit"));
    fs::write(&file, text).map_err(|error| Failure::at(&file, &error))?;
    Ok(false)
}

/// Fails, after mending it, if the file in the repository is not what the package's sources make.
pub(crate) fn check() -> Result<(), Failure> {
    setup::npm_packages(&oneflight()).map_err(Failure::new)?;
    if write()? {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{FILE} was not what packages/oneflight makes; it is now, and belongs into the commit"
    )))
}

fn made() -> Result<PathBuf, Failure> {
    let folder = oneflight();
    let made = workplace().join("glue.js");
    let sources = [
        folder.join("src"),
        folder.join("embedded"),
        folder.join("package-lock.json"),
    ];
    unless_made(&made, &sources, || {
        say("npm: the glue for Rust front ends");
        let node = || {
            let mut node = program("node");
            node.current_dir(&folder);
            node
        };
        silent(node().args(["node_modules/typescript/bin/tsc", "--project", "embedded"]))?;
        silent(node().arg("embedded/build.mjs").arg(&made)).map(drop)
    })?;
    Ok(made)
}
