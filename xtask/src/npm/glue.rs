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
const FOLDER: &str = "crates/oneflight-web/js";
const FILES: [&str; 2] = ["shared-worker.js", "glue.js"];

/// Brings the files up to date. Says whether they were.
pub(super) fn write() -> Result<bool, Failure> {
    let made = made()?;
    let mut fresh = true;
    for name in FILES {
        let (new, file) = (made.join(name), root().join(FOLDER).join(name));
        let text = fs::read(&new).map_err(|error| Failure::at(&new, &error))?;
        if fs::read(&file).is_ok_and(|old| old == text) {
            continue;
        }
        say(format!("npm: {FOLDER}/{name} is new: it belongs into the commit"));
        fs::write(&file, text).map_err(|error| Failure::at(&file, &error))?;
        fresh = false;
    }
    Ok(fresh)
}

/// Fails, after mending it, if the files in the repository are not what the package's sources make.
pub(crate) fn check() -> Result<(), Failure> {
    setup::npm_packages(&oneflight()).map_err(Failure::new)?;
    if write()? {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{FOLDER} was not what packages/oneflight makes; it is now, and belongs into the commit"
    )))
}

fn made() -> Result<PathBuf, Failure> {
    let folder = oneflight();
    let made = workplace().join("embedded");
    let sources = [
        folder.join("src"),
        folder.join("embedded"),
        folder.join("package-lock.json"),
    ];
    unless_made(&made.join(FILES[1]), &sources, || {
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
