//! The page of `oneflight demo`, in a real Chromium.
//!
//! Wants Node, `npm ci --ignore-scripts` in `apps/oneflight/browser-test`, and Chromium. `ONEFLIGHT_PLAYWRIGHT_DIR` names
//! another folder with `node_modules`, `ONEFLIGHT_CHROMIUM` another browser. `ONEFLIGHT_WEB_PACKAGE` names the built npm
//! package (`cargo xtask npm`) if it is not in `packages/oneflight/dist`. Without them the test says that it skips,
//! unless `ONEFLIGHT_REQUIRE_REAL=1` makes that a failure. `ONEFLIGHT_SCREENSHOT=FILE` takes the README's picture.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::Running;

/// What the real browser needs, or what is missing of it: npm packages, a browser, our own package.
fn browser() -> Result<(PathBuf, PathBuf, PathBuf), String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser-test");
    let from_env = |name: &str, otherwise: PathBuf| std::env::var_os(name).map_or(otherwise, PathBuf::from);
    let modules = from_env("ONEFLIGHT_PLAYWRIGHT_DIR", here);
    let chromium = from_env("ONEFLIGHT_CHROMIUM", "/usr/bin/chromium".into());
    if !modules.join("node_modules/playwright-core").is_dir() {
        return Err(format!(
            "no playwright-core below {} (npm ci --ignore-scripts)",
            modules.display()
        ));
    }
    if !chromium.is_file() {
        return Err(format!("no Chromium at {}", chromium.display()));
    }
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packages/oneflight/dist");
    let ours = from_env("ONEFLIGHT_WEB_PACKAGE", ours);
    if !ours.join("oneflight.wasm").is_file() {
        return Err(format!(
            "no built package in {} (cargo xtask npm)",
            ours.display()
        ));
    }
    match Command::new("node").arg("--version").output() {
        Ok(node) if node.status.success() => Ok((modules, chromium, ours)),
        _ => Err("no Node".to_owned()),
    }
}

/// Drives the page and returns what was said about it; `None` if there is no browser to drive it with.
fn drive(screenshot: Option<&Path>) -> Option<Vec<Value>> {
    let (modules, chromium, ours) = match browser() {
        Ok(found) => found,
        Err(missing) => {
            assert!(
                std::env::var_os("ONEFLIGHT_REQUIRE_REAL").is_none(),
                "ONEFLIGHT_REQUIRE_REAL is set, but: {missing}"
            );
            eprintln!("SKIPPED: the page was not tried in a real browser: {missing}");
            return None;
        }
    };
    let mut page = Running::start(&["demo", "--web-package", &ours.display().to_string()]);
    let address = page.line("oneflight demo: ").expect("an address");
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser-test/drive.mjs");
    let mut node = Command::new("node");
    node.arg(driver)
        .arg(address)
        .arg(chromium)
        .arg(modules)
        .args(screenshot);
    let output = node.output().expect("node starts");
    let (out, err) = (support::stdout(&output), support::stderr(&output));
    assert!(output.status.success(), "{out}\n{err}");
    Some(
        out.lines()
            .map(|line| serde_json::from_str(line).expect("a JSON line"))
            .collect(),
    )
}

fn of<'a>(told: &'a [Value], about: &str) -> Vec<&'a Value> {
    told.iter().filter(|one| one["about"] == about).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is a number"))
}

