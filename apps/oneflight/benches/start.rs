//! From the start of `oneflight token` to its output, while the stored token is valid; beside what starting anything costs.
//!
//! The subjects take turns, round by round, and what is compared is the difference to the floor within a round.
#![cfg(unix)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use oneflight_testkit::TestServer;
use support::home::Home;

const ROUNDS: usize = 400;

/// A program that is started once per round.
struct Subject {
    name: &'static str,
    command: Command,
    /// What it reads.
    input: PathBuf,
    /// Milliseconds, a round each.
    taken: Vec<f64>,
}

fn main() {
    // `cargo bench` says so, and whoever only wants to see that it runs says `--test`.
    let is_asked = |word: &str| std::env::args().any(|arg| arg == word);
    let rounds = if is_asked("--bench") && !is_asked("--test") {
        ROUNDS
    } else {
        3
    };
    let server = TestServer::builder().start_in_thread().expect("a server");
    let home = Home::new();
    home.login(&server, "default");
    let mut subjects = subjects(&home);
    for round in 0..=rounds {
        for subject in &mut subjects {
            let took = subject.run();
            // The first one warms up.
            if round > 0 {
                subject.taken.push(took);
            }
        }
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("milliseconds from start to end of output, {rounds} rounds in turns; load {load}");
    println!(
        "{:<38} {:>8} {:>8} {:>8} {:>12}",
        "", "quarter", "median", "quarter", "above floor"
    );
    let floor = subjects[0].taken.clone();
    for subject in &subjects {
        let above = subject.taken.iter().zip(&floor).map(|(ours, floor)| ours - floor);
        let (taken, above) = (sorted(subject.taken.iter().copied()), sorted(above));
        println!(
            "{:<38} {:>8.2} {:>8.2} {:>8.2} {:>12.2}",
            subject.name,
            part_of(&taken, 0.25),
            part_of(&taken, 0.5),
            part_of(&taken, 0.75),
            part_of(&above, 0.5)
        );
    }
    assert_eq!(server.counters().refresh_posts, 1, "the stored token served");
}

fn subjects(home: &Home) -> Vec<Subject> {
    let subject = |name, mut command: Command| {
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        Subject {
            name,
            command,
            input: PathBuf::from("/dev/null"),
            taken: Vec::new(),
        }
    };
    let mut subjects = vec![
        subject("/bin/true (the floor)", Command::new("/bin/true")),
        subject("oneflight token", home.command(&["token"])),
        subject("oneflight --version", home.command(&["--version"])),
    ];
    // A helper that reads its token from a file as well, where there is git.
    if let Ok(output) = Command::new("git").arg("--exec-path").output() {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let (store, asked) = (home.file("git-credentials"), home.file("git-asks"));
        std::fs::write(&store, "https://u:p@git.example.com\n").expect("written");
        std::fs::write(&asked, "protocol=https\nhost=git.example.com\n\n").expect("written");
        let mut command = Command::new(Path::new(&folder).join("git-credential-store"));
        command.arg("--file").arg(&store).arg("get");
        subjects.push(Subject {
            input: asked,
            ..subject("git-credential-store get", command)
        });
    }
    subjects
}

impl Subject {
    /// Milliseconds from the start to the end of the output.
    fn run(&mut self) -> f64 {
        self.command.stdin(File::open(&self.input).expect("it is there"));
        let start = Instant::now();
        let mut child = self.command.spawn().expect("it starts");
        let mut out = child.stdout.take().expect("it is piped");
        std::io::copy(&mut out, &mut std::io::sink()).expect("it can be read");
        let took = start.elapsed().as_secs_f64() * 1e3;
        assert!(child.wait().expect("it ends").success(), "{}", self.name);
        took
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn part_of(sorted: &[f64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}
