//! What was seen of a server, put into words.

use std::time::Duration;

use serde_json::{Value, json};

use super::observe::{
    DeadToken, Fate, Known, Members, Observations, Refusal, Replay, Reuse, Rotation, Taken, Window,
};

/// One question, and its answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// The name programs read it by.
    pub(crate) key: &'static str,
    pub(crate) question: &'static str,
    /// `observed`, `stated by metadata`, `not tried` or `inconclusive`.
    pub(crate) how: &'static str,
    /// The answer, or why there is none.
    pub(crate) words: String,
    /// The answer for programs; `null` where there is none.
    pub(crate) value: Value,
}

/// All findings, in the order of the report.
pub(crate) fn findings(seen: &Observations) -> Vec<Finding> {
    let mut all = vec![
        finding("rotates", "does it rotate", &seen.rotation, rotation),
        finding("answers", "what refreshes return", &seen.members, members),
        finding(
            "old_access_token",
            "the access token of before, after a refresh",
            &seen.old_access,
            |fate| fate_words(*fate, "lives on", "dies at once"),
        ),
        finding(
            "replay",
            "a spent refresh token, at once",
            &seen.replay,
            |replay| replay_words(*replay),
        ),
        finding(
            "siblings",
            "both pairs of one refresh token",
            &seen.sibling,
            |fate| fate_words(*fate, "both can be used", "not both can be used"),
        ),
        finding("grace", "how long it is accepted", &seen.window, |window| {
            window_words(window)
        }),
        finding("reuse", "a spent refresh token, too late", &seen.reuse, |reuse| {
            reuse_words(*reuse)
        }),
        finding(
            "refresh_token_after_reuse",
            "the newest refresh token after that",
            &seen.refresh_after_reuse,
            |fate| fate_words(*fate, "lives on", "is dead: reuse ends the session"),
        ),
        finding(
            "access_token_after_reuse",
            "the newest access token after that",
            &seen.access_after_reuse,
            |fate| fate_words(*fate, "lives on", "is dead, too"),
        ),
    ];
    all.push(dead_tokens(&seen.refusals));
    all.push(revocation(seen));
    all.extend([
        finding(
            "refresh_token_after_revocation",
            "a revoked refresh token",
            &seen.refresh_after_revocation,
            |fate| fate_words(*fate, "still works: revoking did nothing", "is dead"),
        ),
        finding(
            "access_token_after_revocation",
            "its access token",
            &seen.access_after_revocation,
            |fate| fate_words(*fate, "lives on until it expires", "is dead, too"),
        ),
        finding(
            "other_session_after_revocation",
            "another sign-in of that user and client",
            &seen.other_session,
            |fate| fate_words(*fate, "lives on", "is dead: revoking reaches beyond the session"),
        ),
    ]);
    all.extend(metadata(seen));
    all
}

fn finding<T>(
    key: &'static str,
    question: &'static str,
    known: &Known<T>,
    tell: impl FnOnce(&T) -> (String, Value),
) -> Finding {
    let (words, value) = match known {
        Known::Observed(seen) | Known::Stated(seen) => tell(seen),
        Known::NotTried(why) | Known::Inconclusive(why) => (why.clone(), Value::Null),
    };
    Finding {
        key,
        question,
        how: known.how(),
        words,
        value,
    }
}

fn rotation(seen: &Rotation) -> (String, Value) {
    let Rotation { refreshes, rotated } = *seen;
    let (words, answer) = if rotated == 0 {
        let words = format!(
            "no: the refresh token stayed the same in {refreshes} refreshes (some servers replace it only late in its life)"
        );
        (words, "never")
    } else if rotated == refreshes {
        (
            format!("yes: each of {refreshes} refreshes brought another refresh token"),
            "always",
        )
    } else {
        (
            format!("sometimes: {rotated} of {refreshes} refreshes brought another refresh token"),
            "sometimes",
        )
    };
    (
        words,
        json!({ "rotates": answer, "refreshes": refreshes, "rotated": rotated }),
    )
}

