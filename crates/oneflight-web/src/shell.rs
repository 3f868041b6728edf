//! The driver as one class of JavaScript.
//!
//! Everything that crosses is a number or a text: numbers name what the page then puts into words. `packages/oneflight`
//! holds the other side; the two are built and shipped together.

mod codes;
#[cfg(feature = "session")]
mod embedded;
mod imports;
mod told;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use oneflight_core::answer::{AnswerRules, Loss, MAX_LIFETIME};
use oneflight_core::challenge::{Challenges, Refusal, SentCredential, refusal};
use oneflight_core::machine::{Config, Demand, GrantKind, Policy, Renew, Revocation, Stamp, StoreFailed};
use oneflight_core::retry_after::RetryAfter;
use oneflight_core::{HolderId, MonoTime, Now, SessionId, TokenSet, Version, WallTime};
use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::Zeroizing;

use crate::codec::read_hex;
use crate::reply::{BodyKind, Held, Reply};
use crate::{Driver, Loaded, Locked, Slot, Waiter};
#[cfg(feature = "session")]
pub use embedded::Module;
use imports::{Glue, Page};

/// One session of one page.
// In the module of an application, names must not meet those of its own.
#[cfg_attr(not(feature = "session"), wasm_bindgen)]
#[cfg_attr(feature = "session", wasm_bindgen(js_name = OneflightEngine))]
pub struct Engine {
    driver: Driver<Page>,
    reply: Reply,
    words: Vec<Option<Zeroizing<String>>>,
}

#[cfg_attr(not(feature = "session"), wasm_bindgen)]
#[cfg_attr(feature = "session", wasm_bindgen(js_class = OneflightEngine))]
impl Engine {
    /// An engine whose effects `glue` carries out, with the defaults of the core and what every page decides: whether
    /// sessions are renewed by something the browser brings (`ambient`), when a token is renewed (0: on use, 1: kept fresh,
    /// 2: not ahead), at which part of its lifetime, the deadlines in milliseconds, and whether a refresh token is presented
    /// again after a lost answer. `seed` is 64 random hexadecimal digits.
    #[wasm_bindgen(constructor)]
    #[must_use]
    #[allow(
        clippy::too_many_arguments,
        reason = "the boundary knows numbers and texts only"
    )]
    pub fn new(
        glue: Glue,
        seed: &str,
        ambient: bool,
        renew: u8,
        renew_at: f32,
        request_deadline: f64,
        save_deadline: f64,
        retry_after_loss: bool,
    ) -> Self {
        let mut policy = Policy::default();
        if ambient {
            policy.grant = GrantKind::Ambient;
        }
        policy.renew = match renew {
            1 => Renew::KeepFresh,
            2 => Renew::Off,
            _ => Renew::OnUse,
        };
        policy.renew_factor = renew_at;
        policy.request_deadline = millis(request_deadline);
        policy.save_deadline = millis(save_deadline);
        policy.profile.retry_after_loss = retry_after_loss;
        // The two halves are built together: what is no such text does not come here.
        let half = |start| seed.get(start..start + 32).and_then(read_hex).unwrap_or_default();
        let [holder, seed] = [0, 32].map(half);
        let seeds = u128::from_le_bytes(seed);
        let config = Config {
            policy: Arc::new(policy),
            holder: HolderId(holder),
            seed: [seeds as u64, (seeds >> 64) as u64],
        };
        Self {
            driver: Driver::new(config, AnswerRules::default(), Page::new(glue)),
            reply: Reply::default(),
            words: Vec::new(),
        }
    }

    fn now(&mut self, wall: f64, mono: f64) -> Now {
        let now = now(wall, mono);
        self.driver.host_mut().at(now);
        now
    }

    /// A text, or its absence, that belongs to what is told next; several in the order of `told`.
    pub fn word(&mut self, text: Option<String>) {
        self.words.push(text.map(Zeroizing::new));
    }

    /// Everything that happens; `what` is one of `told`. Says whether the words made sense.
    pub fn tell(&mut self, wall: f64, mono: f64, what: u32, whom: u32, number: f64) -> bool {
        let now = self.now(wall, mono);
        let mut words = Words(core::mem::take(&mut self.words).into_iter());
        let (driver, slot, waiter) = (&mut self.driver, Slot(whom), Waiter(whom));
        match what {
            told::USABLE => driver.demand(now, waiter, Demand::Usable),
            told::FRESH => driver.demand(now, waiter, Demand::Due),
            told::AHEAD => driver.ask_ahead(now),
            told::SIGN_OUT => driver.sign_out(now, waiter),
            told::FORGET => driver.forget(waiter),
            told::RETRY_NOW => driver.retry_now(now),
            told::HINT => driver.hint(now, Version(whole(number))),
            told::RELOAD => driver.reload(now),
            told::VISIBLE => driver.visible(now, number != 0.0),
            told::TIMEOUT => driver.timeout(now),
            told::LEASE => driver.lease(now, millis(number)),
            told::CLOSE => driver.close(now),
            told::LOCKED => driver.locked(now, slot, locked(number)),
            told::LOST => driver.lost(now, slot, loss(number)),
            told::REVOKED => driver.revoked(now, slot, revocation(number)),
            told::DEAD_STATUS => driver.rules_mut().dead_statuses.push(number as u16),
            told::NEWER => return self.newer(now, waiter, number, &mut words).is_some(),
            told::SIGN_IN => return self.sign_in(now, waiter, number, &mut words).is_some(),
            told::LOADED => {
                let (tag, record) = (words.next(), words.next());
                let loaded = match (&tag, &record) {
                    _ if number != 0.0 => Loaded::Failed,
                    (Some(tag), Some(record)) => Loaded::Record { tag, record },
                    _ => Loaded::Nothing,
                };
                driver.loaded(now, slot, loaded);
            }
            told::SAVED => {
                let tag = words.next().map(|tag| tag.as_str().into());
                let saved = if number != 0.0 { Err(StoreFailed) } else { Ok(tag) };
                driver.saved(now, slot, saved);
            }
            told::RETRY_AFTER => self.reply.retry_after = Some(RetryAfter::Delay(millis(number))),
            told::BODY => self.reply.body = body(whom),
            told::REPLIED => {
                let mut reply = core::mem::take(&mut self.reply);
                reply.status = number as u16;
                driver.replied(now, slot, &reply);
            }
            // Of whom: which member.
            kind => {
                if let Some(member) = self.reply.members.get_mut(whom as usize) {
                    *member = held(kind, words.next(), number);
                }
            }
        }
        true
    }
}

