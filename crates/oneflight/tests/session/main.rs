//! What a session does, in paused time, against a scripted server and a hostile store.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception covers test functions, not their helpers"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests have callers, and those are tasks"
)]
#![allow(unreachable_pub, reason = "nothing reaches into a test")]

mod dropping;
mod failures;
mod late;
mod leasing;
mod observing;
mod own_code;
mod registry;
mod settings;
mod sharing;
mod sign_in_out;
mod single_flight;
mod support;
mod threads;
mod time;
