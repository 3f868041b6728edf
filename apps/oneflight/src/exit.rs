//! How the command ends: exit codes, and errors that name the cause and the next step.

use std::error::Error as _;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use oneflight::Action;
use oneflight::endpoint::DiscoveryError;

use crate::doctor::DoctorError;
use crate::exec;
use crate::login::LoginError;
use crate::profile::{BadName, ProfileError, ProfileName};
use crate::token_file::TokenFileError;

/// The table that `--help` prints.
pub(crate) const TABLE: &str = "\
Exit codes:
  0    it ended as it should
  1    demo: the scenario ended otherwise than expected of this client
  2    the arguments make no sense
  3    something outside is in the way, perhaps not for long: network, server, port, file, disk
  4    sign in, or sign in again: there is no session, or it is dead
  5    the configuration is wrong: the server refuses this client, or is not that issuer
  130  interrupted; a renewal under way was let end, and saved, first";

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Well,
    NotAsExpected,
    Usage,
    Environment,
    SignIn,
    Configuration,
    Interrupted,
    /// The command of `exec` could not be run.
    CannotRun,
    /// There is no such command.
    NoCommand,
}

impl Exit {
    /// As the table has it.
    fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::NotAsExpected => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::SignIn => 4,
            Self::Configuration => 5,
            Self::Interrupted => 130,
            Self::CannotRun => 126,
            Self::NoCommand => 127,
        }
    }

    /// What somebody has to do about an error of a session.
    pub(crate) fn of(error: &oneflight::Error) -> Self {
        match error.action() {
            Action::SignIn => Self::SignIn,
            Action::FixConfiguration => Self::Configuration,
            _ => Self::Environment,
        }
    }

    /// The same for an issuer that could not be found.
    pub(crate) fn of_discovery(error: &DiscoveryError) -> Self {
        match error {
            DiscoveryError::Exchange { .. } => Self::Environment,
            DiscoveryError::Status { status, .. } if *status == 429 || *status >= 500 => Self::Environment,
            _ => Self::Configuration,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What keeps the command from doing its work.
///
/// `Display` is the cause; [`next_step`](Self::next_step) says what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("port {port} on 127.0.0.1 cannot be used")]
    Port { port: u16, source: std::io::Error },
    #[error("none of the ports {first} to {last} on 127.0.0.1 is free")]
    NoFreePort {
        first: u16,
        last: u16,
        source: std::io::Error,
    },
    #[error("the test server did not start")]
    TestServer { source: oneflight_testkit::StartError },
    #[error("the server stopped")]
    Serving { source: std::io::Error },
    #[error("tab {tab} cannot fly: {why}")]
    Tab { tab: u32, why: String },
    #[error("{} is not the built npm package", folder.display())]
    WebPackage { folder: PathBuf, source: std::io::Error },
    #[error("the HTTP client could not be built")]
    HttpClient { source: reqwest::Error },
    #[error("the client cannot be set up")]
    Settings { source: oneflight::ConfigError },
    #[error("there is no session to fly with")]
    Session { source: oneflight::Error },
    #[error(transparent)]
    TokenFile(#[from] TokenFileError),
    #[error("the token endpoint of {issuer} could not be found")]
    Issuer { issuer: String, source: DiscoveryError },
    #[error("the first refresh failed: {cause}")]
    TokenEndpoint { cause: String },
    #[error("the API did not answer the first call, made with a fresh token: {cause}")]
    ApiSilent { cause: String },
    #[error("the API refuses the token, fresh as it is")]
    ApiRefuses,
    #[error("the newest token could not be saved; what the token file holds has been spent")]
    Unsaved,
    #[error("standard output cannot be written")]
    Output { source: std::io::Error },
    #[error("the system gives this program no runtime: no thread, no timer or no sockets")]
    Runtime { source: std::io::Error },
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error("the session of profile {name} could not be ended, because its file cannot be written")]
    StillSignedIn { name: ProfileName },
    #[error("the environment's ONEFLIGHT_PROFILE names no profile: {0}")]
    BadName(#[from] BadName),
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Doctor(#[from] DoctorError),
    #[error("standard input cannot be read")]
    Input { source: std::io::Error },
    #[error("standard input is empty, where --refused-stdin expects the token that was refused")]
    NothingRefused,
    #[error(
        "the token of profile {name} was refused {} s after the server had issued it, so another one would be, too",
        age.as_secs()
    )]
    RefusedFresh {
        name: ProfileName,
        age: Duration,
        wait: Duration,
    },
    #[error("signals cannot be listened to")]
    Signals { source: std::io::Error },
    #[error("{program:?} cannot be run")]
    Command {
        program: OsString,
        source: std::io::Error,
    },
    #[error("there is no answer for the program that asks: {why}")]
    Helper { why: String },
    #[error(
        "tokens come from `oneflight login` and end by `oneflight logout`: profile {name} takes none and erases none"
    )]
    DockerAction { name: ProfileName },
    #[error("the pages could not be written into {}", folder.display())]
    Pages { folder: PathBuf, source: std::io::Error },
}

impl Problem {
    /// What a credential helper cannot answer.
    pub(crate) fn helper(why: impl std::fmt::Display) -> Self {
        Self::Helper { why: why.to_string() }
    }

