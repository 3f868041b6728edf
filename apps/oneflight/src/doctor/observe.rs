//! What can be known of a server, and how it is known.

use std::time::Duration;

/// Something about the server. What was not seen is never guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known<T> {
    /// It was seen.
    Observed(T),
    /// The server's metadata say so; nobody looked.
    Stated(T),
    /// Nobody looked, and why not.
    NotTried(String),
    /// Somebody looked, and what came tells nothing.
    Inconclusive(String),
}

impl<T> Known<T> {
    pub(crate) fn not_tried(why: impl Into<String>) -> Self {
        Self::NotTried(why.into())
    }

    pub(crate) fn inconclusive(why: impl Into<String>) -> Self {
        Self::Inconclusive(why.into())
    }

    /// What was seen, and nothing else.
    pub(crate) fn observed(&self) -> Option<&T> {
        match self {
            Self::Observed(value) => Some(value),
            _ => None,
        }
    }

    /// How it is known, in the words of the report.
    pub(crate) fn how(&self) -> &'static str {
        match self {
            Self::Observed(_) => "observed",
            Self::Stated(_) => "stated by metadata",
            Self::NotTried(_) => "not tried",
            Self::Inconclusive(_) => "inconclusive",
        }
    }
}

/// Everything that is asked about a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observations {
    pub(crate) stated: Stated,
    pub(crate) rotation: Known<Rotation>,
    pub(crate) members: Known<Members>,
    /// What becomes of the access token of before, at a refresh.
    pub(crate) old_access: Known<Fate>,
    /// The spent token, presented at once.
    pub(crate) replay: Known<Replay>,
    /// The pair of the first use, after a replay brought another.
    pub(crate) sibling: Known<Fate>,
    pub(crate) window: Known<Window>,
    /// What a use too late was answered, if the spent token was ever refused.
    pub(crate) reuse: Known<Reuse>,
    pub(crate) refresh_after_reuse: Known<Fate>,
    pub(crate) access_after_reuse: Known<Fate>,
    /// How a refresh token that is dead is refused, in each way that was seen.
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) revocation: Known<u16>,
    pub(crate) refresh_after_revocation: Known<Fate>,
    pub(crate) access_after_revocation: Known<Fate>,
    /// Another sign-in of the same user and client, after this one was revoked.
    pub(crate) other_session: Known<Fate>,
}

impl Observations {
    /// Nothing is known yet.
    pub(crate) fn none(why: &str) -> Self {
        Self {
            stated: Stated::default(),
            rotation: Known::not_tried(why),
            members: Known::not_tried(why),
            old_access: Known::not_tried(why),
            replay: Known::not_tried(why),
            sibling: Known::not_tried(why),
            window: Known::not_tried(why),
            reuse: Known::not_tried(why),
            refresh_after_reuse: Known::not_tried(why),
            access_after_reuse: Known::not_tried(why),
            refusals: Vec::new(),
            revocation: Known::not_tried(why),
            refresh_after_revocation: Known::not_tried(why),
            access_after_revocation: Known::not_tried(why),
            other_session: Known::not_tried(why),
        }
    }
}

/// What the server's metadata say; `None` where they are silent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Stated {
    /// `grant_types_supported` names `refresh_token`.
    pub(crate) refresh_grant: Option<bool>,
    /// There is a `revocation_endpoint`.
    pub(crate) revocation: bool,
    /// `token_endpoint_auth_methods_supported` names the one that is used.
    pub(crate) auth_method: Option<bool>,
    /// The one that is used.
    pub(crate) auth_method_used: &'static str,
    /// `scopes_supported` names `offline_access`.
    pub(crate) offline_access: Option<bool>,
}

/// How many refreshes brought another refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    pub(crate) refreshes: u32,
    pub(crate) rotated: u32,
}

/// What token answers held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Members {
    pub(crate) answers: u32,
    pub(crate) refresh_token: u32,
    pub(crate) scope: u32,
    pub(crate) expires_in: u32,
    /// Those that could be read, in order.
    pub(crate) lifetimes: Vec<Duration>,
}

/// Whether a token still works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Lives,
    Dies,
}

/// What a spent refresh token was answered at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replay {
    Refused,
    /// The pair that its first use got.
    SamePair,
    /// Tokens of its own.
    NewPair,
    /// A new access token beside the refresh token of the first use.
    SameRefreshToken,
    /// A new access token, and no refresh token.
    AccessTokenOnly,
}

/// How long a spent refresh token was accepted after its first use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// It was still accepted so long after.
    pub(crate) accepted: Duration,
    /// It was refused so long after, at the latest; `None`: it never was, as long as was looked.
    pub(crate) refused: Option<Duration>,
    /// How often it was accepted: some servers count instead.
    pub(crate) replays: u32,
}

/// A use that came too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    Refused,
    /// The oldest spent token that there is was accepted, so old.
    Accepted {
        age: Duration,
    },
}

/// How a refresh token was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) of: DeadToken,
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) taken_for: Taken,
}

/// Which token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeadToken {
    Spent,
    NewestAfterReuse,
    Revoked,
    NeverIssued,
}

/// What the library takes such an answer for, by its own rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The grant is dead.
    Dead,
    /// The user is wanted.
    Interaction,
    /// The client is refused, not the token.
    Client,
    /// Something is wrong with the request.
    Request,
}
