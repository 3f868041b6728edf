//! Families of tokens: what was issued, what was spent, what is dead. No clock, no I/O.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::family::{Death, FamilyReport, TokenId};
use super::settings::{GraceReplay, OldAccessTokens, Reach, Rotation, Settings};
use super::tokens;

/// Who is granted what, at sign-in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) client: String,
    pub(crate) subject: String,
    pub(crate) scope: String,
    pub(crate) resource: Vec<String>,
    pub(crate) audience: Vec<String>,
    /// Of an OpenID sign-in.
    pub(crate) nonce: Option<String>,
    pub(crate) refreshable: bool,
    /// Instead of the settings' lifetime, for the first access token.
    pub(crate) lifetime: Option<Duration>,
}

/// A pair of tokens as a client gets it.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) id: TokenId,
    pub(crate) access: Arc<str>,
    pub(crate) refresh: Option<Arc<str>>,
    pub(crate) lifetime: Duration,
    pub(crate) scope: String,
}

/// What a refresh came to.
#[derive(Debug)]
pub(crate) enum Refreshed {
    Rotated(Pair),
    Unrotated(Pair),
    Replayed(Pair),
}

/// Why a refresh token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unknown,
    WrongClient,
    Dead,
    Expired,
    Revoked,
    Reused,
    Scope,
}

/// What the API thinks of an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good { id: TokenId, scope: String },
    Expired(TokenId),
    Dead(TokenId),
    Unknown,
}

impl Verdict {
    pub(crate) fn id(&self) -> Option<TokenId> {
        match self {
            Self::Good { id, .. } | Self::Expired(id) | Self::Dead(id) => Some(*id),
            Self::Unknown => None,
        }
    }
}

#[derive(Debug)]
struct Family {
    report: FamilyReport,
    terms: Terms,
    born: Duration,
    /// Access tokens with a lower sequence are dead.
    access_dead_below: u64,
    newest: Pair,
}

#[derive(Debug)]
struct Access {
    id: TokenId,
    scope: String,
    expires_at: Duration,
    dead: bool,
}

#[derive(Debug)]
struct Refresh {
    id: TokenId,
    expires_at: Option<Duration>,
    state: RefreshState,
}

#[derive(Debug)]
enum RefreshState {
    Live,
    Spent { at: Duration, got: Pair },
    Revoked,
}

/// Sums over all families.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) alive: u64,
    pub(crate) dead: u64,
    pub(crate) rotations: u64,
    pub(crate) replays: u64,
    pub(crate) reuse_detected: u64,
}

/// Everything that was ever issued.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    families: BTreeMap<u64, Family>,
    access: HashMap<Arc<str>, Access>,
    refresh: HashMap<Arc<str>, Refresh>,
    sums: Sums,
    /// Since they were last taken.
    deaths: Vec<(u64, Death)>,
}

impl Grants {
    /// The families that died since this was last asked.
    pub(crate) fn take_deaths(&mut self) -> Vec<(u64, Death)> {
        std::mem::take(&mut self.deaths)
    }

    pub(crate) fn sums(&self) -> Sums {
        self.sums
    }

    pub(crate) fn report(&self, family: u64) -> Option<FamilyReport> {
        self.families.get(&family).map(|family| family.report.clone())
    }

    pub(crate) fn reports(&self) -> Vec<FamilyReport> {
        self.families
            .values()
            .map(|family| family.report.clone())
            .collect()
    }

    pub(crate) fn terms(&self, family: u64) -> Option<&Terms> {
        self.families.get(&family).map(|family| &family.terms)
    }

    /// The pair a family was given last.
    pub(crate) fn newest(&self, family: u64) -> Option<&Pair> {
        self.families.get(&family).map(|family| &family.newest)
    }

    /// Begins a family.
    pub(crate) fn sign_in(&mut self, terms: Terms, now: Duration, settings: &Settings) -> Pair {
        let family = self.families.len() as u64 + 1;
        let id = TokenId { family, sequence: 1 };
        let lifetime = terms.lifetime.unwrap_or(settings.access_token_lifetime);
        let mut pair = Pair {
            id,
            access: tokens::access(&settings.token_shape),
            refresh: None,
            lifetime,
            scope: terms.scope.clone(),
        };
        if terms.refreshable {
            pair.refresh = Some(self.add_refresh(id, now, settings));
        }
        self.add_access(&pair, now);
        self.sums.alive += 1;
        let report = FamilyReport {
            family,
            client: terms.client.clone(),
            subject: terms.subject.clone(),
            scope: terms.scope.clone(),
            resource: terms.resource.clone(),
            audience: terms.audience.clone(),
            death: None,
            issued: 1,
            refresh_posts: 0,
            rotations: 0,
            replays: 0,
            reuse_detected: 0,
            api_requests: 0,
        };
        self.families.insert(
            family,
            Family {
                report,
                terms,
                born: now,
                access_dead_below: 0,
                newest: pair.clone(),
            },
        );
        pair
    }

