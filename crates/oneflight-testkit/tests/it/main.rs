//! The testkit, asked over real sockets by an ordinary HTTP client.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod rotation;
