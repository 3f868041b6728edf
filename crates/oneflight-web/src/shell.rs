//! The driver as one class of JavaScript.
//!
//! Everything that crosses is a number or a text: numbers name what the page then puts into words. `packages/oneflight`
//! holds the other side; the two are built and shipped together.

mod codes;
#[cfg(feature = "session")]
mod embedded;
mod imports;

use std::sync::Arc;
use std::time::Duration;

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

/// The settings of an [`Engine`], as the page names them by number.
// In the module of an application, names must not meet those of its own.
#[cfg_attr(not(feature = "session"), wasm_bindgen)]
#[cfg_attr(feature = "session", wasm_bindgen(js_name = OneflightSettings))]
#[derive(Debug, Clone)]
pub struct Settings {
    policy: Policy,
    rules: AnswerRules,
}

#[cfg_attr(not(feature = "session"), wasm_bindgen)]
#[cfg_attr(feature = "session", wasm_bindgen(js_class = OneflightSettings))]
impl Settings {
    /// The defaults of the core, and what every page decides: whether sessions are renewed by something the browser
    /// brings (`ambient`), when a token is renewed (0: on use, 1: kept fresh, 2: not ahead), at which part of its lifetime,
    /// and the deadlines in milliseconds.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(ambient: bool, renew: u8, renew_at: f32, request_deadline: f64, save_deadline: f64) -> Self {
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
        Self {
            policy,
            rules: AnswerRules::default(),
        }
    }

    /// A refresh token is not presented again after a lost answer while the access token lives.
    pub fn spare(&mut self) {
        self.policy.profile.retry_after_loss = false;
    }

    /// A status that proves the grant dead.
    pub fn dead(&mut self, status: u16) {
        self.rules.dead_statuses.push(status);
    }
}

/// One session of one page.
#[cfg_attr(not(feature = "session"), wasm_bindgen)]
#[cfg_attr(feature = "session", wasm_bindgen(js_name = OneflightEngine))]
pub struct Engine {
    driver: Driver<Page>,
    reply: Reply,
}

