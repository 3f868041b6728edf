//! What the examination came to: for people, and for programs.

use std::fmt::Write as _;

use oneflight::Profile;
use serde_json::{Value, json};

use super::findings::Finding;
use super::meaning::Meaning;
use super::probe::Left;
use super::verdict::Advice;
use crate::profile::Server;

/// The examination of one server.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) findings: Vec<Finding>,
    pub(crate) advice: Advice,
    pub(crate) meanings: Vec<Meaning>,
    pub(crate) left: Left,
    pub(crate) requests: u32,
}

impl Report {
    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let findings: serde_json::Map<String, Value> = self
            .findings
            .iter()
            .map(|finding| {
                let known = json!({ "known": finding.how, "value": finding.value, "words": finding.words });
                (finding.key.to_owned(), known)
            })
            .collect();
        let advice = &self.advice;
        json!({
            "issuer": self.issuer,
            "client_id": self.client_id,
            "findings": findings,
            "profile": {
                "because": advice.because,
                "retry_after_loss": advice.profile.retry_after_loss,
                "revocation_reaches_beyond_family": advice.profile.revocation_reaches_beyond_family,
                "dead_codes": advice.rules.dead_codes,
                "dead_statuses": advice.rules.dead_statuses,
                "npm": advice.npm.as_str(),
            },
            "meaning": self.meanings.iter().map(|meaning| json!({ "about": meaning.about, "words": meaning.words })).collect::<Vec<_>>(),
            "left": { "revoked": self.left.revoked, "not_revoked": self.left.alive, "why": self.left.why },
            "requests": self.requests,
        })
    }

    /// For people, to be read from top to bottom.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}, as client {}\n\nFound\n", self.issuer, self.client_id);
        let width = self.findings.iter().map(|finding| finding.question.len()).max();
        let width = width.unwrap_or_default();
        for finding in &self.findings {
            let line = format!("{:width$}  {} [{}]", finding.question, finding.words, finding.how);
            push_wrapped(&mut text, &line, width + 4);
        }
        let _ = writeln!(text, "\nTo configure ({})", self.advice.because);
        text.push_str(&indented("Rust", &rust(&self.advice)));
        text.push_str(&indented("npm package", &npm(&self.advice)));
        text.push_str(&indented(
            "this command: in NAME.json of a profile",
            &command(&self.advice),
        ));
        text.push_str("\nWhat it means\n");
        for meaning in &self.meanings {
            let about = capitalized(meaning.about);
            push_wrapped(&mut text, &format!("{about}: {}", meaning.words), 4);
        }
        text.push('\n');
        push_wrapped(&mut text, &self.farewell(), 2);
        text.truncate(text.trim_end().len());
        text
    }

    fn farewell(&self) -> String {
        let Left { revoked, alive, why } = &self.left;
        let requests = self.requests;
        match (revoked, alive) {
            (0, 0) => format!("{requests} requests were sent. Nothing of what was made is alive."),
            (_, 0) => format!("{requests} requests were sent. What was made is revoked ({revoked})."),
            (_, alive) => format!(
                "{requests} requests were sent. Not revoked: {alive}, because {}. It ends by itself, or in the server's administration.",
                why.as_deref().unwrap_or("it failed")
            ),
        }
    }
}

/// The settings of a session in Rust; a comment where there is nothing to set.
pub(crate) fn rust(advice: &Advice) -> String {
    let mut lines = Vec::new();
    let mut set = |name: &str, value: bool, default: bool| {
        if value != default {
            lines.push(format!("profile.{name} = {value};"));
        }
    };
    let (wanted, default) = (&advice.profile, Profile::default());
    set(
        "retry_after_loss",
        wanted.retry_after_loss,
        default.retry_after_loss,
    );
    set(
        "revocation_reaches_beyond_family",
        wanted.revocation_reaches_beyond_family,
        default.revocation_reaches_beyond_family,
    );
    let mut text = String::new();
    if lines.is_empty() {
        text.push_str("// Profile::default() fits.\n");
    } else {
        text.push_str("let mut profile = oneflight::Profile::default();\n");
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str("Session::builder().profile(profile)\n");
    }
    let rules: String = advice
        .rules
        .dead_codes
        .iter()
        .map(|code| format!(".dead_code({code:?})"))
        .chain(
            advice
                .rules
                .dead_statuses
                .iter()
                .map(|status| format!(".dead_status({status})")),
        )
        .collect();
    if !rules.is_empty() {
        let _ = writeln!(
            text,
            "OAuthEndpoint::builder(…).rules(oneflight::endpoint::AnswerRules::default(){rules})"
        );
    }
    text
}

/// What a profile of this command says of its server.
fn command(advice: &Advice) -> String {
    let server = Server {
        retry_after_loss: advice.profile.retry_after_loss,
        revocation_reaches_beyond_family: advice.profile.revocation_reaches_beyond_family,
        dead_codes: advice.rules.dead_codes.clone(),
        dead_statuses: advice.rules.dead_statuses.clone(),
    };
    if server == Server::default() {
        return "nothing: the defaults fit\n".to_owned();
    }
    format!("\"server\": {}\n", json!(server))
}

fn npm(advice: &Advice) -> String {
    let mut text = format!("profile: '{}'\n", advice.npm.as_str());
    if !(advice.rules.dead_codes.is_empty() && advice.rules.dead_statuses.is_empty()) {
        text.push_str(
            "// It has no setting for this server's way to refuse dead tokens: use `refresh`, and throw RefreshRejected.\n",
        );
    }
    text
}

fn indented(heading: &str, lines: &str) -> String {
    let mut text = format!("  {heading}\n");
    for line in lines.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}

fn capitalized(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// The width that lines are wrapped at.
const COLUMNS: usize = 100;

/// Adds a paragraph, indented by two, and by more from its second line on.
pub(super) fn push_wrapped(text: &mut String, paragraph: &str, hang: usize) {
    let mut line = String::from("  ");
    let mut empty = true;
    // Runs of spaces are the columns of a table.
    for (at, word) in paragraph.split(' ').enumerate() {
        let gap = usize::from(at > 0);
        if !empty && line.chars().count() + gap + word.chars().count() > COLUMNS {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(hang);
            line.push_str(word);
            continue;
        }
        if at > 0 {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}
