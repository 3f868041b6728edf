//! `oneflight doctor`, against the test kit's server and against npm oidc-provider.

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use oneflight_testkit::{Death, Reach, Rotation, SessionTerms, Settings, TestServer};
use serde_json::Value;
use support::home::Home;
use support::provider::{Decision, Provider, walk};
use support::signing_in::SigningIn;
use support::{stderr, stdout};

fn server(change: impl FnOnce(&mut Settings)) -> TestServer {
    let builder = TestServer::builder().with_settings(change);
    builder.start_in_thread().expect("a server")
}

/// A refresh token of a sign-in for the examination.
fn token(server: &TestServer) -> String {
    let terms = SessionTerms::new().user("ada").scope("openid");
    server.issue_session_with(terms).refresh_token().to_owned()
}

fn args<'a>(issuer: &'a str, client: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let args = [
        "doctor",
        "--issuer",
        issuer,
        "--client-id",
        client,
        "--with-refresh-token",
    ];
    [&args[..], more].concat()
}

/// What it found, as JSON; standard error holds no token.
fn examine(issuer: &str, client: &str, tokens: &str, more: &[&str]) -> Value {
    let more = [&["--json", "--yes"], more].concat();
    let output = Home::new().run_with(&args(issuer, client, &more), tokens);
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{err}");
    for token in tokens.lines() {
        assert!(!out.contains(token) && !err.contains(token), "a token was shown");
    }
    assert_eq!(out.lines().count(), 1, "one object on one line: {out}");
    serde_json::from_str(&out).expect("JSON")
}

fn known(report: &Value, finding: &str) -> (String, Value) {
    let finding = &report["findings"][finding];
    let known = finding["known"].as_str().unwrap_or_default().to_owned();
    (known, finding["value"].clone())
}

fn observed(value: impl Into<Value>) -> (String, Value) {
    ("observed".to_owned(), value.into())
}

#[test]
fn x10_a_strict_server_is_examined_and_the_settings_for_it_are_printed() {
    let server = server(|_| {});
    let report = examine(server.issuer(), "app", &token(&server), &[]);
    assert_eq!(known(&report, "replay"), observed("refused"));
    assert_eq!(known(&report, "refresh_token_after_reuse"), observed("dies"));
    assert_eq!(known(&report, "access_token_after_reuse"), observed("dies"));
    assert_eq!(known(&report, "grace").0, "not tried");
    assert_eq!(
        known(&report, "metadata_refresh"),
        ("stated by metadata".to_owned(), true.into())
    );
    assert_eq!(report["profile"]["retry_after_loss"], false);
    assert_eq!(report["profile"]["npm"], "strict");
    let family = server.family(1).expect("known");
    assert_eq!(family.death, Some(Death::ReuseDetected));

    let text = Home::new().run_with(&args(server.issuer(), "app", &["--yes"]), &token(&server));
    let text = stdout(&text);
    for part in [
        "profile.retry_after_loss = false;",
        "profile: 'strict'",
        "\"server\": {",
        "[observed]",
        "[not tried]",
        "Sign-out:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn x10_a_grace_is_measured_in_real_time() {
    let server = server(|settings| settings.rotation = Rotation::grace(Duration::from_millis(1500)));
    let report = examine(
        server.issuer(),
        "app",
        &token(&server),
        &["--longest-grace", "3s"],
    );
    assert_eq!(known(&report, "replay"), observed("new pair"));
    let (how, window) = known(&report, "grace");
    assert_eq!(how, "observed");
    let between = |name: &str, least: u64, most: u64| {
        let at = window[name].as_u64().expect("a number");
        assert!((least..most).contains(&at), "{name}: {window}");
    };
    between("accepted_after_ms", 1000, 1500);
    between("refused_after_ms", 1500, 3000);
    assert_eq!(report["profile"]["retry_after_loss"], true);
}

#[test]
fn x10_two_sessions_show_how_far_a_revocation_reaches() {
    let server = server(|settings| settings.revocation = Reach::User);
    let tokens = format!("{}\n{}\n", token(&server), token(&server));
    let report = examine(server.issuer(), "app", &tokens, &["--sessions", "2"]);
    assert_eq!(known(&report, "other_session_after_revocation"), observed("dies"));
    assert_eq!(report["profile"]["revocation_reaches_beyond_family"], true);
}

#[test]
fn x11_nothing_is_sent_unless_somebody_said_yes() {
    let server = server(|_| {});
    let output = Home::new().run_with(&args(server.issuer(), "app", &[]), &token(&server));
    assert_eq!(output.status.code(), Some(2));
    let err = stderr(&output);
    for part in [
        "stolen token",
        "end the session",
        "block the client",
        "--yes",
        "next: ",
    ] {
        assert!(err.contains(part), "{part}: {err}");
    }
    assert!(stdout(&output).is_empty());
    let counters = server.counters();
    assert_eq!((counters.metadata_requests, counters.refresh_posts), (0, 0));
}

#[test]
fn x11_what_harms_nothing_needs_no_yes_and_raises_no_alarm() {
    let server = server(|_| {});
    let output = Home::new().run_with(&args(server.issuer(), "app", &["--no-reuse"]), &token(&server));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(server.counters().reuse_detected, 0);
    assert_eq!(server.family(1).expect("known").death, Some(Death::Revoked));
}

#[test]
fn x11_no_profile_is_read_or_written() {
    let (server, home) = (server(|_| {}), Home::new());
    home.login(&server, "default");
    let before = std::fs::read(home.file("default.session")).expect("the session");
    let output = home.run_with(&args(server.issuer(), "app", &["--yes"]), &token(&server));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        server.family(1).expect("known").is_alive(),
        "the profile's session"
    );
    assert_eq!(
        std::fs::read(home.file("default.session")).expect("the session"),
        before
    );
}

