//! The module that the npm package `oneflight` loads: `oneflight-web`, a small allocator, and a panic that is a trap.
//!
//! It goes without Rust's standard library, because that brings the words of every panic and a printer for them, which
//! nobody in a page reads: a trap says where it happened, and the page's half says what to do.
#![cfg(target_arch = "wasm32")]
#![no_std]

// What it exports is exported from here.
use oneflight_web as _;

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
