//! The engine for glue that runs in the application's own module and so has no module of its own to take it from.

use alloc::string::String;

use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use super::imports::Glue;

/// What `packages/oneflight/embedded/engine.ts` is handed.
#[wasm_bindgen(js_name = OneflightModule)]
#[derive(Debug)]
pub struct Module;

#[wasm_bindgen(js_class = OneflightModule)]
impl Module {
    /// As [`Engine::new`].
    #[must_use]
    #[allow(
        clippy::too_many_arguments,
        reason = "the boundary knows numbers and texts only"
    )]
    pub fn engine(
        &self,
        glue: Glue,
        seed: &str,
        ambient: bool,
        renew: u8,
        renew_at: f32,
        request_deadline: f64,
        save_deadline: f64,
        retry_after_loss: bool,
    ) -> Engine {
        Engine::new(
            glue,
            seed,
            ambient,
            renew,
            renew_at,
            request_deadline,
            save_deadline,
            retry_after_loss,
        )
    }

    /// As [`is_refusal`](super::is_refusal).
    #[must_use]
    pub fn is_refusal(&self, status: u16, challenges: Option<String>) -> bool {
        super::is_refusal(status, challenges)
    }
}
