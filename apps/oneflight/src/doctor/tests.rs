//! The examination of the test kit's server, in each of its ways. Its clock stands still until the probe waits.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use oneflight::TokenSet;
use oneflight::endpoint::{AnswerRules, HttpExchange as _, exchange_fn};
use oneflight_reqwest::ReqwestExchange;
use oneflight_testkit::{
    Clock, ExpiresIn, Fault, GraceReplay, OldAccessTokens, Point, Reach, RetryAfter, Rotation, SessionTerms,
    TestServer,
};

use super::observe::{DeadToken, Fate, Known, Observations, Replay, Reuse, Taken};
use super::probe::{Host, Left, Limits, Probe, Stopped};
use super::verdict::{self, Kind};
use super::wire::{Answer, Wire};
use crate::profile::Settings;

const LIMITS: Limits = Limits {
    longest_grace: Duration::from_secs(60),
    longest_throttle: Duration::from_secs(120),
    reuse: true,
};

/// The server's clock, which the probe's waiting moves.
struct Bench {
    server: TestServer,
    said: Mutex<Vec<String>>,
    /// Every refresh token there ever was.
    issued: Arc<Mutex<Vec<String>>>,
}

impl Host for Bench {
    fn now(&self) -> Duration {
        self.server.clock().unix()
    }

    async fn wait(&self, span: Duration) {
        self.server.advance(span);
    }

    fn say(&self, line: &str) {
        self.said.lock().unwrap().push(line.to_owned());
    }
}

impl Bench {
    async fn new(change: impl FnOnce(&mut oneflight_testkit::Settings)) -> Self {
        let server = TestServer::builder()
            .clock(Clock::virtual_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000)))
            .with_settings(change)
            .start()
            .await
            .unwrap();
        Self {
            server,
            said: Mutex::default(),
            issued: Arc::default(),
        }
    }

    /// `witness`: where access tokens are shown.
    fn wire_with(&self, witness: Option<String>, revocation: bool) -> Wire {
        let issuer = self.server.issuer().to_owned();
        let mut settings = Settings::new(issuer, "app".to_owned(), self.server.token_url());
        settings.revocation_endpoint = revocation.then(|| self.server.revocation_url());
        let witness = witness.map(|url| url.parse().unwrap());
        let (http, issued) = (
            ReqwestExchange::new(crate::tls::builder()).unwrap(),
            Arc::clone(&self.issued),
        );
        // Whatever refresh token comes is remembered.
        let http = Arc::new(http);
        let http = exchange_fn(move |request, limit| {
            let (http, issued) = (Arc::clone(&http), Arc::clone(&issued));
            async move {
                let answer = http.exchange(request, limit).await?;
                let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
                issued
                    .lock()
                    .unwrap()
                    .extend(body["refresh_token"].as_str().map(str::to_owned));
                Ok(answer)
            }
        });
        Wire::new(&settings, witness, http).unwrap()
    }

    fn wire(&self) -> Wire {
        self.wire_with(Some(self.server.userinfo_url()), true)
    }

    fn sign_in(&self) -> Arc<TokenSet> {
        let terms = SessionTerms::new().user("ada").scope("openid");
        let session = self.server.issue_session_with(terms);
        self.issued
            .lock()
            .unwrap()
            .push(session.refresh_token().to_owned());
        let tokens = TokenSet::new(&session.access_token, oneflight::WallTime::default()).unwrap();
        Arc::new(tokens.refresh_token(session.refresh_token()).unwrap())
    }

    async fn examine(&self, limits: Limits, sessions: usize) -> (Result<(), Stopped>, Observations, Left) {
        let wire = self.wire();
        let sessions = (0..sessions).map(|_| self.sign_in()).collect();
        let mut probe = Probe::new(&wire, self, limits, sessions);
        let ended = probe.run().await;
        let left = probe.clean_up().await;
        (ended, probe.seen, left)
    }

    async fn observations(&self) -> Observations {
        let (ended, seen, _) = self.examine(LIMITS, 1).await;
        assert_eq!(ended, Ok(()));
        seen
    }
}

async fn under(rotation: Rotation) -> Observations {
    Bench::new(|settings| settings.rotation = rotation)
        .await
        .observations()
        .await
}

fn grace(window_secs: u64, replay: GraceReplay) -> Rotation {
    Rotation::Grace {
        window: Duration::from_secs(window_secs),
        replay,
    }
}