/// Each button with each client: the verdict in words, the server's counters, and the picture agree.
fn check_flight(flight: &Value) {
    let name = |member: &str| flight[member].as_str().unwrap_or_default();
    let (posts, reuse) = (
        number(&flight["refresh_posts"]),
        number(&flight["reuse_detected"]),
    );
    let words = name("words");
    let refreshes = if posts == 1 {
        "1 refresh,".to_owned()
    } else {
        format!("{posts} refreshes,")
    };
    assert!(words.starts_with(&refreshes), "{flight}");
    assert_eq!(words.contains("reuse detected"), reuse > 0, "{flight}");
    let ends: u64 = ["ok", "unauthorized", "failed"]
        .map(|end| number(&flight["ends"][end]))
        .iter()
        .sum();
    assert_eq!((number(&flight["lanes"]), ends), (50, 50), "{flight}");
    let ok = number(&flight["ends"]["ok"]);
    assert_eq!(
        name("api").split(" / ").next(),
        Some(ok.to_string().as_str()),
        "the server counted as many: {flight}"
    );
    assert!(!name("because").contains("not what was expected"), "{flight}");
    match (name("client"), name("scenario")) {
        ("naive", "lost-answer") => assert_eq!((name("tone"), name("family")), ("bad", "alive"), "{flight}"),
        ("naive", _) => {
            assert!(posts > 10 && reuse > 0, "{flight}");
            assert_eq!((name("tone"), name("family")), ("bad", "ended"), "{flight}");
            assert!(words.ends_with("signed out"), "{flight}");
            assert_eq!(flight["bands"], 0, "no refresh is shared: {flight}");
        }
        ("textbook", "storm") => assert!(words.ends_with("50 ok, session lives"), "{flight}"),
        ("textbook", "late-401") => {
            assert!(posts >= 2 && words.ends_with("50 ok, session lives"), "{flight}")
        }
        ("textbook", "lost-answer" | "outage") => {
            assert_eq!(
                (name("tone"), words),
                ("bad", "1 refresh, 50 failed, signed out"),
                "{flight}"
            );
        }
        ("textbook", "sign-out") => assert!(
            words.ends_with("signed in again behind the user's back"),
            "{flight}"
        ),
        ("textbook", "always-401") => assert_eq!(name("tone"), "bad", "{flight}"),
        ("oneflight", scenario) => {
            let (expected_posts, expected_words) = match scenario {
                "storm" | "late-401" => (1..=1, "1 refresh, 50 ok, session lives"),
                "lost-answer" => (2..=2, "2 refreshes, 50 ok, session lives"),
                "outage" => (2..=7, "25 ok, 25 failed, session lives"),
                "sign-out" => (1..=1, "signed out, and stays so"),
                _ => (1..=5, "50 unauthorized, session lives"),
            };
            assert!(
                expected_posts.contains(&posts) && words.ends_with(expected_words),
                "{flight}"
            );
            assert_eq!((name("tone"), reuse), ("good", 0), "{flight}");
            assert_eq!(flight["bands"], posts, "every refresh is shared: {flight}");
        }
        _ => panic!("nobody flew this: {flight}"),
    }
}

/// The same in three tabs of the browser.
fn check_tabs(flight: &Value) {
    let name = |member: &str| flight[member].as_str().unwrap_or_default();
    assert_eq!(
        flight["groups"],
        serde_json::json!(["tab 1", "tab 2", "tab 3"]),
        "{flight}"
    );
    assert_eq!(number(&flight["lanes"]), 50, "{flight}");
    assert!(!name("because").contains("not what was expected"), "{flight}");
    let (posts, reuse) = (
        number(&flight["refresh_posts"]),
        number(&flight["reuse_detected"]),
    );
    match (name("client"), name("scenario")) {
        ("oneflight", _) => check_flight(flight),
        (_, "storm" | "late-401") => {
            assert!(posts > 1 && reuse > 0, "{flight}");
            assert!(name("words").ends_with("signed out"), "{flight}");
        }
        _ => {}
    }
}

#[test]
fn x2_the_page_shows_every_client_in_every_scenario() {
    let Some(told) = drive(None) else { return };
    let flights = of(&told, "flight");
    assert_eq!(flights.len(), 18);
    flights.iter().for_each(|flight| check_flight(flight));
    assert_eq!(of(&told, "board")[0]["cells"], 18);

    let keyboard = of(&told, "keyboard")[0];
    assert_eq!(
        (&keyboard["focused"], &keyboard["client"]),
        (&"storm".into(), &"textbook".into()),
        "{keyboard}"
    );
    assert_eq!(keyboard["lanes"], 20);

    let cells = &of(&told, "comparison")[0]["cells"];
    assert!(
        cells[0]
            .as_str()
            .is_some_and(|words| words.contains("reuse detected")),
        "{cells}"
    );
    assert!(
        cells[1]
            .as_str()
            .is_some_and(|words| words.ends_with("session lives")),
        "{cells}"
    );
    assert_eq!(cells[2], "1 refresh, 20 ok, session lives");

    let latecomer = of(&told, "latecomer")[0];
    assert_eq!(
        (&latecomer["words"], &latecomer["lanes"]),
        (&cells[2], &20.into())
    );

    of(&told, "tabs").iter().for_each(|flight| check_tabs(flight));
    assert_eq!(of(&told, "tabs").len(), 9);
    let closed = of(&told, "closed")[0];
    assert_eq!(number(&closed["tabs"]), 2, "{closed}");
    assert_eq!(closed["words"], "1 refresh, 50 ok, session lives");

    let clean = of(&told, "clean")[0];
    assert_eq!(
        (&clean["troubles"], &clean["foreign"]),
        (&Value::Array(vec![]), &Value::Array(vec![]))
    );
}

/// Not a check: takes the picture for the README where it is asked to.
#[test]
fn x2_the_screenshot_is_taken_on_demand() {
    let Some(path) = std::env::var_os("ONEFLIGHT_SCREENSHOT") else {
        return;
    };
    let path = std::path::absolute(PathBuf::from(path)).expect("a path");
    if drive(Some(&path)).is_some() {
        assert!(path.is_file(), "{} was written", path.display());
    }
}
