//! What tests and logs say of tokens and families.

use serde::{Deserialize, Serialize};

/// Which token: the n-th pair of a family. Never the token's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TokenId {
    /// The family, counted from 1 over the life of the server.
    pub family: u64,
    /// The pair within the family, counted from 1: sign-in makes the first, each refresh the next.
    pub sequence: u64,
}

/// Why a family is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Death {
    /// A refresh token was used twice.
    ReuseDetected,
    /// A client revoked it (RFC 7009).
    Revoked,
    /// A client signed out at the JSON endpoint.
    SignedOut,
    /// The test ordered it.
    ByCommand,
    /// Its authorization code was used twice (RFC 6749 §4.1.2).
    CodeReplayed,
    /// It outlived the lifetime of families.
    Expired,
}

/// What became of one family so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FamilyReport {
    /// The family's number.
    pub family: u64,
    /// The client it was issued to.
    pub client: String,
    /// The user, or the client itself for client credentials.
    pub subject: String,
    /// The scope granted, as one string; empty if none was asked for.
    pub scope: String,
    /// The resources asked for at sign-in (RFC 8707).
    pub resource: Vec<String>,
    /// The audiences asked for at sign-in.
    pub audience: Vec<String>,
    /// Why it is dead, if it is.
    pub death: Option<Death>,
    /// Pairs of tokens made, the first included.
    pub issued: u64,
    /// Refresh requests that presented one of its refresh tokens.
    pub refresh_posts: u64,
    /// Refreshes that replaced the refresh token.
    pub rotations: u64,
    /// Replays answered within the grace window.
    pub replays: u64,
    /// Times a spent refresh token was presented and refused.
    pub reuse_detected: u64,
    /// API requests that carried one of its access tokens.
    pub api_requests: u64,
}

impl FamilyReport {
    /// Whether the family is alive.
    pub fn is_alive(&self) -> bool {
        self.death.is_none()
    }
}