#[tokio::test]
async fn x10_strict_rotation_is_found_and_what_reuse_ends() {
    let seen = under(Rotation::Strict).await;
    assert_eq!(
        seen.rotation
            .observed()
            .map(|seen| (seen.refreshes, seen.rotated)),
        Some((3, 3))
    );
    assert_eq!(seen.replay, Known::Observed(Replay::Refused));
    assert_eq!(seen.reuse, Known::Observed(Reuse::Refused));
    assert_eq!(seen.refresh_after_reuse, Known::Observed(Fate::Dies));
    assert_eq!(seen.access_after_reuse, Known::Observed(Fate::Dies));
    assert!(matches!(seen.window, Known::NotTried(_)), "{:?}", seen.window);
    let refusal = &seen.refusals[0];
    assert_eq!(
        (
            refusal.of,
            refusal.status,
            refusal.code.as_deref(),
            refusal.taken_for
        ),
        (DeadToken::Spent, 400, Some("invalid_grant"), Taken::Dead)
    );
    // There was nothing left to revoke, so nothing is claimed of revocation.
    assert!(
        matches!(seen.revocation, Known::NotTried(_)),
        "{:?}",
        seen.revocation
    );

    let advice = verdict::advice(&seen);
    assert!(!advice.profile.retry_after_loss);
    assert_eq!((advice.npm, advice.rules), (Kind::Strict, AnswerRules::default()));
}

#[tokio::test]
async fn x10_refusing_reuse_is_told_from_ending_the_session_for_it() {
    let seen = under(Rotation::Refusing).await;
    assert_eq!(seen.replay, Known::Observed(Replay::Refused));
    assert_eq!(seen.refresh_after_reuse, Known::Observed(Fate::Lives));
    assert_eq!(seen.access_after_reuse, Known::Observed(Fate::Lives));
    assert_eq!(seen.revocation, Known::Observed(200));
    assert_eq!(seen.refresh_after_revocation, Known::Observed(Fate::Dies));
    assert!(verdict::advice(&seen).profile.retry_after_loss);
}

#[tokio::test]
async fn x10_a_grace_with_new_pairs_is_measured() {
    let seen = under(grace(25, GraceReplay::NewPair)).await;
    assert_eq!(seen.replay, Known::Observed(Replay::NewPair));
    assert_eq!(seen.sibling, Known::Observed(Fate::Lives));
    let window = seen.window.observed().copied().unwrap();
    assert_eq!(window.accepted, Duration::from_secs(20));
    assert_eq!(window.refused, Some(Duration::from_secs(30)));
    assert_eq!(window.replays, 6);
    assert_eq!(seen.refresh_after_reuse, Known::Observed(Fate::Dies));
    let advice = verdict::advice(&seen);
    assert!(advice.profile.retry_after_loss);
    assert_eq!(advice.npm, Kind::Grace);
}

#[tokio::test]
async fn x10_a_grace_with_the_same_pair_is_told_from_one_with_new_pairs() {
    let seen = under(grace(10, GraceReplay::SamePair)).await;
    assert_eq!(seen.replay, Known::Observed(Replay::SamePair));
    assert!(matches!(seen.sibling, Known::NotTried(_)));
    let window = seen.window.observed().copied().unwrap();
    assert_eq!(
        (window.accepted.as_secs(), window.refused.map(|at| at.as_secs())),
        (5, Some(10))
    );
    assert_eq!(seen.access_after_reuse, Known::Observed(Fate::Dies));
}

#[tokio::test]
async fn x10_a_grace_longer_than_the_limit_is_not_called_endless() {
    let bench = Bench::new(|settings| settings.rotation = grace(3600, GraceReplay::NewPair)).await;
    let seen = bench.observations().await;
    let window = seen.window.observed().copied().unwrap();
    assert_eq!((window.accepted.as_secs(), window.refused), (60, None));
    // The oldest token was tried, too.
    assert!(
        matches!(seen.reuse, Known::Observed(Reuse::Accepted { .. })),
        "{:?}",
        seen.reuse
    );
    assert!(matches!(seen.refresh_after_reuse, Known::NotTried(_)));
    // The session lived, so revocation could be looked at.
    assert_eq!(seen.refresh_after_revocation, Known::Observed(Fate::Dies));
    let said = bench.said.lock().unwrap().join("\n");
    assert!(said.contains("60 s after its first use"), "{said}");
}

