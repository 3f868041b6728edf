//! What happened, in order.

use serde::{Deserialize, Serialize};

use super::counters::{Origin, Via};
use super::family::{Death, TokenId};
use super::fault::Point;

/// Something that happened at the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// Its number, counted from 1 over the life of the server.
    pub number: u64,
    /// When, in milliseconds since 1970 by the server's clock.
    pub at_ms: u64,
    /// When, in microseconds of real time since the server started.
    pub elapsed_us: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// A family began.
    SignedIn {
        /// Its first token.
        token: TokenId,
        /// The user, or the client itself for client credentials.
        subject: String,
    },
    /// A refresh arrived.
    RefreshArrived {
        /// Its number among the refreshes.
        request: u64,
        /// The token it presented, if the server issued it.
        token: Option<TokenId>,
        /// How it came.
        via: Via,
    },
    /// A refresh was given tokens; whether the answer arrives is another matter.
    RefreshGranted {
        /// The new pair.
        token: TokenId,
    },
    /// A refresh was refused.
    RefreshRefused {
        /// Why, in words.
        why: String,
    },
    /// A refresh was answered, or its answer was lost.
    RefreshAnswered {
        /// Its number among the refreshes.
        request: u64,
        /// The status; `None` if the answer was lost.
        status: Option<u16>,
    },
    /// A spent refresh token was presented and refused.
    ReuseDetected {
        /// The spent token.
        token: TokenId,
    },
    /// A family ended.
    FamilyDied {
        /// Which.
        family: u64,
        /// Why.
        death: Death,
    },
    /// A request came to the API.
    ApiArrived {
        /// Its number among the requests to the API.
        request: u64,
        /// Which origin.
        origin: Origin,
        /// The method.
        method: String,
        /// The path.
        path: String,
        /// Its `X-Request-Id`.
        request_id: Option<String>,
        /// The token it carried, if the server issued it.
        token: Option<TokenId>,
    },
    /// A request to the API was answered, or its answer was lost.
    ApiAnswered {
        /// Its number among the requests to the API.
        request: u64,
        /// The status; `None` if the answer was lost.
        status: Option<u16>,
    },
    /// A token was revoked by its client (RFC 7009).
    Revoked {
        /// Which.
        token: TokenId,
    },
    /// A fault struck a request.
    FaultStruck {
        /// Where the request was.
        point: Point,
        /// The fault's name.
        fault: String,
    },
    /// Access tokens were ended on command.
    AccessTokensExpired {
        /// Of this family; `None` for all.
        family: Option<u64>,
    },
    /// The clock was moved.
    ClockAdvanced {
        /// How far, in milliseconds.
        by_ms: u64,
    },
    /// Settings were changed.
    SettingsChanged,
    /// The server stopped listening.
    WentOffline,
    /// The server listens again.
    WentOnline,
}
