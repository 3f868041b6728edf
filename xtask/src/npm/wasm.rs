//! From `crates/oneflight-web` to a small WASM module and its glue, by whichever compiler there is for it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::short;
use super::stage::unless_made;
use crate::failure::Failure;
use crate::run::{asked, cargo, on_path, program, root, say, silent};
use crate::setup;

const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler with the sources of its standard library, which has to be built, and a linker.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld-22";
const DEBIAN_SOURCES: &str = "lib/rustlib/src/rust";
/// Where Debian's compiler is found rather than rustup's.
const DEBIAN_PATH: &str = "/usr/bin:/bin";

/// The glue and the optimized module, ready to be put into a package.
pub(crate) struct Module {
    pub(crate) glue: PathBuf,
    pub(crate) wasm: PathBuf,
}

/// Builds the module if anything it is made from changed.
pub(crate) fn module() -> Result<Module, Failure> {
    let folder = super::workplace().join("wasm");
    let module = Module {
        glue: folder.join("wasm.js"),
        wasm: folder.join("oneflight.wasm"),
    };
    let sources = [
        "Cargo.toml",
        "Cargo.lock",
        "crates/oneflight-core/Cargo.toml",
        "crates/oneflight-core/src",
        "crates/oneflight-web/Cargo.toml",
        "crates/oneflight-web/src",
        "packages/oneflight/wasm",
        "packages/oneflight/package-lock.json",
        "xtask/bindgen",
        "xtask/src/npm/wasm.rs",
    ]
    .map(|source| root().join(source));
    unless_made(&module.wasm, &sources, || make(&folder, &module))?;
    Ok(module)
}

fn make(folder: &Path, module: &Module) -> Result<(), Failure> {
    let source = Source {
        manifest: root().join("Cargo.toml"),
        package: "oneflight-wasm",
        kind: &["--lib"],
        file: "oneflight_wasm.wasm",
        workplace: "cargo",
        start: Start::ByUs,
    };
    built(&source, folder, "wasm")?;
    for (made, wanted) in [("wasm_bg.js", &module.glue), ("wasm_bg.wasm", &module.wasm)] {
        let made = folder.join(made);
        fs::rename(&made, wanted).map_err(|error| Failure::at(&made, &error))?;
    }
    Ok(())
}

/// What is to become a module: a package of this workspace, or of one of its own.
pub(crate) struct Source {
    pub(crate) manifest: PathBuf,
    pub(crate) package: &'static str,
    /// What of the package, in the words of `cargo rustc`.
    pub(crate) kind: &'static [&'static str],
    /// What cargo calls the outcome.
    pub(crate) file: &'static str,
    /// Where it is compiled; packages of one workspace may share it.
    pub(crate) workplace: &'static str,
    pub(crate) start: Start,
}

/// Who downloads and starts the module in a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// The glue, `NAME.js`, by its default export.
    ByGlue,
    /// Our own code. The glue, `NAME_bg.js`, is smaller for it, and names are short where nobody but us sees them.
    ByUs,
}

/// Builds `source` into its glue and `NAME_bg.wasm`, optimized, in `folder`.
pub(crate) fn built(source: &Source, folder: &Path, name: &str) -> Result<(), Failure> {
    let compiled = Compiler::choose()?.compile(source)?;
    // Snippets are named anew when they change.
    super::package::remove(&folder.join("snippets"))?;
    fs::create_dir_all(folder).map_err(|error| Failure::at(folder, &error))?;
    say("npm: wasm-bindgen writes the glue (building it takes half a minute the first time)");
    silent(cargo().args(["build", "--package", "xtask-bindgen"]))?;
    silent(
        cargo()
            .args(["run", "--quiet", "--package", "xtask-bindgen", "--"])
            .arg(&compiled)
            .arg(folder)
            .arg(name)
            .args((source.start == Start::ByUs).then_some("bare")),
    )?;
    say("npm: wasm-opt -Oz");
    let module = folder.join(format!("{name}_bg.wasm"));
    let names = silent(
        program("node")
            .arg(super::oneflight().join("node_modules/binaryen/bin/wasm-opt"))
            // What rustc left apart stays apart: put together it is shorter, and compresses worse.
            .args(["-Oz", "--converge", "--one-caller-inline-max-function-size=0"])
            .args((source.start == Start::ByUs).then_some("--minify-imports-and-exports-and-modules"))
            .args(["--strip-debug", "--strip-producers", "--strip-target-features"])
            .args(FEATURES)
            .arg(&module)
            .arg("--output")
            .arg(&module),
    )?;
    if source.start == Start::ByGlue {
        return Ok(());
    }
    let file = folder.join(format!("{name}_bg.js"));
    let glue = fs::read_to_string(&file).map_err(|error| Failure::at(&file, &error))?;
    let glue = short::renamed(&(glue + START), &names)
        .ok_or_else(|| Failure::new("wasm-opt's short names and wasm-bindgen's glue do not fit together"))?;
    fs::write(&file, glue).map_err(|error| Failure::at(&file, &error))
}