#[tokio::test]
async fn x10_a_server_that_does_not_rotate_is_never_asked_for_reuse() {
    let bench = Bench::new(|settings| settings.rotation = Rotation::None).await;
    let seen = bench.observations().await;
    assert_eq!(seen.rotation.observed().map(|seen| seen.rotated), Some(0));
    assert!(matches!(seen.replay, Known::NotTried(_)));
    assert_eq!(verdict::advice(&seen).npm, Kind::Static);
    let members = seen.members.observed().unwrap();
    assert_eq!(
        (members.answers, members.refresh_token, members.expires_in),
        (3, 0, 3)
    );
}

#[tokio::test]
async fn x10_old_access_tokens_that_die_at_a_refresh_are_seen() {
    for (old, fate) in [
        (OldAccessTokens::Live, Fate::Lives),
        (OldAccessTokens::Die, Fate::Dies),
    ] {
        let bench = Bench::new(|settings| settings.old_access_tokens = old).await;
        assert_eq!(bench.observations().await.old_access, Known::Observed(fate));
    }
}

#[tokio::test]
async fn x10_an_access_token_that_ran_out_by_itself_proves_nothing() {
    // It lives for five seconds; the grace outlasts it.
    let bench = Bench::new(|settings| {
        settings.rotation = grace(10, GraceReplay::SamePair);
        settings.access_token_lifetime = Duration::from_secs(5);
    })
    .await;
    let seen = bench.observations().await;
    assert!(
        matches!(seen.access_after_reuse, Known::Inconclusive(_)),
        "{:?}",
        seen.access_after_reuse
    );
    assert_eq!(seen.refresh_after_reuse, Known::Observed(Fate::Dies));
}

#[tokio::test]
async fn x10_what_answers_say_of_the_lifetime_is_counted() {
    let cases = [
        (ExpiresIn::Truthful, 3, 3),
        (ExpiresIn::Omitted, 0, 0),
        (ExpiresIn::Text, 3, 3),
        (ExpiresIn::Float, 3, 3),
        (
            ExpiresIn::Value {
                value: serde_json::json!({}),
            },
            3,
            0,
        ),
    ];
    for (spelled, present, readable) in cases {
        let bench = Bench::new(|settings| settings.expires_in = spelled).await;
        let seen = bench.observations().await;
        let members = seen.members.observed().unwrap();
        assert_eq!((members.expires_in, members.lifetimes.len()), (present, readable));
    }
}

#[tokio::test]
async fn x10_how_far_a_revocation_reaches_takes_two_sessions_to_see() {
    for (reach, access, other) in [
        (Reach::Token, Fate::Lives, Fate::Lives),
        (Reach::Family, Fate::Dies, Fate::Lives),
        (Reach::User, Fate::Dies, Fate::Dies),
    ] {
        let bench = Bench::new(|settings| settings.revocation = reach).await;
        let (ended, seen, _) = bench.examine(LIMITS, 2).await;
        assert_eq!(ended, Ok(()));
        assert_eq!(
            seen.refresh_after_revocation,
            Known::Observed(Fate::Dies),
            "{reach:?}"
        );
        assert_eq!(seen.access_after_revocation, Known::Observed(access), "{reach:?}");
        assert_eq!(seen.other_session, Known::Observed(other), "{reach:?}");
        let beyond = verdict::advice(&seen).profile.revocation_reaches_beyond_family;
        assert_eq!(beyond, reach == Reach::User);
        // Where the other session died of it, there was none to try reuse with, and nothing is made up.
        assert_eq!(seen.replay.observed().is_some(), reach != Reach::User);
    }
}

#[tokio::test]
async fn x11_spent_tokens_are_not_presented_if_that_is_forbidden() {
    let bench = Bench::new(|_| {}).await;
    let (_, seen, left) = bench
        .examine(
            Limits {
                reuse: false,
                ..LIMITS
            },
            1,
        )
        .await;
    assert!(matches!(seen.replay, Known::NotTried(_)));
    assert_eq!(bench.server.counters().reuse_detected, 0);
    assert_eq!(verdict::advice(&seen).npm, Kind::Unknown);
    // The revocation that was looked at ended it.
    assert_eq!(left, Left::default());
}

