//! Any value of `Retry-After`; the first eight bytes are when it came.
#![no_main]

#[path = "../../crates/oneflight-core/tests/entry_points/retry_after.rs"]
mod retry_after;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((received, value)) = bytes.split_first_chunk() {
        retry_after::check(value, u64::from_le_bytes(*received));
    }
});
