//! One flight in the terminal: progress on stderr, the result on stdout.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::event::Recorder;
use super::expectation::Expectation;
use super::kinds::{ClientKind, Scenario};
use super::report::Report;
use super::scenario;
use super::stage::Pace;
use crate::exit::{Exit, Problem};

/// How often the progress line is drawn anew.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Flies once and says what came of it.
pub(crate) async fn fly(
    scenario: Scenario,
    client: ClientKind,
    requests: u32,
    json: bool,
) -> Result<Exit, Problem> {
    let recorder = Recorder::new(None);
    let landed = tokio::select! {
        landed = scenario::fly(scenario, client, requests, Pace::TERMINAL, &recorder, None) => landed,
        never = show_progress(&recorder, requests) => match never {},
        _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
    };
    end_progress();
    let landed = landed?;
    let expected = Expectation::of(client, scenario);
    print(&landed.report, &landed.misses, Some(expected.because), json)?;
    Ok(if landed.misses.is_empty() {
        Exit::Well
    } else {
        Exit::NotAsExpected
    })
}

/// Prints the report: one JSON object, or a table.
pub(crate) fn print(
    report: &Report,
    misses: &[String],
    because: Option<&str>,
    json: bool,
) -> Result<(), Problem> {
    let text = if json {
        serde_json::to_string(report).expect("a report has only plain members") + "\n"
    } else {
        table(report, misses, because)
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| Problem::Output { source })?;
    if json {
        for miss in misses {
            eprintln!("not as expected: {miss}");
        }
    }
    Ok(())
}

fn table(report: &Report, misses: &[String], because: Option<&str>) -> String {
    let counted = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let by_server = |count: Option<u64>| {
        if count.is_some() {
            "counted by the server"
        } else {
            "only the server knows"
        }
    };
    let rows = [
        (
            "requests",
            report.requests.to_string(),
            format!(
                "in {} ms; p50 {} ms, p99 {} ms",
                report.elapsed_ms, report.p50_ms, report.p99_ms
            ),
        ),
        ("ok", report.ok.to_string(), String::new()),
        ("left with a 401", report.unauthorized.to_string(), String::new()),
        ("got an error", report.errors.to_string(), String::new()),
        (
            "refresh POSTs",
            counted(report.refresh_posts),
            by_server(report.refresh_posts).to_owned(),
        ),
        (
            "reuse detected",
            counted(report.reuse_detected),
            by_server(report.reuse_detected).to_owned(),
        ),
        (
            "session",
            if report.session_alive { "alive" } else { "dead" }.to_owned(),
            "the token expired once more and the API was called again".to_owned(),
        ),
    ];
    let mut text = format!("{}, client {}\n\n", report.scenario, report.client);
    for (name, value, remark) in rows {
        let line = format!("  {name:<16}{value:>6}   {remark}");
        text += line.trim_end();
        text.push('\n');
    }
    text += &format!("\n  {}\n", report.words());
    if let Some(because) = because {
        text += &format!("  {because}\n");
    }
    if misses.is_empty() {
        text += &format!("\n  as expected of {} in {}\n", report.client, report.scenario);
    } else {
        text += &format!(
            "\n  NOT as expected of {} in {}:\n",
            report.client, report.scenario
        );
        for miss in misses {
            text += &format!("  - {miss}\n");
        }
    }
    text
}

/// Shows how far the flight is: one line drawn again and again on a terminal, else a plain line now and then.
pub(crate) async fn show_progress(recorder: &Recorder, requests: u32) -> std::convert::Infallible {
    let terminal = io::stderr().is_terminal();
    let mut told = String::new();
    loop {
        let (ended, total) = (recorder.ended(), u64::from(requests));
        let refreshes = recorder.refreshes();
        let line = if terminal {
            format!(
                "{}: {ended}/{total} calls ended, {refreshes} refreshes sent",
                recorder.now_in()
            )
        } else {
            // In quarters, so that a log stays short.
            format!(
                "{}: {}/{total} calls ended",
                recorder.now_in(),
                ended * 4 / total.max(1) * total / 4
            )
        };
        if line != told {
            if terminal {
                eprint!("\r\x1b[K{line}")
            } else {
                eprintln!("{line}")
            }
            told = line;
        }
        tokio::time::sleep(REDRAW_EVERY).await;
    }
}

/// Clears the progress line.
pub(crate) fn end_progress() {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}
