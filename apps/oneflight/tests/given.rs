//! `oneflight login --with-refresh-token`.

mod support;

use std::fs;

use oneflight_testkit::{Fault, Point, RetryAfter, TestServer};
use serde_json::Value;
use support::home::Home;
use support::{stderr, stdout};

fn server() -> TestServer {
    TestServer::builder().start_in_thread().expect("a server")
}

fn status(home: &Home) -> (Value, Option<i32>) {
    let output = home.run(&["status", "--json"]);
    let json = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    (json, output.status.code())
}

#[test]
fn c1_c5_a_refresh_token_is_proved_by_one_refresh_and_kept_for_its_owner_only() {
    let (server, home) = (server(), Home::new());
    let given = home.login(&server, "default");
    assert_eq!(server.counters().refresh_posts, 1);
    assert!(server.family(given.family()).expect("known").is_alive());
    let (status, code) = status(&home);
    assert_eq!(code, Some(0), "{status}");
    assert_eq!(status["signed_in"], true);
    assert_eq!(status["access_token"]["valid"], true);
    assert_eq!(status["refresh_token"], true);
    assert_eq!(server.counters().refresh_posts, 1, "status asks nobody");
    let held = fs::read_to_string(home.file("default.session")).expect("the session");
    assert!(
        !held.contains(given.refresh_token()),
        "the spent token is not kept"
    );
    #[cfg(unix)]
    for file in ["default.json", "default.session"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(home.file(file)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn c5_a_refresh_token_that_the_server_refuses_changes_nothing() {
    let (server, home) = (server(), Home::new());
    home.login(&server, "default");
    let before = fs::read(home.file("default.session")).expect("the session");
    let args = ["login", "--with-refresh-token"];
    let output = home.run_with(&args, "no-such-token");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(stderr(&output).contains("next: "), "{}", stderr(&output));
    assert_eq!(
        fs::read(home.file("default.session")).expect("the session"),
        before
    );

    let another = server.issue_session();
    server.inject(Point::Refresh, Fault::unavailable(RetryAfter::Absent));
    let output = home.run_with(&args, another.refresh_token());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let shown = stderr(&output);
    assert!(
        shown.contains("try again") && !shown.contains(another.refresh_token()),
        "{shown}"
    );
    assert_eq!(
        fs::read(home.file("default.session")).expect("the session"),
        before
    );
}

#[test]
fn c5_x2_what_is_no_refresh_token_is_a_usage_error() {
    let (server, home) = (server(), Home::new());
    let issuer = server.issuer();
    let args = [
        "login",
        "--with-refresh-token",
        "--client-id",
        "app",
        "--issuer",
        issuer,
    ];
    for (input, says) in [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a\nb", "no refresh token"),
    ] {
        let output = home.run_with(&args, input);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    let output = home.run_with(&["login", "--with-refresh-token"], "x");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--issuer"), "{}", stderr(&output));
    assert!(!home.file("default.json").exists());
}

#[test]
fn c6_a_login_replaces_a_session_of_the_same_client_and_refuses_another() {
    let (server, home) = (server(), Home::new());
    home.login(&server, "default");
    let second = server.issue_session();
    let output = home.run_with(&["login", "--with-refresh-token"], second.refresh_token());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("replaced"), "{}", stderr(&output));
    assert!(
        server
            .families()
            .iter()
            .all(oneflight_testkit::FamilyReport::is_alive)
    );

    let elsewhere = TestServer::builder().start_in_thread().expect("a server");
    let other = elsewhere.issue_session();
    let issuer = elsewhere.issuer();
    let args = [
        "login",
        "--with-refresh-token",
        "--client-id",
        "app",
        "--issuer",
        issuer,
    ];
    let output = home.run_with(&args, other.refresh_token());
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("oneflight logout"),
        "{}",
        stderr(&output)
    );
    assert_eq!(elsewhere.counters().connections, 0, "nothing was sent there");

    assert_eq!(home.run(&["logout"]).status.code(), Some(0));
    let output = home.run_with(&args, other.refresh_token());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn c7_c8_a_logout_revokes_once_and_status_says_how_the_session_ended() {
    let (server, home) = (server(), Home::new());
    let session = home.login(&server, "default");
    let output = home.run(&["logout", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let answer: Value = serde_json::from_str(&stdout(&output)).expect("one JSON object");
    let ended = &answer["profiles"][0];
    assert_eq!(ended["signed_out"], true);
    assert_eq!(ended["revocation"], "done");
    assert!(!server.family(session.family()).expect("known").is_alive());
    let (status, code) = status(&home);
    assert_eq!((status["ended"].as_str(), code), (Some("sign-out"), Some(4)));

    let again = home.run(&["logout"]);
    assert_eq!(again.status.code(), Some(0));
    assert!(stderr(&again).contains("nobody was signed in"));
    assert_eq!(server.counters().revocation_posts, 1);
}

#[cfg(unix)]
#[tokio::test]
async fn c5_an_interrupted_proof_is_let_end_and_saved() {
    use oneflight_testkit::Hold;
    let (server, home) = (server(), Home::new());
    let given = server.issue_session();
    let held = server.hold(Hold::answers(Point::Refresh));
    let args = [
        "login",
        "--with-refresh-token",
        "--client-id",
        "app",
        "--issuer",
        server.issuer(),
    ];
    let mut command = home.command(&args);
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    std::io::Write::write_all(
        &mut child.stdin.take().expect("piped"),
        given.refresh_token().as_bytes(),
    )
    .expect("written");
    held.arrived(1).await;
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill runs").success());
    drop(held);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (status, code) = status(&home);
    assert_eq!((&status["signed_in"], code), (&true.into(), Some(0)));
}
