//! Sessions in processes of their own on one grant: side by side, killed, frozen.
#![allow(clippy::unwrap_used)]

mod crash;
mod fleet;
mod freeze;
mod process;
