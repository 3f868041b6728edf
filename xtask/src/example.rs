//! `cargo xtask example NAME`: builds an example and serves it, with the test kit's server behind it.

mod angular;

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::npm::{self, Source, Start};
use crate::options::handed_on;
use crate::run::{cargo, program, root, say, shown, watched};
use crate::setup::{self, Environment};

/// What there is to look at. One row each, its files in `examples/NAME`.
const EXAMPLES: [Example; 4] = [
    Example {
        name: "angular",
        about: "the lesson's application, with Angular",
        build: angular::own,
        server: Server::Ours(SHORT_LIVED),
        slow: false,
    },
    Example {
        name: "angular-openid",
        about: "the same application, with a real OpenID provider (npm oidc-provider)",
        build: angular::openid,
        server: Server::OpenId,
        slow: false,
    },
    Example {
        name: "leptos",
        about: "a page in Rust, with leptos",
        build: leptos,
        server: Server::Ours(&[]),
        slow: true,
    },
    Example {
        name: "vanilla",
        about: "one HTML file, no bundler",
        build: vanilla,
        server: Server::Ours(&[]),
        slow: false,
    },
];

/// What is made for the tests alone, and served and tried in the same way.
const PAGES: [Example; 3] = [
    Example {
        name: "angular-20",
        about: "the lesson's application, built with Angular 20",
        build: angular::with_20,
        server: Server::Ours(SHORT_LIVED),
        slow: true,
    },
    Example {
        name: "angular-22",
        about: "the lesson's application, built with Angular 22",
        build: angular::with_22,
        server: Server::Ours(SHORT_LIVED),
        slow: true,
    },
    Example {
        name: "rust-page",
        about: "sessions in Rust, commanded by the tests",
        build: rust_page,
        server: Server::Ours(&[]),
        slow: false,
    },
];

/// The lesson's tokens.
const SHORT_LIVED: &[&str] = &["--access-token-lifetime=5s"];

/// The OpenID provider of the tests.
const PROVIDER: &str = "tests/oidc-provider";

const CHROMIUM: &str = "chromium";

struct Example {
    name: &'static str,
    about: &'static str,
    /// Makes what is to be served.
    build: fn() -> Result<Site, Failure>,
    server: Server,
    /// Whether its build is too long for every change, so that `cargo xtask deep` tries it.
    slow: bool,
}

/// Who is behind it.
enum Server {
    /// `oneflight testserver`, with these options.
    Ours(&'static [&'static str]),
    /// The OpenID provider of the tests.
    OpenId,
}

/// A folder, and others that are served below it.
struct Site {
    folder: PathBuf,
    mounts: Vec<(&'static str, PathBuf)>,
}

/// `cargo xtask example NAME [--test] [-- OPTIONS]`; the options are those of `examples/serve.mjs`.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = args.split_first() else {
        println!("Usage: cargo xtask example NAME [--test | -- --port N]\n");
        for Example { name, about, .. } in &EXAMPLES {
            println!("  {name:<10}{about}");
        }
        return Ok(());
    };
    let example = EXAMPLES
        .iter()
        .chain(&PAGES)
        .find(|example| example.name == name)
        .ok_or_else(|| Failure::usage(format!("there is no example `{name}`")))?;
    if rest == ["--test"] {
        return if example.try_out(CHROMIUM, &setup::run()?, |_| ())? {
            Ok(())
        } else {
            Err(Failure::new("the example failed; why is above"))
        };
    }
    setup::node().map_err(|what| Failure::new(format!("missing: {what}")))?;
    let site = example.ready()?;
    say(format!("serving the example {name}, and the server behind it"));
    become_it(program("node").args(example.serve(&site)?).args(handed_on(rest)))
}

/// Tries those that build quickly, in Chromium; `each` is given every line, in the words of Rust's test runner.
pub(crate) fn quick(environment: &Environment, mut each: impl FnMut(&str)) -> Result<bool, Failure> {
    let mut well = true;
    for example in EXAMPLES.iter().chain(&PAGES).filter(|example| !example.slow) {
        well &= example.try_out(CHROMIUM, environment, &mut each)?;
    }
    Ok(well)
}

