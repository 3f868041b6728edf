//! Any values of `WWW-Authenticate`, one per line.
#![no_main]

#[path = "../../crates/oneflight-core/tests/entry_points/www_authenticate.rs"]
mod www_authenticate;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| www_authenticate::check(bytes));
