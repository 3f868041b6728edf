//! oneflight in pages: one token refresh, however many requests, and however many tabs.
//!
//! Front ends in Rust use the module `session`, with the feature of that name; nothing else here is meant for them. Without the
//! feature this crate is what the npm package `oneflight` is built from.
//!
//! # The driver
//!
//! [`Driver`] owns the core's machine for one session of one page. It has no futures: what the machine asks for goes
//! out as one call of the [`Host`], which is a page's JavaScript or a test's fake, and the answer comes back later as one
//! call with the same [slot](Slot). The page decides nothing; it locks, reads, writes, sends and sleeps.
//!
//! | module | |
//! |---|---|
//! | [`driver`] | commands, answers, waiters, tickets |
//! | [`host`] | what the outside does for the driver |
//! | [`codec`] | the record as a text, for stores that keep texts |
//! | [`reply`] | from the parts of a token answer to its verdict |
//! | [`shell`] | all of it as one class of JavaScript |

#![cfg_attr(not(feature = "session"), no_std)]

extern crate alloc;

pub mod codec;
pub mod driver;
pub mod host;
pub mod reply;
#[cfg(feature = "session")]
pub mod session;
pub mod shell;

pub use driver::{Driver, Loaded, Locked};
pub use host::{Host, Settled, Slot, Trouble, Waiter};
#[cfg(feature = "session")]
pub use session::Session;

#[cfg(all(doctest, feature = "session"))]
#[doc = include_str!("../README.md")]
mod readme {}
