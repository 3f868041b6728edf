//! The project's own commands, run as `cargo xtask WORD`.
//!
//! They install what they need, say what they do, and are quick the second time.

mod behaviours;
mod bench;
mod browser;
mod deep;
mod demo;
mod example;
mod failure;
mod npm;
mod options;
mod packages;
mod pages;
mod run;
mod scan;
mod setup;
mod soak;
mod spec;
mod test;
mod tools;

use std::process::ExitCode;

use failure::Failure;

const USAGE: &str = "\
Usage: cargo xtask WORD [OPTIONS]

  demo [-- ARGS]    build and run `oneflight demo ARGS`: the storm, live on a page;
                    with `-- --headless` as a table in the terminal
  example [NAME] [--test]
                    build and serve an example of examples/; without a name, which there are
  test [-- ARGS]    set up, then run every test and check that each behaviour has one;
                    ARGS go to `cargo test` (the check is then left out)
  setup             only the set-up: Chromium, Firefox and the npm packages of the tests
  npm               the packages for npm, into target/npm/, and what each part weighs
  behaviours        only the check of docs/spec.md against the names of the tests
  bench [--pages | --command | --stores] [-- ARGS]
                    the measurements of benches/; with --pages those in a browser: --only fetch,
                    release or size, --calls N, --rounds N; with --stores those of sessions that
                    processes share: --only handover, attempt, idle or fleet, --store NAME,
                    --rounds N, --grants N, --within-seconds N
  browser [-- ARGS] the tests in real browsers alone: --rounds N, --browser chromium,
                    --only TEXT
  soak [--rounds N] [--requests N]
                    every scenario of the demo, over and over (20 rounds, 200 requests)
  soak --processes  2, 10 and 50 processes on one grant, over each store
  soak --outages    holders killed at every point of an attempt, and stores that fail in the
                    middle of one: the tables of docs/failures.md
  soak --pages TIMES [--rounds N] [--lanes N]
                    every scenario in browsers, 20 rounds each, TIMES times over, and a
                    smoke test in WebKitGTK (installs webkit2gtk-driver and xvfb)
  soak --simulation MILLIONS
                    so many million steps of a simulation of many holders, by seed
  deep [PART...] [--model-depth N] [--fuzz-seconds N] [--soak-rounds N] [--advisories]
                    what is too slow for every change. PART is any of
                    model, powerset, deny, fuzz, bench, soak, examples, webkit; without
                    one, all of them
  help              this text
";

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let word = if args.is_empty() {
        "help".to_owned()
    } else {
        args.remove(0)
    };
    let outcome = match word.as_str() {
        "demo" => demo::run(&args),
        "example" => example::run(&args),
        "test" => test::run(&args),
        "setup" => options::none("setup", &args).and_then(|()| setup::run().map(drop)),
        "npm" => npm::run(&args),
        "behaviours" => options::none("behaviours", &args).and_then(|()| behaviours::run()),
        "bench" => bench::run(&args),
        "browser" => browser::run(&args),
        "soak" => soak::run(&args),
        "deep" => deep::run(&args),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(Failure::usage(format!("there is no `{other}`"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask {word}: {failure}");
            if failure.is_usage() {
                eprint!("\n{USAGE}");
            }
            failure.exit_code()
        }
    }
}
