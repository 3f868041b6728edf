//! From compiled parts to folders that npm can pack, and to tarballs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::stage::unless_made;
use super::wasm::Module;
use super::{angular, oneflight, workplace};
use crate::failure::Failure;
use crate::run::{program, root, say, silent};

/// Licences belong into each package and live at the root.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Makes `packages/oneflight/dist`: TypeScript compiled, the glue, the module.
pub(super) fn assemble(module: &Module) -> Result<(), Failure> {
    let folder = oneflight();
    let dist = folder.join("dist");
    let sources = [
        folder.join("src"),
        folder.join("tsconfig.json"),
        folder.join("package-lock.json"),
        module.glue.clone(),
        module.wasm.clone(),
        root().join("xtask/src/npm/package.rs"),
    ];
    unless_made(&dist.join("oneflight.wasm"), &sources, || {
        say("npm: tsc compiles packages/oneflight");
        remove(&dist)?;
        silent(
            program("node")
                .arg("node_modules/typescript/bin/tsc")
                .args(["--project", "tsconfig.json"])
                .current_dir(&folder),
        )?;
        copy(&module.glue, &dist.join("wasm.js"))?;
        // The compiler reads the declarations of the glue but does not hand them on.
        copy(&folder.join("src/wasm.d.ts"), &dist.join("wasm.d.ts"))?;
        // Last: with it the folder is complete.
        copy(&module.wasm, &dist.join("oneflight.wasm"))
    })
    .map(drop)
}

/// Builds `packages/angular` with its own script, and gives the folder that is to be packed.
pub(super) fn build_angular() -> Result<PathBuf, Failure> {
    let folder = angular();
    let out = workplace().join("angular");
    let sources = [
        folder.join("src"),
        folder.join("build"),
        folder.join("build.mjs"),
        folder.join("package.json"),
        folder.join("tsconfig.json"),
        folder.join("README.md"),
        oneflight().join("src"),
    ];
    unless_made(&out.join("dist/index.js"), &sources, || {
        say("npm: building packages/angular (its tool chain is installed first)");
        silent(program("node").arg("build.mjs").current_dir(&folder)).map(drop)
    })?;
    Ok(out)
}

/// Packs `folder` into `target/npm/`, under the name that npm gives it without the scope's sign.
pub(super) fn pack(folder: &Path) -> Result<PathBuf, Failure> {
    let manifest = folder.join("package.json");
    let text = fs::read(&manifest).map_err(|error| Failure::at(&manifest, &error))?;
    let object: Value = serde_json::from_slice(&text)
        .map_err(|error| Failure::new(format!("{}: {error}", manifest.display())))?;
    let field = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
    let version = field("version");
    if version != env!("CARGO_PKG_VERSION") {
        return Err(Failure::new(format!(
            "{} says version {version}, the workspace {}",
            manifest.display(),
            env!("CARGO_PKG_VERSION")
        )));
    }
    let name = field("name").trim_start_matches('@').replace('/', "-");
    let tarball = workplace().join(format!("{name}-{version}.tgz"));
    let sources = [
        folder.join("dist"),
        folder.join("README.md"),
        manifest,
        root().join("LICENSE-MIT"),
    ];
    unless_made(&tarball, &sources, || {
        for licence in LICENCES {
            copy(&root().join(licence), &folder.join(licence))?;
        }
        fs::create_dir_all(workplace()).map_err(|error| Failure::at(&workplace(), &error))?;
        let packed = silent(
            program("npm")
                .args(["pack", "--ignore-scripts", "--pack-destination"])
                .arg(workplace())
                .current_dir(folder),
        );
        // They are copies, here for the packing only.
        for licence in LICENCES {
            remove(&folder.join(licence))?;
        }
        packed.map(drop)
    })?;
    Ok(tarball)
}

pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| Failure::at(from, &error))
}

/// Removes a file or a whole folder, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    let outcome = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match outcome {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::at(path, &error)),
        _ => Ok(()),
    }
}