    /// Says on standard error what happened, and why.
    pub(crate) fn tell(&self, word: &str) {
        eprintln!("{word}: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            eprintln!("cause: {error}");
            cause = error.source();
        }
    }

    /// What the user can do about it.
    pub(crate) fn next_step(&self) -> String {
        match self {
            Self::Port { port, .. } => format!(
                "end the program that listens there (ss -ltnp 'sport = :{port}' shows it), or choose another port with --port"
            ),
            Self::NoFreePort { .. } => "choose a port with --port".to_owned(),
            Self::TestServer { .. } | Self::Serving { .. } => {
                "check that this machine lets programs listen on 127.0.0.1, and that files may still be opened (ulimit -n)"
                    .to_owned()
            }
            Self::Tab { .. } => "reload that tab, or close it and open another".to_owned(),
            Self::WebPackage { .. } => {
                "build it with `cargo xtask npm` and name the folder packages/oneflight/dist, or leave --web-package out"
                    .to_owned()
            }
            Self::HttpClient { .. } => "check the system's certificates (package ca-certificates)".to_owned(),
            Self::Output { .. } => "check where standard output goes: a full disk, or a reader that left".to_owned(),
            Self::Settings { .. } => "correct the argument".to_owned(),
            Self::Session { source } => session_step(source),
            Self::TokenFile(TokenFileError::Read { .. }) => "check the path and who may read it".to_owned(),
            Self::TokenFile(TokenFileError::Write { .. }) => {
                "check that you may write in its folder, and that the disk is not full; nothing was sent".to_owned()
            }
            Self::TokenFile(TokenFileError::Format { .. }) => {
                "put the refresh token into it, alone on one line, or the token response as JSON".to_owned()
            }
            Self::Issuer { .. } => {
                "check --issuer: its /.well-known/openid-configuration must answer and name the issuer exactly so; \
                 no token was sent"
                    .to_owned()
            }
            Self::TokenEndpoint { .. } => "check the refresh token and --client-id; if both are right, sign in again".to_owned(),
            Self::ApiSilent { .. } => "check --api: it must be something that answers a GET with 200".to_owned(),
            Self::ApiRefuses => {
                "check that --api accepts tokens of this issuer, and that the grant covers it (audience, scope)".to_owned()
            }
            Self::Runtime { .. } => "see how many processes and files this user may have (ulimit -u, ulimit -n)".to_owned(),
            Self::Profile(problem) => problem.next_step(),
            Self::StillSignedIn { .. } => {
                "see what keeps its files from being written; --force removes them all the same".to_owned()
            }
            Self::Input { .. } => "check where standard input comes from".to_owned(),
            Self::NothingRefused => {
                "hand it over, as in `printf %s \"$TOKEN\" | oneflight token --refused-stdin`".to_owned()
            }
            Self::RefusedFresh { wait, .. } => format!(
                "check that the API takes tokens of this issuer (audience, scope); a refusal renews again in {} s",
                wait.as_secs() + 1
            ),
            Self::Signals { .. } => "see how many files this user may have open (ulimit -n)".to_owned(),
            Self::Command { source, .. } if exec::exit(source) == Exit::NoCommand => {
                "check how it is spelled, and the PATH".to_owned()
            }
            Self::Command { .. } => "check that it is a program, and that this user may run it".to_owned(),
            Self::Helper { .. } => "check how it calls this command, and its version".to_owned(),
            Self::DockerAction { name } => {
                format!("use `oneflight login --profile {name}` or `oneflight logout --profile {name}`")
            }
            Self::Pages { .. } => "check that you may write there, and that the disk is not full".to_owned(),
            Self::BadName(_) => "set it to the name of a profile, or use --profile".to_owned(),
            Self::Login(problem) => problem.next_step(),
            Self::Doctor(problem) => problem.next_step(),
            Self::Unsaved => "sign in again and put the new refresh token into the file".to_owned(),
        }
    }

    /// The exit code it ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Session { source } => Exit::of(source),
            Self::Issuer { source, .. } => Exit::of_discovery(source),
            Self::Profile(problem) => problem.exit(),
            Self::Command { source, .. } => exec::exit(source),
            Self::NothingRefused => Exit::Usage,
            Self::Helper { .. } => Exit::Configuration,
            Self::DockerAction { .. } => Exit::NotAsExpected,
            Self::Login(problem) => problem.exit(),
            Self::Doctor(problem) => problem.exit(),
            Self::BadName(_) => Exit::Usage,
            Self::Settings { .. } | Self::ApiRefuses => Exit::Configuration,
            Self::TokenEndpoint { .. } | Self::Unsaved => Exit::SignIn,
            _ => Exit::Environment,
        }
    }
}

fn session_step(error: &oneflight::Error) -> String {
    match error.action() {
        Action::SignIn => "sign in again and put the new refresh token into the file".to_owned(),
        Action::FixConfiguration => {
            "check --client-id and how the client is registered: it must be public".to_owned()
        }
        Action::Retry { after } => {
            format!("the grant is kept; try again in {} s", after.as_secs_f64().ceil())
        }
        _ => "try again".to_owned(),
    }
}
