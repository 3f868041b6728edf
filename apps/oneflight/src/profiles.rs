//! `oneflight profiles`: which there are; removes them, and gives them other names.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::exit::{Exit, Problem};
use crate::interrupt::Interrupts;
use crate::logout::{self, Ended};
use crate::moment::now;
use crate::output;
use crate::profile::{self, Place, Profile, ProfileError, ProfileName};
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
    /// Sign out, and remove the profile's files
    Remove {
        /// The profiles
        #[arg(required = true, value_name = "NAME")]
        names: Vec<ProfileName>,
        /// Also where the session cannot be read or ended: at the server it lasts until it expires
        #[arg(long)]
        force: bool,
    },
    /// Give a profile another name; its session goes with it
    Rename {
        /// The profile
        #[arg(value_name = "OLD")]
        old: ProfileName,
        /// Its new name
        #[arg(value_name = "NEW")]
        new: ProfileName,
    },
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

/// The answer of `remove`.
#[derive(Debug, Default, Serialize)]
struct Removed {
    removed: Vec<Ended>,
}

/// The answer of `rename`.
#[derive(Debug, Serialize)]
struct Renamed {
    from: String,
    to: String,
}

impl ProfilesArgs {
    /// Whether there is nothing to wait for.
    pub(crate) fn only_lists(&self) -> bool {
        matches!(self.what, None | Some(What::List))
    }
}

/// Lists them.
pub(crate) fn list(args: &ProfilesArgs) -> Result<Exit, Problem> {
    listed(args.json)
}

/// Does what else was asked for.
pub(crate) async fn run(args: ProfilesArgs) -> Result<Exit, Problem> {
    match args.what {
        None | Some(What::List) => listed(args.json),
        Some(What::Remove { names, force }) => remove(&names, force, args.json).await,
        Some(What::Rename { old, new }) => {
            // From here on a signal comes too late: the session is between two names for moments only.
            let _interrupts = Interrupts::listen();
            profile::rename(&old, &new).await?;
            eprintln!("profile {old} is {new} now");
            if args.json {
                let (from, to) = (old.to_string(), new.to_string());
                output::json(&Renamed { from, to })?;
            }
            Ok(Exit::Well)
        }
    }
}

async fn remove(names: &[ProfileName], force: bool, json: bool) -> Result<Exit, Problem> {
    let mut answer = Removed::default();
    let mut exit = Exit::Well;
    for name in names {
        let ended = match logout::end(name).await {
            Ok(ended) if ended.signed_out || force => ended,
            Ok(_) => return Err(Problem::StillSignedIn { name: name.clone() }),
            Err(_) if force => Ended::unknown(name),
            Err(problem) => return Err(problem),
        };
        profile::remove(name)?;
        eprintln!("{name}: removed; {}", ended.words());
        if !ended.is_whole() {
            exit = Exit::Environment;
        }
        answer.removed.push(ended);
    }
    if json {
        output::json(&answer)?;
    }
    Ok(exit)
}

fn listed(json: bool) -> Result<Exit, Problem> {
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