/// Tries all of them, in both browsers.
pub(crate) fn deep() -> Result<(), Failure> {
    let environment = setup::run()?;
    let mut failed = Vec::new();
    for example in EXAMPLES.iter().chain(&PAGES) {
        for browser in [CHROMIUM, "firefox"] {
            if !example.try_out(browser, &environment, |_| ())? {
                failed.push(format!("{} in {browser}", example.name));
            }
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("failed: {}", failed.join(", "))))
    }
}

impl Example {
    /// Builds it and the server.
    fn ready(&self) -> Result<Site, Failure> {
        let site = (self.build)()?;
        if let Server::Ours(_) = self.server {
            say("building the command `oneflight` (the first time takes a minute or two)");
            shown(cargo().args(["build", "--quiet", "--package", "oneflight-cli"]))?;
        }
        Ok(site)
    }

    /// The script that serves it, and its arguments.
    fn serve(&self, site: &Site) -> Result<Vec<String>, Failure> {
        let mut line = vec!["examples/serve.mjs".to_owned(), site.folder.display().to_string()];
        match self.server {
            Server::Ours(options) => {
                line.push("--binary".to_owned());
                line.push(crate::browser::binary()?.display().to_string());
                line.extend(options.iter().map(|option| format!("--server={option}")));
            }
            Server::OpenId => {
                setup::npm_packages(&root().join(PROVIDER)).map_err(Failure::new)?;
                line.push("--openid".to_owned());
                line.push(format!("{PROVIDER}/provider.mjs"));
            }
        }
        for (path, folder) in &site.mounts {
            line.push("--mount".to_owned());
            line.push(format!("{path}={}", folder.display()));
        }
        Ok(line)
    }

    /// Runs `tests/browser/examples/NAME.mjs` on it.
    fn try_out(
        &self,
        browser: &str,
        environment: &Environment,
        each: impl FnMut(&str),
    ) -> Result<bool, Failure> {
        let site = self.ready()?;
        say(format!("trying the example {} in {browser}", self.name));
        watched(
            program("node")
                .args(["tests/browser/examples/run.mjs", browser, self.name])
                .args(self.serve(&site)?)
                .envs(environment.iter().cloned()),
            each,
        )
    }
}

fn vanilla() -> Result<Site, Failure> {
    npm::build()?;
    Ok(Site {
        folder: root().join("examples/vanilla"),
        mounts: vec![("/oneflight/", root().join("packages/oneflight/dist"))],
    })
}

/// A workspace of its own, whose dependencies take minutes the first time.
fn leptos() -> Result<Site, Failure> {
    npm::build()?;
    let folder = root().join("target/examples/leptos");
    let source = Source {
        manifest: root().join("examples/leptos/Cargo.toml"),
        package: "oneflight-example-leptos",
        kind: &["--bin", "oneflight-example-leptos"],
        file: "oneflight-example-leptos.wasm",
        workplace: "cargo-leptos",
        start: Start::ByGlue,
    };
    npm::built(&source, &folder, "page")?;
    Ok(Site {
        folder: root().join("examples/leptos"),
        mounts: vec![("/pkg/", folder)],
    })
}

/// With the package beside it, so that a page in JavaScript can share a session with one in Rust.
fn rust_page() -> Result<Site, Failure> {
    npm::build()?;
    let folder = root().join("target/examples/rust-page");
    let source = Source {
        manifest: root().join("Cargo.toml"),
        package: "oneflight-rust-page",
        kind: &["--lib", "--crate-type", "cdylib"],
        file: "oneflight_rust_page.wasm",
        workplace: "cargo",
        start: Start::ByGlue,
    };
    npm::built(&source, &folder, "page")?;
    Ok(Site {
        folder: root().join("tests/rust-page/site"),
        mounts: vec![
            ("/rust/", folder),
            ("/js/", root().join("crates/oneflight-web/js")),
            ("/oneflight/", root().join("packages/oneflight/dist")),
        ],
    })
}

/// Leaves the command the terminal, the signals and the exit code.
fn become_it(command: &mut Command) -> Result<(), Failure> {
    let error = std::os::unix::process::CommandExt::exec(command);
    Err(Failure::new(format!("the example did not start: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_a_folder_a_readme_and_a_test() {
        for Example { name, .. } in &EXAMPLES {
            // Both of Angular's are one application.
            let folder = name.strip_suffix("-openid").unwrap_or(name);
            for file in [
                format!("examples/{folder}/README.md"),
                format!("tests/browser/examples/{name}.mjs"),
            ] {
                assert!(root().join(&file).is_file(), "{file} is missing");
            }
        }
    }
}
