//! One token, presented once.

use std::sync::Arc;
use std::time::Duration;

use super::super::chain::{Pair, Span, Spent};
use super::super::observe::{DeadToken, Fate, Known, Refusal};
use super::super::wire::{Answer, Has, Sight};
use super::{Host, Probe};

/// How long a throttled request is held back, if the server does not say, in seconds.
const PAUSE_SECS: u64 = 5;

/// A refresh that was tried.
pub(super) enum Tried {
    Granted(Pair, Has),
    Refused(Refusal),
    Unclear(String),
}

impl<H: Host> Probe<'_, H> {
    /// Presents a spent token once more; what it brings is kept, and a refusal is noted.
    pub(super) async fn present_again(&mut self, spent: &Spent) -> Tried {
        let pair = Pair::new(Arc::clone(&spent.tokens), spent.used.received);
        let tried = self.present(&pair, DeadToken::Spent).await;
        match &tried {
            Tried::Granted(pair, has) if has.refresh_token => self.chains[0].branch(pair.clone()),
            // What it brought holds the spent token still.
            Tried::Granted(..) => {}
            Tried::Refused(refusal) => self.seen.refusals.push(refusal.clone()),
            Tried::Unclear(_) => {}
        }
        tried
    }

    pub(super) async fn fate_of_refresh(&mut self, at: usize, of: DeadToken) -> Known<Fate> {
        let newest = self.chains[at].newest.clone();
        match self.present(&newest, of).await {
            Tried::Granted(pair, _) => {
                self.chains[at].follow(newest, pair);
                Known::Observed(Fate::Lives)
            }
            Tried::Refused(refusal) => {
                self.chains[at].lives = false;
                self.seen.refusals.push(refusal);
                Known::Observed(Fate::Dies)
            }
            Tried::Unclear(why) => Known::inconclusive(why),
        }
    }

    pub(super) async fn fate_of_access(&self, pair: &Pair) -> Known<Fate> {
        if let Some(why) = &self.blind {
            return Known::not_tried(why.clone());
        }
        match self.wire.show(&pair.tokens.access_token).await {
            Sight::Accepted => Known::Observed(Fate::Lives),
            Sight::Refused if pair.has_run_out(self.host.now()) => {
                Known::inconclusive("the access token had run out by itself")
            }
            Sight::Refused => Known::Observed(Fate::Dies),
            Sight::Unclear(why) => Known::inconclusive(why),
        }
    }

    /// Presents a refresh token, and waits as the server asks, within the limit.
    pub(super) async fn present(&mut self, pair: &Pair, of: DeadToken) -> Tried {
        loop {
            let sent = self.host.now();
            match self.wire.refresh(&pair.tokens).await {
                Answer::Granted { tokens, has } => {
                    let mut new = Pair::new(tokens, self.host.now());
                    new.span = Some(Span {
                        sent,
                        received: self.host.now(),
                    });
                    return Tried::Granted(new, has);
                }
                Answer::Refused {
                    status,
                    code,
                    taken_for,
                } => {
                    return Tried::Refused(Refusal {
                        of,
                        status,
                        code,
                        taken_for,
                    });
                }
                Answer::Unclear(why) => return Tried::Unclear(why),
                Answer::Throttled { wait, status } => {
                    let wait = wait.unwrap_or(Duration::from_secs(PAUSE_SECS));
                    let wait = wait.max(Duration::from_secs(1));
                    let status = status.map_or_else(String::new, |status| format!(" ({status})"));
                    if wait > self.throttle_left {
                        return Tried::Unclear(format!(
                            "the server says that it is asked too often{status}, and wants {} s; --longest-wait allows {} s in all",
                            wait.as_secs(),
                            self.limits.longest_throttle.as_secs()
                        ));
                    }
                    self.throttle_left -= wait;
                    self.host.say(&format!(
                        "the server says that it is asked too often{status}: waiting {} s",
                        wait.as_secs()
                    ));
                    self.host.wait(wait).await;
                }
            }
        }
    }
}