/// What wasm-bindgen puts into the file that a bundler of WASM would need, and we do not.
const START: &str = "
export function __wbg_start() {
    wasm.__wbindgen_start();
}
";

/// What the compilers take for granted, and every browser of the last four years has.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Who compiles for WASM.
enum Compiler {
    /// The toolchain that runs us has the target.
    Installed,
    /// Debian's, with its own standard library.
    Debian,
}

impl Compiler {
    fn choose() -> Result<Self, Failure> {
        if has_target() {
            return Ok(Self::Installed);
        }
        let mut why = vec![format!("the toolchain in use has no target {TARGET}")];
        match rustup_adds_it() {
            Ok(()) => return Ok(Self::Installed),
            Err(reason) => why.push(reason),
        }
        match debian_has_it() {
            Ok(()) => return Ok(Self::Debian),
            Err(reason) => why.push(reason),
        }
        Err(Failure::new(format!(
            "nothing here compiles for the browser:\n  - {}\nthen type the same command again",
            why.join("\n  - ")
        )))
    }

    /// Builds `source` and gives the file.
    fn compile(&self, source: &Source) -> Result<PathBuf, Failure> {
        // A folder of its own: another compiler must not make cargo build everything else again.
        let folder = super::workplace().join(match self {
            Self::Installed => source.workplace.to_owned(),
            Self::Debian => format!("{}-debian", source.workplace),
        });
        let mut command = match self {
            Self::Installed => {
                say(format!("npm: compiling {} for {TARGET}", source.package));
                let mut command = cargo();
                command.args(["rustc"]);
                command
            }
            Self::Debian => {
                say(format!(
                    "npm: compiling {} with Debian's Rust, standard library included (a minute or two the first time)",
                    source.package
                ));
                debian_cargo()
            }
        };
        command
            .arg("--manifest-path")
            .arg(&source.manifest)
            .args(["--package", source.package])
            .args(source.kind)
            .args(["--profile", "wasm", "--target", TARGET])
            .arg("--target-dir")
            .arg(&folder);
        // What an example depends on of ours may change without its lock file.
        if source.manifest == root().join("Cargo.toml") {
            command.arg("--locked");
        }
        silent(&mut command)?;
        Ok(folder.join(TARGET).join("wasm").join(source.file))
    }
}

fn has_target() -> bool {
    asked(rustc().args(["--print", "target-libdir", "--target", TARGET]))
        .is_some_and(|folder| Path::new(&folder).is_dir())
}

/// The compiler that cargo would use.
fn rustc() -> Command {
    program(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

fn rustup_adds_it() -> Result<(), String> {
    if on_path("rustup").is_none() {
        return Err(format!(
            "there is no rustup to add it (`rustup target add {TARGET}`)"
        ));
    }
    say(format!("npm: rustup target add {TARGET}"));
    // Where nothing can be fetched it should say so soon.
    let added = silent(
        program("timeout")
            .args(["90", "rustup", "target", "add", TARGET])
            .env("RUSTUP_MAX_RETRIES", "1"),
    );
    match added {
        Ok(_) if has_target() => Ok(()),
        Ok(_) => Err(format!(
            "`rustup target add {TARGET}` added it to another toolchain"
        )),
        Err(_) => Err(format!("`rustup target add {TARGET}` could not fetch it")),
    }
}

fn debian_has_it() -> Result<(), String> {
    let complete = || {
        Path::new(DEBIAN_LINKER).is_file()
            && Path::new("/usr/bin/cargo").is_file()
            && asked(program("/usr/bin/rustc").args(["--print", "sysroot"]))
                .is_some_and(|sysroot| Path::new(&sysroot).join(DEBIAN_SOURCES).exists())
    };
    if complete() {
        return Ok(());
    }
    let packages = DEBIAN_PACKAGES.join(" ");
    setup::apt_install(&DEBIAN_PACKAGES, "Debian's Rust for WASM")
        .map_err(|reason| format!("Debian's compiler ({reason}): `sudo apt-get install {packages}`"))?;
    if complete() {
        Ok(())
    } else {
        Err(format!("Debian's compiler is not complete even with {packages}"))
    }
}

/// Debian's cargo, out of rustup's sight, which builds the standard library, too: without words for panics, because
/// nobody reads them in a browser.
fn debian_cargo() -> Command {
    let mut command = program("/usr/bin/cargo");
    for name in [
        "CARGO",
        "RUSTC",
        "RUSTUP_TOOLCHAIN",
        "RUSTUP_HOME",
        "RUSTC_WRAPPER",
        "LD_LIBRARY_PATH",
    ] {
        command.env_remove(name);
    }
    command
        .env("PATH", DEBIAN_PATH)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER)
        .env("RUSTFLAGS", "-Zunstable-options -Cpanic=immediate-abort")
        .args(["rustc", "-Z", "build-std=std,panic_abort"])
        .args(["-Z", "build-std-features=optimize_for_size"]);
    command
}
