//! A login that waits for its user.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command};

/// `oneflight login`, running. Killed when it is dropped.
pub(crate) struct SigningIn {
    child: Child,
    lines: BufReader<ChildStderr>,
    said: String,
}

impl SigningIn {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the command starts");
        let lines = BufReader::new(child.stderr.take().expect("it is piped"));
        Self {
            child,
            lines,
            said: String::new(),
        }
    }

    /// The next line it says that holds this.
    pub(crate) fn line(&mut self, holds: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).expect("stderr is read");
            self.said.push_str(&line);
            assert!(read > 0, "{holds:?} was not said: {}", self.said);
            if line.contains(holds) {
                return line.trim().to_owned();
            }
        }
    }

    /// The next address that it tells its user to open.
    pub(crate) fn address(&mut self) -> String {
        self.line("http")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end: the exit code, and all that it said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).expect("stderr is read");
        let status = self.child.wait().expect("it ends");
        (status.code(), std::mem::take(&mut self.said) + &rest)
    }
}

impl SigningIn {
    /// The same, and what it answered on standard output.
    pub(crate) fn end_with_answer(mut self) -> (Option<i32>, String, String) {
        let mut answer = String::new();
        let mut stdout = self.child.stdout.take().expect("it is piped");
        stdout.read_to_string(&mut answer).expect("stdout is read");
        let (code, said) = self.end();
        (code, said, answer)
    }
}

impl Drop for SigningIn {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
