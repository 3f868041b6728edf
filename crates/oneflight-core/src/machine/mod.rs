//! The machine: one refresh, however many requests.

mod config;
mod demand;
mod effect;
mod outcome;

pub use config::{Config, GrantKind, Policy, Renew};
pub use demand::{Demand, Demanded, Stamp};
pub use effect::{
    AttemptId, Current, Effect, LoadTicket, LockResult, LockTicket, Refresh, RefreshTicket, Revocation,
    RevokeTicket, Save, SaveTicket, Snapshot, Status, StoreFailed, Swap,
};
pub use outcome::{Cause, Event, Failure, Outcome, TransientCause, Unkept};
