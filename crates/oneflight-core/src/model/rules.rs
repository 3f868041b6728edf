//! What a world is made of, and how much may go wrong in it.

use alloc::sync::Arc;
use core::time::Duration;

use crate::machine::mutation::Mutation;
use crate::machine::{Policy, Renew};

/// How long an access token lives. Longer than all pauses that a trace can hold.
pub(super) const LIFETIME: Duration = Duration::from_secs(10_000_000);
/// A step of time that ends every pause and closes every window.
pub(super) const TICK: Duration = Duration::from_secs(400);
/// How long a lease lasts, unless it is renewed: longer than a request and a save, shorter than a tick.
pub(super) const LEASE: Duration = Duration::from_secs(300);

/// How far a wall clock may be set wrong, in both directions. Shorter than a lifetime, longer than all pauses.
pub(super) const SKEW: Duration = Duration::from_secs(3600);

/// How the authorization server treats a refresh token that was used already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerKind {
    /// It ends the whole family.
    Strict,
    /// It refuses the request, and nothing else.
    Refusing,
    /// It gives another token, until the window closes; then it ends the family.
    Graceful,
    /// It does not rotate: a refresh token may be used again and again.
    Constant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockKind {
    /// It dies with its holder.
    Dying,
    /// It outlives a holder that crashed, until the lease is over; and a lease can be lost.
    Leased,
    /// A fault: everybody gets it.
    Unsound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreKind {
    Comparing,
    /// A fault: it writes whatever the version.
    Blind,
}

/// How often something may still happen. What is not in here happens as often as it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Budget {
    pub(super) sign_ins: u8,
    pub(super) sign_outs: u8,
    pub(super) demands: u8,
    /// The access tokens come of age: first due for renewal, then expired.
    pub(super) ages: u8,
    /// A holder dies and starts again, knowing nothing.
    pub(super) crashes: u8,
    /// The answer to a refresh is lost; the request may be processed before, never, or later.
    pub(super) losses: u8,
    /// The token endpoint turns a request away without processing it.
    pub(super) throttles: u8,
    /// The store fails to read or write; a write may have landed.
    pub(super) store_faults: u8,
    /// The lock cannot be asked for, or is not to be had in time.
    pub(super) lock_faults: u8,
    pub(super) revoke_faults: u8,
    /// The server ends a family on its own account.
    pub(super) kills: u8,
    /// A lease ends although its holder lives.
    pub(super) lost_leases: u8,
    /// Hints that are delivered; the others get lost.
    pub(super) hints: u8,
    /// The application says that something changed, so that pauses end.
    pub(super) hurries: u8,
    /// The application closes a holder.
    pub(super) closes: u8,
    /// A holder's wall clock is set wrong, or right.
    pub(super) clocks: u8,
}

impl Budget {
    /// Both together.
    pub(super) fn and(&self, more: &Self) -> Self {
        Self {
            sign_ins: self.sign_ins + more.sign_ins,
            sign_outs: self.sign_outs + more.sign_outs,
            demands: self.demands + more.demands,
            ages: self.ages + more.ages,
            crashes: self.crashes + more.crashes,
            losses: self.losses + more.losses,
            throttles: self.throttles + more.throttles,
            store_faults: self.store_faults + more.store_faults,
            lock_faults: self.lock_faults + more.lock_faults,
            revoke_faults: self.revoke_faults + more.revoke_faults,
            kills: self.kills + more.kills,
            lost_leases: self.lost_leases + more.lost_leases,
            hints: self.hints + more.hints,
            hurries: self.hurries + more.hurries,
            closes: self.closes + more.closes,
            clocks: self.clocks + more.clocks,
        }
    }
}

/// The rules of one world.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) name: &'static str,
    pub(super) holders: u8,
    pub(super) server: ServerKind,
    pub(super) lock: LockKind,
    pub(super) store: StoreKind,
    /// Answers of the store may be late: other things happen between what it did and what its holder hears.
    pub(super) late_answers: bool,
    /// A hint carries the record as it was when the hint was sent; otherwise it makes the holder read.
    pub(super) hints_carry_records: bool,
    /// Time may pass while something is under way.
    pub(super) slow: bool,
    /// Nobody has signed in yet. Otherwise one session stands in the store, and nobody has read it yet.
    pub(super) empty: bool,
    /// A demand that is served ahead of time, by requests or by a timer.
    pub(super) renews_ahead: bool,
    /// The server does not say how long an access token lives: only a refusal tells.
    pub(super) timeless: bool,
    /// Worlds at rest are asked whether the session lives on.
    pub(super) asks_future: bool,
    pub(super) budget: Budget,
    pub(super) policy: Arc<Policy>,
    pub(super) mutation: Option<Mutation>,
}

impl Rules {
    /// Two holders, a strict server, a sound lock, a comparing store, and nothing that goes wrong.
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            holders: 2,
            server: ServerKind::Strict,
            lock: LockKind::Dying,
            store: StoreKind::Comparing,
            late_answers: false,
            hints_carry_records: false,
            slow: false,
            empty: false,
            renews_ahead: false,
            timeless: false,
            asks_future: true,
            budget: Budget::default(),
            policy: Arc::new(policy()),
            mutation: None,
        }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn policy_mut(&mut self) -> &mut Policy {
        Arc::make_mut(&mut self.policy)
    }

    /// Whether a holder may be taken for dead while it sleeps, or cannot save what it got. What the others then cannot
    /// know is not held against them.
    pub(super) fn frozen(&self) -> bool {
        (self.slow || self.budget.store_faults > 0) && !self.sound()
    }

    /// Whether two holders are never under the lock at once.
    pub(super) fn sound(&self) -> bool {
        self.lock == LockKind::Dying || (self.lock == LockKind::Leased && self.budget.lost_leases == 0)
    }
}

fn policy() -> Policy {
    Policy {
        renew: Renew::OnUse,
        renew_jitter: 0.0,
        rejection_budget: 2,
        ..Policy::default()
    }
}
