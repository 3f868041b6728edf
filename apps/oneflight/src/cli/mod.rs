//! The command line: which commands there are, and how their values are read. The arguments of a command stand beside its
//! code, or here if it is an old one.

mod demo;
mod testserver;

use std::time::Duration;

use clap::{Parser, Subcommand};
use url::Url;

pub(crate) use demo::{DemoArgs, DemoPlan, ForeignPlan};
pub(crate) use testserver::{CorsRule, Fate, RotationRule, TestserverArgs};

use crate::completions::{CompletionsArgs, ManArgs};
use crate::credential::CredentialArgs;
use crate::demo::expectation;
use crate::doctor::DoctorArgs;
use crate::exec::{self, ExecArgs};
use crate::exit;
use crate::login::LoginArgs;
use crate::logout::LogoutArgs;
use crate::profiles::ProfilesArgs;
use crate::status::StatusArgs;
use crate::token::TokenArgs;

/// Access tokens that are valid now, renewed once however many ask; and the demo.
#[derive(Debug, Parser)]
#[command(name = "oneflight", version, after_help = exit::TABLE)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in, and keep the session in a profile
    #[command(after_help = exit::TABLE)]
    Login(LoginArgs),
    /// Say what a profile has, without asking anybody
    #[command(after_help = exit::TABLE)]
    Status(StatusArgs),
    /// End the session of a profile, here and at the authorization server
    #[command(after_help = exit::TABLE)]
    Logout(LogoutArgs),
    /// List, remove and rename profiles
    #[command(after_help = exit::TABLE)]
    Profiles(ProfilesArgs),
    /// Find out how a server treats refresh tokens, with a sign-in made for it, and how to set oneflight for it
    #[command(after_help = exit::TABLE)]
    Doctor(DoctorArgs),
    /// Print an access token that may be sent now, renewed if need be
    #[command(after_help = exit::TABLE)]
    Token(TokenArgs),
    /// Run a command that finds an access token in its environment
    #[command(after_help = exec::CODES)]
    Exec(ExecArgs),
    /// Answer kubectl, git and docker when they ask for credentials
    #[command(after_help = exit::TABLE)]
    Credential(CredentialArgs),
    /// Print the script that makes a shell complete this command
    #[command(after_help = exit::TABLE)]
    Completions(CompletionsArgs),
    /// Print manual pages
    #[command(after_help = exit::TABLE)]
    Man(ManArgs),
    /// Show what three clients make of an expired token: as a page, in the terminal, or against your own server
    #[command(after_help = exit::TABLE, after_long_help = expectation::help())]
    Demo(DemoArgs),
    /// Run the authorization server and API of oneflight-testkit, with its control plane
    #[command(after_help = exit::TABLE)]
    Testserver(TestserverArgs),
}

/// Reads `5s`, `500ms`, `15m`, `1h` or `2d`. A bare number is refused: nobody should have to guess its unit.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "a number with a unit: 500ms, 5s, 15m, 1h or 2d".to_owned())?;
    let millis_per_unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return Err("the unit is missing or unknown: use ms, s, m, h or d".to_owned()),
    };
    number
        .checked_mul(millis_per_unit)
        .map(Duration::from_millis)
        .ok_or_else(|| "longer than anything can last".to_owned())
}

/// Only https, or http on loopback: anything else would show tokens to the network.
pub(crate) fn secure_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|cause| format!("not a URL ({cause}); write it whole, as in https://as.example.com"))?;
    let loopback = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => return Err("the URL names no host".to_owned()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user or password in it would end in logs; leave them out".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err(
            "http would send tokens in the clear; use https (http is allowed on loopback only)".to_owned(),
        ),
        other => Err(format!("{other} is not spoken here; use https")),
    }
}

/// As it was written: metadata are compared with it to the letter.
pub(crate) fn issuer(text: &str) -> Result<String, String> {
    secure_url(text).map(|_| text.to_owned())
}

pub(crate) fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("it is empty; the server knows the client by it".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn o2_http_is_refused_except_for_loopback() {
        for refused in [
            "http://as.example",
            "ftp://as.example",
            "https://user:pw@as.example",
            "http://127.0.0.1.example",
            "nonsense",
        ] {
            assert!(secure_url(refused).is_err(), "{refused}");
        }
        for allowed in [
            "https://as.example",
            "http://127.0.0.1:1",
            "http://[::1]:2",
            "http://localhost:3",
        ] {
            assert!(secure_url(allowed).is_ok(), "{allowed}");
        }
    }

    #[test]
    fn spans_have_units() {
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(span("15m"), Ok(Duration::from_secs(900)));
        for bad in [
            "5",
            "s",
            "-1s",
            "1.5s",
            "1w",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
