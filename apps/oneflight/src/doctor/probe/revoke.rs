//! Revocation (RFC 7009), and how far it reaches.

use super::super::observe::{DeadToken, Known};
use super::one::Tried;
use super::{Host, Probe};

impl<H: Host> Probe<'_, H> {
    /// Revokes the newest refresh token of a session, and looks what that reaches.
    pub(super) async fn revoke_one(&mut self, at: usize, other: Option<usize>) {
        if !self.chains[at].lives {
            let why = "the session died of what came before; --sessions 2 signs in twice";
            self.seen.revocation = Known::not_tried(why);
            self.seen.refresh_after_revocation = Known::not_tried(why);
            self.seen.access_after_revocation = Known::not_tried(why);
            return;
        }
        // Of a session that was only signed in there may be no access token yet.
        let before = self.chains[at].newest.clone();
        match self.present(&before, DeadToken::Spent).await {
            Tried::Granted(pair, _) => self.chains[at].follow(before, pair),
            Tried::Refused(refusal) => {
                self.seen.revocation =
                    Known::inconclusive(format!("the session to revoke was refused ({})", refusal.short()));
                return;
            }
            Tried::Unclear(why) => {
                self.seen.revocation = Known::inconclusive(why);
                return;
            }
        }
        self.host.say("revoking a refresh token");
        let revoked = self.chains[at].newest.clone();
        let status = match self.wire.revoke(&revoked.tokens).await {
            Ok(status) => status,
            Err(why) => {
                self.seen.revocation = Known::not_tried(why.clone());
                self.seen.refresh_after_revocation = Known::not_tried(why.clone());
                self.seen.access_after_revocation = Known::not_tried(why.clone());
                self.seen.other_session = Known::not_tried(why);
                return;
            }
        };
        self.seen.revocation = Known::Observed(status);
        if !(200..=299).contains(&status) {
            let why = format!("the revocation endpoint answered with {status}");
            self.seen.refresh_after_revocation = Known::not_tried(why.clone());
            self.seen.access_after_revocation = Known::not_tried(why.clone());
            self.seen.other_session = Known::not_tried(why);
            return;
        }
        self.seen.access_after_revocation = self.fate_of_access(&revoked).await;
        if let Some(other) = other {
            self.seen.other_session = self.fate_of_refresh(other, DeadToken::Revoked).await;
        }
        self.seen.refresh_after_revocation = self.fate_of_refresh(at, DeadToken::Revoked).await;
    }
}
