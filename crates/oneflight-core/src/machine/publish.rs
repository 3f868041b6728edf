//! What requests read, and how it changes.

use alloc::sync::Arc;

use super::Machine;
use super::effect::{Current, Effect, Status};
use super::outcome::{Event, Failure, Outcome};
use super::timing::Timing;
use crate::{EndReason, Now, Record, SessionId, State, TokenSet};

/// How many ended sessions are remembered. The tombstones of older ones have long landed, or the store moved on.
pub(super) const MAX_ENDED: usize = 64;

/// The token set that requests are sent with.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Published {
    pub(super) session: SessionId,
    pub(super) set: u64,
    pub(super) tokens: Arc<TokenSet>,
    pub(super) timing: Timing,
    /// Where its lifetime starts; a clock that reads earlier than this was set back.
    pub(super) start: crate::WallTime,
}

impl Published {
    pub(super) fn current(&self) -> Current {
        Current {
            session: self.session,
            tokens: self.tokens.clone(),
            usable_until: self.timing.usable_until,
            renew_at: self.timing.renew_at,
        }
    }
}

impl Machine {
    /// Lets requests read this set from now on. The generation grows unless it is the same access token.
    pub(super) fn publish(&mut self, now: Now, session: SessionId, set: u64, tokens: Arc<TokenSet>) -> u64 {
        let same = self.published.as_ref().is_some_and(|published| {
            published.session == session && published.tokens.access_token.same_as(&tokens.access_token)
        });
        if !same {
            self.generation += 1;
        }
        let timing = self.timing(session, set, &tokens, now.wall);
        let start = self.start_of(session, set, &tokens, now.wall);
        self.published = Some(Published {
            session,
            set,
            tokens,
            timing,
            start,
        });
        self.status = Status::SignedIn;
        let snapshot = self.snapshot();
        self.push(Effect::Publish(snapshot));
        self.generation
    }

    /// Takes over a session that another holder signed in, or that was there at the start.
    pub(super) fn become_session(&mut self, now: Now, record: &Record) -> Option<u64> {
        let State::Live { tokens, .. } = &record.state else {
            return None;
        };
        if self.published.is_some()
            && let Some(queued) = self.queued.take()
        {
            self.settle_attempt(now, Some(*queued), Outcome::Failed(Failure::Replaced));
        }
        self.forgive();
        self.rejections.clear();
        let generation = self.publish(now, record.session, record.set, tokens.clone());
        self.notify(Event::SignedIn {
            session: record.session,
            generation,
        });
        Some(generation)
    }

    /// Ends what is published: at once, for every request and every waiter. The caller has already seen to a flight
    /// it holds itself.
    pub(super) fn end_session(&mut self, now: Now, reason: EndReason) {
        let was_in = self.published.take().is_some();
        let was_out = !was_in && matches!(self.status, Status::SignedOut(_));
        // A session ends once, for the first reason. Only the application's own word goes over it.
        let status = Status::SignedOut(reason);
        if self.status != status && (!was_out || reason == EndReason::SignOut) {
            self.generation += 1;
            self.status = status;
            let snapshot = self.snapshot();
            self.push(Effect::Publish(snapshot));
        }
        if !was_out {
            self.notify(Event::SignedOut { reason });
        }
        self.cooldown = None;
        self.failures = 0;
        self.rejections.clear();
        self.next_look = now.mono.after(self.config.policy.floor());
        self.orphan(now, &Outcome::Failed(Failure::SignedOut(reason)));
    }

    /// There is no session in the store, and there never was one as far as we know.
    pub(super) fn never_signed_in(&mut self, now: Now) {
        if self.status == Status::Unknown {
            self.status = Status::NeverSignedIn;
            let snapshot = self.snapshot();
            self.push(Effect::Publish(snapshot));
        }
        self.next_look = now.mono.after(self.config.policy.floor());
    }

    /// What a caller is told while nobody is signed in.
    pub(super) fn not_signed_in(&self) -> Failure {
        match self.status {
            Status::SignedOut(reason) => Failure::SignedOut(reason),
            _ => Failure::NeverSignedIn,
        }
    }

    /// Whether this session was signed out here.
    pub(super) fn is_ended(&self, session: SessionId) -> bool {
        self.ended.contains(&session)
    }

    pub(super) fn remember_ended(&mut self, session: SessionId) {
        if !self.ended.contains(&session) {
            if self.ended.len() == MAX_ENDED {
                self.ended.pop_front();
            }
            self.ended.push(session);
        }
    }

    /// Judges the published set anew if the wall clock was set back behind the start of its lifetime.
    pub(super) fn rebase(&mut self, now: Now) {
        let Some(published) = &self.published else { return };
        if now.wall >= published.start {
            return;
        }
        let (session, set, tokens) = (published.session, published.set, published.tokens.clone());
        let timing = self.timing(session, set, &tokens, now.wall);
        self.published = Some(Published {
            session,
            set,
            tokens,
            timing,
            start: now.wall,
        });
        let snapshot = self.snapshot();
        self.push(Effect::Publish(snapshot));
    }
}
