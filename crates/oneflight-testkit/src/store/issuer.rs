//! An authorization server in a value: it rotates strictly, and a refresh token that comes twice ends its grant.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oneflight::endpoint::{RefreshRequest, Reply, TokenEndpoint, Verdict};
use oneflight::events::Revocation;
use oneflight::{BoxFuture, TokenSet, WallTime};
use tokio::sync::Semaphore;

use super::records::MARKER;

/// Longer than any case: tokens are refused, they do not run out.
const LIFETIME: Duration = Duration::from_secs(3600);

/// What a request takes, so that those who come together meet.
const ON_THE_WAY: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Grants {
    /// The number of the newest token of each grant; none: it is dead.
    newest: BTreeMap<u32, Option<u32>>,
    posts: u64,
    reused: u64,
    /// The grant and the number of each refresh token that was revoked.
    revoked: Vec<(u32, u32)>,
    /// A token that comes twice is refused and ends nothing.
    lenient: bool,
}

/// Counts what holders ask of it.
#[derive(Default)]
pub(super) struct Issuer {
    grants: Mutex<Grants>,
    gate: Mutex<Option<Arc<Gate>>>,
}

/// Holds a request back, before it is worked on.
pub(super) struct Gate {
    arrived: Semaphore,
    open: Semaphore,
}

impl Gate {
    pub(super) async fn arrived(&self) {
        self.arrived.acquire().await.expect("it is not closed").forget();
    }

    pub(super) fn open(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

impl Issuer {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The first token set of a new grant.
    pub(super) fn grant(&self, now: WallTime) -> (u32, TokenSet) {
        let mut grants = self.grants();
        let grant = u32::try_from(grants.newest.len()).expect("a few grants");
        grants.newest.insert(grant, Some(0));
        (grant, tokens(grant, 0, now))
    }

    /// What the next request would get, behind everybody's back.
    pub(super) fn rotate(&self, grant: u32, now: WallTime) -> TokenSet {
        let mut grants = self.grants();
        let newest = grants
            .newest
            .get_mut(&grant)
            .and_then(Option::as_mut)
            .expect("it lives");
        *newest += 1;
        tokens(grant, *newest, now)
    }

    /// Ends a grant without telling anybody.
    pub(super) fn kill(&self, grant: u32) {
        self.grants().newest.insert(grant, None);
    }

    pub(super) fn is_alive(&self, grant: u32) -> bool {
        self.grants().newest.get(&grant).is_some_and(Option::is_some)
    }

    /// How many token requests came, and how many of them with a spent token.
    pub(super) fn posts_and_reuses(&self) -> (u64, u64) {
        let grants = self.grants();
        (grants.posts, grants.reused)
    }

    /// The grant and the number of each refresh token that was revoked, in order.
    pub(super) fn revoked(&self) -> Vec<(u32, u32)> {
        self.grants().revoked.clone()
    }

    /// From now on a token that comes twice is refused, and ends nothing.
    pub(super) fn forgive(&self) {
        self.grants().lenient = true;
    }

    /// Holds the next request back.
    pub(super) fn hold(&self) -> Arc<Gate> {
        let gate = Arc::new(Gate {
            arrived: Semaphore::new(0),
            open: Semaphore::new(0),
        });
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&gate));
        gate
    }

    fn answer(&self, token: &str, now: WallTime) -> Verdict {
        let mut grants = self.grants();
        let lenient = grants.lenient;
        grants.posts += 1;
        let Some((grant, number)) = parse(token) else {
            return Verdict::Dead { code: None };
        };
        match grants.newest.get_mut(&grant) {
            Some(Some(newest)) if *newest == number => {
                *newest += 1;
                Verdict::Renewed(tokens(grant, *newest, now))
            }
            Some(newest) => {
                let alive = newest.is_some();
                if !lenient {
                    *newest = None;
                }
                grants.reused += u64::from(alive);
                Verdict::Dead { code: None }
            }
            None => Verdict::Dead { code: None },
        }
    }

    fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenEndpoint for Issuer {
    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(gate) = gate {
                gate.arrived.add_permits(1);
                gate.open.acquire().await.expect("it is not closed").forget();
            }
            tokio::time::sleep(ON_THE_WAY).await;
            let token = request.refresh_token().map(|token| token.expose().to_owned());
            Reply::new(self.answer(&token.unwrap_or_default(), request.now()))
        })
    }

    fn revoke(&self, tokens: Arc<TokenSet>) -> BoxFuture<'_, Revocation> {
        let token = tokens.refresh_token.as_ref();
        if let Some((grant, number)) = token.and_then(|token| parse(token.expose())) {
            let mut grants = self.grants();
            grants.newest.insert(grant, None);
            grants.revoked.push((grant, number));
        }
        Box::pin(std::future::ready(Revocation::Done))
    }
}

fn tokens(grant: u32, number: u32, now: WallTime) -> TokenSet {
    let token = |kind: &str| format!("{MARKER}-{kind}-{grant}-{number}");
    let set = TokenSet::new(&token("access"), now).expect("a token");
    let set = set.refresh_token(&token("refresh")).expect("a token");
    set.expires_in(LIFETIME)
}

pub(super) fn parse(token: &str) -> Option<(u32, u32)> {
    let (grant, number) = token
        .strip_prefix(MARKER)?
        .strip_prefix("-refresh-")?
        .split_once('-')?;
    Some((grant.parse().ok()?, number.parse().ok()?))
}
