//! `oneflight exec`: runs a command that finds a token in its environment.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Command;

use clap::Args;

use crate::access::{self, Demand, ValidityArg};
use crate::exit::{Exit, Problem};
use crate::login::SECRET_VARIABLE;
use crate::profile::ProfileArg;

/// What `--help` adds to the exit codes.
pub(crate) const CODES: &str = "\
Exit codes: those of the command, once it runs. Before that:
  2    the arguments make no sense
  3    something outside is in the way, perhaps not for long: network, server, file, disk
  4    sign in, or sign in again: there is no session, or it is dead
  5    the configuration is wrong: the server refuses this client, or is not that issuer
  126  the command cannot be run
  127  there is no such command
  130  interrupted; a renewal under way was let end, and saved, first";

/// `oneflight exec`
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    profile: ProfileArg,
    #[command(flatten)]
    validity: ValidityArg,
    /// The variable of the command's environment that holds the token
    #[arg(long, value_name = "NAME", default_value = "ACCESS_TOKEN", value_parser = variable)]
    env: String,
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command; returns only if there is something to say about it.
pub(crate) fn run(args: ExecArgs) -> Result<Exit, Problem> {
    let demand = Demand::new(&args.validity, None);
    let Some(access) = access::get(&args.profile.name()?, &demand)? else {
        return Ok(Exit::Interrupted);
    };
    let mut words = args.command.into_iter();
    let Some(program) = words.next() else {
        return Ok(Exit::Well);
    };
    let mut command = Command::new(&program);
    command
        .args(words)
        .env_remove(SECRET_VARIABLE)
        .env(&args.env, access.token());
    // Nobody hears of it afterwards.
    if let Err(problem) = access.handed_over() {
        eprintln!("warning: {problem}; {}", problem.next_step());
    }
    become_it(command).map_err(|source| Problem::Command { program, source })
}

/// Replaces this process, so that signals and the exit code are the command's own.
#[cfg(unix)]
fn become_it(mut command: Command) -> std::io::Result<Exit> {
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

/// There is no such thing; so this waits, and ends as the command does.
#[cfg(not(unix))]
fn become_it(mut command: Command) -> std::io::Result<Exit> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}

/// The code that shells give for a command that did not run.
pub(crate) fn exit(error: &std::io::Error) -> Exit {
    match error.kind() {
        ErrorKind::NotFound => Exit::NoCommand,
        _ => Exit::CannotRun,
    }
}

fn variable(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if text.is_empty() || !text.bytes().all(is_plain) || text.as_bytes()[0].is_ascii_digit() {
        return Err("letters, digits and underscores, as in ACCESS_TOKEN".to_owned());
    }
    Ok(text.to_owned())
}
