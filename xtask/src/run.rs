//! Running other programs: from the root of the workspace, with what they did said in one line.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// How often a long silent step says that it is still at work.
const HEARTBEAT_SECS: u64 = 15;
const POLL_MILLIS: u64 = 50;
/// How much of a failed program's output is shown.
const SHOWN_LINES: usize = 40;

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies one folder below the root")
}

/// One line about what happens next, on standard error: standard output belongs to the programs that are run.
pub(crate) fn say(line: impl AsRef<str>) {
    eprintln!("xtask: {}", line.as_ref());
}

/// A program run from the root of the workspace.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs `command` with its output shown.
pub(crate) fn shown(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("{} ended with {status}", line_of(command))))
    }
}

/// Runs `command` with its standard output shown line by line and given to `each`.
/// Says whether it succeeded.
pub(crate) fn watched(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool, Failure> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(command, &error))?;
    let output = child.stdout.take().expect("standard output is piped");
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(|error| Failure::new(format!("{}: {error}", line_of(command))))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        each(&line);
    }
    let status = child
        .wait()
        .map_err(|error| Failure::new(format!("{}: {error}", line_of(command))))?;
    Ok(status.success())
}

/// Runs `command` in silence but for a sign of life, and shows the end of its output if it fails.
/// Gives what it printed.
pub(crate) fn silent(command: &mut Command) -> Result<String, Failure> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(command, &error))?;
    let out = collect(child.stdout.take());
    let err = collect(child.stderr.take());
    let status = wait_with_heartbeat(&mut child, started)?;
    let out = out.join().unwrap_or_default() + &err.join().unwrap_or_default();
    if status {
        return Ok(out);
    }
    let lines: Vec<&str> = out.lines().collect();
    for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
        eprintln!("  {line}");
    }
    Err(Failure::new(format!("{} failed", line_of(command))))
}

/// What `command` prints, if it succeeds.
pub(crate) fn asked(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The file that typing `name` would run.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn collect(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // A broken pipe only shortens what could be shown.
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait_with_heartbeat(child: &mut Child, started: Instant) -> Result<bool, Failure> {
    let mut next = HEARTBEAT_SECS;
    loop {
        let ended = child
            .try_wait()
            .map_err(|error| Failure::new(format!("waiting: {error}")))?;
        if let Some(status) = ended {
            return Ok(status.success());
        }
        if started.elapsed().as_secs() >= next {
            say(format!("  still at it, {next} s"));
            next += HEARTBEAT_SECS;
        }
        thread::sleep(Duration::from_millis(POLL_MILLIS));
    }
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} did not start: {error}", line_of(command)))
}

fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    format!("`{line}`")
}
