//! A holder in a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use oneflight_testkit::{IssuedSession, TestServer};
use oneflight_tests::login::CLIENT_ID;
use oneflight_tests::postgres::{PgBouncer, PostgresServer};
use oneflight_tests::provider::Provider;
use oneflight_tests::redis::RedisServer;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

/// An answer that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(50);

/// Where the holders of a test keep their record.
pub(crate) enum Place {
    File(tempfile::TempDir),
    /// A file in a folder that the test keeps.
    Folder(PathBuf),
    Redis(RedisServer),
    /// Statements go through pgBouncer, what is told comes from the server itself.
    Postgres(PostgresServer, PgBouncer),
}

impl Place {
    pub(crate) fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub(crate) fn redis() -> Option<Self> {
        RedisServer::start().map(Self::Redis)
    }

    /// A Redis that keeps what it acknowledged through a crash.
    pub(crate) fn durable_redis() -> Option<Self> {
        RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "always"]).map(Self::Redis)
    }

    /// A PostgreSQL behind a pgBouncer with fewer connections than there are holders; it asks for a server that was away
    /// again after a tenth of a second, not 15 s.
    pub(crate) fn postgres() -> Option<Self> {
        let server = PostgresServer::start()?;
        let settings = ["default_pool_size = 8", "server_login_retry = 0.1"];
        let bouncer = PgBouncer::start_with(&server, &settings)?;
        Some(Self::Postgres(server, bouncer))
    }

    /// Its server crashes.
    pub(crate) fn kill(&mut self) {
        match self {
            Self::File(_) | Self::Folder(_) => panic!("a file has no server"),
            Self::Redis(server) => server.kill(),
            Self::Postgres(server, _) => server.kill(),
        }
    }

    /// Its server is back.
    pub(crate) fn start_again(&mut self) {
        match self {
            Self::File(_) | Self::Folder(_) => panic!("a file has no server"),
            Self::Redis(server) => server.start_again(),
            Self::Postgres(server, _) => server.start_again(),
        }
    }

    /// What takes its statements stands still.
    pub(crate) fn freeze(&self) {
        match self {
            Self::File(_) | Self::Folder(_) => panic!("a file has no server"),
            Self::Redis(server) => server.freeze(),
            Self::Postgres(_, bouncer) => bouncer.freeze(),
        }
    }

    /// What takes its statements goes on.
    pub(crate) fn thaw(&self) {
        match self {
            Self::File(_) | Self::Folder(_) => panic!("a file has no server"),
            Self::Redis(server) => server.thaw(),
            Self::Postgres(_, bouncer) => bouncer.thaw(),
        }
    }

    /// As the holder's arguments name it.
    fn args(&self, key: &str) -> Vec<String> {
        match self {
            Self::File(folder) => vec!["file".to_owned(), folder.path().join(key).display().to_string()],
            Self::Folder(folder) => vec!["file".to_owned(), folder.join(key).display().to_string()],
            Self::Redis(server) => vec!["redis".to_owned(), server.url(), key.to_owned()],
            Self::Postgres(server, bouncer) => {
                vec!["postgres".to_owned(), bouncer.url(), server.url(), key.to_owned()]
            }
        }
    }
}

/// The deadlines of a request and of a save, and the length of a lease, in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Lengths(pub(crate) u32, pub(crate) u32, pub(crate) u32);

/// Nothing of it is over before a test has failed.
pub(crate) const LONG: Lengths = Lengths(20_000, 10_000, 60_000);

/// As short as a busy machine allows: what is waited for after a crash.
pub(crate) const SHORT: Lengths = Lengths(2_000, 2_000, 5_000);

/// Where a holder presents its tokens, and as whom.
pub(crate) struct Server {
    pub(crate) token_url: String,
    pub(crate) api_url: String,
    pub(crate) client_id: &'static str,
}

impl From<&TestServer> for Server {
    fn from(server: &TestServer) -> Self {
        Self {
            token_url: server.token_url(),
            api_url: server.api_url("/api/notes"),
            client_id: "app",
        }
    }
}

impl From<&Provider> for Server {
    fn from(provider: &Provider) -> Self {
        Self {
            token_url: provider.token_url(),
            api_url: provider.userinfo(),
            client_id: CLIENT_ID,
        }
    }
}

/// A running holder; killed with its value.
pub(crate) struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Process {
    pub(crate) async fn start(server: impl Into<Server>, place: &Place, key: &str, lengths: Lengths) -> Self {
        let server = server.into();
        let mut child = Command::new(env!("CARGO_BIN_EXE_holder"))
            .args([&*server.token_url, &server.api_url, server.client_id])
            .args([lengths.0, lengths.1, lengths.2].map(|millis| millis.to_string()))
            .args(place.args(key))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut process = Self { child, stdin, lines };
        process.hear("ready").await;
        process
    }

    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.stdin, "{command}").unwrap();
    }

    /// What follows this word on the next line that begins with it.
    pub(crate) async fn hear(&mut self, word: &str) -> String {
        let heard = async {
            loop {
                let line = self.lines.recv().await.expect("the holder lives");
                if let Some(rest) = line.strip_prefix(word) {
                    return rest.trim().to_owned();
                }
            }
        };
        let heard = tokio::time::timeout(PATIENCE, heard).await;
        heard.unwrap_or_else(|_| panic!("the holder did not say {word:?} in time"))
    }

    pub(crate) async fn sign_in(&mut self, issued: &IssuedSession) {
        self.sign_in_with(&issued.access_token, issued.refresh_token())
            .await;
    }

    pub(crate) async fn sign_in_with(&mut self, access: &str, refresh: &str) {
        self.tell(&format!("sign-in {access} {refresh}"));
        self.hear("signed-in").await;
    }

    /// How many requests of those asked for succeeded, and what the first other one said.
    pub(crate) async fn asked(&mut self) -> (usize, String) {
        let answer = self.hear("asked").await;
        let (ok, error) = answer.split_once(' ').unwrap();
        (ok.parse().unwrap(), error.to_owned())
    }

    /// Until the process ended by itself.
    pub(crate) async fn died(&mut self) {
        let ended = async { while self.lines.recv().await.is_some() {} };
        tokio::time::timeout(PATIENCE, ended)
            .await
            .expect("the holder comes to the point where it dies");
        assert!(!self.child.wait().unwrap().success());
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    pub(crate) fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
