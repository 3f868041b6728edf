//! Any commands, answers and faults at two holders of one store. `ONEFLIGHT_TRACE=1` tells what a program does.
#![no_main]

#[path = "../../crates/oneflight-core/tests/entry_points/command_sequences/mod.rs"]
mod command_sequences;

libfuzzer_sys::fuzz_target!(|program: &[u8]| command_sequences::check(program));
