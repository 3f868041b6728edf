//! The engine for glue that runs in the application's own module and so has no module of its own to take it from.

use wasm_bindgen::prelude::wasm_bindgen;

use super::imports::Glue;
use super::{Engine, Settings};

/// What `packages/oneflight/embedded/engine.ts` is handed.
#[wasm_bindgen(js_name = OneflightModule)]
#[derive(Debug)]
pub struct Module;

#[wasm_bindgen(js_class = OneflightModule)]
impl Module {
    /// As [`Settings::new`].
    #[must_use]
    pub fn settings(
        &self,
        ambient: bool,
        renew: u8,
        renew_at: f32,
        request_deadline: f64,
        save_deadline: f64,
    ) -> Settings {
        Settings::new(ambient, renew, renew_at, request_deadline, save_deadline)
    }

    /// As [`Engine::new`].
    #[must_use]
    pub fn engine(&self, glue: Glue, settings: &Settings, seed: &[u8]) -> Engine {
        Engine::new(glue, settings, seed)
    }

    /// As [`is_refusal`](super::is_refusal).
    #[must_use]
    pub fn is_refusal(&self, status: u16, challenges: Option<String>) -> bool {
        super::is_refusal(status, challenges)
    }
}
