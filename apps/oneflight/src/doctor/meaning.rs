//! What a server's ways mean for the people who use it, in plain words.

use std::time::Duration;

use oneflight::Policy;

use super::findings::seconds;
use super::observe::{Fate, Known, Observations, Replay, Reuse, Taken};

/// What follows from the findings, for one thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) about: &'static str,
    pub(crate) words: String,
}

/// How a second use of a refresh token ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Second {
    /// Refresh tokens are not replaced.
    Static,
    /// Accepted for a while at least.
    Grace,
    /// Refused, and the session with it.
    Kills,
    /// Refused, and no more.
    Refused,
    Unknown,
}

/// What it means, thing by thing.
pub(crate) fn meanings(seen: &Observations) -> Vec<Meaning> {
    let second = second(seen);
    let mut all = vec![
        Meaning {
            about: "lost answers",
            words: lost_answers(seen, second),
        },
        Meaning {
            about: "crashes",
            words: crashes(seen, second),
        },
        Meaning {
            about: "clients that do not share a lock",
            words: parallel(seen, second),
        },
        Meaning {
            about: "sign-out",
            words: sign_out(seen),
        },
    ];
    all.extend(in_flight(seen));
    all.extend(expiry(seen));
    all.extend(dead(seen));
    all
}

fn second(seen: &Observations) -> Second {
    if seen.rotation.observed().is_some_and(|seen| seen.rotated == 0) {
        return Second::Static;
    }
    match (seen.replay.observed(), seen.refresh_after_reuse.observed()) {
        (Some(Replay::Refused), Some(Fate::Dies)) => Second::Kills,
        (Some(Replay::Refused), Some(Fate::Lives)) => Second::Refused,
        (Some(Replay::Refused) | None, _) => Second::Unknown,
        (Some(_), _) => Second::Grace,
    }
}

fn lost_answers(seen: &Observations, second: Second) -> String {
    match second {
        Second::Static => "A refresh whose answer is lost is sent again. Nobody notices.".to_owned(),
        Second::Grace => {
            let mut words =
                "A refresh whose answer is lost is sent again at once, and brings tokens. Nobody notices."
                    .to_owned();
            let deadline = Policy::default().request_deadline;
            if let Some(refused) = seen.window.observed().and_then(|window| window.refused)
                && refused <= deadline
            {
                words.push_str(&format!(
                    " But an answer is awaited for {} s, and the grace ends before {} s: set the request deadline lower than that, or a time-out costs a sign-in.",
                    deadline.as_secs(),
                    seconds(refused)
                ));
            }
            words
        }
        Second::Kills => "A refresh whose answer is lost after the server processed it costs a sign-in: nobody has the new token. \
             With the profile above the user goes on until the access token expires, and signs in then."
            .to_owned(),
        Second::Refused => "A refresh whose answer is lost after the server processed it costs a sign-in: nobody has the new \
             token. Trying once more does no harm, and saves the session if the server never saw the first try."
            .to_owned(),
        Second::Unknown => "Not known: what a second use of a refresh token does was not seen.".to_owned(),
    }
}

fn crashes(seen: &Observations, second: Second) -> String {
    match second {
        Second::Static => "A program that dies in the middle of a refresh loses nothing.".to_owned(),
        Second::Grace => {
            let window = match seen.window.observed() {
                Some(window) => format!("within {} s", seconds(window.accepted)),
                None => "in time".to_owned(),
            };
            let late = match seen.refresh_after_reuse.observed() {
                Some(Fate::Dies) => "; later, the user must sign in again",
                _ if matches!(seen.reuse.observed(), Some(Reuse::Accepted { .. })) => "",
                _ => "; later, the refresh token is refused",
            };
            format!(
                "A program that dies between the server's answer and its saving loses nothing if it, or another holder of the session, is back {window}{late}."
            )
        }
        Second::Kills | Second::Refused => {
            "A program that dies between the server's answer and its saving costs a sign-in. At any other moment it costs nothing."
                .to_owned()
        }
        Second::Unknown => "Not known, for the same reason.".to_owned(),
    }
}

fn parallel(seen: &Observations, second: Second) -> String {
    match second {
        Second::Static => {
            "Copies of one session on several machines do not hurt each other; each makes refreshes of its own.".to_owned()
        }
        Second::Grace => {
            let both = match (seen.replay.observed(), &seen.sibling) {
                (Some(Replay::NewPair), Known::Observed(Fate::Lives)) => {
                    "each gets a pair of its own, and both go on"
                }
                (Some(Replay::NewPair), Known::Observed(Fate::Dies)) => {
                    "each gets a pair of its own, but only one of the pairs works"
                }
                (Some(Replay::NewPair), _) => "each gets a pair of its own",
                _ => "both get the same refresh token",
            };
            let late = match seen.refresh_after_reuse.observed() {
                Some(Fate::Dies) => {
                    " A copy that wakes up later than that ends the session for all: never copy a session, share its store."
                }
                Some(Fate::Lives) => " A copy that wakes up later than that is refused, and hurts nobody else.",
                None => "",
            };
            format!("Of two programs that refresh within the grace, {both}.{late}")
        }
        Second::Kills => "Two programs with copies of one session end it for both, as soon as both have refreshed. They must share \
             a store and its lock, as oneflight's holders do."
            .to_owned(),
        Second::Refused => "Of two programs with copies of one session the slower is refused and must sign in; the other goes on. \
             They should share a store and its lock, as oneflight's holders do."
            .to_owned(),
        Second::Unknown => "Not known; until it is, never let two programs have copies of one session.".to_owned(),
    }
}

