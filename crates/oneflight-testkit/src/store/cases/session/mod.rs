//! Whole sessions over the store, one per holder, on a grant that rotates strictly.

pub(super) mod ends;
pub(super) mod faults;
pub(super) mod sharing;

use std::sync::Arc;
use std::time::Duration;

use oneflight::{Clock as _, Error, Policy, Session, Status, Store, SystemClock, Token, WallTime};

use crate::store::holder::Holder;
use crate::store::issuer::Issuer;
use crate::store::report::{Verdict, expect, failed};
use crate::store::subject::Subject;

/// An authorization server, and how long anything may take.
struct Stage {
    issuer: Arc<Issuer>,
    patience: Duration,
    tells_changes: bool,
}

impl Stage {
    fn new(subject: &Subject) -> Self {
        Self {
            issuer: Issuer::new(),
            patience: subject.patience,
            tells_changes: subject.tells_changes,
        }
    }

    /// A session over this store, quick to try again.
    fn session(&self, store: impl Store) -> Verdict<Session> {
        let mut policy = Policy::default();
        let longest = store.lease().map_or(self.patience, |lease| lease / 4);
        policy.request_deadline = policy.request_deadline.min(longest);
        policy.save_deadline = policy.save_deadline.min(longest);
        policy.back_off_base = Policy::MIN_PAUSE;
        policy.back_off_cap = Policy::MIN_PAUSE * 2;
        policy.floor = Policy::MIN_PAUSE;
        // Refusals are what drives the cases.
        policy.rejection_budget = u8::MAX;
        let builder = Session::builder()
            .endpoint(Arc::clone(&self.issuer))
            .without_origins();
        let session = builder.policy(policy).store(store).build();
        session.map_err(|error| failed("a session over the store", format!("{error}")))
    }

    /// Signed in with a grant of its own, whose number it says.
    async fn signed_in(&self, store: impl Store) -> Verdict<(Session, u32)> {
        let session = self.session(store)?;
        let grant = self.sign_in(&session).await?;
        Ok((session, grant))
    }

    async fn sign_in(&self, session: &Session) -> Verdict<u32> {
        let (grant, tokens) = self.issuer.grant(now());
        let signed_in = self.done("sign in", session.sign_in(tokens)).await?;
        expect(signed_in.saved, "the sign-in to be stored", || {
            "it was not".to_owned()
        })?;
        Ok(grant)
    }

    async fn done<T>(&self, what: &str, doing: impl Future<Output = Result<T, Error>>) -> Verdict<T> {
        let expected = format!("a session over the store to {what}");
        match tokio::time::timeout(self.patience, doing).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(failed(expected, format!("an error: {error} ({error:?})"))),
            Err(_) => Err(failed(expected, format!("nothing within {:?}", self.patience))),
        }
    }

    /// The same of what does not fail.
    async fn comes<T>(&self, what: &str, doing: impl Future<Output = T>) -> Verdict<T> {
        self.done(what, async { Ok(doing.await) }).await
    }

    async fn token(&self, session: &Session) -> Verdict<Token> {
        self.done("have a token", session.token()).await
    }

    /// As if the API had refused the token that it has.
    async fn renewed(&self, session: &Session) -> Verdict<Token> {
        let refused = self.token(session).await?;
        self.done("have a newer token", session.newer_than(refused.stamp()))
            .await
    }

    /// A demand for a newer token that has to fail.
    async fn not_renewed(&self, session: &Session, expected: &str) -> Verdict<Error> {
        let refused = self.token(session).await?;
        match tokio::time::timeout(self.patience, session.newer_than(refused.stamp())).await {
            Ok(Err(error)) => Ok(error),
            Ok(Ok(_)) => Err(failed(expected, "a new token")),
            Err(_) => Err(failed(expected, format!("nothing within {:?}", self.patience))),
        }
    }

    /// Until its status is this. Holders of a store that tells of no changes read again.
    async fn comes_to(&self, session: &Session, expected: &str, is: impl Fn(Status) -> bool) -> Verdict {
        if !self.tells_changes {
            session.reload();
        }
        let mut changes = session.status_changes();
        let mut last = session.status();
        let coming = async {
            while !is(last) {
                match changes.next().await {
                    Some(status) => last = status,
                    None => break,
                }
            }
        };
        let came = tokio::time::timeout(self.patience, coming).await;
        expect(came.is_ok(), expected, || {
            format!("the status {:?} after {:?}", session.status(), self.patience)
        })
    }

    /// Exactly so many token requests came, and none with a spent token.
    fn posts(&self, expected: u64) -> Verdict {
        let (posts, reuses) = self.issuer.posts_and_reuses();
        expect(
            (posts, reuses) == (expected, 0),
            &format!("{expected} token requests, none with a spent token"),
            || format!("{posts}, {reuses} of them with a spent token"),
        )
    }

    fn alive(&self, grant: u32) -> Verdict {
        expect(self.issuer.is_alive(grant), "the grant to live", || {
            "it is dead".to_owned()
        })
    }

    /// Exactly these refresh tokens were revoked: grants, and numbers in them.
    fn revoked(&self, expected: &[(u32, u32)]) -> Verdict {
        let revoked = self.issuer.revoked();
        let name = |tokens: &[(u32, u32)]| match tokens {
            [] => "none".to_owned(),
            tokens => {
                let names = tokens
                    .iter()
                    .map(|(grant, number)| format!("number {number} of grant {grant}"));
                names.collect::<Vec<_>>().join(", ")
            }
        };
        expect(
            revoked == expected,
            &format!("of the refresh tokens to be revoked: {}", name(expected)),
            || name(&revoked),
        )
    }
}

/// The record holds the refresh token of this number of this grant, and no mark.
async fn stands(holder: &Holder, grant: u32, number: u32) -> Verdict {
    let stored = holder.stored().await?;
    let oneflight::State::Live {
        tokens, mark: None, ..
    } = &stored.record.state
    else {
        let found = match stored.record.state {
            oneflight::State::Ended(reason) => format!("a tombstone: {reason}"),
            oneflight::State::Live { .. } => "one with a mark".to_owned(),
        };
        return Err(failed("a live record without a mark", found));
    };
    let refresh = tokens
        .refresh_token
        .as_ref()
        .and_then(|token| crate::store::issuer::parse(token.expose()));
    expect(
        refresh == Some((grant, number)),
        &format!("token set {number} of grant {grant} to be stored"),
        || format!("{refresh:?}"),
    )
}

/// The record is a tombstone.
async fn is_buried(holder: &Holder, expected: &str) -> Verdict {
    let stored = holder.stored().await?;
    let buried = matches!(stored.record.state, oneflight::State::Ended(_));
    expect(buried, expected, || "a live one".to_owned())
}

fn is_signed_out(status: Status) -> bool {
    matches!(status, Status::SignedOut(_))
}

fn now() -> WallTime {
    SystemClock::default().wall()
}
