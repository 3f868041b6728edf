//! The tower layer over services that are played by the tests: what sockets cannot show.
#![allow(clippy::unwrap_used)]

mod bodies;
mod dropping;
mod origins;
mod readiness;
mod refusals;
mod storm;
mod support;
