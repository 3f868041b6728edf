//! The authorization server and its API.

mod api;
mod builder;
mod clients;
mod conn;
mod counters;
mod exchange;
mod fault;
mod form;
mod gate;
mod grants;
mod json;
mod reply;
mod routes;
mod session;
mod settings;
mod shared;
mod test_server;
mod token;
mod tokens;

pub use builder::{Builder, StartError};
pub use clients::Client;
pub use counters::{ApiRequest, ClientAuth, Counters, Credentials, Origin, RefreshRequest, Via};
pub use fault::{Fault, Point, RetryAfter};
pub use gate::{Gate, Hold, Stage};
pub use grants::{Death, FamilyReport, TokenId};
pub use session::{IssuedSession, SessionTerms};
pub use settings::{
    Challenge, ExpiresIn, GraceReplay, OldAccessTokens, Reach, Rotation, Settings, TokenShape,
};
pub use test_server::TestServer;
