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
use core::time::Duration;

use oneflight_core::answer::{AnswerRules, Loss};
use oneflight_core::challenge::{Challenges, Refusal, SentCredential, refusal};
use oneflight_core::machine::{Config, Demand, GrantKind, Policy, Renew, Revocation, Stamp, StoreFailed};
use oneflight_core::{HolderId, MonoTime, Now, SessionId, TokenSet, Version, WallTime};
use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::Zeroizing;

use crate::codec::read_hex;
use crate::reply::{BodyKind, Held, MEMBERS, Reply};
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
}

#[cfg_attr(not(feature = "session"), wasm_bindgen)]
#[cfg_attr(feature = "session", wasm_bindgen(js_class = OneflightEngine))]
impl Engine {
    /// An engine whose effects `glue` carries out, with the defaults of the core and what every page decides: whether
    /// sessions are renewed by something the browser brings (`ambient`), when a token is renewed (0: on use, 1: kept fresh,
    /// 2: not ahead), at which part of its lifetime, the deadlines in milliseconds, and whether a refresh token is presented
    /// again after a lost answer. `seed` is 32 random bytes.
    #[wasm_bindgen(constructor)]
    #[must_use]
    #[allow(
        clippy::too_many_arguments,
        reason = "the boundary knows numbers and texts only"
    )]
    pub fn new(
        glue: Glue,
        seed: &[u8],
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
        let mut random = [0_u8; 32];
        for (byte, given) in random.iter_mut().zip(seed) {
            *byte = *given;
        }
        let [holder, seeds] = [0, 16].map(|start| {
            let mut part = [0_u8; 16];
            part.copy_from_slice(&random[start..start + 16]);
            u128::from_le_bytes(part)
        });
        let config = Config {
            policy: Arc::new(policy),
            holder: HolderId(holder.to_le_bytes()),
            seed: [seeds as u64, (seeds >> 64) as u64],
        };
        Self {
            driver: Driver::new(config, AnswerRules::default(), Page::new(glue)),
            reply: Reply::default(),
        }
    }

    fn now(&mut self, wall: f64, mono: f64) -> Now {
        let now = now(wall, mono);
        self.driver.host_mut().at(now);
        now
    }

    /// All that a number or two can say; `what` is one of `told`.
    pub fn tell(&mut self, wall: f64, mono: f64, what: u32, whom: u32, number: f64) {
        let now = self.now(wall, mono);
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
            // The two halves are built together.
            _ => {}
        }
    }

    /// A token newer than the one that was refused is asked for; by nobody who waits, if `waiter` is 0. Says whether the
    /// stamp was one.
    pub fn newer(&mut self, wall: f64, mono: f64, waiter: u32, generation: f64, session: &str) -> bool {
        let now = self.now(wall, mono);
        let Some(session) = read_hex(session) else {
            return false;
        };
        let stamp = Stamp {
            session: SessionId(session),
            generation: whole(generation),
        };
        match waiter {
            0 => self.driver.renew_for_the_next(now, stamp),
            _ => self.driver.demand(now, Waiter(waiter), Demand::NewerThan(stamp)),
        }
        true
    }

    /// Signs in. `session` is 32 random hexadecimal digits; a negative lifetime is unknown. Says whether the tokens can be
    /// tokens.
    #[allow(
        clippy::too_many_arguments,
        reason = "the boundary knows numbers and texts only"
    )]
    pub fn sign_in(
        &mut self,
        wall: f64,
        mono: f64,
        waiter: u32,
        session: &str,
        access_token: &str,
        refresh_token: Option<String>,
        lifetime: f64,
        scope: Option<String>,
        id_token: Option<String>,
    ) -> bool {
        let now = self.now(wall, mono);
        let refresh_token = refresh_token.map(Zeroizing::new);
        let id_token = id_token.map(Zeroizing::new);
        let Ok(mut tokens) = TokenSet::new(access_token, now.wall) else {
            return false;
        };
        if let Some(refresh_token) = &refresh_token {
            let Ok(complete) = tokens.refresh_token(refresh_token) else {
                return false;
            };
            tokens = complete;
        }
        if lifetime >= 0.0 {
            let lifetime = millis(lifetime * 1000.0).min(oneflight_core::answer::MAX_LIFETIME);
            tokens = tokens.expires_in(lifetime);
        }
        if let Some(scope) = &scope {
            tokens = tokens.scope(scope);
        }
        if let Some(id_token) = &id_token {
            tokens = tokens.id_token(id_token);
        }
        let Some(session) = read_hex(session) else {
            return false;
        };
        self.driver
            .sign_in(now, Waiter(waiter), SessionId(session), tokens);
        true
    }

    /// What was read: a tag and a record, or neither; `failed`: nobody knows.
    pub fn loaded(
        &mut self,
        wall: f64,
        mono: f64,
        slot: u32,
        failed: bool,
        tag: Option<String>,
        record: Option<String>,
    ) {
        let now = self.now(wall, mono);
        let record = record.map(Zeroizing::new);
        let loaded = match (&tag, &record) {
            _ if failed => Loaded::Failed,
            (Some(tag), Some(record)) => Loaded::Record { tag, record },
            _ => Loaded::Nothing,
        };
        self.driver.loaded(now, Slot(slot), loaded);
    }

    /// How a write went: the new tag, or none if another version stood there; `failed`: nobody knows.
    pub fn saved(&mut self, wall: f64, mono: f64, slot: u32, failed: bool, tag: Option<String>) {
        let now = self.now(wall, mono);
        let saved = if failed { Err(StoreFailed) } else { Ok(tag) };
        self.driver.saved(now, Slot(slot), saved);
    }

    /// A member of the answer that [`replied`](Self::replied) is about to tell of. Kinds: 1 text, 2 number, 3 flag, 4
    /// object (the text is its code), 5 array.
    pub fn member(&mut self, index: usize, kind: u8, text: Option<String>, number: f64) {
        let held = match kind {
            1 => Held::Text(Zeroizing::new(text.unwrap_or_default())),
            2 => Held::Number(number),
            3 => Held::Flag(number != 0.0),
            4 => Held::Object(text),
            5 => Held::Array,
            _ => Held::Absent,
        };
        if index < MEMBERS {
            self.reply.members[index] = held;
        }
    }

    /// What the token endpoint answered. Kinds of body: 0 JSON object, 1 something else, 2 HTML, 3 nothing, 4 torn, 5 too
    /// large.
    pub fn replied(
        &mut self,
        wall: f64,
        mono: f64,
        slot: u32,
        status: u16,
        body: u8,
        retry_after: Option<String>,
    ) {
        let now = self.now(wall, mono);
        let mut reply = core::mem::take(&mut self.reply);
        reply.status = status;
        reply.retry_after = retry_after;
        reply.body = match body {
            0 => BodyKind::Json,
            1 => BodyKind::NotJson,
            2 => BodyKind::Html,
            3 => BodyKind::Empty,
            4 => BodyKind::Torn,
            _ => BodyKind::TooLarge,
        };
        self.driver.replied(now, Slot(slot), &reply);
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