fn members(seen: &Members) -> (String, Value) {
    let share = |name: &str, count: u32| {
        let how = if count == seen.answers {
            "always"
        } else if count == 0 {
            "never"
        } else {
            "sometimes"
        };
        format!("{name} {how}")
    };
    let mut words = [
        share("refresh_token", seen.refresh_token),
        share("expires_in", seen.expires_in),
        share("scope", seen.scope),
    ]
    .join(", ");
    if let (Some(shortest), Some(longest)) = (seen.lifetimes.iter().min(), seen.lifetimes.iter().max()) {
        let lifetime = if shortest == longest {
            format!("{} s", shortest.as_secs())
        } else {
            format!("{} to {} s", shortest.as_secs(), longest.as_secs())
        };
        words.push_str(&format!("; access tokens live {lifetime}"));
    } else if seen.expires_in > 0 {
        words.push_str("; what it says of the lifetime cannot be read");
    }
    let lifetimes: Vec<u64> = seen.lifetimes.iter().map(Duration::as_secs).collect();
    let value = json!({
        "answers": seen.answers,
        "refresh_token": seen.refresh_token,
        "expires_in": seen.expires_in,
        "scope": seen.scope,
        "lifetimes_s": lifetimes,
    });
    (words, value)
}

fn fate_words(fate: Fate, lives: &str, dies: &str) -> (String, Value) {
    match fate {
        Fate::Lives => (lives.to_owned(), json!("lives")),
        Fate::Dies => (dies.to_owned(), json!("dies")),
    }
}

fn replay_words(replay: Replay) -> (String, Value) {
    let (words, value) = match replay {
        Replay::Refused => ("is refused", "refused"),
        Replay::SamePair => (
            "is accepted: it brings the pair of its first use again",
            "same pair",
        ),
        Replay::NewPair => ("is accepted: it brings another pair", "new pair"),
        Replay::SameRefreshToken => (
            "is accepted: it brings another access token, beside the refresh token of its first use",
            "same refresh token",
        ),
        Replay::AccessTokenOnly => (
            "is accepted: it brings another access token, and no refresh token",
            "access token only",
        ),
    };
    (words.to_owned(), json!(value))
}

fn window_words(window: &Window) -> (String, Value) {
    let accepted = seconds(window.accepted);
    let times = match window.replays {
        0 => String::new(),
        1 => ", accepted once in between".to_owned(),
        n => format!(", accepted {n} times in between"),
    };
    let words = match window.refused {
        Some(refused) => format!(
            "accepted {accepted} s after its first use, refused after {} s{times}",
            seconds(refused)
        ),
        None => format!("at least {accepted} s after its first use, as long as was looked{times}"),
    };
    let value = json!({
        "accepted_after_ms": millis(window.accepted),
        "refused_after_ms": window.refused.map(millis),
        "replays": window.replays,
    });
    (words, value)
}

fn reuse_words(reuse: Reuse) -> (String, Value) {
    match reuse {
        Reuse::Refused => ("is refused".to_owned(), json!("refused")),
        Reuse::Accepted { age } => (
            format!(
                "the oldest one there is, {} s after its first use, is still accepted",
                seconds(age)
            ),
            json!("accepted"),
        ),
    }
}

fn dead_tokens(refusals: &[Refusal]) -> Finding {
    let known = if refusals.is_empty() {
        Known::not_tried("no refresh token was refused")
    } else {
        Known::Observed(refusals)
    };
    finding(
        "dead_token",
        "how a dead refresh token is refused",
        &known,
        |refusals| {
            let mut parts: Vec<String> = Vec::new();
            for refusal in *refusals {
                let of = match refusal.of {
                    DeadToken::Spent => "spent",
                    DeadToken::NewestAfterReuse => "of a session that reuse ended",
                    DeadToken::Revoked => "revoked",
                    DeadToken::NeverIssued => "never issued",
                };
                let note = match refusal.taken_for {
                    Taken::Dead => "",
                    Taken::Interaction => ", taken for a wish to see the user",
                    Taken::Client => ", taken for a refusal of the client",
                    Taken::Request => ", not taken for a dead grant without a rule",
                };
                let part = format!("{} ({of}{note})", refusal.short());
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
            let value = refusals
                .iter()
                .map(|refusal| {
                    json!({
                        "of": dead_key(refusal.of),
                        "status": refusal.status,
                        "code": refusal.code,
                        "taken_for_dead": refusal.taken_for == Taken::Dead,
                    })
                })
                .collect();
            (parts.join("; "), value)
        },
    )
}

fn dead_key(of: DeadToken) -> &'static str {
    match of {
        DeadToken::Spent => "spent",
        DeadToken::NewestAfterReuse => "newest after reuse",
        DeadToken::Revoked => "revoked",
        DeadToken::NeverIssued => "never issued",
    }
}

