//! `WWW-Authenticate`: any header values.

use oneflight_core::challenge::{
    Challenge, Challenges, MAX_CHALLENGES, MAX_PARAMETERS, NotRenewable, Refusal, SentCredential, refusal,
};

/// Reads the header's values, one per line, and judges them.
pub(crate) fn check(lines: &[u8]) {
    let challenges = Challenges::parse(lines.split(|byte| *byte == b'\n'));
    assert!(challenges.iter().count() <= MAX_CHALLENGES);
    for challenge in challenges.iter() {
        assert!(!challenge.scheme().is_empty());
        assert!(challenge.parameters().count() <= MAX_PARAMETERS);
    }
    let read: usize = challenges.iter().map(length).sum();
    // A byte that is no UTF-8 becomes a replacement character of three.
    assert!(read <= 3 * lines.len());

    judge(&challenges);
    if !challenges.is_truncated() {
        let written: Vec<String> = challenges.iter().map(written).collect();
        assert_eq!(Challenges::parse(&written), challenges, "{written:?}");
        assert_eq!(Challenges::parse([written.join(", ")]), challenges, "{written:?}");
    }
}

fn judge(challenges: &Challenges) {
    let ours = refusal(401, challenges, SentCredential::Ours);
    if challenges.is_empty() {
        assert_eq!(ours, Refusal::Renewable);
    }
    if ours == Refusal::NotRenewable(NotRenewable::StepUp) {
        assert!(challenges.step_up().is_some());
    }
    for status in [200, 403, 407, 500] {
        let judged = refusal(status, challenges, SentCredential::Ours);
        assert_eq!(judged, Refusal::NotRenewable(NotRenewable::Status));
    }
    for sent in [SentCredential::Callers, SentCredential::None] {
        let judged = refusal(401, challenges, sent);
        assert_eq!(judged, Refusal::NotRenewable(NotRenewable::NotOurs));
    }
}

fn length(challenge: &Challenge) -> usize {
    let parameters = challenge.parameters();
    challenge.scheme().len()
        + challenge.token68().map_or(0, str::len)
        + parameters
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>()
}

/// The challenge in the form that RFC 9110 §11.6.1 gives it.
fn written(challenge: &Challenge) -> String {
    let mut parts = Vec::new();
    parts.extend(challenge.token68().map(String::from));
    for (name, value) in challenge.parameters() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        parts.push(format!("{name}=\"{value}\""));
    }
    [challenge.scheme(), &parts.join(", ")]
        .join(" ")
        .trim_end()
        .into()
}