fn sign_out(seen: &Observations) -> String {
    let mut words = match (seen.revocation.observed(), seen.refresh_after_revocation.observed()) {
        (Some(200..=299), Some(Fate::Dies)) => "Signing out ends the session at the server.".to_owned(),
        (Some(200..=299), Some(Fate::Lives)) => {
            "Signing out only forgets the session here: the server confirms the revocation, and does not act on it.".to_owned()
        }
        (Some(status), _) if !(200..=299).contains(status) => {
            format!("Signing out only forgets the session here: the server answers the revocation with {status}.")
        }
        (Some(_), _) => "The server confirms the revocation; whether it acts on it was not seen.".to_owned(),
        (None, _) if seen.stated.revocation => {
            "The server names a revocation endpoint; what it does was not seen.".to_owned()
        }
        (None, _) => {
            "Signing out only forgets the session here: the server names no revocation endpoint. Whoever has a copy of the refresh token can go on."
                .to_owned()
        }
    };
    if seen.access_after_revocation.observed() == Some(&Fate::Lives) {
        words.push_str(" An access token that is out already works until it expires.");
    }
    if seen.other_session.observed() == Some(&Fate::Dies) {
        words.push_str(" It also signs the same user out everywhere else at this client.");
    }
    words
}

/// Only where it hurts.
fn in_flight(seen: &Observations) -> Option<Meaning> {
    (seen.old_access.observed() == Some(&Fate::Dies)).then(|| Meaning {
        about: "requests under way",
        words: "Each refresh kills the access token of before: requests that are under way are refused, and must be sent \
                again with the new token. oneflight does that; bodies that are streams cannot be sent again."
            .to_owned(),
    })
}

fn expiry(seen: &Observations) -> Option<Meaning> {
    let members = seen.members.observed()?;
    let words = if members.lifetimes.is_empty() {
        "The server does not say how long access tokens live, so none is renewed ahead: each is used until the API refuses it, which costs one refused request every time."
    } else if (members.lifetimes.len() as u32) < members.answers {
        "The server does not always say how long an access token lives; where it does not, a token is used until the API refuses it."
    } else if members.lifetimes.iter().max() <= Some(&Duration::from_secs(30)) {
        "Access tokens live so short that requests will often wait for a renewal."
    } else {
        return None;
    };
    Some(Meaning {
        about: "expiry",
        words: words.to_owned(),
    })
}

fn dead(seen: &Observations) -> Option<Meaning> {
    let odd = seen
        .refusals
        .iter()
        .any(|refusal| refusal.taken_for == Taken::Request);
    odd.then(|| Meaning {
        about: "dead sessions",
        words: "The server refuses dead refresh tokens in a way of its own. Without the rule above a user whose session is over would see an error instead of the sign-in."
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::observe::{Rotation, Window};

    fn seen(replay: Replay, after: Fate) -> Observations {
        let mut seen = Observations::none("nobody looked");
        seen.rotation = Known::Observed(Rotation {
            refreshes: 3,
            rotated: 3,
        });
        seen.replay = Known::Observed(replay);
        seen.refresh_after_reuse = Known::Observed(after);
        seen
    }

    fn words(seen: &Observations, about: &str) -> String {
        let all = meanings(seen);
        let found = all.iter().find(|meaning| meaning.about == about);
        found.map(|meaning| meaning.words.clone()).unwrap_or_default()
    }

    #[test]
    fn x10_what_strict_rotation_costs_is_said() {
        let seen = seen(Replay::Refused, Fate::Dies);
        assert!(words(&seen, "lost answers").contains("costs a sign-in"));
        assert!(words(&seen, "clients that do not share a lock").contains("end it for both"));
    }

    #[test]
    fn x10_a_grace_shorter_than_the_deadline_is_warned_of() {
        let mut seen = seen(Replay::NewPair, Fate::Dies);
        let window = |refused| Window {
            accepted: Duration::from_secs(2),
            refused: Some(Duration::from_secs(refused)),
            replays: 2,
        };
        seen.window = Known::Observed(window(5));
        assert!(words(&seen, "lost answers").contains("request deadline"));
        seen.window = Known::Observed(window(31));
        assert!(!words(&seen, "lost answers").contains("request deadline"));
        assert!(words(&seen, "crashes").contains("within 2 s"));
    }

    #[test]
    fn x10_nothing_is_promised_of_what_was_not_seen() {
        let seen = Observations::none("nobody looked");
        for about in ["lost answers", "crashes", "clients that do not share a lock"] {
            assert!(words(&seen, about).starts_with("Not known"), "{about}");
        }
        assert!(words(&seen, "sign-out").contains("no revocation endpoint"));
        assert_eq!(words(&seen, "expiry"), "");
    }
}
