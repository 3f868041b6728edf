//! The specification as a play: real machines, a store, an authorization server and a clock, each of them ready to
//! fail on command. Every test is a sentence of `docs/spec.md`.

#![allow(clippy::unwrap_used)]

mod commands;
mod failures;
mod leases;
mod memory;
mod persistence;
mod profiles;
mod refusals;
mod sign_in;
mod sign_out;
mod single_flight;
mod time;
mod world;
