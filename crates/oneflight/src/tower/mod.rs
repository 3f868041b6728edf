//! A tower layer for every HTTP client that is a service of [`http`] requests, and for gRPC.
//!
//! ```
//! # use oneflight::{Session, tower::OneflightLayer};
//! # fn two_lines<C>(session: Session, http: C) -> oneflight::tower::Oneflight<C> {
//! use tower::Layer as _;
//! OneflightLayer::new(session).layer(http)
//! # }
//! ```
//! [`OneflightLayer`] says what it does, and where in a stack it belongs.

mod body;
mod error;
mod future;
mod layer;
mod service;
mod tape;

pub use body::RecordingBody;
pub use error::{Error, Refused};
pub use future::ResponseFuture;
pub use layer::{DEFAULT_REPLAY_LIMIT_BYTES, OneflightLayer};
pub use service::Oneflight;
