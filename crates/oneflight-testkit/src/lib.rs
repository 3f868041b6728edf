//! An authorization server to break OAuth clients with.
//!
//! [`TestServer`] runs on loopback, inside your test: an authorization server that rotates refresh
//! tokens and detects their reuse, an API that checks access tokens, and fault points for
//! everything that goes wrong between the two.

mod clock;
pub mod server;

pub use clock::Clock;
pub use server::{
    AcceptPolicy, ApiRequest, Builder, Challenge, Client, ClientAuth, Consent, Cors, Counters, Credentials,
    Death, Event, ExpiresIn, FamilyReport, Fault, Gate, GraceReplay, Hold, IssuedSession, OldAccessTokens,
    Origin, Point, Reach, RefreshRequest, RetryAfter, Rotation, RunOptions, SessionTerms, Settings, Stage,
    StartError, TestServer, TokenId, TokenShape, Via, What, run_forever,
};
