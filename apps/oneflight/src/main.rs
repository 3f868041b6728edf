//! The `oneflight` command.

mod cli;
mod demo;
mod exit;
mod testserver;
mod tls;
mod token_file;

use std::error::Error as _;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::exit::Problem;

fn main() -> ExitCode {
    // clap ends the process itself on --help, --version and arguments it cannot read.
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return report(&Problem::Serving { source }),
    };
    let ended = match cli.command {
        Command::Demo(args) => match args.plan() {
            Ok(plan) => runtime.block_on(demo::run(plan)),
            Err(usage) => usage.exit(),
        },
        Command::Testserver(args) => runtime.block_on(testserver::run(args)),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(problem) => report(&problem),
    }
}

fn report(problem: &Problem) -> ExitCode {
    eprintln!("error: {problem}");
    let mut cause = problem.source();
    while let Some(error) = cause {
        eprintln!("cause: {error}");
        cause = error.source();
    }
    eprintln!(" next: {}", problem.next_step());
    problem.exit().into()
}
