//! `oneflight demo --headless`: each client through each scenario, in the real binary over real sockets.

mod support;

use serde_json::Value;
use support::{run, stderr, stdout};

/// The members of the one JSON object, in their order.
const MEMBERS: [&str; 12] = [
    "scenario",
    "client",
    "requests",
    "ok",
    "unauthorized",
    "errors",
    "refresh_posts",
    "reuse_detected",
    "session_alive",
    "elapsed_ms",
    "p50_ms",
    "p99_ms",
];

/// Flies, checks the exit code and that there is one object on stdout, and returns it.
fn fly(client: &str, scenario: &str, requests: u32) -> Value {
    let requests_text = requests.to_string();
    let output = run(&[
        "demo",
        "--headless",
        "--json",
        "--client",
        client,
        "--scenario",
        scenario,
        "--requests",
        &requests_text,
    ]);
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(
        output.status.code(),
        Some(0),
        "{client} in {scenario}: {out}{err}"
    );
    assert_eq!(out.lines().count(), 1, "{out}");
    let report: Value = serde_json::from_str(&out).expect("one JSON object");
    let object = report.as_object().expect("an object");
    assert_eq!(object.len(), MEMBERS.len());
    for member in MEMBERS {
        assert!(object.contains_key(member), "{member} in {out}");
    }
    assert_eq!(
        (&report["client"], &report["scenario"]),
        (&Value::from(client), &Value::from(scenario))
    );
    let ended = ["ok", "unauthorized", "errors"].map(|member| report[member].as_u64().expect("a count"));
    assert_eq!(ended.iter().sum::<u64>(), u64::from(requests), "{out}");
    report
}

fn posts(report: &Value) -> u64 {
    report["refresh_posts"].as_u64().expect("a count")
}

#[test]
fn x2_naive_in_a_storm_ends_the_session() {
    let report = fly("naive", "storm", 200);
    assert!(posts(&report) > 100, "{report}");
    assert!(report["reuse_detected"].as_u64() > Some(0), "{report}");
    assert_eq!(report["session_alive"], false);
}

#[test]
fn x2_textbook_in_a_storm_keeps_the_session() {
    let report = fly("textbook", "storm", 200);
    assert_eq!(
        (&report["ok"], &report["session_alive"]),
        (&200.into(), &true.into())
    );
}

#[test]
fn x2_naive_with_late_401s_ends_the_session() {
    assert_eq!(fly("naive", "late-401", 60)["session_alive"], false);
}

#[test]
fn x2_textbook_with_late_401s_refreshes_again() {
    let report = fly("textbook", "late-401", 60);
    assert!(posts(&report) >= 2, "{report}");
    assert_eq!(report["session_alive"], true);
}

#[test]
fn x2_naive_with_a_lost_answer_fails_a_call() {
    let report = fly("naive", "lost-answer", 60);
    assert!(report["errors"].as_u64() >= Some(1), "{report}");
}

#[test]
fn x2_textbook_with_a_lost_answer_signs_out() {
    let report = fly("textbook", "lost-answer", 60);
    assert_eq!(
        (&report["ok"], &report["session_alive"]),
        (&0.into(), &false.into())
    );
}

#[test]
fn x2_naive_in_an_outage_ends_the_session() {
    assert_eq!(fly("naive", "outage", 60)["session_alive"], false);
}

#[test]
fn x2_textbook_in_an_outage_signs_out() {
    let report = fly("textbook", "outage", 60);
    assert_eq!((posts(&report), &report["session_alive"]), (1, &false.into()));
}

#[test]
fn x2_naive_ends_the_session_while_signing_out() {
    assert!(fly("naive", "sign-out", 60)["reuse_detected"].as_u64() > Some(0));
}

#[test]
fn x2_textbook_undoes_a_sign_out() {
    assert_eq!(fly("textbook", "sign-out", 60)["session_alive"], true);
}

#[test]
fn x2_naive_and_an_api_that_always_refuses_end_the_session() {
    assert_eq!(fly("naive", "always-401", 60)["session_alive"], false);
}

#[test]
fn x2_textbook_refreshes_without_limit_for_an_api_that_always_refuses() {
    let report = fly("textbook", "always-401", 60);
    assert!(posts(&report) > 5, "{report}");
    assert_eq!(report["unauthorized"], 60);
}

#[test]
fn s1_x2_oneflight_in_a_storm_refreshes_once() {
    let report = fly("oneflight", "storm", 200);
    assert_eq!((posts(&report), &report["ok"]), (1, &200.into()));
    assert_eq!(
        (&report["reuse_detected"], &report["session_alive"]),
        (&0.into(), &true.into())
    );
}

#[test]
fn s1_x2_oneflight_with_a_single_request_refreshes_once() {
    assert_eq!(posts(&fly("oneflight", "storm", 1)), 1);
}

#[test]
fn s3_x2_oneflight_with_late_401s_refreshes_once() {
    let report = fly("oneflight", "late-401", 200);
    assert_eq!((posts(&report), &report["ok"]), (1, &200.into()));
}

#[test]
fn f5_x2_oneflight_survives_a_lost_answer_within_the_grace() {
    let report = fly("oneflight", "lost-answer", 200);
    assert_eq!(
        (posts(&report), &report["ok"], &report["session_alive"]),
        (2, &200.into(), &true.into())
    );
}

#[test]
fn f3_f4_x2_oneflight_sits_out_an_outage() {
    let report = fly("oneflight", "outage", 200);
    assert_eq!(
        (&report["ok"], &report["session_alive"]),
        (&100.into(), &true.into())
    );
    assert!(
        (2..=7).contains(&posts(&report)),
        "one POST per step of the back-off: {report}"
    );
}

#[test]
fn l1_x2_oneflight_stays_signed_out() {
    let report = fly("oneflight", "sign-out", 200);
    assert_eq!((posts(&report), &report["reuse_detected"]), (1, &0.into()));
    assert_eq!(
        (&report["ok"], &report["session_alive"]),
        (&0.into(), &false.into())
    );
}

#[test]
fn r4_x2_oneflight_spends_a_budget_on_an_api_that_always_refuses() {
    let report = fly("oneflight", "always-401", 200);
    assert!(posts(&report) <= 5, "{report}");
    assert_eq!(
        (&report["unauthorized"], &report["session_alive"]),
        (&200.into(), &true.into())
    );
}

#[test]
fn x2_x3_without_json_there_is_a_table_and_plain_progress() {
    let output = run(&["demo", "--headless", "--client", "textbook", "--requests", "20"]);
    let (out, err) = (stdout(&output), stderr(&output));
    for expected in [
        "storm, client textbook",
        "refresh POSTs",
        "counted by the server",
        "session lives",
        "as expected",
    ] {
        assert!(out.contains(expected), "{expected:?} in {out}");
    }
    assert!(err.contains("in flight: "), "{err}");
    assert!(
        !err.contains('\x1b') && !err.contains('\r'),
        "no terminal, no control characters: {err:?}"
    );
}
