//! The cases, by the parts of docs/spec.md.

pub mod bodies;
pub mod failures;
pub mod origins;
pub mod refusal;
pub mod sign_out;
pub mod single_flight;
