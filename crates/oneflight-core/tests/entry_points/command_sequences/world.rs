//! What stands around the machines: a store, its lock, and an authorization server that rotates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use oneflight_core::answer::{LossCause, NotProcessedCause, Setting, Verdict};
use oneflight_core::machine::{Save, StoreFailed, Swap};
use oneflight_core::{HolderId, Now, RefreshToken, SessionId, State, Stored, TokenSet, Version};

/// The text that every token holds, and nothing else.
pub(crate) const SECRET: &str = "~secret~";

/// What a server does with a refresh token that was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// It ends the family.
    Strict,
    /// Its immediate parent is still served.
    Grace,
    /// Refresh tokens do not change.
    Never,
}

/// How one operation fails, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It was not done, and whoever asked knows.
    NotDone,
    /// It was done, and whoever asked does not know.
    DoneUnknown,
    /// It was not done, and whoever asked does not know.
    NotDoneUnknown,
    /// It was done, and only half of the answer is usable.
    DoneHalf,
    /// The server answers that something else is wrong.
    Other,
}

/// One sign-in, as the authorization server sees it.
#[derive(Debug)]
struct Family {
    current: u32,
    dead: bool,
    /// Answers that nobody received.
    losses: u32,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rotation: Rotation,
    pub(crate) stored: Option<Stored>,
    /// Access tokens that were stored at some time.
    pub(crate) was_stored: BTreeSet<String>,
    versions: u64,
    families: BTreeMap<u8, Family>,
    /// Sessions that somebody signed out or signed in over.
    pub(crate) given_up: BTreeSet<SessionId>,
    /// The newest set of each family that a live holder was handed: family, number, holder.
    pub(crate) known: BTreeSet<(u8, u32, usize)>,
}

pub(crate) fn session_of(family: u8) -> SessionId {
    SessionId([family; 16])
}

/// The tokens of a set; without a number for the refresh token there is none.
fn token_set(family: u8, access: u32, refresh: Option<u32>, lifetime: Option<u64>, now: Now) -> TokenSet {
    let text = format!("a{SECRET}{family}.{access}");
    let mut set = TokenSet::new(&text, now.wall).expect("printable");
    if let Some(number) = refresh {
        let text = format!("r{SECRET}{family}.{number}");
        set = set.refresh_token(&text).expect("printable");
    }
    match lifetime {
        Some(seconds) => set.expires_in(Duration::from_secs(seconds)),
        None => set,
    }
}

/// The family and the number of a refresh token.
pub(crate) fn parse(token: &RefreshToken) -> (u8, u32) {
    let numbers = token.expose().split_once(SECRET).expect("made here").1;
    let (family, number) = numbers.split_once('.').expect("made here");
    (
        family.parse().expect("a number"),
        number.parse().expect("a number"),
    )
}

impl World {
    pub(crate) fn new(rotation: Rotation) -> Self {
        Self {
            rotation,
            stored: None,
            was_stored: BTreeSet::new(),
            versions: 0,
            families: BTreeMap::new(),
            given_up: BTreeSet::new(),
            known: BTreeSet::new(),
        }
    }

    /// A new sign-in; `None` once there have been enough.
    pub(crate) fn sign_in(&mut self, lifetime: Option<u64>, now: Now) -> Option<(SessionId, TokenSet)> {
        let family = u8::try_from(self.families.len())
            .ok()
            .filter(|family| *family < 200)?;
        let alive = Family {
            current: 0,
            dead: false,
            losses: 0,
        };
        self.families.insert(family, alive);
        Some((session_of(family), token_set(family, 0, Some(0), lifetime, now)))
    }

    pub(crate) fn save(&mut self, save: Save, fault: Fault) -> Result<Swap, StoreFailed> {
        if matches!(fault, Fault::NotDone | Fault::NotDoneUnknown | Fault::Other) {
            return Err(StoreFailed);
        }
        let standing = self.stored.as_ref().map(|stored| stored.version);
        let swap = if standing == save.expected {
            self.versions += 1;
            let version = Version(self.versions);
            if let State::Live { tokens, .. } = &save.record.state {
                self.was_stored.insert(tokens.access_token.expose().into());
            }
            self.stored = Some(Stored {
                version,
                record: save.record,
            });
            Swap::Written(version)
        } else {
            Swap::Conflict
        };
        match fault {
            Fault::None => Ok(swap),
            _ => Err(StoreFailed),
        }
    }

    /// Whether the store holds a live session, and which.
    pub(crate) fn live(&self) -> Option<(SessionId, &Arc<TokenSet>)> {
        let record = &self.stored.as_ref()?.record;
        match &record.state {
            State::Live { tokens, .. } => Some((record.session, tokens)),
            State::Ended(_) => None,
        }
    }

