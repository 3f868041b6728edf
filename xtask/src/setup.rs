//! What the tests need beside Rust: Node, Chromium, Firefox, kubectl, Redis, PostgreSQL, pgBouncer, and the npm packages that lock files pin.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::run::{asked, on_path, program, root, say, silent};

/// The oldest Node that runs the real authorization server of the tests.
const NODE_MIN_MAJOR: u32 = 20;

/// The folders with npm packages, and the variables that tell the tests where they are.
const NPM_FOLDERS: [(&str, &str); 3] = [
    ("ONEFLIGHT_OIDC_PROVIDER_DIR", "tests/oidc-provider"),
    ("ONEFLIGHT_PLAYWRIGHT_DIR", "apps/oneflight/browser-test"),
    ("ONEFLIGHT_BROWSER_TESTS_DIR", "tests/browser"),
];

/// A browser that the tests drive.
struct Browser {
    name: &'static str,
    /// Tells the tests where it is; set by hand it names another one.
    variable: &'static str,
    /// Debian's package.
    package: &'static str,
    /// What its program may be called.
    programs: &'static [&'static str],
}

const BROWSERS: [Browser; 2] = [
    Browser {
        name: "Chromium",
        variable: "ONEFLIGHT_CHROMIUM",
        package: "chromium",
        programs: &[
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
        ],
    },
    Browser {
        name: "Firefox",
        variable: "ONEFLIGHT_FIREFOX",
        package: "firefox-esr",
        programs: &["firefox-esr", "firefox"],
    },
];

/// What tells the tests where Redis is, Debian's package, its program. The tests start servers of their own.
const REDIS: (&str, &str, &str) = ("ONEFLIGHT_REDIS_SERVER", "redis-server", "redis-server");

/// The same of kubectl, which Debian has as a package of its own.
const KUBECTL: (&str, &str, &str) = ("ONEFLIGHT_KUBECTL", "kubernetes-client", "kubectl");

/// What tells the tests where PostgreSQL's programs are, Debian's package, and where Debian puts them: one folder per version.
const POSTGRES: (&str, &str, &str) = ("ONEFLIGHT_POSTGRES_BIN", "postgresql", "/usr/lib/postgresql");

/// The same of pgBouncer's program, which is on no user's path.
const PGBOUNCER: (&str, &str, &str) = ("ONEFLIGHT_PGBOUNCER", "pgbouncer", "/usr/sbin/pgbouncer");

/// With it, a test that lacks one of the above fails; without, it says that it is skipped.
const REQUIRE_REAL: &str = "ONEFLIGHT_REQUIRE_REAL";

