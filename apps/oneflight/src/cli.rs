//! The command line: what can be asked for, and what cannot be asked for together.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use url::Url;

use crate::demo::expectation;
use crate::demo::{ClientKind, Scenario};
use crate::exit;

/// Single-flight OAuth token refresh, to see and to try.
#[derive(Debug, Parser)]
#[command(name = "oneflight", version, after_help = exit::TABLE)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what three clients make of an expired token: as a page, in the terminal, or against your own server
    #[command(after_help = exit::TABLE, after_long_help = expectation::help())]
    Demo(DemoArgs),
    /// Run the authorization server and API of oneflight-testkit, with its control plane
    #[command(after_help = exit::TABLE)]
    Testserver(TestserverArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The port of the page on 127.0.0.1 [default: 4180, or the next free one]
    #[arg(long, value_name = "N", conflicts_with_all = ["headless", "issuer"])]
    port: Option<u16>,
    /// The built npm package (packages/oneflight/dist), for the clients that run in the browser
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["headless", "issuer"])]
    web_package: Option<PathBuf>,
    /// Fly once in the terminal instead of serving the page
    #[arg(long)]
    headless: bool,
    /// How many requests, 1 to 5000 [default: 200]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5000))]
    requests: Option<u32>,
    /// Which client [default: oneflight]
    #[arg(long)]
    client: Option<ClientKind>,
    /// Which scenario [default: storm]
    #[arg(long)]
    scenario: Option<Scenario>,
    /// Print exactly one JSON object on stdout
    #[arg(long)]
    json: bool,
    /// The issuer of a server of your own (https, or http on loopback); implies --headless
    #[arg(long, value_name = "URL", value_parser = issuer, requires_all = ["client_id", "refresh_token_file", "api"])]
    issuer: Option<String>,
    /// The client id that the refresh token was issued to
    #[arg(long, value_name = "ID", requires = "issuer", value_parser = not_empty)]
    client_id: Option<String>,
    /// A file with the refresh token; it becomes the store, and holds the newest token at all times
    #[arg(long, value_name = "FILE", requires = "issuer")]
    refresh_token_file: Option<PathBuf>,
    /// What the requests get (https, or http on loopback)
    #[arg(long, value_name = "URL", value_parser = secure_url, requires = "issuer")]
    api: Option<Url>,
    /// Lets naive or textbook run against --issuer, though they may end the grant for good
    #[arg(long, requires = "issuer")]
    let_this_client_destroy_my_grant: bool,
}

/// What `oneflight demo` was asked to do; every combination that makes no sense has been turned away.
#[derive(Debug)]
pub(crate) enum DemoPlan {
    Page {
        port: Option<u16>,
        web_package: Option<PathBuf>,
    },
    Headless {
        scenario: Scenario,
        client: ClientKind,
        requests: u32,
        json: bool,
    },
    Foreign(Box<ForeignPlan>),
}

/// A storm against a server that is not ours.
#[derive(Debug)]
pub(crate) struct ForeignPlan {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) token_file: PathBuf,
    pub(crate) api: Url,
    pub(crate) client: ClientKind,
    pub(crate) requests: u32,
    pub(crate) json: bool,
}

impl DemoArgs {
    /// Sorts the arguments into one of three plans.
    ///
    /// # Errors
    /// A usage error, as clap would print it, where arguments contradict each other.
    pub(crate) fn plan(self) -> Result<DemoPlan, clap::Error> {
        let client = self.client.unwrap_or(ClientKind::Oneflight);
        let requests = self.requests.unwrap_or(200);
        if let (Some(issuer), Some(client_id), Some(token_file), Some(api)) =
            (self.issuer, self.client_id, self.refresh_token_file, self.api)
        {
            if self.scenario.is_some_and(|scenario| scenario != Scenario::Storm) {
                return Err(usage(
                    "a foreign server cannot be told to fail: with --issuer only --scenario storm runs",
                ));
            }
            if client != ClientKind::Oneflight && !self.let_this_client_destroy_my_grant {
                return Err(usage(&format!(
                    "the {client} client presents one refresh token several times, and a strict server ends the \
                     grant for that: you would have to sign in anew. If the grant may die, add \
                     --let-this-client-destroy-my-grant"
                )));
            }
            let json = self.json;
            return Ok(DemoPlan::Foreign(Box::new(ForeignPlan {
                issuer,
                client_id,
                token_file,
                api,
                client,
                requests,
                json,
            })));
        }
        if self.headless {
            return Ok(DemoPlan::Headless {
                scenario: self.scenario.unwrap_or(Scenario::Storm),
                client,
                requests,
                json: self.json,
            });
        }
        if self.json || self.client.is_some() || self.scenario.is_some() || self.requests.is_some() {
            return Err(usage(
                "--json, --client, --scenario and --requests belong to --headless; on the page you choose with the mouse or the keyboard",
            ));
        }
        Ok(DemoPlan::Page {
            port: self.port,
            web_package: self.web_package,
        })
    }
}

