//! A PostgreSQL server of one's own: on a free port of loopback, in a folder of its own, ended with its value. And a pgBouncer.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio_postgres::{Client, NoTls};

/// Where the programs are: set by `cargo xtask test`, which installs them.
const PROGRAMS: &str = "ONEFLIGHT_POSTGRES_BIN";
const PGBOUNCER: &str = "ONEFLIGHT_PGBOUNCER";
/// Set by `cargo xtask test`: a missing server is a failure, not a reason to skip.
const REQUIRED: &str = "ONEFLIGHT_REQUIRE_REAL";
/// What Debian makes for the server, which does not run as root.
const USER: &str = "postgres";
/// Starting takes no longer.
const START_MAX: Duration = Duration::from_secs(30);

/// A running PostgreSQL, or one that was killed and may be started again on its port.
pub struct PostgresServer {
    programs: PathBuf,
    settings: Vec<String>,
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl PostgresServer {
    /// Starts one that is quick, forgets in a crash of the machine, and logs every statement; `None`, with a word why, where the
    /// programs are not installed and not required.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same with settings of its own, such as `fsync=on`.
    pub fn start_with(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            missing("PostgreSQL", "postgresql", PROGRAMS);
            return None;
        };
        let folder = folder();
        let data = folder.path().join("data");
        let made = command(&programs.join("initdb"))
            .args([
                "--auth=trust",
                "--username=postgres",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .expect("initdb can be run");
        assert!(made.success(), "initdb failed");
        // Whoever has a password must give it.
        let rules = "host all guest 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n";
        fs::write(data.join("pg_hba.conf"), rules).expect("the rules can be written");
        let port = free_port();
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let child = spawn(&programs, &settings, &folder, port);
        Some(Self {
            programs,
            settings,
            folder,
            port,
            child,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it as a crash would, its connections too.
    pub fn kill(&mut self) {
        stop(&mut self.child, Signal::QUIT);
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.programs, &self.settings, &self.folder, self.port);
    }

    /// A connection past the store.
    pub async fn raw(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls)
            .await
            .expect("it answers");
        tokio::spawn(connection);
        client
    }

    /// What it was asked, one statement a line, without those of `raw`.
    pub fn statements(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("log")).expect("it writes a log");
        let lines = log
            .lines()
            .filter_map(|line| line.split_once("execute <unnamed>: "));
        lines.map(|(_, statement)| statement.to_owned()).collect()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        stop(&mut self.child, Signal::QUIT);
    }
}

/// A pgBouncer in transaction mode before a server, with two connections to it unless told otherwise.
pub struct PgBouncer {
    _folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl PgBouncer {
    /// Starts one; `None`, with a word why, where the program is not installed and not required.
    pub fn start(server: &PostgresServer) -> Option<Self> {
        Self::start_with(server, &[])
    }

    /// The same with settings, as in its file of settings; they come after those that it has anyway.
    pub fn start_with(server: &PostgresServer, more: &[&str]) -> Option<Self> {
        let program =
            std::env::var_os(PGBOUNCER).map_or_else(|| PathBuf::from("/usr/sbin/pgbouncer"), PathBuf::from);
        if !program.is_file() {
            missing("pgBouncer", "pgbouncer", PGBOUNCER);
            return None;
        }
        let (folder, port) = (folder(), free_port());
        let settings = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 200\n{}\n",
            server.port,
            more.join("\n")
        );
        // With `any`, everybody is the user named here.
        let text = text.replace("* = host", "postgres = user=postgres host");
        fs::write(&settings, text).expect("settings can be written");
        let mut child = command(&program)
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer can be run");
        until_reachable(&mut child, port);
        Some(Self {
            _folder: folder,
            port,
            child,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it in the middle of whatever it does (SIGSTOP).
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("it can be stopped");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("it can go on");
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        stop(&mut self.child, Signal::KILL);
    }
}

fn missing(what: &str, package: &str, variable: &str) {
    assert!(
        std::env::var_os(REQUIRED).is_none(),
        "{what} is not installed; type `apt-get install {package}`, or set {variable}"
    );
    println!("skipped: {what} is not installed; `cargo xtask test` installs it and runs this");
}

fn programs() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(PROGRAMS) {
        return Some(folder.into());
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.flatten().map(|version| version.path().join("bin"));
    folders.filter(|folder| folder.join("initdb").is_file()).max()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the server");
    if is_root() {
        let to_all = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), to_all).expect("it is ours");
    }
    folder
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The servers refuse to run as root.
fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args([
            &format!("--reuid={USER}"),
            &format!("--regid={USER}"),
            "--clear-groups",
            "--",
        ])
        .arg(program)
        .current_dir("/");
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

fn spawn(programs: &Path, settings: &[String], folder: &tempfile::TempDir, port: u16) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.path().join("log"));
    let mut child = command(&programs.join("postgres"))
        .arg("-D")
        .arg(folder.path().join("data"))
        .args([
            "-p",
            &port.to_string(),
            "-h",
            "127.0.0.1",
            "-F",
            "-c",
            "max_connections=150",
        ])
        .args(["-c", "log_statement=all", "-c", "shared_buffers=16MB", "-k"])
        .arg(folder.path())
        // The last word counts.
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .stdout(Stdio::null())
        .stderr(log.expect("a log"))
        .spawn()
        .expect("postgres can be run");
    until_reachable(&mut child, port);
    // The port is open a little before it takes anybody in.
    let begin = Instant::now();
    let is_ready = || {
        let mut asked = Command::new(programs.join("pg_isready"));
        asked.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        asked.status().is_ok_and(|status| status.success())
    };
    while !is_ready() {
        assert!(begin.elapsed() < START_MAX, "postgres does not get ready");
    }
    child
}

fn until_reachable(child: &mut Child, port: u16) {
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = child.try_wait().expect("it can be asked");
        assert!(
            ended.is_none() && begin.elapsed() < START_MAX,
            "the server does not start: {ended:?}"
        );
        thread::yield_now();
    }
}

fn stop(child: &mut Child, signal: Signal) {
    if let Ok(None) = child.try_wait() {
        let _ = kill_process(Pid::from_child(child), signal);
        let _ = child.wait();
    }
}