/// The environment that tells the tests where things are.
pub(crate) type Environment = Vec<(&'static str, OsString)>;

/// The servers of the shared stores alone, for the measurements; those are not taken without them.
pub(crate) fn stores() -> Result<Environment, Failure> {
    let redis = packaged(REDIS, "Redis, for the measurements of its store,").map_err(Failure::new)?;
    let postgres = found_or_installed(POSTGRES, postgres).map_err(Failure::new)?;
    Ok(vec![
        (REQUIRE_REAL, OsString::from("1")),
        (REDIS.0, redis.into()),
        (POSTGRES.0, postgres.into()),
    ])
}

/// Installs what is missing and says what it does. Everything that cannot be had is named at once.
pub(crate) fn run() -> Result<Environment, Failure> {
    let mut missing = Vec::new();
    let mut environment = vec![(REQUIRE_REAL, OsString::from("1"))];
    for browser in &BROWSERS {
        match browser.find_or_install() {
            Ok(file) => environment.push((browser.variable, file.into())),
            Err(what) => missing.push(what),
        }
    }
    for (program, purpose) in [
        (REDIS, "Redis, for the tests of its store,"),
        (KUBECTL, "kubectl, which asks the command for a token,"),
    ] {
        match packaged(program, purpose) {
            Ok(file) => environment.push((program.0, file.into())),
            Err(what) => missing.push(what),
        }
    }
    match (
        found_or_installed(POSTGRES, postgres),
        found_or_installed(PGBOUNCER, pgbouncer),
    ) {
        (Ok(folder), Ok(file)) => {
            environment.extend([(POSTGRES.0, folder.into()), (PGBOUNCER.0, file.into())])
        }
        (postgres, pgbouncer) => missing.extend(postgres.err().into_iter().chain(pgbouncer.err())),
    }
    match node() {
        Ok(()) => {
            for (variable, folder) in NPM_FOLDERS {
                let folder = root().join(folder);
                match npm_packages(&folder) {
                    Ok(()) => environment.push((variable, folder.into())),
                    Err(what) => missing.push(what),
                }
            }
        }
        Err(what) => missing.push(what),
    }
    if missing.is_empty() {
        return Ok(environment);
    }
    Err(Failure::new(format!(
        "something is missing for the tests:\n  - {}\nthen type the same command again",
        missing.join("\n  - ")
    )))
}

pub(crate) fn node() -> Result<(), String> {
    let hint = format!("Node {NODE_MIN_MAJOR} or newer, with npm: https://nodejs.org/");
    let version = asked(program("node").arg("--version")).ok_or_else(|| hint.clone())?;
    let major: Option<u32> = major_version(&version);
    if major.is_none_or(|major| major < NODE_MIN_MAJOR) {
        return Err(format!("{hint} (the one on the path is {version})"));
    }
    on_path("npm").map(drop).ok_or(hint)
}

fn major_version(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

/// A program that has a package of its own. If Debian starts a service with it, the tests do not use that.
fn packaged((variable, package, name): (&str, &str, &str), purpose: &str) -> Result<PathBuf, String> {
    if let Some(file) = std::env::var_os(variable).map(PathBuf::from) {
        return if file.is_file() {
            Ok(file)
        } else {
            Err(format!("{variable} is {}, which is no file", file.display()))
        };
    }
    if let Some(file) = on_path(name) {
        return Ok(file);
    }
    let by_hand = format!("type `sudo apt-get install {package}`, or set {variable} to one you have");
    apt_install(&[package], purpose).map_err(|reason| format!("{purpose} {reason}: {by_hand}"))?;
    on_path(name).ok_or_else(|| format!("{name}, even after installing {package}: {by_hand}"))
}

/// Debian makes a database and starts services with these, which the tests do not use.
fn found_or_installed(
    (variable, package, _): (&str, &str, &str),
    find: fn() -> Option<PathBuf>,
) -> Result<PathBuf, String> {
    if let Some(place) = std::env::var_os(variable).map(PathBuf::from) {
        return match place.exists() {
            true => Ok(place),
            false => Err(format!("{variable} is {}, which is not there", place.display())),
        };
    }
    if let Some(place) = find() {
        return Ok(place);
    }
    let by_hand = format!("type `sudo apt-get install {package}`, or set {variable} to one you have");
    apt_install(
        &[package],
        &format!("{package}, for the tests of the store on PostgreSQL,"),
    )
    .map_err(|reason| format!("{package} ({reason}): {by_hand}"))?;
    find().ok_or_else(|| format!("{package}, even after installing it: {by_hand}"))
}

/// The newest version's programs.
fn postgres() -> Option<PathBuf> {
    let versions = fs::read_dir(POSTGRES.2).ok()?.flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    folders.filter(|folder| folder.join("initdb").is_file()).max()
}

fn pgbouncer() -> Option<PathBuf> {
    let file = PathBuf::from(PGBOUNCER.2);
    file.is_file().then_some(file)
}

impl Browser {
    fn find_or_install(&self) -> Result<PathBuf, String> {
        let Self {
            name,
            variable,
            package,
            ..
        } = self;
        if let Some(file) = std::env::var_os(variable).map(PathBuf::from) {
            return if file.is_file() {
                Ok(file)
            } else {
                Err(format!("{variable} is {}, which is no file", file.display()))
            };
        }
        if let Some(file) = self.find() {
            return Ok(file);
        }
        let by_hand =
            format!("type `sudo apt-get install {package}`, or set {variable} to a {name} you have");
        apt_install(&[package], &format!("{name}, for the tests of pages,"))
            .map_err(|reason| format!("{name} ({reason}): {by_hand}"))?;
        self.find()
            .ok_or_else(|| format!("{name}, even after installing it: {by_hand}"))
    }

    fn find(&self) -> Option<PathBuf> {
        self.programs.iter().find_map(|name| on_path(name))
    }
}

/// Installs packages of Debian, or says why it cannot.
pub(crate) fn apt_install(packages: &[&str], what: &str) -> Result<(), String> {
    if on_path("apt-get").is_none() {
        return Err("there is no apt-get".to_owned());
    }
    if asked(program("id").arg("-u")).as_deref() != Some("0") {
        return Err("only root may install it".to_owned());
    }
    say(format!("installing {what} with apt-get (a minute or two)"));
    let apt = |args: &[&str]| {
        let mut command = program("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(args);
        silent(&mut command).map_err(|failure| failure.to_string())
    };
    apt(&["update"])?;
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(packages);
    apt(&install).map(drop)
}

/// Installs exactly what the lock file pins, unless that was done before.
pub(crate) fn npm_packages(folder: &Path) -> Result<(), String> {
    let shown = folder.strip_prefix(root()).unwrap_or(folder).display();
    let lock_file = folder.join("package-lock.json");
    let lock = fs::read(&lock_file).map_err(|error| format!("{shown}/package-lock.json: {error}"))?;
    // A copy of the lock file marks a finished installation of just that.
    let stamp = folder.join("node_modules/.installed-from");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    say(format!("installing the npm packages of {shown}"));
    silent(
        program("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(folder),
    )
    .map_err(|failure| format!("the npm packages of {shown} ({failure})"))?;
    fs::write(&stamp, lock).map_err(|error| format!("{}: {error}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::major_version;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(major_version("v20.20.2"), Some(20));
        assert_eq!(major_version("v9"), Some(9));
        assert_eq!(major_version("unknown"), None);
    }
}
