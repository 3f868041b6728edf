//! The authorization server and its API.

mod api;
mod authorize;
mod builder;
mod clients;
mod codes;
mod conn;
mod control;
mod counters;
mod discovery;
mod exchange;
mod family;
mod fault;
mod fault_spec;
mod form;
mod gate;
mod grants;
mod id_token;
mod json;
mod log;
mod reply;
mod routes;
mod run;
mod script;
mod session;
mod settings;
mod shared;
mod test_server;
mod token;
mod tokens;

pub use builder::{Builder, StartError};
pub use clients::Client;
pub use counters::{ApiRequest, ClientAuth, Counters, Credentials, Origin, RefreshRequest, Via};
pub use family::{Death, FamilyReport, TokenId};
pub use fault::{Fault, Point, RetryAfter};
pub use gate::{Gate, Hold, Stage};
pub use log::{Event, What};
pub use run::{Cors, RunOptions, run_forever};
pub use session::{IssuedSession, SessionTerms};
pub use settings::{
    AcceptPolicy, Challenge, Consent, ExpiresIn, GraceReplay, OldAccessTokens, Reach, Rotation, Settings,
    TokenShape,
};
pub use test_server::TestServer;
