//! What a holder was asked to do, and has not answered.

use std::sync::Arc;

use oneflight_core::machine::{LoadTicket, LockTicket, RefreshTicket, RevokeTicket, Save, SaveTicket};
use oneflight_core::{Stored, TokenSet};

/// A ticket, and what it is for.
pub(super) enum Pending {
    Lock(LockTicket),
    /// With what stood there when it was asked for.
    Load(LoadTicket, Option<Stored>),
    Save(SaveTicket, Save),
    Refresh(RefreshTicket, Arc<TokenSet>),
    Revoke(RevokeTicket, Arc<TokenSet>),
}

impl Pending {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Lock(_) => "lock",
            Self::Load(..) => "load",
            Self::Save(..) => "save",
            Self::Refresh(..) => "refresh",
            Self::Revoke(..) => "revoke",
        }
    }
}