#[tokio::test]
async fn x11_what_was_made_is_revoked_at_the_end() {
    for rotation in [
        Rotation::Strict,
        Rotation::Refusing,
        grace(25, GraceReplay::NewPair),
        grace(3600, GraceReplay::NewPair),
        Rotation::None,
    ] {
        let bench = Bench::new(|settings| {
            settings.rotation = rotation;
            settings.revocation = Reach::Token;
        })
        .await;
        let (_, _, left) = bench
            .examine(
                Limits {
                    longest_grace: Duration::from_secs(5),
                    ..LIMITS
                },
                2,
            )
            .await;
        assert_eq!(left.alive, 0, "{rotation:?}: {left:?}");
        // Past every grace, each refresh token that ever was is refused; and none of them for the sake of another.
        bench.server.advance(Duration::from_secs(7200));
        bench.server.set_rotation(Rotation::Refusing);
        let (wire, issued) = (bench.wire(), bench.issued.lock().unwrap().clone());
        for token in issued {
            let tokens = TokenSet::new("none", oneflight::WallTime::default()).unwrap();
            let answer = wire
                .refresh(&Arc::new(tokens.refresh_token(&token).unwrap()))
                .await;
            assert!(
                matches!(answer, Answer::Refused { .. }),
                "{rotation:?}: {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn x11_the_steps_that_may_end_the_session_come_last() {
    let bench = Bench::new(|_| {}).await;
    bench.observations().await;
    let statuses: Vec<_> = bench
        .server
        .refresh_requests()
        .iter()
        .map(|request| request.status)
        .collect();
    // Three refreshes and the one that spends a token; then the reuse, and the look at what it did.
    assert_eq!(
        statuses,
        [Some(200), Some(200), Some(200), Some(200), Some(400), Some(400)]
    );
}

#[tokio::test]
async fn x10_a_server_that_wants_to_be_asked_later_is_asked_later() {
    let bench = Bench::new(|_| {}).await;
    let later = Fault::too_many_requests(RetryAfter::Seconds(7));
    bench.server.inject(Point::Refresh, later);
    let begun = bench.now();
    let seen = bench.observations().await;
    assert_eq!(seen.replay, Known::Observed(Replay::Refused));
    assert_eq!(bench.now() - begun, Duration::from_secs(7));
}

#[tokio::test]
async fn x10_throttling_for_longer_than_allowed_is_inconclusive_and_bounded() {
    let bench = Bench::new(|_| {}).await;
    let later = Fault::too_many_requests(RetryAfter::Seconds(50));
    bench.server.inject_always(Point::Refresh, later);
    let (ended, seen, _) = bench.examine(LIMITS, 1).await;
    let Err(Stopped::Unclear(why)) = ended else {
        panic!("{ended:?}")
    };
    assert!(why.contains("too often") && why.contains("429"), "{why}");
    assert_eq!(seen, Observations::none("the examination ended before"));
    assert_eq!(bench.server.counters().refresh_posts, 3);
}

#[tokio::test]
async fn x10_a_lost_answer_is_never_taken_for_a_refusal() {
    let bench = Bench::new(|_| {}).await;
    for _ in 0..4 {
        bench.server.inject(Point::Refresh, Fault::none());
    }
    bench.server.inject(Point::Refresh, Fault::lose_answer());
    let (ended, seen, _) = bench.examine(LIMITS, 1).await;
    assert_eq!(ended, Ok(()));
    assert!(matches!(seen.replay, Known::Inconclusive(_)), "{:?}", seen.replay);
    assert!(
        verdict::advice(&seen).profile.retry_after_loss,
        "the default, not a finding"
    );
}

#[tokio::test]
async fn x10_a_dead_token_that_is_refused_in_a_way_of_its_own_gets_a_rule() {
    // As Atlassian does it.
    let bench = Bench::new(|_| {}).await;
    for _ in 0..4 {
        bench.server.inject(Point::Refresh, Fault::none());
    }
    for _ in 0..2 {
        bench
            .server
            .inject(Point::Refresh, Fault::json(403, serde_json::json!({})));
    }
    let seen = bench.observations().await;
    assert_eq!(seen.refusals[0].status, 403);
    assert_eq!(
        verdict::advice(&seen).rules,
        AnswerRules::default().dead_status(403)
    );
}

#[tokio::test]
async fn x10_without_a_place_to_show_access_tokens_nothing_is_claimed_of_them() {
    let bench = Bench::new(|_| {}).await;
    let wire = bench.wire_with(None, false);
    let limits = Limits {
        reuse: false,
        ..LIMITS
    };
    let mut probe = Probe::new(&wire, &bench, limits, vec![bench.sign_in()]);
    assert_eq!(probe.run().await, Ok(()));
    assert!(matches!(probe.seen.old_access, Known::NotTried(_)));
    assert!(matches!(probe.seen.revocation, Known::NotTried(_)));
    let left = probe.clean_up().await;
    assert_eq!((left.revoked, left.alive), (0, 1));
    assert!(left.why.unwrap().contains("no revocation endpoint"));
}
