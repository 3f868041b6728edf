//! `oneflight profiles`: which there are.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::exit::{Exit, Problem};
use crate::moment::now;
use crate::output;
use crate::profile::{Place, Profile, ProfileError};
use crate::status::Status;

/// `oneflight profiles`
#[derive(Debug, Args)]
pub(crate) struct ProfilesArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// Print exactly one JSON object on stdout
    #[arg(long, global = true)]
    json: bool,
}

/// What is to be done with profiles.
#[derive(Debug, Subcommand)]
enum What {
    /// List them; also what happens without a word
    List,
}

/// The answer of `list`.
#[derive(Debug, Serialize)]
struct Listed {
    folder: String,
    profiles: Vec<Entry>,
}

/// A profile, or why it cannot be read.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Entry {
    Known(Box<Status>),
    Ill { profile: String, error: String },
}

/// Does it.
pub(crate) fn run(args: &ProfilesArgs) -> Result<Exit, Problem> {
    match args.what {
        None | Some(What::List) => list(args.json),
    }
}

fn list(json: bool) -> Result<Exit, Problem> {
    let place = Place::find()?;
    place.check()?;
    let mut profiles = Vec::new();
    for name in place.names()? {
        let status = Profile::open(&name)
            .map_err(Problem::from)
            .and_then(|profile| Status::of(&profile, now()));
        match status {
            Ok(status) => profiles.push(Entry::Known(Box::new(status))),
            // Removed while we looked.
            Err(Problem::Profile(ProfileError::Unknown { .. })) => {}
            Err(problem) => profiles.push(Entry::Ill {
                profile: name.to_string(),
                error: problem.to_string(),
            }),
        }
    }
    if json {
        let folder = place.folder().display().to_string();
        output::json(&Listed { folder, profiles })?;
    } else if profiles.is_empty() {
        eprintln!(
            "no profiles in {}; `oneflight login` makes one",
            place.folder().display()
        );
    } else {
        output::lines(&profiles.iter().map(Entry::line).collect::<Vec<_>>())?;
    }
    Ok(Exit::Well)
}

impl Entry {
    fn line(&self) -> String {
        match self {
            Self::Known(status) => {
                let state = if status.signed_in {
                    "signed in"
                } else {
                    "signed out"
                };
                format!(
                    "{:<20} {state:<11} {} at {}",
                    status.profile, status.client_id, status.issuer
                )
            }
            Self::Ill { profile, error } => format!("{profile:<20} unreadable  {error}"),
        }
    }
}
