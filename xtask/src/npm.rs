//! `cargo xtask npm`: the packages for npm, from the Rust core to the tarballs in `target/npm/`.

pub(crate) mod glue;
mod package;
mod short;
pub(crate) mod size;
mod stage;
mod wasm;

use std::path::PathBuf;

pub(crate) use package::remove;
pub(crate) use wasm::{Source, Start, built};

use crate::failure::Failure;
use crate::options;
use crate::run::root;
use crate::setup;

/// The folder of the package `oneflight`.
fn oneflight() -> PathBuf {
    root().join("packages/oneflight")
}

/// The folder of the package `@oneflight/angular`.
fn angular() -> PathBuf {
    root().join("packages/angular")
}

/// Where everything that is made on the way lies: not in cargo's target folder, which may be anywhere.
fn workplace() -> PathBuf {
    root().join("target/npm")
}

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    options::none("npm", args)?;
    for tarball in build()? {
        println!("{}", tarball.strip_prefix(root()).unwrap_or(&tarball).display());
    }
    size::check()
}

/// Builds what a page loads of the package `oneflight`, and gives its folder. Quick if nothing changed.
pub(crate) fn dist() -> Result<PathBuf, Failure> {
    setup::node().map_err(|what| Failure::new(format!("missing: {what}")))?;
    setup::npm_packages(&oneflight()).map_err(Failure::new)?;
    package::assemble(&wasm::module()?)?;
    Ok(oneflight().join("dist"))
}

/// Builds both packages, packs them, and gives the tarballs. Quick if nothing changed.
pub(crate) fn build() -> Result<Vec<PathBuf>, Failure> {
    dist()?;
    glue::write()?;
    let mut tarballs = vec![package::pack(&oneflight())?];
    if angular().join("package.json").is_file() {
        tarballs.push(package::pack(&package::build_angular()?)?);
    }
    Ok(tarballs)
}
