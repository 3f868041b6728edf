//! An authorization server: refresh-token families, rotation, reuse detection, and answers that get lost.

use std::collections::VecDeque;
use std::time::Duration;

use oneflight_core::answer::{LossCause, NotProcessedCause, Verdict};
use oneflight_core::machine::Revocation;
use oneflight_core::retry_after::RetryAfter;
use oneflight_core::{RefreshToken, TokenSet, WallTime};

/// What becomes of a refresh token that was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// Every use gives a new one; a second use ends the family.
    #[default]
    Strict,
    /// Every use gives a new one; the one before it may be used again, and gives the newest.
    Grace,
    /// It stays.
    Never,
}

/// What happens to one request.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is never processed, and nobody answers.
    LoseBefore,
    /// It is processed, and the answer is lost.
    LoseAfter,
    /// It is processed, and of the answer only the refresh token can be used.
    Garble,
    /// It is processed, and the answer holds the old access token.
    SameAccessToken,
    /// It is not processed; the answer is this.
    Say(Verdict),
}

impl Fault {
    /// The server says that the grant is dead.
    pub(crate) fn dead() -> Self {
        Self::Say(Verdict::Dead { code: None })
    }

    /// The server wants the user.
    pub(crate) fn interaction() -> Self {
        Self::Say(Verdict::Interaction { code: None })
    }

    /// The server is surely not there.
    pub(crate) fn unavailable(retry_after: Option<RetryAfter>) -> Self {
        Self::Say(Verdict::Transient {
            cause: NotProcessedCause::Unavailable,
            retry_after,
        })
    }
}

struct Family {
    /// The live refresh token and the one before it come last.
    refresh_tokens: Vec<String>,
    alive: bool,
}

#[derive(Default)]
pub(crate) struct Server {
    pub(crate) rotation: Rotation,
    /// `None`: the server does not say.
    pub(crate) lifetime: Option<Duration>,
    /// The next requests meet these, one each.
    pub(crate) faults: VecDeque<Fault>,
    /// No request is answered, none is processed.
    pub(crate) swallows: bool,
    /// The answer holds no refresh token.
    pub(crate) keeps_silent: bool,
    /// No refresh token is needed, and none is given.
    pub(crate) client_credentials: bool,
    /// The refresh token of each request that reached the server.
    pub(crate) posts: Vec<String>,
    pub(crate) reuse_detected: u32,
    /// The refresh tokens that it was asked to revoke.
    pub(crate) revoked: Vec<String>,
    pub(crate) revocation_fails: bool,
    families: Vec<Family>,
    issued: u32,
}

impl Server {
    pub(crate) fn lasting(&mut self, lifetime: Duration) {
        self.lifetime = Some(lifetime);
    }

    /// A user signs in.
    pub(crate) fn authorize(&mut self, now: WallTime) -> TokenSet {
        let refresh_token = self.new_refresh_token();
        let set = self.new_set(now).refresh_token(&refresh_token).unwrap();
        self.families.push(Family {
            refresh_tokens: vec![refresh_token],
            alive: true,
        });
        set
    }

    fn new_refresh_token(&mut self) -> String {
        self.issued += 1;
        format!("refresh-{}", self.issued)
    }

    fn new_set(&mut self, now: WallTime) -> TokenSet {
        self.issued += 1;
        let set = TokenSet::new(&format!("access-{}", self.issued), now).unwrap();
        match self.lifetime {
            Some(lifetime) => set.expires_in(lifetime),
            None => set,
        }
    }

    /// Whether the family that a set belongs to lives.
    pub(crate) fn lives(&self, set: &TokenSet) -> bool {
        let token = set.refresh_token.as_ref().unwrap().expose();
        self.families
            .iter()
            .any(|family| family.alive && family.refresh_tokens.iter().any(|known| known == token))
    }

    /// The live refresh token of the newest sign-in.
    pub(crate) fn newest(&self) -> &str {
        self.families.last().unwrap().refresh_tokens.last().unwrap()
    }

    /// Whether the newest refresh token of every sign-in so far was revoked.
    pub(crate) fn all_revoked(&self) -> bool {
        self.families
            .iter()
            .all(|family| self.revoked.contains(family.refresh_tokens.last().unwrap()))
    }

    pub(super) fn are_of_one_family(&self, one: &str, other: &str) -> bool {
        let has = |family: &Family, token| family.refresh_tokens.iter().any(|known| known == token);
        self.families
            .iter()
            .any(|family| has(family, one) && has(family, other))
    }

    /// The user takes the grant back at the server.
    pub(crate) fn kill_all(&mut self) {
        for family in &mut self.families {
            family.alive = false;
        }
    }

    pub(super) fn refresh(&mut self, base: Option<&TokenSet>, now: WallTime) -> Verdict {
        let token = base.and_then(|base| base.refresh_token.as_ref());
        let token = token.map_or(String::new(), |token| token.expose().into());
        self.posts.push(token.clone());
        let fault = self.faults.pop_front();
        if let Some(Fault::Say(verdict)) = fault {
            return verdict;
        }
        if self.swallows || matches!(fault, Some(Fault::LoseBefore)) {
            return lost(None);
        }
        let Some(mut set) = self.process(&token, now) else {
            return Verdict::Dead { code: None };
        };
        match fault {
            Some(Fault::LoseAfter) => lost(None),
            Some(Fault::Garble) => lost(set.refresh_token),
            Some(Fault::SameAccessToken) => {
                set.access_token = base.unwrap().access_token.duplicate();
                Verdict::Renewed(set)
            }
            _ => Verdict::Renewed(set),
        }
    }

    fn process(&mut self, token: &str, now: WallTime) -> Option<TokenSet> {
        let set = self.new_set(now);
        if self.client_credentials {
            return Some(set);
        }
        let fresh = self.new_refresh_token();
        let rotation = self.rotation;
        let owns = |family: &&mut Family| family.refresh_tokens.iter().any(|known| known == token);
        let family = self.families.iter_mut().find(owns)?;
        if !family.alive {
            return None;
        }
        let uses_since = family
            .refresh_tokens
            .iter()
            .rev()
            .position(|known| known == token)?;
        match (rotation, uses_since) {
            (Rotation::Never, _) | (Rotation::Grace, 1) => {}
            (_, 0) => family.refresh_tokens.push(fresh),
            _ => {
                family.alive = false;
                self.reuse_detected += 1;
                return None;
            }
        }
        if self.keeps_silent {
            return Some(set);
        }
        set.refresh_token(family.refresh_tokens.last()?).ok()
    }

    pub(super) fn revoke(&mut self, set: &TokenSet) -> Revocation {
        let token = set.refresh_token.as_ref().unwrap().expose();
        self.revoked.push(token.into());
        if self.revocation_fails {
            return Revocation::Failed;
        }
        for family in &mut self.families {
            family.alive &= !family.refresh_tokens.iter().any(|known| known == token);
        }
        Revocation::Done
    }
}

fn lost(salvaged: Option<RefreshToken>) -> Verdict {
    Verdict::Ambiguous {
        cause: LossCause::TimedOut,
        retry_after: None,
        salvaged,
    }
}
