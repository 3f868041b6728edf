//! What waiters wait for, and the pause after it failed.

use alloc::sync::Arc;
use core::time::Duration;

use super::config::GrantKind;
use super::demand::Demand;
use super::mutation::mutated;
use super::outcome::{Cause, Event, Failure, Outcome, TransientCause};
use super::publish::Published;
use super::timing::{Timing, pause};
use super::{AttemptId, Machine};
use crate::{BackOff, MonoTime, Now, SessionId, TokenSet};

/// One renewal, from its start to its settlement, with all that its waiters need of it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) cause: Cause,
    pub(super) started: MonoTime,
    pub(super) waiters: u32,
    /// The set that the API refused: its access token serves nobody here.
    pub(super) refused: Option<Arc<TokenSet>>,
    /// Somebody wants a set that is not due for renewal.
    pub(super) due: bool,
}

impl Attempt {
    pub(super) fn new(id: AttemptId, cause: Cause, now: Now) -> Self {
        Self {
            id,
            cause,
            started: now.mono,
            waiters: 0,
            refused: None,
            due: false,
        }
    }

    /// Adds a demand; `published` is what the machine shows now.
    pub(super) fn join(&mut self, demand: Demand, generation: u64, published: Option<&Published>) {
        self.waiters = self.waiters.saturating_add(1);
        match demand {
            Demand::Usable => {}
            Demand::Due => self.due = true,
            Demand::NewerThan(stamp) => {
                if stamp.generation == generation {
                    self.refused = published.map(|published| published.tokens.clone());
                }
            }
        }
    }

    /// Adds the demand of the timer, for which nobody waits.
    pub(super) fn join_timer(&mut self) {
        self.due = true;
    }

    /// Whether the API refused this very access token.
    pub(super) fn was_refused(&self, tokens: &TokenSet) -> bool {
        self.refused
            .as_ref()
            .is_some_and(|refused| refused.access_token.same_as(&tokens.access_token))
    }

    /// Whether an access token that may still run must be taken for lost: the API refused it.
    pub(super) fn is_refusal(&self) -> bool {
        self.refused.is_some()
    }
}

/// The shared failure, and until when it is everybody's answer.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Cooldown {
    pub(super) until: MonoTime,
    pub(super) failure: Failure,
}

impl Machine {
    /// Whether a stored set serves every demand of the attempt: usable, not the one refused, not the one to be renewed.
    pub(super) fn serves(
        &self,
        attempt: Option<&Attempt>,
        session: SessionId,
        set: u64,
        tokens: &TokenSet,
        now: Now,
    ) -> bool {
        let Some(attempt) = attempt else { return true };
        if mutated!(self, AdoptByNewer) {
            return self
                .published
                .as_ref()
                .is_none_or(|published| set > published.set);
        }
        let timing = self.timing(session, set, tokens, now.wall);
        timing.is_usable(now.wall)
            && !attempt.was_refused(tokens)
            && !(attempt.due && timing.is_due(now.wall))
    }

    pub(super) fn timing(
        &self,
        session: SessionId,
        set: u64,
        tokens: &TokenSet,
        now: crate::WallTime,
    ) -> Timing {
        let spread = super::timing::spread_of(self.config.seed[0], session, set);
        let start = self.start_of(session, set, tokens, now);
        let timing = Timing::of(&self.config.policy, tokens, start, spread);
        // What nothing can renew is never due; whoever needs it after it has run out is told why.
        let renewable = self.config.policy.grant != GrantKind::RefreshToken || tokens.refresh_token.is_some();
        Timing {
            renew_at: timing.renew_at.filter(|_| renewable),
            ..timing
        }
    }

    /// When the lifetime of a set began. What is published does not begin anew because it is read again after the clock
    /// was set back.
    pub(super) fn start_of(
        &self,
        session: SessionId,
        set: u64,
        tokens: &TokenSet,
        now: crate::WallTime,
    ) -> crate::WallTime {
        let began = self
            .published
            .as_ref()
            .filter(|published| published.session == session && published.set == set)
            .filter(|published| published.tokens.received_at == tokens.received_at)
            .map(|published| published.start);
        tokens.received_at.min(now).min(began.unwrap_or(now))
    }

    /// Ends an attempt well or badly, and tells.
    pub(super) fn settle_attempt(&mut self, now: Now, attempt: Option<Attempt>, outcome: Outcome) {
        if let Outcome::Failed(failure) = &outcome
            && matches!(
                failure,
                Failure::Transient { .. }
                    | Failure::Interaction { .. }
                    | Failure::Configuration { .. }
                    | Failure::NoRefreshToken
                    | Failure::SameToken
            )
        {
            self.notify(Event::RenewalFailed {
                failure: failure.clone(),
            });
        }
        let Some(attempt) = attempt else { return };
        if let Outcome::Renewed { generation } = outcome {
            self.notify(Event::Renewed {
                generation,
                cause: attempt.cause,
                took: now.mono.since(attempt.started),
                waiters: attempt.waiters,
            });
        }
        self.settle(attempt.id, outcome);
    }

    /// A failure that holds for everybody until its pause is over.
    pub(super) fn cool_down(&mut self, failure: Failure) -> Failure {
        if let Some(until) = failure.retry_at() {
            self.cooldown = Some(alloc::boxed::Box::new(Cooldown {
                until,
                failure: failure.clone(),
            }));
        }
        failure
    }

    /// The shared failure, if its pause is not over.
    pub(super) fn cooling(&self, now: Now) -> Option<&Failure> {
        self.cooldown
            .as_ref()
            .filter(|cooldown| now.mono < cooldown.until)
            .map(|cooldown| &cooldown.failure)
    }

    /// The next step of the back-off, for us and for the record.
    pub(super) fn back_off(
        &mut self,
        now: Now,
        stored: Option<BackOff>,
        retry_after: Option<Duration>,
    ) -> (BackOff, MonoTime) {
        let step = stored
            .map_or(0, |stored| stored.step.saturating_add(1))
            .max(self.failures);
        self.failures = step.saturating_add(1);
        let spread = self.spread.part();
        let length = pause(&self.config.policy, step, retry_after, spread);
        (
            BackOff {
                start: now.wall,
                length,
                step,
            },
            now.mono.after(length),
        )
    }

    /// A failure of the store or its lock: one step of this holder's own back-off, since it cannot be shared.
    pub(super) fn store_failure(&mut self, now: Now, cause: TransientCause) -> Failure {
        let (_, retry_at) = self.back_off(now, None, None);
        self.cool_down(Failure::Transient { cause, retry_at })
    }

    /// Everything went well: the next failure is the first again.
    pub(super) fn forgive(&mut self) {
        self.failures = 0;
        self.cooldown = None;
        self.back_off_seen = None;
        // The server's word holds for as long as the very set stands there that it refused.
        let shown = self.published.as_ref().map(|published| &published.tokens);
        let stands = self
            .refused
            .as_ref()
            .zip(shown)
            .is_some_and(|(refused, shown)| refused.tokens.access_token.same_as(&shown.access_token));
        if !stands {
            self.refused = None;
        }
    }
}
