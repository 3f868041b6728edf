//! Runs the built command.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod home;
pub(crate) mod provider;
pub(crate) mod signing_in;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

/// The command with these arguments, not yet started.
pub(crate) fn oneflight(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oneflight"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    oneflight(args).output().expect("the command starts")
}

/// What it wrote on stdout.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What it wrote on stderr.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A command that runs until it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = oneflight(args)
            .stderr(Stdio::null())
            .spawn()
            .expect("the command starts");
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self { child, lines }
    }

    /// The next line it prints that begins so, without that beginning; `None` if it ends before.
    pub(crate) fn line(&mut self, beginning: &str) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).expect("stdout is read") > 0 {
            if let Some(rest) = line.strip_prefix(beginning) {
                return Some(rest.trim().to_owned());
            }
            line.clear();
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