fn usage(message: &str) -> clap::Error {
    Cli::command().error(ErrorKind::ArgumentConflict, message)
}

#[derive(Debug, Args)]
pub(crate) struct TestserverArgs {
    /// The port on 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 4181)]
    pub(crate) port: u16,
    /// What happens to a used refresh token: strict, refusing, grace:SPAN or none
    #[arg(long, value_name = "RULE", default_value = "strict", value_parser = rotation)]
    pub(crate) rotation: RotationRule,
    /// How long an access token is accepted (5s, 500ms, 15m, 1h)
    #[arg(long, value_name = "SPAN", default_value = "15m", value_parser = span)]
    pub(crate) access_token_lifetime: Duration,
    /// How long a refresh token is accepted [default: for ever]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) refresh_token_lifetime: Option<Duration>,
    /// What becomes of older access tokens at a refresh
    #[arg(long, value_name = "FATE", default_value = "live")]
    pub(crate) old_access_tokens: Fate,
    /// Give the API a port, and so an origin, of its own; 0 takes any free one
    #[arg(long, value_name = "N")]
    pub(crate) api_port: Option<u16>,
    /// Let pages of other origins in, with cookies, and let their scripts read WWW-Authenticate and Retry-After or not
    #[arg(long, value_name = "HEADERS")]
    pub(crate) cors: Option<CorsRule>,
    /// Also start an API on an origin where no token should arrive, and count those that do
    #[arg(long)]
    pub(crate) stranger: bool,
}

/// What scripts of other origins may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CorsRule {
    /// WWW-Authenticate and Retry-After too
    Exposing,
    /// Only what needs no permission, as with most real servers
    Hiding,
}

/// What becomes of older access tokens at a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fate {
    /// They live until they expire
    Live,
    /// They die at once
    Die,
}

/// What happens to a refresh token when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RotationRule {
    Strict,
    Refusing,
    Grace(Duration),
    None,
}

fn rotation(text: &str) -> Result<RotationRule, String> {
    match text {
        "strict" => Ok(RotationRule::Strict),
        "refusing" => Ok(RotationRule::Refusing),
        "none" => Ok(RotationRule::None),
        _ => match text.strip_prefix("grace:") {
            Some(window) => span(window).map(RotationRule::Grace),
            None => Err("one of strict, refusing, grace:SPAN (say grace:10s) or none".to_owned()),
        },
    }
}

/// Reads `5s`, `500ms`, `15m`, `1h` or `2d`. A bare number is refused: nobody should have to guess its unit.
fn span(text: &str) -> Result<Duration, String> {
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
fn secure_url(text: &str) -> Result<Url, String> {
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
fn issuer(text: &str) -> Result<String, String> {
    secure_url(text).map(|_| text.to_owned())
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("it is empty; the server knows the client by it".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(args: &[&str]) -> Result<DemoPlan, clap::Error> {
        let cli = Cli::try_parse_from([&["oneflight", "demo"], args].concat())?;
        match cli.command {
            Command::Demo(args) => args.plan(),
            Command::Testserver(_) => unreachable!("the command is demo"),
        }
    }

    const FOREIGN: [&str; 8] = [
        "--issuer",
        "https://as.example",
        "--client-id",
        "spa",
        "--refresh-token-file",
        "t",
        "--api",
        "https://api.example",
    ];

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn x2_without_arguments_the_page_is_served() {
        assert!(matches!(plan(&[]), Ok(DemoPlan::Page { port: None, .. })));
    }

    #[test]
    fn x2_what_belongs_to_headless_is_refused_without_it() {
        for args in [
            ["--json", "--port=1"].as_slice(),
            &["--client", "naive"],
            &["--scenario", "storm"],
        ] {
            assert!(plan(args).is_err(), "{args:?}");
        }
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
    fn x2_the_other_clients_refuse_a_foreign_server_without_the_alarming_flag() {
        let naive = [FOREIGN.as_slice(), &["--client", "naive"]].concat();
        let error = plan(&naive).unwrap_err().to_string();
        assert!(error.contains("--let-this-client-destroy-my-grant"), "{error}");
        let armed = [naive.as_slice(), &["--let-this-client-destroy-my-grant"]].concat();
        assert!(matches!(plan(&armed), Ok(DemoPlan::Foreign(_))));
        assert!(matches!(plan(&FOREIGN), Ok(DemoPlan::Foreign(_))));
    }

    #[test]
    fn x2_a_foreign_server_wants_all_four_of_its_arguments_and_the_storm() {
        for missing in 0..4 {
            let mut args = FOREIGN.to_vec();
            args.drain(missing * 2..missing * 2 + 2);
            assert!(plan(&args).is_err(), "{args:?}");
        }
        assert!(plan(&[FOREIGN.as_slice(), &["--scenario", "outage"]].concat()).is_err());
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
        assert_eq!(
            rotation("grace:10s"),
            Ok(RotationRule::Grace(Duration::from_secs(10)))
        );
        assert!(rotation("grace").is_err());
    }
}
