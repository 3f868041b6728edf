//! The specification as a play: real machines, a store, an authorization server and a clock, each of them ready to
//! fail on command. Every test is a sentence of `docs/spec.md`.

#![allow(clippy::unwrap_used)]

mod any_play;
mod commands;
mod leases;
mod losses;
mod memory;
mod outages;
mod persistence;
mod profiles;
mod refusals;
mod sharing;
mod sign_in;
mod sign_out;
mod single_flight;
mod time;
mod told;
mod tombstones;
mod unsaved_sign_in;
mod verdicts;
mod world;