    /// Notes that a refresh token was presented; says which it is, if it is one of ours.
    pub(crate) fn note_refresh_post(&mut self, token: &str) -> Option<TokenId> {
        let id = self.refresh.get(token)?.id;
        self.families.get_mut(&id.family)?.report.refresh_posts += 1;
        Some(id)
    }

    /// Trades a refresh token for a new pair (RFC 6749 §6), as the rotation says.
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        client: &str,
        scope: Option<&str>,
        now: Duration,
        settings: &Settings,
    ) -> Result<Refreshed, Refusal> {
        let id = self.refresh.get(token).ok_or(Refusal::Unknown)?.id;
        self.expire_family(id.family, now, settings);
        let entry = self.refresh.get(token).ok_or(Refusal::Unknown)?;
        let expired = entry.expires_at.is_some_and(|end| now >= end);
        let family = self.families.get_mut(&id.family).ok_or(Refusal::Unknown)?;
        if family.terms.client != client {
            return Err(Refusal::WrongClient);
        }
        let scope = narrowed(&family.terms.scope, scope).ok_or(Refusal::Scope)?;
        match &entry.state {
            RefreshState::Revoked => return Err(Refusal::Revoked),
            RefreshState::Spent { at, got } => {
                let (at, got) = (*at, got.clone());
                return self.replay(id, at, got, scope, now, settings);
            }
            RefreshState::Live if family.report.death.is_some() => return Err(Refusal::Dead),
            RefreshState::Live if expired => return Err(Refusal::Expired),
            RefreshState::Live => {}
        }
        if settings.rotation == Rotation::None {
            let pair = self.renew(id.family, scope, None, now, settings);
            return Ok(Refreshed::Unrotated(pair));
        }
        let pair = self.rotate(id.family, scope, now, settings);
        if let Some(entry) = self.refresh.get_mut(token) {
            entry.state = RefreshState::Spent {
                at: now,
                got: pair.clone(),
            };
        }
        self.sums.rotations += 1;
        if let Some(family) = self.families.get_mut(&id.family) {
            family.report.rotations += 1;
        }
        Ok(Refreshed::Rotated(pair))
    }

    /// A spent token was presented once more.
    fn replay(
        &mut self,
        id: TokenId,
        spent_at: Duration,
        got: Pair,
        scope: String,
        now: Duration,
        settings: &Settings,
    ) -> Result<Refreshed, Refusal> {
        let alive = self
            .families
            .get(&id.family)
            .is_some_and(|family| family.report.is_alive());
        match settings.rotation {
            Rotation::Grace { window, replay } if alive && now < spent_at + window => {
                self.sums.replays += 1;
                if let Some(family) = self.families.get_mut(&id.family) {
                    family.report.replays += 1;
                }
                Ok(Refreshed::Replayed(match replay {
                    GraceReplay::SamePair => got,
                    GraceReplay::NewPair => self.rotate(id.family, scope, now, settings),
                }))
            }
            rotation => {
                self.sums.reuse_detected += 1;
                if let Some(family) = self.families.get_mut(&id.family) {
                    family.report.reuse_detected += 1;
                }
                if rotation != Rotation::Refusing {
                    self.kill(id.family, Death::ReuseDetected);
                }
                Err(Refusal::Reused)
            }
        }
    }

    fn rotate(&mut self, family: u64, scope: String, now: Duration, settings: &Settings) -> Pair {
        let id = self.next_id(family);
        let refresh = self.add_refresh(id, now, settings);
        self.renew(family, scope, Some(refresh), now, settings)
    }

    fn next_id(&self, family: u64) -> TokenId {
        let issued = self
            .families
            .get(&family)
            .map_or(0, |family| family.report.issued);
        TokenId {
            family,
            sequence: issued + 1,
        }
    }

    /// Makes a new access token, beside `refresh` or the refresh token that stays.
    fn renew(
        &mut self,
        family: u64,
        scope: String,
        refresh: Option<Arc<str>>,
        now: Duration,
        settings: &Settings,
    ) -> Pair {
        let id = self.next_id(family);
        let pair = Pair {
            id,
            access: tokens::access(&settings.token_shape),
            refresh,
            lifetime: settings.access_token_lifetime,
            scope,
        };
        self.add_access(&pair, now);
        if let Some(entry) = self.families.get_mut(&family) {
            entry.report.issued += 1;
            if settings.old_access_tokens == OldAccessTokens::Die {
                entry.access_dead_below = id.sequence;
            }
            let kept = entry.newest.refresh.take();
            entry.newest = pair.clone();
            if entry.newest.refresh.is_none() {
                entry.newest.refresh = kept;
            }
        }
        pair
    }

    fn add_access(&mut self, pair: &Pair, now: Duration) {
        self.access.insert(
            pair.access.clone(),
            Access {
                id: pair.id,
                scope: pair.scope.clone(),
                expires_at: now.saturating_add(pair.lifetime),
                dead: false,
            },
        );
    }

    fn add_refresh(&mut self, id: TokenId, now: Duration, settings: &Settings) -> Arc<str> {
        let token = tokens::refresh(&settings.token_shape);
        self.refresh.insert(
            token.clone(),
            Refresh {
                id,
                expires_at: settings
                    .refresh_token_lifetime
                    .map(|span| now.saturating_add(span)),
                state: RefreshState::Live,
            },
        );
        token
    }

    /// What the API thinks of an access token.
    pub(crate) fn judge(&self, token: &str, now: Duration) -> Verdict {
        let Some(access) = self.access.get(token) else {
            return Verdict::Unknown;
        };
        let alive = self
            .families
            .get(&access.id.family)
            .is_some_and(|family| family.report.is_alive() && access.id.sequence >= family.access_dead_below);
        if access.dead || !alive {
            Verdict::Dead(access.id)
        } else if now >= access.expires_at {
            Verdict::Expired(access.id)
        } else {
            Verdict::Good {
                id: access.id,
                scope: access.scope.clone(),
            }
        }
    }

    /// Notes that the API saw a token of this family.
    pub(crate) fn note_api_request(&mut self, family: u64) {
        if let Some(family) = self.families.get_mut(&family) {
            family.report.api_requests += 1;
        }
    }

    /// Ends the access tokens issued so far, of one family or of all.
    pub(crate) fn expire_access(&mut self, family: Option<u64>) {
        for access in self.access.values_mut() {
            if family.is_none_or(|family| access.id.family == family) {
                access.expires_at = Duration::ZERO;
            }
        }
    }

    /// Revokes what `token` stands for, as far as `reach` says. Says which token it was, if it was
    /// one of this client's (RFC 7009 §2.1).
    pub(crate) fn revoke(&mut self, token: &str, client: &str, reach: Reach) -> Option<TokenId> {
        let id = self.token_id(token)?;
        let terms = &self.families.get(&id.family)?.terms;
        if terms.client != client {
            return None;
        }
        match reach {
            Reach::Token => {
                if let Some(entry) = self.refresh.get_mut(token) {
                    entry.state = RefreshState::Revoked;
                } else if let Some(entry) = self.access.get_mut(token) {
                    entry.dead = true;
                }
            }
            Reach::Family => self.kill(id.family, Death::Revoked),
            Reach::User => {
                let (client, subject) = (terms.client.clone(), terms.subject.clone());
                let all: Vec<u64> = self
                    .families
                    .iter()
                    .filter(|(_, family)| family.terms.client == client && family.terms.subject == subject)
                    .map(|(number, _)| *number)
                    .collect();
                for family in all {
                    self.kill(family, Death::Revoked);
                }
            }
        }
        Some(id)
    }

    fn token_id(&self, token: &str) -> Option<TokenId> {
        self.refresh
            .get(token)
            .map(|entry| entry.id)
            .or_else(|| self.access.get(token).map(|entry| entry.id))
    }

    /// Which refresh token this is.
    pub(crate) fn refresh_id(&self, token: &str) -> Option<TokenId> {
        self.refresh.get(token).map(|entry| entry.id)
    }

    /// The family that a refresh token belongs to.
    pub(crate) fn family_of_refresh(&self, token: &str) -> Option<u64> {
        self.refresh_id(token).map(|id| id.family)
    }

    /// Ends a family; the first reason stands.
    pub(crate) fn kill(&mut self, family: u64, death: Death) {
        if let Some(entry) = self.families.get_mut(&family)
            && entry.report.death.is_none()
        {
            entry.report.death = Some(death);
            self.deaths.push((family, death));
            self.sums.alive -= 1;
            self.sums.dead += 1;
        }
    }

    fn expire_family(&mut self, family: u64, now: Duration, settings: &Settings) {
        let too_old = |span| {
            self.families
                .get(&family)
                .is_some_and(|family| now >= family.born.saturating_add(span))
        };
        if settings.family_lifetime.is_some_and(too_old) {
            self.kill(family, Death::Expired);
        }
    }
}

/// The scope asked for, if it lies within what was granted (RFC 6749 §6).
fn narrowed(granted: &str, asked: Option<&str>) -> Option<String> {
    let Some(asked) = asked else {
        return Some(granted.to_owned());
    };
    let within = asked
        .split_ascii_whitespace()
        .all(|one| granted.split_ascii_whitespace().any(|have| have == one));
    within.then(|| asked.to_owned())
}
