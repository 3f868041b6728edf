//! One holder of the grant: its machine, what it waits for, and what the model knows that it knows.

use alloc::vec::Vec;

use super::rules::{LIFETIME, Rules};
use super::server::{Grant, Name};
use crate::machine::fingerprint::is_of_ledger;
use crate::machine::{
    AttemptId, Config, LoadTicket, LockTicket, Machine, RefreshTicket, RevokeTicket, Save, SaveTicket,
    Snapshot, StoreFailed, Swap,
};
use crate::{HolderId, Now, SessionId, Stored, TokenSet};

/// More sign-ins than any budget allows.
pub(super) const FAMILIES: usize = 6;

/// An effect that is under way, or whose answer is.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Lock(LockTicket),
    Load(LoadTicket),
    Loaded(LoadTicket, Result<Option<Stored>, StoreFailed>),
    Save(SaveTicket, Save),
    Saved(SaveTicket, Result<Swap, StoreFailed>),
    Refresh(RefreshTicket, Name),
    /// The server has processed it; `None`: refused.
    Answered(RefreshTicket, Name, Option<Grant>),
    Revoke(RevokeTicket, Name),
}

/// Somebody who waits for an attempt, and what they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Waiter {
    /// The session that the request belongs to, if one was there when it came.
    pub(super) session: Option<u8>,
    /// The generation that the API refused.
    pub(super) older_than: Option<u64>,
    /// The token that it was, if it was the newest.
    pub(super) refused: Option<Name>,
    /// It wants a token that is not due for renewal.
    pub(super) due: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Awaited {
    Renewal,
    SignIn(u8),
    /// The session that was seen, if one was.
    SignOut(Option<u8>),
}

/// An attempt or a command that has not settled yet.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) id: AttemptId,
    pub(super) awaited: Awaited,
    pub(super) waiters: Vec<Waiter>,
}

#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) id: HolderId,
    pub(super) machine: Machine,
    pub(super) ops: Vec<Op>,
    pub(super) waiting: Vec<Waiting>,
    /// What was published last.
    pub(super) shown: Snapshot,
    /// A hint on its way.
    pub(super) hint: Option<Option<Stored>>,
    /// Refresh tokens that this holder got, by family, as bits.
    pub(super) known: [u32; FAMILIES],
    /// The access token of the set whose refresh token it presented last.
    pub(super) presented: Option<Name>,
    /// Refresh tokens that the server refused this holder for good, and the access tokens beside them.
    pub(super) refused: Vec<(Name, Option<Name>)>,
    /// Sessions that this holder knows to be signed out, as bits.
    pub(super) over: u8,
    /// Sessions that it was told to sign out.
    pub(super) signed_out: u8,
    /// The read that is under way began before its last sign-in.
    pub(super) reads_too_early: bool,
    /// Its sign-in has read what it takes the place of.
    pub(super) sign_in_read: bool,
    /// It was told to sign out before it knew what stands in the store: the read that is under way will tell, or the one
    /// after it.
    pub(super) signed_out_unseen: [bool; 2],
    /// Refresh tokens that had stood in the store when its renewal last read or marked it, by family, as bits.
    pub(super) looked: [u32; FAMILIES],
    pub(super) closed: bool,
    /// Sessions that stood there then.
    pub(super) signed_out_unseen_in: u8,
}

impl Holder {
    pub(super) fn new(rules: &Rules, slot: u8, life: u8) -> Self {
        let id = HolderId([slot * 16 + life; 16]);
        let config = Config {
            policy: rules.policy.clone(),
            holder: id,
            seed: [0, 0],
        };
        let mut machine = Machine::new(config);
        machine.mutation = rules.mutation;
        Self {
            id,
            shown: machine.snapshot(),
            machine,
            ops: Vec::new(),
            waiting: Vec::new(),
            hint: None,
            known: [0; FAMILIES],
            presented: None,
            refused: Vec::new(),
            over: 0,
            signed_out: 0,
            reads_too_early: false,
            sign_in_read: true,
            signed_out_unseen: [false; 2],
            looked: [0; FAMILIES],
            closed: false,
            signed_out_unseen_in: 0,
        }
    }

    /// The session that requests see.
    pub(super) fn session(&self) -> Option<u8> {
        let current = self.shown.current.as_ref();
        current.map(|current| number(current.session))
    }

    /// The access token that requests are sent with.
    pub(super) fn access(&self) -> Option<Name> {
        let current = self.shown.current.as_ref();
        current.map(|current| access(&current.tokens))
    }

    /// Whether a read is under way for a sign-in or a sign-out.
    pub(super) fn ledger_reads(&self) -> bool {
        self.ops.iter().any(|op| match op {
            Op::Load(ticket) | Op::Loaded(ticket, _) => is_of_ledger(*ticket),
            _ => false,
        })
    }

    /// Whether it waits for the token endpoint.
    pub(super) fn refreshes(&self) -> bool {
        let refreshing = |op: &Op| matches!(op, Op::Refresh(..) | Op::Answered(..));
        self.ops.iter().any(refreshing)
    }
}

pub(super) fn session(family: u8) -> SessionId {
    SessionId([family; 16])
}

pub(super) fn number(session: SessionId) -> u8 {
    session.0[0]
}

/// The bit of a family in a set of families.
pub(super) fn bit(family: u8) -> u8 {
    1 << family
}

pub(super) fn token_set(rules: &Rules, now: Now, grant: Grant) -> TokenSet {
    let text = |kind: char, name: Name| {
        let letter = |number: u8| char::from(b'0' + number);
        alloc::string::String::from_iter([kind, letter(name.family), letter(name.index)])
    };
    let set = TokenSet::new(&text('a', grant.access), now.wall).expect("three printable characters");
    let set = if rules.timeless {
        set
    } else {
        set.expires_in(LIFETIME)
    };
    match grant.refresh {
        None => set,
        Some(refresh) => set
            .refresh_token(&text('r', refresh))
            .expect("three printable characters"),
    }
}

fn name(text: &str) -> Name {
    match text.as_bytes() {
        [_, family, index] => Name {
            family: family - b'0',
            index: index - b'0',
        },
        _ => panic!("a token that no server issued"),
    }
}

pub(super) fn access(tokens: &TokenSet) -> Name {
    name(tokens.access_token.expose())
}

pub(super) fn refresh(tokens: &TokenSet) -> Name {
    let token = tokens.refresh_token.as_ref();
    name(token.expect("every set of the model has one").expose())
}
