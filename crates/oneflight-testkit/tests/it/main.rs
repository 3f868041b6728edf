//! The testkit, asked over real sockets by an ordinary HTTP client.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod client;
mod control;
mod faults;
mod gates;
mod json;
mod load;
mod network;
mod oauth;
mod rotation;
mod shapes;
mod sign_in;
