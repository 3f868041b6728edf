//! The arguments of `oneflight demo`, and what cannot be asked for together.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use url::Url;

use super::{Cli, issuer, not_empty, secure_url};
use crate::demo::{ClientKind, Scenario};

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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Command;

    fn plan(args: &[&str]) -> Result<DemoPlan, clap::Error> {
        let cli = Cli::try_parse_from([&["oneflight", "demo"], args].concat())?;
        match cli.command {
            Command::Demo(args) => args.plan(),
            _ => unreachable!("the command is demo"),
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
}
