//! `oneflight exec`.
#![cfg(unix)]

mod support;

use std::process::Output;

use oneflight_testkit::TestServer;
use support::home::Home;
use support::{stderr, stdout};

fn signed_in() -> (TestServer, Home) {
    let server = TestServer::builder().start_in_thread().expect("a server");
    let home = Home::new();
    home.login(&server, "default");
    (server, home)
}

fn exec(home: &Home, args: &[&str]) -> Output {
    home.run(&[&["exec"], args].concat())
}

#[test]
fn c14_the_command_finds_the_token_in_its_environment_and_nowhere_else() {
    let (_server, home) = signed_in();
    let token = home.tokens("default").access_token.expose().to_owned();
    let show = [
        "--",
        "sh",
        "-c",
        "printf '%s|%s' \"$ACCESS_TOKEN\" \"$*\"",
        "sh",
        "--env",
        "x",
    ];
    let output = exec(&home, &show);
    assert_eq!(stdout(&output), format!("{token}|--env x"), "{}", stderr(&output));
    let other = [
        "--env",
        "MY_TOKEN",
        "--",
        "sh",
        "-c",
        "printf '%s|%s' \"$MY_TOKEN\" \"$ACCESS_TOKEN\"",
    ];
    assert_eq!(stdout(&exec(&home, &other)), format!("{token}|"));
    // Nor does it find another secret there.
    let mut command = home.command(&["exec", "--", "sh", "-c", "printf %s \"$ONEFLIGHT_CLIENT_SECRET\""]);
    let output = command
        .env("ONEFLIGHT_CLIENT_SECRET", "s3cret")
        .output()
        .expect("it starts");
    assert_eq!(stdout(&output), "");
    // Nobody else on the machine reads it there.
    let args = ["--", "sh", "-c", "tr '\\0' ' ' </proc/$$/cmdline"];
    assert!(!stdout(&exec(&home, &args)).contains(&token));
}

#[test]
fn c14_the_command_takes_the_place_of_oneflight() {
    let (_server, home) = signed_in();
    let child = home
        .command(&["exec", "--", "sh", "-c", "echo $$"])
        .spawn()
        .expect("it starts");
    let id = child.id();
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(stdout(&output).trim(), id.to_string());
    for code in ["0", "3", "42"] {
        let output = exec(&home, &["--", "sh", "-c", &format!("exit {code}")]);
        assert_eq!(
            output.status.code().map(|code| code.to_string()).as_deref(),
            Some(code)
        );
    }
    // Signals are not in its way, not even those that Rust programs ignore.
    use std::os::unix::process::ExitStatusExt as _;
    for signal in ["TERM", "PIPE"] {
        let output = exec(&home, &["--", "sh", "-c", &format!("kill -{signal} $$; exit 9")]);
        assert!(output.status.signal().is_some(), "{signal}: {:?}", output.status);
    }
}

#[test]
fn c14_x2_a_command_that_does_not_run_ends_as_in_a_shell() {
    let (server, home) = signed_in();
    for (program, code) in [("no-such-command-anywhere", 127), ("/", 126), ("/no/such", 127)] {
        let output = exec(&home, &["--", program]);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains("next: "), "{}", stderr(&output));
    }
    for bad in [
        &["--env", "A=B", "--", "true"][..],
        &["--env", "1A", "--", "true"],
        &[],
        &["true"],
    ] {
        assert_eq!(exec(&home, bad).status.code(), Some(2), "{bad:?}");
    }
    let output = exec(&home, &["--profile", "none", "--", "sh", "-c", "echo it ran"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(stdout(&output).is_empty(), "nothing runs without a token");
    assert_eq!(server.counters().refresh_posts, 1);
}
