//! `oneflight credential`: answers kubectl, git and docker as their helpers do.

mod called;
mod docker;
mod git;
mod host;
mod hosts;
mod kubernetes;

use std::io::Read as _;

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::access::{self, Demand, ValidityArg};
use crate::exit::{Exit, Problem};
use crate::output;
use crate::profile::{Profile, ProfileArg, ProfileName};
use hosts::{AllowArgs, ForbidArgs, HostsArgs};

pub(crate) use called::called;
pub(crate) use host::Host;

/// Nobody says more, in bytes: one URL, or some lines with a token.
const MOST_BYTES: u64 = 1024 * 1024;

/// `oneflight credential`
#[derive(Debug, Args)]
pub(crate) struct CredentialArgs {
    #[command(subcommand)]
    command: CredentialCommand,
}

#[derive(Debug, Subcommand)]
enum CredentialCommand {
    /// Answer kubectl, as a credential plugin in a kubeconfig
    Kubernetes(KubernetesArgs),
    /// Answer git, as a credential helper; also as `git-credential-oneflight`
    Git(HelperArgs),
    /// Answer docker, as a credential helper called `docker-credential-oneflight`
    Docker(HelperArgs),
    /// Let git and docker send the tokens of a profile to a server
    Allow(AllowArgs),
    /// Let them no longer
    Forbid(ForbidArgs),
    /// List the servers that are allowed
    Hosts(HostsArgs),
}

#[derive(Debug, Args)]
struct KubernetesArgs {
    #[command(flatten)]
    profile: ProfileArg,
    #[command(flatten)]
    validity: ValidityArg,
}

#[derive(Debug, Args)]
struct HelperArgs {
    #[command(flatten)]
    profile: ProfileArg,
    #[command(flatten)]
    validity: ValidityArg,
    /// What is to be done: get, store or erase, and what else that program may ask for
    #[arg(value_name = "ACTION")]
    action: String,
}

/// Does it.
pub(crate) fn run(args: &CredentialArgs) -> Result<Exit, Problem> {
    match &args.command {
        CredentialCommand::Kubernetes(args) => kubernetes(args),
        CredentialCommand::Git(args) => git(args),
        CredentialCommand::Docker(args) => docker(args),
        CredentialCommand::Allow(args) => hosts::allow(args),
        CredentialCommand::Forbid(args) => hosts::forbid(args),
        CredentialCommand::Hosts(args) => hosts::list(args),
    }
}

fn kubernetes(args: &KubernetesArgs) -> Result<Exit, Problem> {
    let info = std::env::var(kubernetes::VARIABLE).ok();
    let version = kubernetes::asked(info.as_deref()).map_err(Problem::helper)?;
    let demand = Demand::new(&args.validity, None);
    let Some(access) = access::get(&args.profile.name()?, &demand)? else {
        return Ok(Exit::Interrupted);
    };
    output::raw(&kubernetes::answer(version, access.token(), access.expires_at()))?;
    access.handed_over()
}

/// What git asks for and is not meant for us is left unanswered, so that it asks its next helper.
fn git(args: &HelperArgs) -> Result<Exit, Problem> {
    if !["get", "erase"].contains(&args.action.as_str()) {
        return Ok(Exit::Well);
    }
    let mut request = git::Request::parse(&input()?).map_err(Problem::helper)?;
    let name = args.profile.name()?;
    let profile = Profile::open(&name)?;
    let hosts = &profile.settings.hosts;
    let Some(host) = request.url().and_then(|url| host::find(hosts, &url)) else {
        return Ok(Exit::Well);
    };
    let erases = args.action == "erase";
    // A token that was refused is renewed: the next answer is another one, and the session lives on.
    let refused = request.secret.take().filter(|_| erases);
    if erases && refused.is_none() {
        return Ok(Exit::Well);
    }
    let Some(access) = access::get(&name, &Demand::new(&args.validity, refused))? else {
        return Ok(Exit::Interrupted);
    };
    if !erases && let Some(text) = request.answer(host, access.token(), access.expires_at()) {
        output::raw(text.as_bytes())?;
    }
    access.handed_over()
}

fn docker(args: &HelperArgs) -> Result<Exit, Problem> {
    let name = args.profile.name()?;
    let done = match args.action.as_str() {
        "get" => docker_get(&name, args),
        "list" => Profile::open(&name)
            .map_err(Problem::from)
            .and_then(|profile| output::raw(&docker::list(&profile.settings.hosts)))
            .map(|()| Exit::Well),
        "version" => {
            output::lines(&[format!("oneflight {}", env!("CARGO_PKG_VERSION"))]).map(|()| Exit::Well)
        }
        _ => Err(Problem::DockerAction { name }),
    };
    if let Err(problem) = &done {
        // docker reads there what was wrong.
        output::lines(&[problem.to_string()])?;
    }
    done
}

fn docker_get(name: &ProfileName, args: &HelperArgs) -> Result<Exit, Problem> {
    let input = input()?;
    let refuse = |text: &str| output::lines(&[text.to_owned()]).map(|()| Exit::NotAsExpected);
    let server = match docker::server(&input) {
        Ok(server) => server,
        Err(text) => return refuse(text),
    };
    let profile = Profile::open(name)?;
    let Some(host) = docker::find(&profile.settings.hosts, server) else {
        return refuse(docker::NOT_FOUND);
    };
    let Some(access) = access::get(name, &Demand::new(&args.validity, None))? else {
        return Ok(Exit::Interrupted);
    };
    output::raw(&docker::answer(server, host, access.token()))?;
    access.handed_over()
}

/// What stands on standard input. Blocks until that ends.
fn input() -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut input = Zeroizing::new(Vec::with_capacity(16 * 1024));
    std::io::stdin()
        .take(MOST_BYTES)
        .read_to_end(&mut input)
        .map_err(|source| Problem::Input { source })?;
    Ok(input)
}
