//! Stores that fail in the middle of an attempt: killed, frozen, full, damaged; and come back.
//!
//! Each case prints a row of the table in `docs/failures.md`. `cargo xtask soak --outages` prints the whole of it.
#![allow(clippy::unwrap_used)]

#[path = "../processes/process.rs"]
#[allow(dead_code, reason = "this program needs some of it")]
mod process;

mod case;
mod files;
mod servers;
