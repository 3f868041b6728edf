//! Sign-ins and sign-outs that are not written yet.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::ledger::Ledger;
use super::{AttemptId, Machine};
use crate::{EndReason, Record, SessionId, State, Stored, TokenSet, Version};

/// A sign-in that does not stand in the store yet.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct SigningIn {
    /// Who waits for it; nobody once it is published.
    pub(super) attempt: Option<AttemptId>,
    pub(super) session: SessionId,
    pub(super) tokens: Arc<TokenSet>,
    /// Sessions of this holder that it takes the place of.
    pub(super) replaces: Vec<SessionId>,
    /// The version it is to replace: the newest that was read while nobody could see the sign-in yet. `None`: nothing
    /// was read, or there was nothing.
    pub(super) seen: Option<Version>,
    /// The store was read for it.
    pub(super) read: bool,
}

impl SigningIn {
    pub(super) fn new(
        attempt: AttemptId,
        session: SessionId,
        tokens: Arc<TokenSet>,
        replaces: Vec<SessionId>,
        seen: Option<Version>,
    ) -> Self {
        Self {
            attempt: Some(attempt),
            session,
            tokens,
            replaces,
            seen,
            read: false,
        }
    }

    /// Whether it takes the place of a record that nobody here knows yet.
    pub(super) fn replaces_unread(&self) -> bool {
        self.attempt.is_some() && !self.read
    }

    /// The attempt to wait for, while it is not published.
    pub(super) fn unpublished(&self) -> Option<AttemptId> {
        self.attempt
    }
}

/// Sessions that one command ended.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Ending {
    pub(super) attempt: Option<AttemptId>,
    pub(super) reason: EndReason,
    pub(super) targets: Vec<Target>,
    /// The application was told that the store could not keep it.
    pub(super) failed: bool,
    /// It came while a read was under way, which says nothing about it.
    pub(super) came_late: bool,
}

/// One session to bury.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Target {
    /// `None`: whichever session stands in the store, until it is read.
    pub(super) session: Option<SessionId>,
    pub(super) set: u64,
    pub(super) newest: Option<Arc<TokenSet>>,
    /// That set was given to revocation already, when the store was ill.
    pub(super) revoked: bool,
}

impl Target {
    pub(super) fn new(session: Option<SessionId>, set: u64, newest: Option<Arc<TokenSet>>) -> Self {
        Self {
            session,
            set,
            newest,
            revoked: false,
        }
    }

    pub(super) fn is(&self, session: SessionId) -> bool {
        self.session.is_none_or(|target| target == session)
    }
}

/// Whether a record lives, or holds a verdict that may be taken back, if that counts.
fn may_live_again(state: &State, verdicts: bool) -> bool {
    match state {
        State::Live { .. } => true,
        State::Ended(EndReason::GrantDead { .. }) => verdicts,
        State::Ended(_) => false,
    }
}

impl Ending {
    /// Whether the record is one that this command may bury. A dead grant is buried only with the very token set that
    /// the server refused; and a sign-out buries what is dead already, for a holder that lost its lease and has the next
    /// set may write over a verdict, but never over a sign-out.
    pub(super) fn buries(&self, record: &Record) -> bool {
        let dead = matches!(self.reason, EndReason::GrantDead { .. });
        may_live_again(&record.state, !dead)
            && self
                .targets
                .iter()
                .any(|target| target.is(record.session) && (!dead || target.set == record.set))
    }
}

impl Machine {
    /// Learns from the record what is to be ended, and with it revoked. A sign-out that did not know what stood in the
    /// store ends what stands there now, and nothing that comes later.
    pub(super) fn aim(&mut self, ledger: &mut Ledger, stored: Option<&Stored>) {
        let live = stored.and_then(|stored| match &stored.record.state {
            State::Live { tokens, .. } => Some((stored.record.session, stored.record.set, tokens)),
            State::Ended(_) => None,
        });
        for ending in ledger.endings.iter_mut().filter(|ending| !ending.came_late) {
            let stands = stored.filter(|stored| may_live_again(&stored.record.state, true));
            let session = stands.map(|stored| stored.record.session);
            let known = ending.targets.iter().any(|target| target.session == session);
            let unseen = |target: &&mut Target| target.session.is_none();
            if let Some(target) = ending.targets.iter_mut().find(unseen).filter(|_| !known) {
                target.session = session;
                session
                    .into_iter()
                    .for_each(|session| self.remember_ended(session));
            }
            ending.targets.retain(|target| target.session.is_some());
            // A dead grant ends with the set that was refused, and nothing of it is left to revoke.
            let signs_out = ending.reason == EndReason::SignOut;
            let Some((session, set, tokens)) = live.filter(|_| signs_out) else {
                continue;
            };
            for target in ending.targets.iter_mut().filter(|target| target.is(session)) {
                if set > target.set || (set == target.set && !target.revoked) {
                    target.revoked = false;
                    (target.set, target.newest) = (set, Some(tokens.clone()));
                }
            }
        }
    }
}
