//! The `oneflight` command.

mod access;
mod cli;
mod completions;
mod credential;
mod demo;
mod doctor;
mod exec;
mod exit;
mod interrupt;
mod login;
mod logout;
mod moment;
mod output;
mod profile;
mod profiles;
mod status;
mod testserver;
mod tls;
mod token;
mod token_file;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Problem};

fn main() -> ExitCode {
    let words = credential::called(std::env::args_os());
    // clap ends the process itself on --help, --version and arguments it cannot read.
    match run(Cli::parse_from(words).command) {
        Ok(exit) => exit.into(),
        Err(problem) => report(&problem),
    }
}

/// Only what waits for something gets a runtime, and only what serves others gets threads.
fn run(command: Command) -> Result<Exit, Problem> {
    match command {
        Command::Login(args) => wait()?.block_on(login::run(args)),
        Command::Status(args) => status::run(&args),
        Command::Logout(args) => wait()?.block_on(logout::run(args)),
        Command::Profiles(args) if args.only_lists() => profiles::list(&args),
        Command::Profiles(args) => wait()?.block_on(profiles::run(args)),
        Command::Doctor(args) => wait()?.block_on(doctor::run(args)),
        Command::Token(args) => token::run(&args),
        Command::Exec(args) => exec::run(args),
        Command::Credential(args) => credential::run(&args),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => completions::man(&args),
        Command::Demo(args) => match args.plan() {
            Ok(plan) => serve()?.block_on(demo::run(plan)),
            Err(usage) => usage.exit(),
        },
        Command::Testserver(args) => serve()?.block_on(testserver::run(args)),
    }
}

fn wait() -> Result<Runtime, Problem> {
    started(&mut Builder::new_current_thread())
}

fn serve() -> Result<Runtime, Problem> {
    started(&mut Builder::new_multi_thread())
}

fn started(builder: &mut Builder) -> Result<Runtime, Problem> {
    builder
        .enable_all()
        .build()
        .map_err(|source| Problem::Runtime { source })
}

fn report(problem: &Problem) -> ExitCode {
    problem.tell("error");
    eprintln!(" next: {}", problem.next_step());
    problem.exit().into()
}