    /// Somebody presents a refresh token. Panics if its successor is known to somebody who could have said so, or the
    /// record does not say whose it is.
    pub(crate) fn check_presented(&self, token: &RefreshToken, whose: HolderId) {
        let (family, number) = parse(token);
        if self.given_up.contains(&session_of(family)) {
            return;
        }
        let state = self.stored.as_ref().map(|stored| &stored.record.state);
        let marked = matches!(state, Some(State::Live { mark: Some(mark), .. }) if mark.holder == whose);
        assert!(marked, "presented without a mark");
        if self.rotation == Rotation::Never {
            return;
        }
        let stored = self
            .live()
            .and_then(|(_, tokens)| tokens.refresh_token.as_ref())
            .map(parse)
            .filter(|(other, _)| *other == family);
        let held = self
            .known
            .iter()
            .filter(|(other, ..)| *other == family)
            .map(|(_, number, _)| *number)
            .max();
        let newest = stored.map(|(_, number)| number).max(held);
        assert!(newest <= Some(number), "a spent token is presented");
    }

    /// A refresh as the authorization server sees it, and as the holder learns of it.
    pub(crate) fn refresh(
        &mut self,
        base: &TokenSet,
        lifetime: Option<u64>,
        fault: Fault,
        holder: usize,
        now: Now,
    ) -> Verdict {
        match fault {
            Fault::NotDone => {
                return Verdict::Transient {
                    cause: NotProcessedCause::Unavailable,
                    retry_after: None,
                };
            }
            Fault::NotDoneUnknown => return lost(None),
            Fault::Other => {
                return Verdict::Configuration {
                    setting: Setting::Scope,
                    code: None,
                };
            }
            Fault::None | Fault::DoneUnknown | Fault::DoneHalf => {}
        }
        let Some((family, number)) = self.process(base) else {
            return if fault == Fault::None {
                Verdict::Dead { code: None }
            } else {
                lost(None)
            };
        };
        // A server that does not rotate leaves the refresh token out.
        let rotated = (self.rotation != Rotation::Never).then_some(number);
        let set = token_set(family, number, rotated, lifetime, now);
        match fault {
            Fault::None | Fault::DoneHalf if rotated.is_some() => {
                self.known.insert((family, number, holder));
            }
            Fault::DoneUnknown => self.lose(family),
            _ => {}
        }
        match fault {
            Fault::DoneUnknown => lost(None),
            Fault::DoneHalf => lost(set.refresh_token),
            _ => Verdict::Renewed(set),
        }
    }

    /// A holder is no more. What only it knew is lost.
    pub(crate) fn forget(&mut self, holder: usize) {
        let known = core::mem::take(&mut self.known);
        let (gone, rest) = known.into_iter().partition(|(.., whose)| *whose == holder);
        self.known = rest;
        let gone: BTreeSet<(u8, u32, usize)> = gone;
        for (family, ..) in gone {
            self.lose(family);
        }
    }

    fn lose(&mut self, family: u8) {
        if let Some(family) = self.families.get_mut(&family) {
            family.losses += 1;
        }
    }

    /// The request arrives although nobody waits for its answer any more.
    pub(crate) fn refresh_unheard(&mut self, base: &TokenSet) {
        if let Some((family, _)) = self.process(base) {
            self.lose(family);
        }
    }

    /// The numbers of the new set; `None` if the grant is dead.
    fn process(&mut self, base: &TokenSet) -> Option<(u8, u32)> {
        let (family, presented) = parse(base.refresh_token.as_ref()?);
        let given_up = self.given_up.contains(&session_of(family));
        let state = self.families.get_mut(&family)?;
        if state.dead {
            return None;
        }
        match self.rotation {
            Rotation::Never => {}
            Rotation::Grace if presented + 1 == state.current => {}
            _ if presented == state.current => {}
            _ => {
                assert!(state.losses > 0 || given_up, "reuse without a lost answer");
                state.dead = true;
                return None;
            }
        }
        state.current += 1;
        Some((family, state.current))
    }

    /// The token is revoked, and its family with it.
    pub(crate) fn revoke(&mut self, tokens: &TokenSet) {
        let Some(token) = &tokens.refresh_token else {
            return;
        };
        let (family, _) = parse(token);
        let session = session_of(family);
        let stands = self.live().is_some_and(|(live, _)| live == session);
        assert!(
            !stands || self.given_up.contains(&session),
            "the family of a live session is revoked"
        );
        if let Some(state) = self.families.get_mut(&family) {
            state.dead = true;
        }
    }

    /// Whether the stored session can be renewed: the server would say yes to what is stored.
    pub(crate) fn is_renewable(&self) -> bool {
        let token = self.live().and_then(|(_, tokens)| tokens.refresh_token.as_ref());
        let Some((family, number)) = token.map(parse) else {
            return false;
        };
        self.families
            .get(&family)
            .is_some_and(|state| !state.dead && (state.current == number || self.rotation == Rotation::Never))
    }
}

fn lost(salvaged: Option<RefreshToken>) -> Verdict {
    Verdict::Ambiguous {
        cause: LossCause::TimedOut,
        retry_after: None,
        salvaged,
    }
}
