//! Sessions in processes of their own on one grant: side by side, killed, frozen, cut off.
#![allow(clippy::unwrap_used)]

mod crash;
mod fleet;
mod freeze;
mod news;
mod outage;
#[allow(dead_code, reason = "the tests of outages need the rest")]
mod process;
