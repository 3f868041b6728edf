//! The protocol of oneflight, without I/O.
//!
//! One [`Machine`](machine::Machine) per grant decides when a refresh is sent, by whom, and what its answer means for
//! everybody who waits. It owns no clock, no socket, no thread and no log: time comes in as a [`Now`],
//! work goes out as [effects](machine::Effect), and answers come back with the ticket of the effect they answer.
//!
//! Beside the machine stand the judgements that every driver needs, as pure functions:
//! [what a challenge means](challenge), [what a token answer means](answer), [`Retry-After`](retry_after) and
//! [which origins may see the token](origin).
#![no_std]
#![warn(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod answer;
pub mod challenge;
pub mod machine;
#[cfg(test)]
mod model;
pub mod origin;
pub mod profile;
pub mod record;
pub mod retry_after;
pub mod secret;
pub mod time;
pub mod token_set;

pub use profile::Profile;
pub use record::{BackOff, EndReason, HolderId, Mark, Record, SessionId, State, Stored, Version};
pub use secret::{AccessToken, RefreshToken, Secret, TokenError};
pub use time::{MonoTime, Now, WallTime};
pub use token_set::TokenSet;
