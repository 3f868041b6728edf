//! The authorization server: families of refresh tokens.

use super::rules::ServerKind;

/// Names a token: the number of its family (and of its session), and its number within.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    pub(super) family: u8,
    pub(super) index: u8,
}

impl core::fmt::Debug for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}", self.family, self.index)
    }
}

/// What a refresh gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Grant {
    pub(super) access: Name,
    /// `None`: the old one stays.
    pub(super) refresh: Option<Name>,
}

/// The refresh tokens of one sign-in, as bits of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Family {
    pub(super) alive: bool,
    /// How many sets were issued.
    pub(super) issued: u8,
    /// Tokens that may be used.
    pub(super) valid: u32,
    /// Tokens that were used, but may be used again while the window is open.
    pub(super) graced: u32,
}

impl Family {
    pub(super) fn new() -> Self {
        Self {
            alive: true,
            issued: 1,
            valid: 1,
            graced: 0,
        }
    }

    /// A refresh arrives. `None`: `invalid_grant`.
    pub(super) fn refresh(&mut self, kind: ServerKind, token: Name) -> Option<Grant> {
        if !self.alive {
            return None;
        }
        let bit = 1 << token.index;
        let next = Name {
            index: self.issued,
            ..token
        };
        if kind == ServerKind::Constant {
            self.issued += 1;
            return Some(Grant {
                access: next,
                refresh: None,
            });
        }
        if (self.valid | self.graced) & bit == 0 {
            self.alive = kind == ServerKind::Refusing;
            return None;
        }
        self.issued += 1;
        self.valid = self.valid & !bit | 1 << next.index;
        if kind == ServerKind::Graceful {
            self.graced |= bit;
        }
        Some(Grant {
            access: next,
            refresh: Some(next),
        })
    }

    /// A revocation arrives. That of a token which was used already changes nothing (RFC 7009 §2.2).
    pub(super) fn revoke(&mut self, token: Name) {
        if (self.valid | self.graced) & (1 << token.index) != 0 {
            self.alive = false;
        }
    }
}
