//! Revocation (RFC 7009), and the sign-outs that wait for it.

use alloc::sync::Arc;

use super::Machine;
use super::effect::{AttemptId, Effect, Revocation, RevokeTicket};
use super::outcome::{Event, Outcome};
use crate::{Now, TokenSet};

/// A revocation that is under way.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Revoking {
    pub(super) serial: u32,
    pub(super) sign_out: Option<AttemptId>,
}

/// A sign-out whose caller has not been told yet.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct SigningOut {
    pub(super) attempt: AttemptId,
    pub(super) landed: Option<bool>,
    pub(super) revocation: Revocation,
}

impl Machine {
    /// How the revocation went, for the ticket of [`Effect::Revoke`].
    pub fn revoked(&mut self, now: Now, ticket: RevokeTicket, result: Revocation) {
        self.rebase(now);
        let this = |revoking: &Revoking| revoking.serial == ticket.serial;
        let Some(revoking) = self.revoking.take(this) else {
            return;
        };
        self.notify(Event::Revoked { revocation: result });
        if let Some(attempt) = revoking.sign_out {
            for sign_out in self
                .signing_out
                .iter_mut()
                .filter(|sign_out| sign_out.attempt == attempt)
            {
                sign_out.revocation = worse(sign_out.revocation, result);
            }
            self.conclude_sign_out(attempt);
        }
    }

    /// Revokes the refresh token of a set, if it has one.
    pub(super) fn revoke(&mut self, tokens: Arc<TokenSet>, sign_out: Option<AttemptId>) {
        if tokens.refresh_token.is_none() {
            return;
        }
        let serial = self.serial();
        self.revoking.push(Revoking { serial, sign_out });
        self.push(Effect::Revoke(RevokeTicket { serial }, tokens));
    }

    /// A token set that arrived after its session ended: revoked, unless that would reach a session that lives.
    pub(super) fn revoke_late(&mut self, tokens: Arc<TokenSet>, other_lives: bool) {
        if !self.spares(other_lives || self.signs_in()) {
            self.revoke(tokens, None);
        }
    }

    /// Whether a revocation of an ended session would end one that lives.
    pub(super) fn spares(&self, other_lives: bool) -> bool {
        let reaches = self.config.policy.profile.revocation_reaches_beyond_family;
        reaches && (other_lives || self.published.is_some())
    }

    pub(super) fn begin_sign_out(&mut self, attempt: AttemptId) {
        self.signing_out.push(SigningOut {
            attempt,
            landed: None,
            revocation: Revocation::NotOffered,
        });
    }

    /// Says whether the tombstone of a sign-out stands; its caller is told once its revocations are answered.
    pub(super) fn sign_out_landed(&mut self, attempt: AttemptId, landed: bool) {
        for sign_out in self
            .signing_out
            .iter_mut()
            .filter(|sign_out| sign_out.attempt == attempt)
        {
            sign_out.landed = Some(landed);
        }
        self.conclude_sign_out(attempt);
    }

    fn conclude_sign_out(&mut self, attempt: AttemptId) {
        if self
            .revoking
            .iter()
            .any(|revoking| revoking.sign_out == Some(attempt))
        {
            return;
        }
        let done = |sign_out: &SigningOut| sign_out.attempt == attempt && sign_out.landed.is_some();
        if let Some(sign_out) = self.signing_out.take(done) {
            let (landed, revocation) = (sign_out.landed == Some(true), sign_out.revocation);
            self.settle(attempt, Outcome::Ended { landed, revocation });
        }
    }
}

/// Of two revocations in one sign-out, the one to report.
fn worse(one: Revocation, other: Revocation) -> Revocation {
    match (one, other) {
        (Revocation::Failed, _) | (_, Revocation::Failed) => Revocation::Failed,
        (Revocation::Done, _) | (_, Revocation::Done) => Revocation::Done,
        _ => Revocation::NotOffered,
    }
}
