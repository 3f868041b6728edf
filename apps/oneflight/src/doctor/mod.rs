//! `oneflight doctor`: how a server treats refresh tokens, found out with a sign-in made for it.

mod chain;
mod client;
mod consent;
mod findings;
mod meaning;
mod metadata;
mod observe;
mod probe;
mod problem;
mod report;
mod sign_in;
#[cfg(test)]
mod tests;
mod verdict;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use oneflight::TokenSet;
use oneflight_reqwest::ReqwestExchange;
use url::Url;

use crate::cli::{secure_url, span};
use crate::exit::{Exit, Problem};
use crate::interrupt::Interrupts;
use crate::login::LoginError;
use crate::output;
use crate::profile::Settings;
use crate::tls;
use client::ClientArgs;
use metadata::Described;
use observe::Observations;
use probe::{Host, Left, Limits, Probe};
use report::Report;
use sign_in::SignInArgs;
use wire::Wire;

pub(crate) use problem::DoctorError;

/// `oneflight doctor`
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    sign_in: SignInArgs,
    /// What answers 200 to a GET with a good access token, and 401 to one with a bad [default: the userinfo endpoint]
    #[arg(long, value_name = "URL", value_parser = secure_url)]
    api: Option<Url>,
    /// How long after its first use a spent refresh token is still tried
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = span)]
    longest_grace: Duration,
    /// How long to wait in all for a server that says that it is asked too often
    #[arg(long, value_name = "SPAN", default_value = "2m", value_parser = span)]
    longest_wait: Duration,
    /// How many sign-ins to make; with two, it is seen whether revoking one reaches the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    sessions: u8,
    /// Present no refresh token twice: nothing is learnt of grace and reuse, and no alarm is raised
    #[arg(long)]
    no_reuse: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print exactly one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Examines a server, and says how to set oneflight for it.
pub(crate) async fn run(args: DoctorArgs) -> Result<Exit, Problem> {
    let mut interrupts = Interrupts::listen().map_err(|source| LoginError::Signals { source })?;
    // Before anything is sent.
    consent::ask(&args)?;
    let bench = tokio::select! {
        bench = Bench::prepare(&args) => bench?,
        () = interrupts.next() => return Ok(Exit::Interrupted),
    };
    let server = (&bench.settings, &bench.described.server);
    let wanted = usize::from(args.sessions);
    let Some(sessions) = args.sign_in.obtain(wanted, server, &mut interrupts).await? else {
        return Ok(Exit::Interrupted);
    };
    let Some((mut seen, left)) = bench.examine(&args, sessions, &mut interrupts).await? else {
        return Ok(Exit::Interrupted);
    };
    seen.stated = bench.described.stated(&bench.settings.authentication());
    let report = Report {
        issuer: args.client.issuer,
        client_id: args.client.client_id,
        findings: findings::findings(&seen),
        advice: verdict::advice(&seen),
        meanings: meaning::meanings(&seen),
        left,
        requests: bench.wire.requests(),
    };
    if args.json {
        output::json(&report.json())?;
    } else {
        output::lines(&[report.text()])?;
    }
    Ok(Exit::Well)
}

/// Everything that the examination needs, but somebody who signed in.
struct Bench {
    described: Described,
    settings: Settings,
    wire: Wire,
}

impl Bench {
    async fn prepare(args: &DoctorArgs) -> Result<Self, Problem> {
        let http = ReqwestExchange::new(tls::builder()).map_err(|source| Problem::HttpClient { source })?;
        let described = Described::ask(&args.client.issuer, &http).await?;
        let settings = args.client.settings(&described.server)?;
        let witness = match &args.api {
            Some(url) => url.as_str().parse().ok(),
            None => described.userinfo(),
        };
        let wire = Wire::new(&settings, witness, http).map_err(|source| Problem::Settings { source })?;
        Ok(Self {
            described,
            settings,
            wire,
        })
    }

    /// Does it, and revokes what was made; `None`: somebody interrupted.
    async fn examine(
        &self,
        args: &DoctorArgs,
        sessions: Vec<TokenSet>,
        interrupts: &mut Interrupts,
    ) -> Result<Option<(Observations, Left)>, DoctorError> {
        let host = Terminal {
            start: Instant::now(),
        };
        let limits = Limits {
            longest_grace: args.longest_grace,
            longest_throttle: args.longest_wait,
            reuse: !args.no_reuse,
        };
        let sessions = sessions.into_iter().map(Arc::new).collect();
        let mut probe = Probe::new(&self.wire, &host, limits, sessions);
        let ended = tokio::select! {
            ended = probe.run() => Some(ended),
            () = interrupts.next() => None,
        };
        if ended.is_none() {
            host.say("interrupted: revoking what was made; once more to leave at once");
        }
        let left = tokio::select! {
            left = probe.clean_up() => left,
            () = interrupts.next() => return Ok(None),
        };
        match ended {
            None => Ok(None),
            Some(Ok(())) => Ok(Some((probe.seen, left))),
            Some(Err(stopped)) => Err(DoctorError::Stopped { stopped, left }),
        }
    }
}

/// Tells whoever sits there, in plain lines.
struct Terminal {
    start: Instant,
}

impl Host for Terminal {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    async fn wait(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    fn say(&self, line: &str) {
        eprintln!("{line}");
    }
}
