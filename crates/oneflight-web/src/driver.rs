//! The driver: the machine, the rights to answer it, and everybody who waits.
//!
//! Every method takes the time, gives the machine one input, and carries out all that it then asks for. A page has one
//! thread, so nothing here is shared; what takes time is the host's, and its answers come as calls.

mod answer;
mod effect;
mod wait;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use oneflight_core::answer::AnswerRules;
use oneflight_core::machine::{
    Config, Demand, LoadTicket, LockTicket, Machine, RefreshTicket, Renew, RevokeTicket, SaveTicket,
    Snapshot, Status,
};
use oneflight_core::{MonoTime, Now, SessionId, TokenSet, Version};

use crate::host::{Host, Slot, Waiter};
pub use answer::{Loaded, Locked};
use wait::Waiting;

/// The right to answer an effect, and what is needed to make sense of the answer.
enum Ticket {
    Lock(LockTicket),
    Load(LoadTicket),
    Save(SaveTicket, Version),
    Refresh(RefreshTicket, Option<Arc<TokenSet>>),
    Revoke(RevokeTicket),
}

/// One session of one page.
pub struct Driver<H> {
    machine: Machine,
    host: H,
    rules: AnswerRules,
    renew: Renew,
    slots: u32,
    tickets: Vec<(Slot, Ticket)>,
    waiting: Vec<Waiting>,
    /// What the store calls the versions that were read or written last.
    tags: Vec<(Version, String)>,
    /// As requests see it.
    published: Snapshot,
    latest: MonoTime,
    /// When the host was asked to wake us.
    armed: Option<MonoTime>,
    hidden: bool,
    closing: bool,
    /// The newest sign-in that was made here.
    own_sign_in: Option<SessionId>,
    /// A sign-out of this page, or an answer that it got, ends the session.
    ends_here: bool,
}

impl<H: Host> Driver<H> {
    /// A driver that knows nothing yet: the first demand reads the store.
    pub fn new(config: Config, rules: AnswerRules, host: H) -> Self {
        let renew = config.policy.renew;
        let machine = Machine::new(config);
        let published = machine.snapshot();
        Self {
            machine,
            host,
            rules,
            renew,
            slots: 0,
            tickets: Vec::new(),
            waiting: Vec::new(),
            tags: Vec::new(),
            published,
            latest: MonoTime::default(),
            armed: None,
            hidden: false,
            closing: false,
            own_sign_in: None,
            ends_here: false,
        }
    }

    /// What carries out what is asked for.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// The same, to be changed.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    /// How answers are judged, to be changed before the first.
    pub fn rules_mut(&mut self) -> &mut AnswerRules {
        &mut self.rules
    }

    /// What requests see.
    #[must_use]
    pub fn published(&self) -> &Snapshot {
        &self.published
    }

    /// Says what a request needs. [`Host::settle`] tells `waiter` how it went, perhaps before this returns.
    pub fn demand(&mut self, now: Now, waiter: Waiter, demand: Demand) {
        let now = self.not_earlier(now);
        self.look(now, Waiting::of_demand(waiter, demand));
        self.carry_out(now);
    }

    /// Asks for a renewal ahead of time, without waiting for it.
    pub fn ask_ahead(&mut self, now: Now) {
        let now = self.not_earlier(now);
        let _ = self.machine.demand(now, Demand::Due);
        self.carry_out(now);
    }

    /// Begins the renewal that a refusal calls for, if nobody has, without waiting for it.
    pub fn renew_for_the_next(&mut self, now: Now, refused: oneflight_core::machine::Stamp) {
        let now = self.not_earlier(now);
        let _ = self.machine.demand(now, Demand::NewerThan(refused));
        self.carry_out(now);
    }

    /// Signs in. `session` is 128 random bits made for this sign-in.
    pub fn sign_in(&mut self, now: Now, waiter: Waiter, session: SessionId, tokens: TokenSet) {
        let now = self.not_earlier(now);
        self.own_sign_in = Some(session);
        let id = self.machine.sign_in(now, session, tokens);
        self.waiting.push(Waiting::of_command(waiter, id));
        self.carry_out(now);
    }

    /// Signs out.
    pub fn sign_out(&mut self, now: Now, waiter: Waiter) {
        let now = self.not_earlier(now);
        self.ends_here = true;
        let id = self.machine.sign_out(now);
        self.waiting.push(Waiting::of_command(waiter, id));
        self.carry_out(now);
        self.ends_here = false;
    }

    /// Somebody no longer waits. What is under way goes on.
    pub fn forget(&mut self, waiter: Waiter) {
        self.waiting.retain(|waiting| waiting.waiter != waiter);
    }

    /// Forgets pauses: something changed.
    pub fn retry_now(&mut self, now: Now) {
        let now = self.not_earlier(now);
        self.machine.retry_now(now);
        self.carry_out(now);
    }

    /// A message from another page: the store has reached this version.
    pub fn hint(&mut self, now: Now, version: Version) {
        if self.machine.known() < Some(version) {
            self.reload(now);
        }
    }

    /// Reads the store again: a message may have been missed.
    pub fn reload(&mut self, now: Now) {
        let now = self.not_earlier(now);
        self.machine.reload(now);
        self.carry_out(now);
    }

    /// The page can be seen, or cannot. A page that cannot does not keep its token fresh; what became due while it slept
    /// is done when it wakes.
    pub fn visible(&mut self, now: Now, visible: bool) {
        let now = self.not_earlier(now);
        self.hidden = !visible;
        if visible {
            self.machine.handle_timeout(now);
        }
        self.carry_out(now);
    }

    /// The time that [`Host::timer`] was asked for has come.
    pub fn timeout(&mut self, now: Now) {
        let now = self.not_earlier(now);
        self.armed = None;
        if !self.sleeps() {
            self.machine.handle_timeout(now);
        }
        self.carry_out(now);
    }

    /// What is left of the lease of the lock; nothing, if the lock was taken from us.
    pub fn lease(&mut self, now: Now, remaining: Duration) {
        let now = self.not_earlier(now);
        self.machine.lease(now, remaining);
        self.carry_out(now);
    }

    /// No new attempt begins; [`Host::rest`] says when what is under way has ended.
    pub fn close(&mut self, now: Now) {
        let now = self.not_earlier(now);
        self.closing = true;
        self.machine.close(now);
        self.carry_out(now);
    }

    /// The monotonic clock does not go back here, whatever the page's does.
    #[inline(never)]
    fn not_earlier(&mut self, mut now: Now) -> Now {
        self.latest = self.latest.max(now.mono);
        now.mono = self.latest;
        now
    }

    /// Whether the timer would only renew ahead of time, for nobody to see.
    fn sleeps(&self) -> bool {
        self.hidden && self.renew == Renew::KeepFresh && self.machine.is_idle()
    }

    fn is_settled(&self) -> bool {
        self.tickets.is_empty() && (self.machine.is_idle() || self.machine.has_unsaved())
    }

    /// Arms the timer for what happens by itself.
    fn arm(&mut self, now: Now) {
        let wait = if self.sleeps() {
            None
        } else {
            self.machine.poll_timeout(now)
        };
        let at = wait.map(|wait| now.mono.after(wait));
        if at != self.armed {
            self.armed = at;
            self.host.timer(wait);
        }
        if self.closing && self.is_settled() {
            let unsaved = self.machine.has_unsaved();
            // Once more when that is stored, too.
            self.closing = unsaved;
            self.host.rest(unsaved);
        }
    }

    /// Whether somebody is signed in, as requests see it.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        self.published.status == Status::SignedIn
    }
}