/// The words for what is told, in their order.
struct Words(alloc::vec::IntoIter<Option<Zeroizing<String>>>);

impl Words {
    #[inline(never)]
    fn next(&mut self) -> Option<Zeroizing<String>> {
        self.0.next().flatten()
    }
}

impl Engine {
    /// A token newer than the one that was refused is asked for; by nobody who waits, if `waiter` is 0.
    fn newer(&mut self, now: Now, waiter: Waiter, generation: f64, words: &mut Words) -> Option<()> {
        let stamp = Stamp {
            session: SessionId(read_hex(&words.next()?)?),
            generation: whole(generation),
        };
        match waiter {
            Waiter(0) => self.driver.renew_for_the_next(now, stamp),
            _ => self.driver.demand(now, waiter, Demand::NewerThan(stamp)),
        }
        Some(())
    }

    /// Signs in. A negative lifetime, in seconds, is unknown.
    fn sign_in(&mut self, now: Now, waiter: Waiter, lifetime: f64, words: &mut Words) -> Option<()> {
        let session = SessionId(read_hex(&words.next()?)?);
        let mut tokens = TokenSet::new(&words.next()?, now.wall).ok()?;
        if let Some(refresh_token) = words.next() {
            tokens = tokens.refresh_token(&refresh_token).ok()?;
        }
        if let Some(scope) = words.next() {
            tokens = tokens.scope(&scope);
        }
        if let Some(id_token) = words.next() {
            tokens = tokens.id_token(&id_token);
        }
        if lifetime >= 0.0 {
            tokens = tokens.expires_in(millis(lifetime * 1000.0).min(MAX_LIFETIME));
        }
        self.driver.sign_in(now, waiter, session, tokens);
        Some(())
    }
}

/// Whether an answer to a request with our token is a refusal that a renewal may heal.
#[cfg_attr(not(feature = "session"), wasm_bindgen)]
#[must_use]
pub fn is_refusal(status: u16, challenges: Option<String>) -> bool {
    let challenges = Challenges::parse(challenges);
    refusal(status, &challenges, SentCredential::Ours) == Refusal::Renewable
}

fn now(wall: f64, mono: f64) -> Now {
    Now {
        wall: WallTime::from_unix_millis(whole(wall)),
        mono: MonoTime::from_millis(whole(mono)),
    }
}

/// A member of the answer that the next reply is about.
fn held(kind: u32, text: Option<Zeroizing<String>>, number: f64) -> Held {
    match kind {
        told::TEXT => Held::Text(text.unwrap_or_default()),
        told::NUMBER => Held::Number(number),
        told::FLAG => Held::Flag(number != 0.0),
        told::OBJECT => Held::Object(text.map(|code| code.as_str().into())),
        told::ARRAY => Held::Array,
        _ => Held::Absent,
    }
}

/// 0 JSON object, 1 something else, 2 HTML, 3 nothing, 4 torn, 5 too large.
fn body(kind: u32) -> BodyKind {
    match kind {
        0 => BodyKind::Json,
        1 => BodyKind::NotJson,
        2 => BodyKind::Html,
        3 => BodyKind::Empty,
        4 => BodyKind::Torn,
        _ => BodyKind::TooLarge,
    }
}

/// A lease of this many milliseconds, 0: the lock is ours, -1: it took too long, -2: it cannot be asked for.
fn locked(lease: f64) -> Locked {
    if lease > 0.0 {
        Locked::Leased(millis(lease))
    } else if lease == 0.0 {
        Locked::Acquired
    } else if lease == -1.0 {
        Locked::TimedOut
    } else {
        Locked::Failed
    }
}

/// 0: it surely was not sent, 1: not in time, 2: nobody knows.
fn loss(number: f64) -> Loss {
    match whole(number) {
        0 => Loss::NotConnected,
        1 => Loss::TimedOut,
        _ => Loss::Unknown,
    }
}

/// 0: done, 1: not offered, 2: failed.
fn revocation(number: f64) -> Revocation {
    match whole(number) {
        0 => Revocation::Done,
        1 => Revocation::NotOffered,
        _ => Revocation::Failed,
    }
}

/// A number of JavaScript as one of ours: no less than nothing, no fraction; what is no number is nothing.
fn whole(number: f64) -> u64 {
    number as u64
}

fn millis(length: f64) -> Duration {
    Duration::from_millis(whole(length))
}
