//! What is done to a server, in which order, and what is seen of it. What may end the session comes last.

mod one;
mod reuse;
mod revoke;

use std::sync::Arc;
use std::time::Duration;

use oneflight::TokenSet;

use super::chain::{Chain, Pair};
use super::observe::{DeadToken, Known, Members, Observations, Rotation, Taken};
use super::wire::{Sight, Wire};
use one::Tried;

/// How many refreshes show whether the server rotates, and what its answers hold.
const REFRESHES: u32 = 3;
/// Where the probe runs: its clock, and whom it tells.
pub(crate) trait Host {
    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;
    async fn wait(&self, span: Duration);
    /// Tells what is being done.
    fn say(&self, line: &str);
}

/// How far the probe may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long after its first use a spent token is still presented.
    pub(crate) longest_grace: Duration,
    /// How long the probe waits in all for a server that says that it is asked too often.
    pub(crate) longest_throttle: Duration,
    /// Whether spent tokens may be presented at all, which may end the session.
    pub(crate) reuse: bool,
}

/// Why nothing could be learnt: the very first refresh failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    Refused {
        status: u16,
        code: Option<String>,
        taken_for: Taken,
    },
    Unclear(String),
}

/// What was left of the sign-ins at the end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Left {
    /// Refresh tokens that were revoked.
    pub(crate) revoked: u32,
    /// Those that were not, and why.
    pub(crate) alive: u32,
    pub(crate) why: Option<String>,
}

/// One examination.
pub(crate) struct Probe<'a, H> {
    wire: &'a Wire,
    host: &'a H,
    limits: Limits,
    pub(crate) seen: Observations,
    chains: Vec<Chain>,
    throttle_left: Duration,
    /// Why access tokens cannot be tried, if they cannot.
    blind: Option<String>,
}

impl<'a, H: Host> Probe<'a, H> {
    /// An examination with one session, or with two of the same user and client.
    pub(crate) fn new(wire: &'a Wire, host: &'a H, limits: Limits, sessions: Vec<Arc<TokenSet>>) -> Self {
        let now = host.now();
        let no_witness = "the server names no userinfo endpoint, and no --api was given";
        Self {
            wire,
            host,
            limits,
            seen: Observations::none("the examination ended before"),
            chains: sessions
                .into_iter()
                .map(|tokens| Chain::new(tokens, now))
                .collect(),
            throttle_left: limits.longest_throttle,
            blind: (!wire.has_witness()).then(|| no_witness.to_owned()),
        }
    }

    /// Does everything that the limits allow.
    ///
    /// # Errors
    /// [`Stopped`] if the first refresh already fails.
    ///
    /// # Cancel safety
    /// Dropped in the middle, what was seen stays in [`seen`](Self::seen); the answer that was awaited is lost.
    pub(crate) async fn run(&mut self) -> Result<(), Stopped> {
        self.refresh_a_few_times().await?;
        let Some(rotated) = self.seen.rotation.observed().map(|seen| seen.rotated > 0) else {
            return Ok(());
        };
        // With a session to spare, this costs the other nothing, unless that is just what is to be found out.
        if self.chains.len() > 1 {
            self.revoke_one(1, Some(0)).await;
        }
        self.reuse(rotated).await;
        if self.chains.len() == 1 {
            self.revoke_one(0, None).await;
            self.seen.other_session =
                Known::not_tried("that takes a second session: --sessions 2 signs in twice");
        }
        if self.seen.refusals.is_empty() {
            self.present_nonsense().await;
        }
        Ok(())
    }

    /// Revokes every refresh token that may still be alive.
    pub(crate) async fn clean_up(&mut self) -> Left {
        let mut left = Left::default();
        let tokens: Vec<_> = self.chains.drain(..).flat_map(Chain::alive).collect();
        if !tokens.is_empty() {
            self.host.say("revoking what was made");
        }
        for tokens in tokens {
            match self.wire.revoke(&tokens).await {
                Ok(200..=299) => left.revoked += 1,
                Ok(status) => {
                    left.alive += 1;
                    left.why = Some(format!("the revocation endpoint answered with {status}"));
                }
                Err(why) => {
                    left.alive += 1;
                    left.why = Some(why);
                }
            }
        }
        left
    }

    async fn refresh_a_few_times(&mut self) -> Result<(), Stopped> {
        let mut members = Members::default();
        let mut rotation = Rotation {
            refreshes: 0,
            rotated: 0,
        };
        for round in 1..=REFRESHES {
            self.host.say(&format!("refresh {round} of {REFRESHES}"));
            let before = self.chains[0].newest.clone();
            let (pair, has) = match self.present(&before, DeadToken::Spent).await {
                Tried::Granted(pair, has) => (pair, has),
                Tried::Refused(refusal) if round == 1 => {
                    return Err(Stopped::Refused {
                        status: refusal.status,
                        code: refusal.code,
                        taken_for: refusal.taken_for,
                    });
                }
                Tried::Unclear(why) if round == 1 => return Err(Stopped::Unclear(why)),
                Tried::Refused(refusal) => {
                    let why = format!(
                        "refresh {round} was refused ({}), though nothing was used twice",
                        refusal.short()
                    );
                    self.seen.rotation = Known::inconclusive(why);
                    return Ok(());
                }
                Tried::Unclear(why) => {
                    self.seen.rotation = Known::inconclusive(why);
                    return Ok(());
                }
            };
            rotation.refreshes += 1;
            rotation.rotated += u32::from(!pair.same_refresh_token(&before));
            members.note(&pair.tokens, has);
            self.chains[0].follow(before.clone(), pair);
            match round {
                1 => self.try_the_witness().await,
                2 => self.seen.old_access = self.fate_of_access(&before).await,
                _ => {}
            }
        }
        self.seen.members = Known::Observed(members);
        self.seen.rotation = Known::Observed(rotation);
        Ok(())
    }

    /// An access token that has just come must be accepted, or the witness is worth nothing.
    async fn try_the_witness(&mut self) {
        if self.blind.is_some() {
            return;
        }
        let fresh = self.chains[0].newest.clone();
        self.blind = match self.wire.show(&fresh.tokens.access_token).await {
            Sight::Accepted => None,
            Sight::Refused => Some(
                "a fresh access token is refused where it is shown (does the sign-in ask for scope openid?); --api names another place"
                    .to_owned(),
            ),
            Sight::Unclear(why) => Some(format!("{why} to a fresh access token; --api names another place")),
        };
    }

    /// No dead token was seen: one that never lived must do.
    async fn present_nonsense(&mut self) {
        let Ok(tokens) = TokenSet::new("none", oneflight::WallTime::default())
            .and_then(|set| set.refresh_token("oneflight-doctor-made-this-up"))
        else {
            return;
        };
        self.host.say("presenting a refresh token that was never issued");
        let pair = Pair::new(Arc::new(tokens), self.host.now());
        if let Tried::Refused(refusal) = self.present(&pair, DeadToken::NeverIssued).await {
            self.seen.refusals.push(refusal);
        }
    }
}