#[test]
fn x2_x11_what_cannot_be_examined_ends_with_the_reason_and_the_next_step() {
    let server = server(|_| {});
    let refused = |more: &[&str], client: &str, tokens: &str, code: i32, says: &str| {
        let more = [&["--yes"], more].concat();
        let output = Home::new().run_with(&args(server.issuer(), client, &more), tokens);
        let err = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{err}");
        assert!(err.contains(says) && err.contains("next: "), "{says}: {err}");
    };
    refused(&[], "app", "no-such-token", 4, "400 invalid_grant");
    refused(&[], "nobody", &token(&server), 5, "invalid_client");
    refused(&["--sessions", "2"], "app", &token(&server), 2, "1 of 2");
}

#[test]
fn x11_an_interrupted_examination_revokes_what_it_made() {
    let server = server(|settings| settings.rotation = Rotation::grace(Duration::from_secs(3600)));
    let mut child = Home::new()
        .command(&args(server.issuer(), "app", &["--yes", "--longest-grace", "1h"]))
        .stdin(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(token(&server).as_bytes()).expect("it reads");
    drop(stdin);
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let waits = |line: &String| line.contains("2 s after its first use");
    assert!(lines.by_ref().map_while(Result::ok).any(|line| waits(&line)));
    interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(server.family(1).expect("known").death, Some(Death::Revoked));
}

fn interrupt(child: &Child) {
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.expect("kill can be run").success());
}

// ---- npm oidc-provider -------------------------------------------------------------------------------------------------

async fn examine_provider(options: &[&str], more: &[&str]) -> Option<Value> {
    let provider = Provider::start_with(options)?;
    let tokens = format!(
        "{}\n{}\n",
        provider.refresh_token().await,
        provider.refresh_token().await
    );
    let more = [&["--sessions", "2"], more].concat();
    Some(examine(&provider.issuer, "oneflight-test", &tokens, &more))
}

#[tokio::test]
async fn x10_oidc_provider_as_it_comes_is_found_to_be_strict() {
    let Some(report) = examine_provider(&[], &[]).await else {
        return;
    };
    assert_eq!(known(&report, "replay"), observed("refused"));
    assert_eq!(known(&report, "refresh_token_after_reuse"), observed("dies"));
    assert_eq!(known(&report, "access_token_after_reuse"), observed("dies"));
    assert_eq!(known(&report, "old_access_token"), observed("lives"));
    assert_eq!(known(&report, "refresh_token_after_revocation"), observed("dies"));
    assert_eq!(known(&report, "access_token_after_revocation"), observed("dies"));
    assert_eq!(
        known(&report, "other_session_after_revocation"),
        observed("lives")
    );
    let dead = &known(&report, "dead_token").1;
    for refusal in dead.as_array().expect("several") {
        assert_eq!(
            (&refusal["status"], &refusal["code"]),
            (&400.into(), &"invalid_grant".into())
        );
    }
    assert_eq!(report["profile"]["npm"], "strict");
}

#[tokio::test]
async fn x10_a_grace_of_oidc_provider_is_measured() {
    let options = ["--grace-seconds", "1.5"];
    let Some(report) = examine_provider(&options, &["--longest-grace", "3s"]).await else {
        return;
    };
    assert_eq!(known(&report, "replay"), observed("new pair"));
    assert_eq!(known(&report, "siblings"), observed("lives"));
    let window = known(&report, "grace").1;
    assert!(window["accepted_after_ms"].as_u64() >= Some(1000), "{window}");
    assert!(window["refused_after_ms"].as_u64() >= Some(1500), "{window}");
    assert_eq!(known(&report, "refresh_token_after_reuse"), observed("dies"));
    assert_eq!(report["profile"]["npm"], "grace");
}

#[tokio::test]
async fn x10_oidc_provider_without_rotation_is_found_to_be_static() {
    let Some(report) = examine_provider(&["--no-rotation"], &[]).await else {
        return;
    };
    assert_eq!(known(&report, "rotates").1["rotates"], "never");
    assert_eq!(report["profile"]["npm"], "static");
    // It repeats the refresh token in every answer.
    assert_eq!(known(&report, "answers").1["refresh_token"], 3);
}

/// Signs in, on as many pages as it asks for, and gives the report.
async fn sign_in_and_examine(provider: &Provider, more: &[&str], sign_ins: usize) -> Value {
    let args = [
        "doctor",
        "--issuer",
        &provider.issuer,
        "--client-id",
        "oneflight-test",
        "--yes",
        "--json",
    ];
    let mut running = SigningIn::start(Home::new().command(&[&args[..], more].concat()));
    for _ in 0..sign_ins {
        let line = running.line("/auth?");
        let address = line
            .split_whitespace()
            .find(|word| word.starts_with("http"))
            .expect("an address");
        let (status, page) = walk(address, Decision::Consent).await;
        assert_eq!(status, 200, "{page}");
    }
    let (code, said, answer) = running.end_with_answer();
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&answer).expect("JSON")
}

#[tokio::test]
async fn x10_x11_an_examination_signs_in_by_the_browser_for_itself() {
    let Some(provider) = Provider::start() else { return };
    let report = sign_in_and_examine(&provider, &["--no-browser"], 1).await;
    assert_eq!(known(&report, "replay"), observed("refused"));
    assert_eq!(known(&report, "access_token_after_reuse"), observed("dies"));
    assert_eq!(known(&report, "revocation").0, "stated by metadata");
    let report = sign_in_and_examine(&provider, &["--no-browser", "--sessions", "2"], 2).await;
    assert_eq!(
        known(&report, "other_session_after_revocation"),
        observed("lives")
    );
}
