//! `oneflight token` in many processes at once on one profile, killed, interrupted, signed out, and kept from saving.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use oneflight_testkit::{Gate, Hold, Point, Rotation, TestServer};
use support::home::Home;
use support::{stderr, stdout};

const LIFETIME: Duration = Duration::from_secs(15 * 60);
const PROCESSES: usize = 30;

/// A profile whose token has expired, at a server of that kind.
fn expired(rotation: Rotation) -> (TestServer, Home) {
    let server = TestServer::builder().rotation(rotation).start_in_thread();
    let (server, home) = (server.expect("a server"), Home::new());
    home.login(&server, "default");
    home.age("default", LIFETIME);
    (server, home)
}

fn start(home: &Home) -> Child {
    home.command(&["token"]).spawn().expect("the command starts")
}

/// Waits until that many requests have come to the gate.
fn arrived(gate: &Gate, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(async {
        tokio::time::timeout(Duration::from_secs(30), gate.arrived(count))
            .await
            .expect("they come");
    });
}

/// Waits until the process holds the lock of the session, or waits for it.
fn at_the_lock(child: &Child) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let begun = Instant::now();
    let has_it = || {
        let files = fs::read_dir(format!("/proc/{}/fd", child.id()))
            .into_iter()
            .flatten();
        let mut names = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        names.any(|name| name.ends_with("default.session.lock"))
    };
    while !has_it() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it never came to the lock"
        );
        std::thread::yield_now();
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

fn printed(child: Child) -> String {
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn c11_p3_any_number_of_processes_make_one_refresh_and_print_one_token() {
    let (server, home) = expired(Rotation::Strict);
    // So that all are under way before there is an answer: the first waits for it, the others for the first.
    let gate = server.hold(Hold::answers(Point::Refresh));
    let all: Vec<Child> = (0..PROCESSES).map(|_| start(&home)).collect();
    arrived(&gate, 1);
    all.iter().for_each(at_the_lock);
    gate.open();
    let tokens: Vec<String> = all.into_iter().map(printed).collect();
    assert_eq!(tokens, vec![tokens[0].clone(); PROCESSES]);
    assert_eq!(tokens[0].trim_end(), home.tokens("default").access_token.expose());
    let counters = server.counters();
    assert_eq!(counters.refresh_posts, 2, "one, and one of the login");
    assert_eq!(counters.reuse_detected, 0);
}

#[test]
fn c11_p5_one_that_is_killed_in_the_middle_keeps_nobody_from_a_token() {
    // The server has rotated and nobody has its answer: only one with a grace window can give another.
    let (server, home) = expired(Rotation::grace(Duration::from_secs(60)));
    let gate = server.hold(Hold::answers(Point::Refresh));
    let mut holder = start(&home);
    arrived(&gate, 1);
    let others: Vec<Child> = (0..5).map(|_| start(&home)).collect();
    signal(&holder, "-KILL");
    holder.wait().expect("it was killed");
    arrived(&gate, 2);
    gate.open();
    let tokens: Vec<String> = others.into_iter().map(printed).collect();
    assert_eq!(tokens, vec![tokens[0].clone(); 5]);
    assert_eq!(server.counters().refresh_posts, 3, "one of the login, two now");
}

#[test]
fn c12_l7_a_sign_out_meanwhile_wins() {
    let (server, home) = expired(Rotation::Strict);
    // Valid for a while still, which must not matter.
    home.change("default", |tokens| {
        tokens.received_at = tokens.received_at.after(Duration::from_secs(30));
    });
    let gate = server.hold(Hold::answers(Point::Refresh));
    let holder = start(&home);
    arrived(&gate, 1);
    let output = home.run(&["logout"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    gate.open();
    let output = holder.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(stdout(&output).is_empty());
    assert_eq!(home.run(&["token"]).status.code(), Some(4));
    assert!(server.families().iter().all(|family| !family.is_alive()));
}

#[test]
fn c18_a_renewal_under_way_is_let_end_and_saved_when_somebody_interrupts() {
    for name in ["-INT", "-TERM"] {
        let (server, home) = expired(Rotation::Strict);
        let gate = server.hold(Hold::answers(Point::Refresh));
        let mut child = start(&home);
        arrived(&gate, 1);
        signal(&child, name);
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it says something");
        assert!(line.starts_with("interrupted: "), "{line}");
        gate.open();
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(130), "{name}");
        assert!(output.stdout.is_empty());
        // The next one finds what was renewed.
        let next = printed(start(&home));
        assert_eq!(next.trim_end(), home.tokens("default").access_token.expose());
        assert_eq!(server.counters().refresh_posts, 2);
        assert!(server.families().iter().all(|family| family.is_alive()));
    }
}

#[test]
fn c18_p7_what_cannot_be_saved_is_tried_again_before_the_command_ends() {
    let (server, home) = expired(Rotation::Strict);
    let gate = server.hold(Hold::answers(Point::Refresh));
    let mut child = start(&home);
    arrived(&gate, 1);
    // A folder stands where the new file would be written.
    let blocked = home.file("default.session.new");
    fs::create_dir(&blocked).expect("made");
    gate.open();
    let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it says something");
    assert!(line.contains("cannot be saved yet"), "{line}");
    fs::remove_dir(&blocked).expect("it was there");
    said.read_to_string(&mut line).expect("it ends");
    let token = printed(child);
    assert_eq!(token.trim_end(), home.tokens("default").access_token.expose());
    assert_eq!(server.counters().refresh_posts, 2);
    assert!(!line.contains("error"), "{line}");
}
