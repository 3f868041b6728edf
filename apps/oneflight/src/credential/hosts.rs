//! `oneflight credential allow`, `forbid` and `hosts`: which servers git and docker may send a profile's tokens to.

use clap::Args;
use serde::Serialize;

use super::host::{self, Host};
use crate::exit::{Exit, Problem};
use crate::output;
use crate::profile::{Profile, ProfileArg};

/// `oneflight credential allow`
#[derive(Debug, Args)]
pub(super) struct AllowArgs {
    #[command(flatten)]
    profile: ProfileArg,
    /// The user name that goes with the token, where the server wants a certain one [default: oauth2]
    #[arg(long, value_name = "NAME", value_parser = host::username)]
    username: Option<String>,
    /// The server: git.example.com, or https://git.example.com:8443
    #[arg(value_name = "SERVER", value_parser = host::origin)]
    origin: String,
}

/// `oneflight credential forbid`
#[derive(Debug, Args)]
pub(super) struct ForbidArgs {
    #[command(flatten)]
    profile: ProfileArg,
    /// The server
    #[arg(value_name = "SERVER", value_parser = host::origin)]
    origin: String,
}

/// `oneflight credential hosts`
#[derive(Debug, Args)]
pub(super) struct HostsArgs {
    #[command(flatten)]
    profile: ProfileArg,
    /// Print exactly one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Allows a server, or changes the name used there.
pub(super) fn allow(args: &AllowArgs) -> Result<Exit, Problem> {
    let mut profile = Profile::open(&args.profile.name()?)?;
    let hosts = &mut profile.settings.hosts;
    hosts.retain(|host| host.origin != args.origin);
    hosts.push(Host {
        origin: args.origin.clone(),
        username: args.username.clone(),
    });
    hosts.sort_by(|one, other| one.origin.cmp(&other.origin));
    profile.save()?;
    eprintln!(
        "git and docker may send tokens of profile {} to {}",
        profile.name, args.origin
    );
    Ok(Exit::Well)
}

/// Forbids a server; that it was not allowed is as good.
pub(super) fn forbid(args: &ForbidArgs) -> Result<Exit, Problem> {
    let mut profile = Profile::open(&args.profile.name()?)?;
    let hosts = &mut profile.settings.hosts;
    let before = hosts.len();
    hosts.retain(|host| host.origin != args.origin);
    if hosts.len() == before {
        eprintln!("{} was not allowed", args.origin);
        return Ok(Exit::Well);
    }
    profile.save()?;
    eprintln!(
        "git and docker get no more tokens of profile {} for {}",
        profile.name, args.origin
    );
    Ok(Exit::Well)
}

/// Lists them.
pub(super) fn list(args: &HostsArgs) -> Result<Exit, Problem> {
    #[derive(Serialize)]
    struct Answer<'a> {
        hosts: &'a [Host],
    }
    let profile = Profile::open(&args.profile.name()?)?;
    let hosts = &profile.settings.hosts;
    if args.json {
        output::json(&Answer { hosts })?;
        return Ok(Exit::Well);
    }
    let line = |host: &Host| match &host.username {
        Some(name) => format!("{}  as {name}", host.origin),
        None => host.origin.clone(),
    };
    let lines: Vec<String> = hosts.iter().map(line).collect();
    output::lines(&lines)?;
    Ok(Exit::Well)
}
