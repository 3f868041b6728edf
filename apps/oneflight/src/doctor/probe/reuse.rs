//! Refresh tokens that were used before: what may end the session.

use std::time::Duration;

use super::super::chain::{Pair, Spent};
use super::super::observe::{DeadToken, Fate, Known, Replay, Reuse, Window};
use super::super::wire::Has;
use super::one::Tried;
use super::{Host, Probe, REFRESHES};

/// How long after its first use a spent token is presented again, in seconds, as far as the limit allows.
const REPLAYS_AFTER_SECS: [u64; 17] = [
    1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600,
];
impl<H: Host> Probe<'_, H> {
    pub(super) async fn reuse(&mut self, rotated: bool) {
        let skipped = match (rotated, self.limits.reuse) {
            (false, _) => Some("no refresh token is ever replaced, so none is spent"),
            (true, false) => Some("--no-reuse forbids it"),
            (true, true) if !self.chains[0].lives => Some("the session died when the other was revoked"),
            (true, true) => None,
        };
        if let Some(why) = skipped {
            self.seen.replay = Known::not_tried(why);
            self.seen.sibling = Known::not_tried(why);
            self.seen.window = Known::not_tried(why);
            self.seen.reuse = Known::not_tried(why);
            self.seen.refresh_after_reuse = Known::not_tried(why);
            self.seen.access_after_reuse = Known::not_tried(why);
            return;
        }
        self.host.say("presenting a spent refresh token at once");
        let Some(spent) = self.spend().await else { return };
        let first = self.chains[0].newest.clone();
        match self.present_again(&spent).await {
            Tried::Refused(_) => {
                self.seen.replay = Known::Observed(Replay::Refused);
                self.seen.sibling = Known::not_tried("a spent token brings no second pair");
                self.seen.window = Known::not_tried("there is none: a spent token is refused at once");
                self.seen.reuse = Known::Observed(Reuse::Refused);
                self.look_after_reuse().await;
            }
            Tried::Unclear(why) => self.seen.replay = Known::inconclusive(why),
            Tried::Granted(second, has) => {
                let replay = classify(&first, &second, has);
                self.seen.replay = Known::Observed(replay);
                if replay == Replay::NewPair {
                    self.use_both(first, second).await;
                } else {
                    self.seen.sibling = Known::not_tried("a replay brings no second refresh token");
                }
                if self.chains[0].lives {
                    self.measure_window().await;
                }
            }
        }
    }

    /// The pairs of the first use and of its replay, each used once.
    pub(super) async fn use_both(&mut self, first: Pair, second: Pair) {
        self.host.say("using both pairs that one refresh token brought");
        let mut fates = Vec::new();
        for pair in [first, second] {
            match self.present(&pair, DeadToken::Spent).await {
                Tried::Granted(next, _) => {
                    self.chains[0].follow(pair, next);
                    fates.push(Fate::Lives);
                }
                Tried::Refused(refusal) => {
                    self.seen.refusals.push(refusal);
                    self.chains[0].forget(&pair);
                    fates.push(Fate::Dies);
                }
                Tried::Unclear(why) => {
                    self.seen.sibling = Known::inconclusive(why);
                    return;
                }
            }
        }
        let both = fates.iter().all(|fate| *fate == Fate::Lives);
        self.seen.sibling = Known::Observed(if both { Fate::Lives } else { Fate::Dies });
        if fates.iter().all(|fate| *fate == Fate::Dies) {
            self.chains[0].lives = false;
            self.seen.window = Known::inconclusive("the session died before it could be measured");
        }
    }

    pub(super) async fn measure_window(&mut self) {
        let Some(spent) = self.spend().await else { return };
        let mut window = Window {
            accepted: Duration::ZERO,
            refused: None,
            replays: 0,
        };
        for delay in delays(self.limits.longest_grace) {
            let wait = (spent.used.received + delay).saturating_sub(self.host.now());
            self.host.say(&format!(
                "presenting a spent refresh token {} s after its first use (at the longest {} s)",
                delay.as_secs(),
                self.limits.longest_grace.as_secs()
            ));
            self.host.wait(wait).await;
            let sent = self.host.now();
            match self.present_again(&spent).await {
                Tried::Granted(..) => {
                    window.replays += 1;
                    window.accepted = sent.saturating_sub(spent.used.received);
                }
                Tried::Refused(_) => {
                    window.refused = Some(self.host.now().saturating_sub(spent.used.sent));
                    self.seen.window = Known::Observed(window);
                    self.seen.reuse = Known::Observed(Reuse::Refused);
                    return self.look_after_reuse().await;
                }
                Tried::Unclear(why) => {
                    self.seen.window = Known::inconclusive(why);
                    return;
                }
            }
        }
        self.seen.window = Known::Observed(window);
        self.present_the_oldest().await;
    }

    /// The window outlasted the limit. A token that is older still, and whose successors were used, may be out of it.
    pub(super) async fn present_the_oldest(&mut self) {
        if self.spend().await.is_none() {
            return;
        }
        let Some(oldest) = self.chains[0].spent.first().cloned() else {
            return;
        };
        self.host.say("presenting the oldest spent refresh token");
        match self.present_again(&oldest).await {
            Tried::Granted(..) => {
                let age = self.host.now().saturating_sub(oldest.used.received);
                self.seen.reuse = Known::Observed(Reuse::Accepted { age });
                let why = "no spent token was refused for as long as was looked";
                self.seen.refresh_after_reuse = Known::not_tried(why);
                self.seen.access_after_reuse = Known::not_tried(why);
            }
            Tried::Refused(_) => {
                self.seen.reuse = Known::Observed(Reuse::Refused);
                self.look_after_reuse().await;
            }
            Tried::Unclear(why) => self.seen.reuse = Known::inconclusive(why),
        }
    }

    /// A spent token was refused: what became of the newest ones?
    pub(super) async fn look_after_reuse(&mut self) {
        self.host.say("looking what became of the newest tokens");
        let newest = self.chains[0].newest.clone();
        self.seen.access_after_reuse = self.fate_of_access(&newest).await;
        self.seen.refresh_after_reuse = self.fate_of_refresh(0, DeadToken::NewestAfterReuse).await;
    }

    /// Uses the newest refresh token, so that it is spent; `None` if that tells nothing more.
    async fn spend(&mut self) -> Option<Spent> {
        for _ in 0..REFRESHES {
            let before = self.chains[0].newest.clone();
            match self.present(&before, DeadToken::Spent).await {
                Tried::Granted(pair, _) => {
                    let rotated = !pair.same_refresh_token(&before);
                    self.chains[0].follow(before, pair);
                    if rotated {
                        return self.chains[0].spent.last().cloned();
                    }
                }
                Tried::Refused(refusal) => {
                    self.chains[0].lives = false;
                    let why = format!("the newest refresh token was refused ({})", refusal.short());
                    self.seen.refusals.push(refusal);
                    self.cannot_spend(&why);
                    return None;
                }
                Tried::Unclear(why) => {
                    self.cannot_spend(&why);
                    return None;
                }
            }
        }
        self.cannot_spend("the refresh token was not replaced any more");
        None
    }

    fn cannot_spend(&mut self, why: &str) {
        if self.seen.replay.observed().is_none() {
            self.seen.replay = Known::inconclusive(why);
        } else if self.seen.window.observed().is_none() {
            self.seen.window = Known::inconclusive(why);
        } else {
            self.seen.reuse = Known::inconclusive(why);
        }
    }
}

/// What a replay brought, beside what the first use brought.
fn classify(first: &Pair, second: &Pair, has: Has) -> Replay {
    let same_access = first.tokens.access_token.same_as(&second.tokens.access_token);
    if !has.refresh_token {
        Replay::AccessTokenOnly
    } else if !first.same_refresh_token(second) {
        Replay::NewPair
    } else if same_access {
        Replay::SamePair
    } else {
        Replay::SameRefreshToken
    }
}

/// When a spent token is presented again, after its first use.
fn delays(longest: Duration) -> impl Iterator<Item = Duration> {
    REPLAYS_AFTER_SECS
        .into_iter()
        .map(Duration::from_secs)
        .filter(move |delay| *delay < longest)
        .chain([longest])
}