#[cfg_attr(not(feature = "session"), wasm_bindgen)]
#[cfg_attr(feature = "session", wasm_bindgen(js_class = OneflightEngine))]
impl Engine {
    /// An engine whose effects `glue` carries out. `seed` is 32 random bytes.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(glue: Glue, settings: &Settings, seed: &[u8]) -> Self {
        let part = |number: usize| {
            let mut bytes = [0_u8; 8];
            for (byte, random) in bytes.iter_mut().zip(seed.iter().skip(number * 8)) {
                *byte = *random;
            }
            bytes
        };
        let mut holder = [0_u8; 16];
        for (byte, random) in holder.iter_mut().zip(seed) {
            *byte = *random;
        }
        let config = Config {
            policy: Arc::new(settings.policy.clone()),
            holder: HolderId(holder),
            seed: [u64::from_le_bytes(part(2)), u64::from_le_bytes(part(3))],
        };
        Self {
            driver: Driver::new(config, settings.rules.clone(), Page::new(glue)),
            reply: Reply::default(),
        }
    }

    fn now(&mut self, wall: f64, mono: f64) -> Now {
        let now = now(wall, mono);
        self.driver.host_mut().at(now);
        now
    }

    /// A usable token is asked for; `ahead`: one that is not due for renewal.
    pub fn demand(&mut self, wall: f64, mono: f64, waiter: u32, ahead: bool) {
        let now = self.now(wall, mono);
        let demand = if ahead { Demand::Due } else { Demand::Usable };
        self.driver.demand(now, Waiter(waiter), demand);
    }

    /// A token newer than the one that was refused is asked for. Says whether the stamp was one.
    pub fn newer(&mut self, wall: f64, mono: f64, waiter: u32, generation: f64, session: &str) -> bool {
        let now = self.now(wall, mono);
        let Some(stamp) = stamp(generation, session) else {
            return false;
        };
        self.driver.demand(now, Waiter(waiter), Demand::NewerThan(stamp));
        true
    }

    /// The same, with nobody waiting.
    pub fn renew(&mut self, wall: f64, mono: f64, generation: f64, session: &str) {
        let now = self.now(wall, mono);
        if let Some(stamp) = stamp(generation, session) {
            self.driver.renew_for_the_next(now, stamp);
        }
    }

    /// A renewal is due, and nobody waits for it.
    pub fn ahead(&mut self, wall: f64, mono: f64) {
        let now = self.now(wall, mono);
        self.driver.ask_ahead(now);
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

    /// Signs out.
    pub fn sign_out(&mut self, wall: f64, mono: f64, waiter: u32) {
        let now = self.now(wall, mono);
        self.driver.sign_out(now, Waiter(waiter));
    }

    /// Somebody no longer waits.
    pub fn forget(&mut self, waiter: u32) {
        self.driver.forget(Waiter(waiter));
    }

    /// Forgets pauses.
    pub fn retry_now(&mut self, wall: f64, mono: f64) {
        let now = self.now(wall, mono);
        self.driver.retry_now(now);
    }

    /// The store has reached this version.
    pub fn hint(&mut self, wall: f64, mono: f64, version: f64) {
        let now = self.now(wall, mono);
        self.driver.hint(now, Version(whole(version)));
    }

    /// Reads the store again.
    pub fn reload(&mut self, wall: f64, mono: f64) {
        let now = self.now(wall, mono);
        self.driver.reload(now);
    }

    /// The page can be seen, or cannot.
    pub fn visible(&mut self, wall: f64, mono: f64, visible: bool) {
        let now = self.now(wall, mono);
        self.driver.visible(now, visible);
    }

    /// The timer went off.
    pub fn timeout(&mut self, wall: f64, mono: f64) {
        let now = self.now(wall, mono);
        self.driver.timeout(now);
    }

    /// What is left of the lease of the lock, in milliseconds.
    pub fn lease(&mut self, wall: f64, mono: f64, remaining: f64) {
        let now = self.now(wall, mono);
        self.driver.lease(now, millis(remaining));
    }

    /// No new attempt begins.
    pub fn close(&mut self, wall: f64, mono: f64) {
        let now = self.now(wall, mono);
        self.driver.close(now);
    }

    /// How taking the lock went: a lease of this many milliseconds, 0: it is ours, -1: it took too long, -2: it cannot be
    /// asked for.
    pub fn locked(&mut self, wall: f64, mono: f64, slot: u32, lease: f64) {
        let now = self.now(wall, mono);
        let locked = if lease > 0.0 {
            Locked::Leased(millis(lease))
        } else if lease == 0.0 {
            Locked::Acquired
        } else if lease == -1.0 {
            Locked::TimedOut
        } else {
            Locked::Failed
        };
        self.driver.locked(now, Slot(slot), locked);
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
        let mut reply = std::mem::take(&mut self.reply);
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

    /// No answer came: 0 it surely was not sent, 1 not in time, 2 nobody knows.
    pub fn lost(&mut self, wall: f64, mono: f64, slot: u32, loss: u8) {
        let now = self.now(wall, mono);
        let loss = match loss {
            0 => Loss::NotConnected,
            1 => Loss::TimedOut,
            _ => Loss::Unknown,
        };
        self.driver.lost(now, Slot(slot), loss);
    }

    /// How a revocation went: 0 done, 1 not offered, 2 failed.
    pub fn revoked(&mut self, wall: f64, mono: f64, slot: u32, how: u8) {
        let now = self.now(wall, mono);
        let revocation = match how {
            0 => Revocation::Done,
            1 => Revocation::NotOffered,
            _ => Revocation::Failed,
        };
        self.driver.revoked(now, Slot(slot), revocation);
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

fn stamp(generation: f64, session: &str) -> Option<Stamp> {
    Some(Stamp {
        session: SessionId(read_hex(session)?),
        generation: whole(generation),
    })
}

/// A number of JavaScript as one of ours: no less than nothing, no fraction; what is no number is nothing.
fn whole(number: f64) -> u64 {
    number as u64
}

fn millis(length: f64) -> Duration {
    Duration::from_millis(whole(length))
}
