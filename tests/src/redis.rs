//! A Redis server of one's own: on a free port of loopback, in a folder of its own, without persistence, ended with its value.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use redis::aio::MultiplexedConnection;
use rustix::process::{Pid, Signal, kill_process};

/// Where the program is: set by `cargo xtask test`, which installs it.
const PROGRAM: &str = "ONEFLIGHT_REDIS_SERVER";
/// Set by `cargo xtask test`: a missing server is a failure, not a reason to skip.
const REQUIRED: &str = "ONEFLIGHT_REQUIRE_REAL";

/// A port that is free now may be taken in the next moment.
const TRIES: usize = 5;

/// A running Redis, or one that was killed and may be started again on its port.
pub struct RedisServer {
    program: OsString,
    settings: Vec<String>,
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl RedisServer {
    /// Starts one; `None`, with a word why, where the program is not installed and not required.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same with settings, as on the command line.
    pub fn start_with(settings: &[&str]) -> Option<Self> {
        let Some(program) = program() else {
            assert!(
                std::env::var_os(REQUIRED).is_none(),
                "redis-server is not installed; type `apt-get install redis-server`, or set {PROGRAM} to one"
            );
            println!("skipped: redis-server is not installed; `cargo xtask test` installs it and runs this");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder for the server");
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        for _ in 0..TRIES {
            let port = free_port();
            if let Some(child) = spawn(&program, &settings, &folder, port) {
                return Some(Self {
                    program,
                    settings,
                    folder,
                    port,
                    child,
                });
            }
        }
        panic!("redis-server does not start");
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder it works in.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it was killed");
    }

    /// Starts it again, empty, where it was.
    pub fn start_again(&mut self) {
        self.kill();
        self.child =
            spawn(&self.program, &self.settings, &self.folder, self.port).expect("the port is free again");
    }

    /// Stops it in the middle of whatever it does (SIGSTOP).
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("it can be stopped");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("it can go on");
    }

    /// A connection past the store.
    pub async fn raw(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("the URL is right");
        client
            .get_multiplexed_async_connection()
            .await
            .expect("the server answers")
    }

    /// How often it was asked for each command, by lower-case name.
    pub async fn commands(&self) -> BTreeMap<String, u64> {
        let info: String = redis::cmd("INFO")
            .arg("commandstats")
            .query_async(&mut self.raw().await)
            .await
            .expect("it counts commands");
        let counts = info.lines().filter_map(|line| {
            let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let calls = stats.split(',').next()?.parse().ok()?;
            Some((name.to_owned(), calls))
        });
        counts.collect()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<OsString> {
    if let Some(program) = std::env::var_os(PROGRAM) {
        return Some(program);
    }
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).map(|folder| folder.join("redis-server"));
    places
        .into_iter()
        .find(|file| file.is_file())
        .map(PathBuf::into_os_string)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// `None`: it ended before it was ready.
fn spawn(program: &OsString, settings: &[String], folder: &tempfile::TempDir, port: u16) -> Option<Child> {
    let mut child = Command::new(program)
        .args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
            &port.to_string(),
        ])
        .arg("--dir")
        .arg(folder.path())
        .args(settings)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server can be run");
    let stdout = child.stdout.take().expect("it is piped");
    let (ready, is_ready) = mpsc::channel();
    // Reads on to the end, so that the server is never held up by a full pipe.
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line.contains("Ready to accept connections") {
                let _ = ready.send(());
            }
        }
    });
    if is_ready.recv().is_ok() {
        return Some(child);
    }
    let _ = child.wait();
    None
}
