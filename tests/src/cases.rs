//! The cases, by the parts of docs/spec.md.

pub mod single_flight;
