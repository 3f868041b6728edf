//! `oneflight logout`: ends sessions, here and at the authorization server.

use clap::Args;
use oneflight::State;
use oneflight_core::machine::Revocation;
use serde::Serialize;

use crate::exit::{Exit, Problem};
use crate::output;
use crate::profile::{Place, Profile, ProfileArg, ProfileName};

/// `oneflight logout`
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    #[command(flatten)]
    profile: ProfileArg,
    /// All profiles
    #[arg(long, conflicts_with = "profile")]
    all: bool,
    /// Print exactly one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// What became of one session.
#[derive(Debug, Serialize)]
pub(crate) struct Ended {
    profile: String,
    /// There was a session to end.
    was_signed_in: bool,
    /// The end stands in the session's file, for all processes.
    pub(crate) signed_out: bool,
    /// The refresh token at the authorization server: `done`, `failed`, or `not-offered`; `null` if there was none.
    revocation: Option<&'static str>,
}

/// What became of all of them.
#[derive(Debug, Serialize)]
struct Answer {
    profiles: Vec<Ended>,
}

/// Ends the session, or all of them.
pub(crate) async fn run(args: LogoutArgs) -> Result<Exit, Problem> {
    let names = if args.all {
        Place::find()?.names()?
    } else {
        vec![args.profile.name()?]
    };
    let mut profiles = Vec::new();
    let mut failed = None;
    for name in &names {
        match end(name).await {
            Ok(ended) => {
                eprintln!("{name}: {}", ended.words());
                profiles.push(ended);
            }
            Err(problem) if args.all => {
                eprintln!("{name}: could not be signed out");
                // The others are ended all the same.
                failed = failed.or(Some(problem));
            }
            Err(problem) => return Err(problem),
        }
    }
    let exit = if profiles.iter().all(Ended::is_whole) {
        Exit::Well
    } else {
        Exit::Environment
    };
    if args.json {
        output::json(&Answer { profiles })?;
    }
    failed.map_or(Ok(exit), Err)
}

/// Ends the session of one profile.
///
/// # Errors
/// [`Problem::Profile`] if the profile cannot be read: then nothing was ended.
pub(crate) async fn end(name: &ProfileName) -> Result<Ended, Problem> {
    let profile = Profile::open(name)?;
    let record = profile.record()?;
    let live = record.is_some_and(|stored| matches!(stored.record.state, State::Live { .. }));
    if !live {
        return Ok(Ended {
            profile: name.to_string(),
            was_signed_in: false,
            signed_out: true,
            revocation: None,
        });
    }
    let session = profile.session()?;
    let ended = session.sign_out().await;
    session.close().await;
    Ok(Ended {
        profile: name.to_string(),
        was_signed_in: true,
        signed_out: ended.landed,
        revocation: Some(match ended.revocation {
            Revocation::Done => "done",
            Revocation::NotOffered => "not-offered",
            _ => "failed",
        }),
    })
}

impl Ended {
    /// Nothing is left of the session that should not be.
    pub(crate) fn is_whole(&self) -> bool {
        self.signed_out && self.revocation != Some("failed")
    }

    /// Of a session that could not be read.
    pub(crate) fn unknown(name: &ProfileName) -> Self {
        Self {
            profile: name.to_string(),
            was_signed_in: true,
            signed_out: false,
            revocation: None,
        }
    }

    pub(crate) fn words(&self) -> String {
        if self.was_signed_in && !self.signed_out && self.revocation.is_none() {
            return "what session it had could not be read, and was not revoked".to_owned();
        }
        if !self.was_signed_in {
            return "nobody was signed in".to_owned();
        }
        let here = if self.signed_out {
            "signed out"
        } else {
            "NOT signed out: the session's file could not be written, so other processes still use it"
        };
        let there = match self.revocation {
            Some("done") => "the refresh token was revoked",
            Some("failed") => {
                "the refresh token could not be revoked at the server, where it lasts until it expires"
            }
            _ => {
                "the server offers no revocation (or there is no refresh token), so what it issued lasts until it expires"
            }
        };
        format!("{here}; {there}")
    }
}
