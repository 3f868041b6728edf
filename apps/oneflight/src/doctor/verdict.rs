//! How to set oneflight for a server, from what was seen of it.

use oneflight::Profile;
use oneflight::endpoint::AnswerRules;

use super::observe::{DeadToken, Fate, Observations, Refusal, Replay, Taken};

/// The settings that fit the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Advice {
    pub(crate) profile: Profile,
    pub(crate) rules: AnswerRules,
    /// The npm package's `profile`.
    pub(crate) npm: Kind,
    /// Whether it follows from what was seen, or is the default for an unknown server.
    pub(crate) because: String,
}

/// How a server treats spent refresh tokens, as the npm package calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unknown,
    Strict,
    Grace,
    Static,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Strict => "strict",
            Self::Grace => "grace",
            Self::Static => "static",
        }
    }
}

/// The settings that follow from what was seen.
pub(crate) fn advice(seen: &Observations) -> Advice {
    let mut profile = Profile::default();
    profile.revocation_reaches_beyond_family = seen.other_session.observed() == Some(&Fate::Dies);
    let never_rotates = seen.rotation.observed().is_some_and(|seen| seen.rotated == 0);
    let killed = seen.refresh_after_reuse.observed();
    let (npm, because) = match (seen.replay.observed(), killed) {
        _ if never_rotates => (
            Kind::Static,
            "refresh tokens are not replaced, so one can be presented again",
        ),
        (Some(Replay::Refused), Some(Fate::Dies)) => {
            profile.retry_after_loss = false;
            (
                Kind::Strict,
                "a second use ends the session, so after a lost answer the access token is used up first",
            )
        }
        (Some(Replay::Refused), Some(Fate::Lives)) => (
            Kind::Unknown,
            "a second use is refused and does no harm, so after a lost answer one more try costs nothing",
        ),
        (Some(Replay::Refused), None) => (
            Kind::Unknown,
            "the defaults: what a second use does to the session was not seen",
        ),
        (Some(_), _) => (
            Kind::Grace,
            "a spent token is accepted for a while, so after a lost answer it is presented again",
        ),
        (None, _) => (
            Kind::Unknown,
            "the defaults for an unknown server: what a second use does was not seen",
        ),
    };
    Advice {
        profile,
        rules: rules(&seen.refusals),
        npm,
        because: because.to_owned(),
    }
}

/// What would have been taken for something else than a dead grant.
fn rules(refusals: &[Refusal]) -> AnswerRules {
    let mut rules = AnswerRules::default();
    let of_real_tokens = refusals
        .iter()
        .filter(|refusal| refusal.of != DeadToken::NeverIssued);
    for refusal in of_real_tokens.filter(|refusal| refusal.taken_for == Taken::Request) {
        // A code of the standard's own says too little to mean death; the status, at this server, may.
        let own = refusal.code.as_deref().filter(|code| *code != "invalid_request");
        match own {
            Some(code) if !rules.dead_codes.iter().any(|known| known == code) => {
                rules = rules.dead_code(code);
            }
            None if !rules.dead_statuses.contains(&refusal.status) => {
                rules = rules.dead_status(refusal.status);
            }
            _ => {}
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::super::observe::{Known, Rotation};
    use super::*;

    fn seen() -> Observations {
        let mut seen = Observations::none("nobody looked");
        seen.rotation = Known::Observed(Rotation {
            refreshes: 3,
            rotated: 3,
        });
        seen
    }

    fn refusal(status: u16, code: Option<&str>, taken_for: Taken) -> Refusal {
        Refusal {
            of: DeadToken::Spent,
            status,
            code: code.map(str::to_owned),
            taken_for,
        }
    }

    #[test]
    fn x10_what_was_not_seen_changes_no_setting() {
        let advice = advice(&Observations::none("nobody looked"));
        assert_eq!(
            (advice.profile, advice.rules, advice.npm),
            (Profile::default(), AnswerRules::default(), Kind::Unknown)
        );
        // Refused, but nobody saw what became of the session.
        let mut half = seen();
        half.replay = Known::Observed(Replay::Refused);
        half.refresh_after_reuse = Known::inconclusive("the answer was lost");
        assert_eq!(super::advice(&half).profile, Profile::default());
    }

    #[test]
    fn x10_a_session_that_dies_of_another_ones_revocation_is_a_setting() {
        let mut seen = seen();
        seen.other_session = Known::Observed(Fate::Dies);
        assert!(advice(&seen).profile.revocation_reaches_beyond_family);
    }

    #[test]
    fn x10_rules_are_made_for_what_the_library_would_not_take_for_dead_and_for_nothing_else() {
        let own = [
            refusal(400, Some("invalid_grant"), Taken::Dead),
            refusal(403, None, Taken::Request),
            refusal(403, None, Taken::Request),
            refusal(400, Some("token_gone"), Taken::Request),
            refusal(401, Some("invalid_client"), Taken::Client),
            Refusal {
                of: DeadToken::NeverIssued,
                ..refusal(422, None, Taken::Request)
            },
        ];
        assert_eq!(
            rules(&own),
            AnswerRules::default().dead_status(403).dead_code("token_gone")
        );
        // The standard's code for a malformed request is not made to mean death.
        let malformed = [refusal(400, Some("invalid_request"), Taken::Request)];
        assert_eq!(rules(&malformed), AnswerRules::default().dead_status(400));
    }
}
