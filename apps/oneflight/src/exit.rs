//! How the command ends: exit codes, and errors that name the cause and the next step.

use std::process::ExitCode;

/// The table that `--help` prints.
pub(crate) const TABLE: &str = "\
Exit codes:
  0    it ended as it should
  1    the scenario ended otherwise than expected of this client
  2    the arguments make no sense
  3    something outside is in the way: a port, a file, a server that does not answer
  4    the grant is dead or the client unknown to the issuer: sign in again, or correct --client-id
  130  interrupted; a renewal under way was ended and saved first";

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    AsExpected = 0,
    NotAsExpected = 1,
    Environment = 3,
    #[expect(dead_code, reason = "only a foreign server can hold a dead grant")]
    Grant = 4,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What keeps the command from doing its work.
///
/// `Display` is the cause; [`next_step`](Self::next_step) says what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("port {port} on 127.0.0.1 cannot be used: {source}")]
    Port { port: u16, source: std::io::Error },
    #[error("none of the ports {first} to {last} on 127.0.0.1 is free: {source}")]
    NoFreePort {
        first: u16,
        last: u16,
        source: std::io::Error,
    },
    #[error("the test server did not start: {source}")]
    TestServer { source: oneflight_testkit::StartError },
    #[error("the server stopped: {source}")]
    Serving { source: std::io::Error },
    #[error("the HTTP client could not be built: {source}")]
    HttpClient { source: reqwest::Error },
    #[error("this build has no oneflight client yet")]
    NoSession,
    #[error("standard output cannot be written: {source}")]
    Output { source: std::io::Error },
}

impl Problem {
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
            Self::HttpClient { .. } => "check the system's certificates (package ca-certificates)".to_owned(),
            Self::NoSession => "fly --client naive or textbook".to_owned(),
            Self::Output { .. } => "check where standard output goes: a full disk, or a reader that left".to_owned(),
        }
    }

    /// The exit code it ends with.
    pub(crate) fn exit(&self) -> Exit {
        Exit::Environment
    }
}
