//! What the page's JavaScript does for the engine.

use alloc::string::String;
use core::time::Duration;

use oneflight_core::machine::{Event, Revocation, Snapshot};
use oneflight_core::time::millis;
use oneflight_core::{Now, Version};
use wasm_bindgen::prelude::wasm_bindgen;

use super::codes;
use crate::codec::push_hex;
use crate::host::{Host, Settled, Slot, Trouble, Waiter};

#[wasm_bindgen]
extern "C" {
    /// The object of JavaScript that carries effects out. None of its methods may call the engine back at once.
    pub type Glue;

    #[wasm_bindgen(method)]
    fn lock(this: &Glue, slot: u32);
    #[wasm_bindgen(method)]
    fn unlock(this: &Glue);
    #[wasm_bindgen(method)]
    fn load(this: &Glue, slot: u32);
    #[wasm_bindgen(method)]
    fn save(this: &Glue, slot: u32, expected: Option<&str>, record: &str);
    #[wasm_bindgen(method)]
    fn refresh(this: &Glue, slot: u32, refresh_token: Option<&str>);
    #[wasm_bindgen(method)]
    fn revoke(this: &Glue, slot: u32, refresh_token: &str);
    #[wasm_bindgen(method)]
    fn announce(this: &Glue, version: f64);
    /// A negative wait: none.
    #[wasm_bindgen(method)]
    fn timer(this: &Glue, wait: f64);
    /// The numbers are those of [`codes`].
    #[wasm_bindgen(method)]
    fn settle(this: &Glue, waiter: u32, code: u32, detail: u32, retry_after: f64, text: Option<&str>);
    /// Times in milliseconds since 1970; negative: unknown.
    #[wasm_bindgen(method)]
    #[allow(
        clippy::too_many_arguments,
        reason = "the boundary knows numbers and texts only"
    )]
    fn publish(
        this: &Glue,
        generation: f64,
        status: u32,
        session: Option<&str>,
        authorization: Option<&str>,
        usable_until: f64,
        renew_at: f64,
        expires_at: f64,
    );
    #[wasm_bindgen(method)]
    fn notify(this: &Glue, event: u32, here: bool, detail: u32, number: f64, waiters: u32);
    #[wasm_bindgen(method)]
    fn failed(this: &Glue, code: u32, detail: u32, retry_after: f64, text: Option<&str>);
    #[wasm_bindgen(method)]
    fn trouble(this: &Glue, what: u32);
    #[wasm_bindgen(method)]
    fn rest(this: &Glue, unsaved: bool);
}

/// The page as the driver's host.
pub(super) struct Page {
    glue: Glue,
    now: Now,
}

impl Page {
    pub(super) fn new(glue: Glue) -> Self {
        Self {
            glue,
            now: Now::default(),
        }
    }

    /// The time that failures count from.
    pub(super) fn at(&mut self, now: Now) {
        self.now = now;
    }
}

impl Host for Page {
    fn lock(&mut self, slot: Slot) {
        self.glue.lock(slot.0);
    }

    fn unlock(&mut self) {
        self.glue.unlock();
    }

    fn load(&mut self, slot: Slot) {
        self.glue.load(slot.0);
    }

    fn save(&mut self, slot: Slot, expected: Option<&str>, record: &str) {
        self.glue.save(slot.0, expected, record);
    }

    fn refresh(&mut self, slot: Slot, refresh_token: Option<&str>) {
        self.glue.refresh(slot.0, refresh_token);
    }

    fn revoke(&mut self, slot: Slot, refresh_token: &str) {
        self.glue.revoke(slot.0, refresh_token);
    }

    fn announce(&mut self, version: Version) {
        self.glue.announce(version.0 as f64);
    }

    fn timer(&mut self, wait: Option<Duration>) {
        self.glue.timer(wait.map_or(-1.0, |wait| millis(wait) as f64));
    }

    fn settle(&mut self, waiter: Waiter, settled: &Settled) {
        let Waiter(waiter) = waiter;
        match settled {
            Settled::Token => self.glue.settle(waiter, codes::TOKEN, 0, -1.0, None),
            Settled::SignedIn { saved } => {
                self.glue
                    .settle(waiter, codes::SIGNED_IN, u32::from(*saved), -1.0, None);
            }
            Settled::Ended { landed, revocation } => {
                let revoked = match revocation {
                    Revocation::Done => 0,
                    Revocation::NotOffered => 2,
                    _ => 4,
                };
                let detail = u32::from(*landed) | revoked;
                self.glue.settle(waiter, codes::ENDED, detail, -1.0, None);
            }
            Settled::Unsettled => self.glue.settle(waiter, codes::UNSETTLED, 0, -1.0, None),
            Settled::Failed(failure) => {
                let failed = codes::Failed::of(failure, self.now.mono);
                self.glue.settle(
                    waiter,
                    failed.code,
                    failed.detail,
                    failed.retry_after,
                    failed.text,
                );
            }
        }
    }

    fn publish(&mut self, snapshot: &Snapshot) {
        let time = |at: Option<oneflight_core::WallTime>| at.map_or(-1.0, |at| at.as_unix_millis() as f64);
        let current = snapshot.current.as_ref();
        let session = current.map(|current| {
            let mut text = String::with_capacity(32);
            push_hex(&mut text, &current.session.0);
            text
        });
        let authorization = current.map(|current| current.tokens.access_token.header());
        let expires_at = current.and_then(|current| current.tokens.expires_at(self.now.wall));
        self.glue.publish(
            snapshot.generation as f64,
            codes::status(snapshot.status),
            session.as_deref(),
            authorization,
            time(current.and_then(|current| current.usable_until)),
            time(current.and_then(|current| current.renew_at)),
            time(expires_at),
        );
    }

    fn notify(&mut self, event: &Event, here: bool) {
        if let Event::RenewalFailed { failure } = event {
            let failed = codes::Failed::of(failure, self.now.mono);
            return self
                .glue
                .failed(failed.code, failed.detail, failed.retry_after, failed.text);
        }
        if let Some(told) = codes::Told::of(event) {
            self.glue
                .notify(told.event, here, told.detail, told.number, told.waiters);
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.glue.trouble(match trouble {
            Trouble::Foreign => 0,
            Trouble::Newer => 1,
            Trouble::Torn => 2,
        });
    }

    fn rest(&mut self, unsaved: bool) {
        self.glue.rest(unsaved);
    }
}