fn revocation(seen: &Observations) -> Finding {
    let question = "revocation (RFC 7009)";
    match (&seen.revocation, seen.stated.revocation) {
        (Known::NotTried(why), true) => Finding {
            key: "revocation",
            question,
            how: Known::Stated(()).how(),
            words: format!("there is an endpoint for it; not tried, because {why}"),
            value: json!({ "endpoint": true, "status": null }),
        },
        (known, stated) => finding("revocation", question, known, |status| {
            (
                format!("the endpoint answers with {status}"),
                json!({ "endpoint": stated, "status": status }),
            )
        }),
    }
}

/// What the metadata say, and whether it is so.
fn metadata(seen: &Observations) -> Vec<Finding> {
    let stated = |key, question, words: String, value| Finding {
        key,
        question,
        how: Known::Stated(()).how(),
        words,
        value,
    };
    let works = seen.rotation.observed().is_some();
    let refresh = match (seen.stated.refresh_grant, works) {
        (Some(true), _) => "grant_types_supported names refresh_token".to_owned(),
        (Some(false), true) => {
            "grant_types_supported does not name refresh_token; refreshing works all the same".to_owned()
        }
        (Some(false), false) => "grant_types_supported does not name refresh_token".to_owned(),
        (None, _) => "nothing of grant types".to_owned(),
    };
    let method = seen.stated.auth_method_used;
    let auth = match seen.stated.auth_method {
        Some(true) => format!("token_endpoint_auth_methods_supported names {method}, which was used"),
        Some(false) if works => {
            format!("token_endpoint_auth_methods_supported does not name {method}; it works all the same")
        }
        Some(false) => format!("token_endpoint_auth_methods_supported does not name {method}"),
        None => "nothing of client authentication".to_owned(),
    };
    let offline = match seen.stated.offline_access {
        Some(true) => "scopes_supported names offline_access",
        Some(false) => "scopes_supported does not name offline_access",
        None => "nothing of scopes",
    };
    vec![
        stated(
            "metadata_refresh",
            "metadata on refreshing",
            refresh,
            json!(seen.stated.refresh_grant),
        ),
        stated(
            "metadata_client_authentication",
            "metadata on the client",
            auth,
            json!(seen.stated.auth_method),
        ),
        stated(
            "metadata_offline_access",
            "metadata on offline access",
            offline.to_owned(),
            json!(seen.stated.offline_access),
        ),
    ]
}

/// In tenths.
pub(super) fn seconds(span: Duration) -> String {
    let tenths = span.as_millis() / 100;
    if tenths.is_multiple_of(10) {
        format!("{}", tenths / 10)
    } else {
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Observations {
        let mut seen = Observations::none("nobody looked");
        seen.rotation = Known::Observed(Rotation {
            refreshes: 3,
            rotated: 3,
        });
        seen
    }

    #[test]
    fn x10_every_finding_says_how_it_is_known() {
        for finding in findings(&Observations::none("nobody looked")) {
            let stated = finding.key.starts_with("metadata_");
            assert_eq!(finding.how == "stated by metadata", stated, "{finding:?}");
            if !stated {
                assert_eq!(
                    (finding.how, &finding.value),
                    ("not tried", &Value::Null),
                    "{finding:?}"
                );
            }
            assert!(!finding.words.is_empty(), "{finding:?}");
        }
        let mut seen = seen();
        seen.window = Known::inconclusive("the answer was lost");
        let window = findings(&seen).into_iter().find(|finding| finding.key == "grace");
        let window = window.expect("it is among them");
        assert_eq!(
            (window.how, window.words.as_str(), window.value),
            ("inconclusive", "the answer was lost", Value::Null)
        );
    }

    #[test]
    fn x10_a_window_is_told_by_what_was_seen_on_both_sides_of_its_end() {
        let window = Window {
            accepted: Duration::from_millis(20_040),
            refused: Some(Duration::from_millis(30_110)),
            replays: 6,
        };
        let (words, value) = window_words(&window);
        assert_eq!(
            words,
            "accepted 20 s after its first use, refused after 30.1 s, accepted 6 times in between"
        );
        assert_eq!(value["refused_after_ms"], 30_110);
    }
}
