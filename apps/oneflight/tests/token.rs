//! `oneflight token` in one process.

mod support;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use oneflight_testkit::{Fault, Point, RetryAfter, TestServer};
use serde_json::Value;
use support::home::{Home, fed};
use support::{stderr, stdout};

const MINUTE: Duration = Duration::from_secs(60);
/// As the test server issues them.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

fn server() -> TestServer {
    TestServer::builder().start_in_thread().expect("a server")
}

/// A profile with a fresh token.
fn signed_in() -> (TestServer, Home) {
    let (server, home) = (server(), Home::new());
    home.login(&server, "default");
    (server, home)
}

/// Runs it, and gives the token that it printed on a line of its own.
fn printed(home: &Home, args: &[&str]) -> String {
    let output = home.run(&[&["token"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    let line = stdout(&output);
    let token = line.strip_suffix('\n').expect("a line").to_owned();
    assert!(
        !token.is_empty() && !token.contains(char::is_whitespace),
        "{line:?}"
    );
    token
}

fn waited<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

fn token(home: &Home) -> String {
    home.tokens("default").access_token.expose().to_owned()
}

#[test]
fn c10_a_token_that_serves_costs_a_read_of_one_file() {
    let (server, home) = signed_in();
    let held = token(&home);
    // Neither the settings nor a lock nor the server is asked for.
    fs::write(home.file("default.json"), "no settings").expect("written");
    for beside in ["default.session.lock", "default.session.turn"] {
        fs::remove_file(home.file(beside)).expect("it was there");
    }
    server.inject_always(Point::Refresh, Fault::hang());
    assert_eq!(printed(&home, &[]), held);
    assert_eq!(printed(&home, &["--min-valid", "13m"]), held);
    assert!(!home.file("default.session.lock").exists());
    assert_eq!(server.counters().refresh_posts, 1, "the one of the login");
}

#[test]
fn c10_a_token_that_would_not_last_is_renewed_first() {
    let (server, home) = signed_in();
    let first = token(&home);
    home.age("default", LIFETIME - MINUTE / 2);
    let second = printed(&home, &[]);
    assert_ne!(second, first);
    assert_eq!(second, token(&home), "it was saved");
    assert_eq!(server.counters().refresh_posts, 2);
    // A second is enough for somebody who says so.
    home.age("default", LIFETIME - MINUTE / 2);
    assert_eq!(printed(&home, &["--min-valid", "1s"]), second);
    assert_eq!(server.counters().refresh_posts, 2);
}

#[test]
fn c10_more_than_a_lifetime_is_not_renewed_again_and_again() {
    let (server, home) = signed_in();
    let first = token(&home);
    home.age("default", MINUTE);
    for _ in 0..3 {
        let output = home.run(&["token", "--min-valid", "2d"]);
        assert_eq!(stdout(&output), format!("{first}\n"));
        // Nobody who waits for a lifetime of two days should have to guess.
        assert!(
            stderr(&output).contains("less than --min-valid"),
            "{}",
            stderr(&output)
        );
    }
    home.age("default", LIFETIME / 2 + MINUTE);
    let second = printed(&home, &["--min-valid", "2d"]);
    assert_ne!(second, first);
    assert_eq!(printed(&home, &["--min-valid", "2d"]), second);
    assert_eq!(server.counters().refresh_posts, 2);
}

#[test]
fn c10_a_token_without_expiry_is_printed_as_it_is() {
    let (server, home) = signed_in();
    home.change("default", |tokens| tokens.expires_in = None);
    home.age("default", LIFETIME * 1000);
    assert_eq!(printed(&home, &[]), token(&home));
    let output = home.run(&["token", "--json"]);
    let json: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(json["expires_in"], Value::Null);
    assert_eq!(json["expires_at"], Value::Null);
    assert_eq!(server.counters().refresh_posts, 1);
}

#[test]
fn c10_x2_json_is_one_object_with_the_names_of_a_token_response() {
    let (_server, home) = signed_in();
    home.change("default", |tokens| tokens.scope = Some("read write".into()));
    let output = home.run(&["token", "--json"]);
    assert_eq!(stdout(&output).lines().count(), 1);
    let json: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(json["access_token"], token(&home));
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["scope"], "read write");
    let left = json["expires_in"].as_u64().expect("seconds");
    assert!((800..=900).contains(&left), "{json}");
    let at = json["expires_at"].as_str().expect("a time");
    assert!(at.len() == 20 && at.ends_with('Z'), "{json}");
}

#[test]
fn c10_an_encrypted_session_is_opened_by_the_key_that_the_settings_name() {
    let (server, home) = (server(), Home::new());
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    let text = oneflight::record::Key::generate("k1").expect("a key").to_text();
    fs::write(&key, text.as_str()).expect("written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("set");
    }
    let session = server.issue_session();
    let args = ["login", "--with-refresh-token", "--client-id", "app", "--issuer"];
    let wish = [
        server.issuer(),
        "--encrypt",
        "key-file",
        key.to_str().expect("UTF-8"),
    ];
    let args = [&args[..], &wish].concat();
    let output = home.run_with(&args, session.refresh_token());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let first = printed(&home, &[]);
    assert_eq!(printed(&home, &[]), first);
    assert_eq!(server.counters().refresh_posts, 1);
    fs::remove_file(&key).expect("it was there");
    let output = home.run(&["token"]);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    assert!(stderr(&output).contains("next: "), "{}", stderr(&output));
}

#[test]
fn c12_an_ill_server_costs_nobody_a_token_that_is_still_valid() {
    let (server, home) = signed_in();
    let held = token(&home);
    home.age("default", LIFETIME - MINUTE / 2);
    server.inject_always(Point::Refresh, Fault::unavailable(RetryAfter::Absent));
    let output = home.run(&["token"]);
    assert_eq!(stdout(&output), format!("{held}\n"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("still valid"), "{}", stderr(&output));
    // Others keep the pause that began: they make no request.
    let posts = server.counters().refresh_posts;
    assert_eq!(printed(&home, &[]), held);
    assert_eq!(server.counters().refresh_posts, posts);
}

#[test]
fn c12_a_token_that_nothing_can_renew_is_given_out_to_its_end() {
    let (server, home) = signed_in();
    let held = token(&home);
    home.change("default", |tokens| tokens.refresh_token = None);
    home.age("default", LIFETIME - MINUTE / 2);
    let output = home.run(&["token"]);
    assert_eq!(stdout(&output), format!("{held}\n"), "{}", stderr(&output));
    assert!(stderr(&output).contains("sign in again"), "{}", stderr(&output));
    home.age("default", MINUTE);
    assert_eq!(home.run(&["token"]).status.code(), Some(4));
    assert_eq!(server.counters().refresh_posts, 1);
}

#[test]
fn c12_x2_without_a_token_the_exit_code_says_what_to_do() {
    let (server, home) = signed_in();
    let failed = |args: &[&str], code: i32, says: &str| {
        let output = home.run(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(stdout(&output).is_empty());
        assert!(said.contains(says) && said.contains("next: "), "{said}");
    };
    failed(
        &["token", "--profile", "none"],
        4,
        "oneflight login --profile none",
    );
    failed(&["token", "--refused-stdin"], 2, "--refused-stdin");
    home.age("default", LIFETIME);
    waited(server.go_offline()).expect("it goes");
    failed(&["token"], 3, "try again");
    waited(server.go_online()).expect("it comes");
    // The pause after it is not worth waiting for here.
    home.change("default", |_| {});
    for family in server.families() {
        server.revoke_family(family.family);
    }
    failed(&["token"], 4, "oneflight login --profile default");
    failed(&["token"], 4, "oneflight login --profile default");
    assert_eq!(
        server.counters().refreshes_refused,
        1,
        "a dead grant is asked for once"
    );
}

#[test]
fn c13_a_token_that_was_refused_is_renewed_once_and_not_printed_again() {
    let (server, home) = signed_in();
    let refused = token(&home);
    let newer = |refused: &str| fed(home.command(&["token", "--refused-stdin"]), refused);
    home.age("default", MINUTE);
    let output = newer(&format!("{refused}\n"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let second = token(&home);
    assert_ne!(second, refused);
    assert_eq!(stdout(&output), format!("{second}\n"));
    // Somebody else was refused with the old one, too.
    assert_eq!(stdout(&newer(&refused)), format!("{second}\n"));
    assert_eq!(server.counters().refresh_posts, 2);
    // An API that refuses everything costs a bounded number of refreshes.
    for _ in 0..3 {
        let output = newer(&second);
        assert_eq!(output.status.code(), Some(3));
        assert!(stdout(&output).is_empty());
        let said = stderr(&output);
        assert!(said.contains("audience") && !said.contains(&second), "{said}");
    }
    assert_eq!(server.counters().refresh_posts, 2);
    home.age("default", MINUTE);
    assert_eq!(newer(&second).status.code(), Some(0));
    assert_eq!(server.counters().refresh_posts, 3);
}

#[cfg(unix)]
#[test]
fn x2_a_reader_that_left_and_a_disk_that_is_full_are_errors_and_no_panic() {
    let (_server, home) = signed_in();
    let mut child = home.command(&["token"]).spawn().expect("it starts");
    // Nobody reads; whether it has been written already is all the same.
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", stderr(&output));
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    for (to, code) in [("/dev/full", 3), ("&-", 0)] {
        let program = env!("CARGO_BIN_EXE_oneflight");
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("exec \"$0\" token >{to}"), program])
            .env("ONEFLIGHT_HOME", home.file(""))
            .stdin(Stdio::null())
            .output()
            .expect("sh starts");
        assert_eq!(output.status.code(), Some(code), "{to}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    }
}
