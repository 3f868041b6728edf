//! What requests ask for.

use super::effect::AttemptId;
use super::outcome::Failure;
use crate::SessionId;

/// Which token a request was sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The sign-in the token belonged to.
    pub session: SessionId,
    /// The generation it was published as.
    pub generation: u64,
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demand {
    /// A token that may be sent now.
    Usable,
    /// A token of the same session, newer than this one, which the API refused.
    NewerThan(Stamp),
    /// A token that is not due for renewal. Asked for ahead of time; whoever asks need not wait.
    Due,
}

/// What came of a demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demanded {
    /// An attempt is under way; [`Effect::Settle`](super::Effect::Settle) will name it.
    Joined(AttemptId),
    /// The snapshot serves already.
    LookAgain,
    /// No attempt is allowed now, or none would help.
    Refused(Failure),
}
