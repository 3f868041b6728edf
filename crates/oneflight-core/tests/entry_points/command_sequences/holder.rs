//! One holder: a machine, what it waits for, and what it has shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use oneflight_core::machine::{
    AttemptId, Config, Demand, Demanded, Effect, Event, LoadTicket, LockResult, Machine, Outcome, Policy,
    Revocation, Snapshot, Stamp, Status, StoreFailed,
};
use oneflight_core::{EndReason, HolderId, Now, SessionId, State, Stored, TokenSet};

use super::pending::Pending;
use super::trace;
use super::world::{Fault, SECRET, World};

/// No input makes a machine ask for more than this, beside telling those who wait.
const MAX_EFFECTS: usize = 64;

/// What one failure of the store can keep from being stored: a sign-in, a tombstone, a token set.
const MAX_FAILURES_TOLD: usize = 3;

/// What a holder calls itself in a mark.
fn name(index: usize, life: u8) -> u8 {
    u8::try_from(index).expect("two holders") * 128 + life % 128
}

/// Whether it is read for sign-ins and sign-outs. The lane of a ticket is the machine's own affair, but it is shown.
fn ticket_of_ledger(ticket: &LoadTicket) -> bool {
    format!("{ticket:?}").contains("Ledger")
}

/// What a waiter was promised.
#[derive(Debug)]
struct Waiting {
    session: Option<SessionId>,
    newer_than: Option<u64>,
}

pub(crate) struct Holder {
    pub(crate) machine: Machine,
    pub(crate) life: u8,
    pub(crate) closed: bool,
    index: usize,
    pending: Vec<Pending>,
    waiting: BTreeMap<AttemptId, Vec<Waiting>>,
    settled: BTreeSet<AttemptId>,
    shown: Snapshot,
    /// The session that is signed out just now.
    leaving: Option<SessionId>,
    /// A sign-out from before anything was read: it ends whatever the store holds.
    leaving_unseen: Option<AttemptId>,
    /// A sign-in that was not published yet: it may not have read what it is to replace.
    signing_in: Option<AttemptId>,
    /// Sign-outs that end whatever the store holds when they read it: nothing was read before, or a sign-in that they end
    /// was to replace it.
    aiming: BTreeSet<AttemptId>,
    /// Sessions that were signed out here.
    signed_out: BTreeSet<SessionId>,
    /// Sessions that were published here, or signed in.
    met: BTreeSet<SessionId>,
    /// Sets that came to this holder, each with the failures of the store until then.
    received: BTreeMap<String, usize>,
    store_failures: usize,
    /// Refreshes sent since the lock was taken.
    sent: u8,
}

impl Holder {
    pub(crate) fn new(index: usize, life: u8, policy: &Policy) -> Self {
        let name = name(index, life);
        let machine = Machine::new(Config {
            policy: Arc::new(policy.clone()),
            holder: HolderId([name; 16]),
            seed: [u64::from(name), u64::from(life)],
        });
        Self {
            life,
            closed: false,
            index,
            pending: Vec::new(),
            waiting: BTreeMap::new(),
            settled: BTreeSet::new(),
            shown: machine.snapshot(),
            leaving: None,
            leaving_unseen: None,
            signing_in: None,
            aiming: BTreeSet::new(),
            signed_out: BTreeSet::new(),
            met: BTreeSet::new(),
            received: BTreeMap::new(),
            store_failures: 0,
            sent: 0,
            machine,
        }
    }

    fn name(&self) -> u8 {
        name(self.index, self.life)
    }

    fn session(&self) -> Option<SessionId> {
        self.shown.current.as_ref().map(|current| current.session)
    }

    pub(crate) fn demand_usable(&mut self, now: Now) {
        match self.machine.demand(now, Demand::Usable) {
            Demanded::Joined(id) => self.wait(id, self.session(), None),
            Demanded::LookAgain => assert!(self.is_served(now), "there is nothing to look at"),
            Demanded::Refused(_) => {}
        }
    }

    /// A request was refused with what is shown now, or with what was shown some generations ago.
    pub(crate) fn demand_newer(&mut self, now: Now, ago: u8) {
        let Some(session) = self.session() else { return };
        let ago = u64::from(ago.saturating_sub(200));
        let generation = self.shown.generation.saturating_sub(ago);
        let ago = self.shown.generation - generation;
        let served = self.is_served(now);
        let stamp = Stamp { session, generation };
        match self.machine.demand(now, Demand::NewerThan(stamp)) {
            Demanded::Joined(id) => {
                assert!(ago == 0 || !served, "a late refusal starts a refresh");
                self.wait(id, Some(session), Some(generation));
            }
            Demanded::LookAgain => {
                assert!(generation < self.shown.generation, "it was refused just now");
                assert!(served, "there is nothing to look at");
            }
            Demanded::Refused(_) => {}
        }
    }

    pub(crate) fn demand_due(&mut self, now: Now) {
        if let Demanded::Joined(id) = self.machine.demand(now, Demand::Due) {
            self.wait(id, self.session(), None);
        }
    }

    pub(crate) fn sign_in(&mut self, now: Now, world: &mut World, lifetime: Option<u64>) {
        let Some((session, tokens)) = world.sign_in(lifetime, now) else {
            return;
        };
        // Whoever it is to replace, here or in the store, may end by it.
        world.given_up.extend(self.met.iter().copied());
        world.given_up.extend(world.live().map(|(session, _)| session));
        self.met.insert(session);
        self.receive(&tokens);
        self.leaving_unseen = None;
        let id = self.machine.sign_in(now, session, tokens);
        self.signing_in = Some(id);
        self.wait(id, None, None);
    }

    pub(crate) fn sign_out(&mut self, now: Now, world: &mut World) {
        world.given_up.extend(self.met.iter().copied());
        // Before anything was read, it ends whatever the store holds.
        world.given_up.extend(world.live().map(|(session, _)| session));
        self.leaving = self.session();
        let unread = self.shown.status == Status::Unknown && self.met.is_empty();
        let id = self.machine.sign_out(now);
        self.leaving_unseen = unread.then_some(id);
        if unread || self.signing_in.is_some() {
            self.aiming.insert(id);
        }
        self.wait(id, None, None);
    }

    pub(crate) fn close(&mut self, now: Now) {
        self.closed = true;
        self.machine.close(now);
    }

    fn wait(&mut self, id: AttemptId, session: Option<SessionId>, newer_than: Option<u64>) {
        assert!(!self.settled.contains(&id), "joined what is over");
        let waiting = Waiting { session, newer_than };
        self.waiting.entry(id).or_default().push(waiting);
    }

    fn receive(&mut self, tokens: &TokenSet) {
        let text = tokens.access_token.expose().into();
        self.received.insert(text, self.store_failures);
    }

    /// The sets whose refresh tokens are on their way.
    pub(crate) fn in_flight(&self) -> impl Iterator<Item = Arc<TokenSet>> {
        self.pending.iter().filter_map(|pending| match pending {
            Pending::Refresh(_, base) => Some(base.clone()),
            _ => None,
        })
    }

    /// Carries out what the machine asks for.
    pub(crate) fn drain(&mut self, now: Now, world: &mut World, lock: &mut Option<usize>) {
        // Each of them is told once, and may have had a token to be revoked.
        let most = MAX_EFFECTS + 2 * self.waiting.len();
        let mut failures_told = 0;
        for count in 0.. {
            let Some(effect) = self.machine.poll_effect() else {
                break;
            };
            assert!(count < most, "one input, effects without end");
            let told = format!("{effect:?}");
            assert!(!told.contains(SECRET), "a token is shown: {told}");
            trace(|| format!("  {} asks: {told}", self.index));
            match effect {
                Effect::Lock(ticket) => self.pending.push(Pending::Lock(ticket)),
                Effect::Unlock => {
                    assert_eq!(lock.take(), Some(self.index), "gave back what it did not have");
                    self.sent = 0;
                }
                Effect::Load(ticket) => {
                    self.pending.push(Pending::Load(ticket, world.stored.clone()));
                }
                Effect::Save(ticket, save) => {
                    let live = matches!(save.record.state, State::Live { .. });
                    let over = live && self.signed_out.contains(&save.record.session);
                    assert!(!over, "a signed-out session is stored");
                    if matches!(save.record.state, State::Ended(EndReason::SignOut)) {
                        world.given_up.insert(save.record.session);
                        self.signed_out.insert(save.record.session);
                        self.leaving_unseen = None;
                    }
                    self.pending.push(Pending::Save(ticket, save));
                }
                Effect::Refresh(ticket, refresh) => {
                    assert_eq!(*lock, Some(self.index), "refreshed without the lock");
                    let base = refresh.base.expect("every session has a refresh token");
                    let token = base.refresh_token.as_ref().expect("every set has one");
                    world.check_presented(token, HolderId([self.name(); 16]));
                    self.sent += 1;
                    assert!(self.sent <= 2, "presented again and again");
                    self.pending.push(Pending::Refresh(ticket, base));
                }
                Effect::Revoke(ticket, tokens) => self.pending.push(Pending::Revoke(ticket, tokens)),
                Effect::Publish(snapshot) => self.show(world, snapshot),
                Effect::Settle(id, outcome) => self.told(now, id, &outcome),
                Effect::Notify(Event::StoreFailed { .. }) => {
                    failures_told += 1;
                    assert!(
                        failures_told <= MAX_FAILURES_TOLD,
                        "one failure is told again and again"
                    );
                }
                _ => {}
            }
        }
        if let Some(left) = self.leaving.take() {
            assert_ne!(self.session(), Some(left), "a sign-out that shows nowhere");
            self.signed_out.insert(left);
        }
    }

    fn show(&mut self, world: &World, snapshot: Snapshot) {
        assert!(
            snapshot.generation >= self.shown.generation,
            "generations only grow"
        );
        let session = snapshot.current.as_ref().map(|current| current.session);
        if session != self.session() {
            assert!(
                snapshot.generation > self.shown.generation,
                "another session, the same generation"
            );
        }
        if let (Status::SignedOut(EndReason::GrantDead { .. }), Some(left)) =
            (snapshot.status, self.session())
        {
            let stands = world.live().is_some_and(|(session, _)| session == left);
            assert!(
                !stands || self.machine.has_unsaved(),
                "a dead grant that nobody buries"
            );
        }
        if let Some(current) = &snapshot.current {
            assert!(self.leaving_unseen.is_none(), "adopted while it is signed out");
            assert!(
                !self.signed_out.contains(&current.session),
                "a signed-out session is published"
            );
            self.met.insert(current.session);
            let text = current.tokens.access_token.expose();
            let failed = self
                .received
                .get(text)
                .is_some_and(|before| self.store_failures > *before);
            assert!(
                failed || world.was_stored.contains(text),
                "published before it was stored"
            );
        }
        self.shown = snapshot;
    }

    fn told(&mut self, now: Now, id: AttemptId, outcome: &Outcome) {
        assert!(self.settled.insert(id), "settled twice");
        self.leaving_unseen.take_if(|leaving| *leaving == id);
        self.signing_in.take_if(|signing_in| *signing_in == id);
        self.aiming.remove(&id);
        let generation = match outcome {
            Outcome::Renewed { generation } | Outcome::Adopted { generation } => *generation,
            _ => {
                self.waiting.remove(&id);
                return;
            }
        };
        assert_eq!(
            generation, self.shown.generation,
            "an outcome that nobody can read"
        );
        // A set just received is handed out, however short its lifetime; what another holder received must still serve.
        let adopted = matches!(outcome, Outcome::Adopted { .. });
        assert!(!adopted || self.is_served(now), "an expired set is adopted");
        for waiting in self.waiting.remove(&id).unwrap_or_default() {
            let newer = waiting.newer_than.is_none_or(|old| generation > old);
            assert!(newer, "a waiter gets what was refused");
            let same = waiting.session.is_none() || waiting.session == self.session();
            assert!(same, "a waiter gets another session's token");
        }
    }

    /// Answers one of the tickets; false if there is none that can be answered.
    pub(crate) fn answer(
        &mut self,
        now: Now,
        world: &mut World,
        lock: &mut Option<usize>,
        which: usize,
        fault: Fault,
        lifetime: Option<u64>,
    ) -> bool {
        let blocked = lock.is_some() && fault == Fault::None;
        let open = |pending: &Pending| !(blocked && matches!(pending, Pending::Lock(_)));
        let open: Vec<usize> = (0..self.pending.len())
            .filter(|at| open(&self.pending[*at]))
            .collect();
        if open.is_empty() {
            return false;
        }
        let pending = self.pending.remove(open[which % open.len()]);
        trace(|| format!("  {} is answered, {fault:?}: {}", self.index, pending.name()));
        self.answer_one(now, world, lock, pending, fault, lifetime);
        true
    }

    fn answer_one(
        &mut self,
        now: Now,
        world: &mut World,
        lock: &mut Option<usize>,
        pending: Pending,
        fault: Fault,
        lifetime: Option<u64>,
    ) {
        match pending {
            Pending::Lock(ticket) => {
                let result = match fault {
                    Fault::None => LockResult::Acquired,
                    Fault::NotDone | Fault::DoneHalf => LockResult::TimedOut,
                    _ => LockResult::Failed,
                };
                if result == LockResult::Acquired {
                    *lock = Some(self.index);
                }
                self.machine.locked(now, ticket, result);
            }
            Pending::Load(ticket, early) => {
                let result = match fault {
                    Fault::None => Ok(world.stored.clone()),
                    // Read at once, and long under way.
                    Fault::DoneHalf => Ok(early),
                    _ => Err(StoreFailed),
                };
                self.store_failures += usize::from(result.is_err());
                if ticket_of_ledger(&ticket)
                    && let Ok(stored) = &result
                {
                    self.learn_what_ends(world, stored.as_ref());
                }
                self.machine.loaded(now, ticket, result);
            }
            Pending::Save(ticket, save) => {
                let result = world.save(save, fault);
                self.store_failures += usize::from(result.is_err());
                self.machine.saved(now, ticket, result);
            }
            Pending::Refresh(ticket, base) => {
                let verdict = world.refresh(&base, lifetime, fault, self.index, now);
                if let oneflight_core::answer::Verdict::Renewed(tokens) = &verdict {
                    self.receive(tokens);
                }
                self.machine.refreshed(now, ticket, verdict);
            }
            Pending::Revoke(ticket, tokens) => {
                let result = match fault {
                    Fault::None | Fault::DoneUnknown => {
                        world.revoke(&tokens);
                        Revocation::Done
                    }
                    Fault::Other => Revocation::NotOffered,
                    _ => Revocation::Failed,
                };
                self.machine.revoked(now, ticket, result);
            }
        }
    }

    /// A sign-out that knew nothing of the store ends what is read for it, also what somebody signed in after the command;
    /// and nothing that comes later.
    fn learn_what_ends(&mut self, world: &mut World, stored: Option<&Stored>) {
        let ends = !self.aiming.is_empty();
        let stands = stored.filter(|stored| {
            let state = &stored.record.state;
            matches!(
                state,
                State::Live { .. } | State::Ended(EndReason::GrantDead { .. })
            )
        });
        if let Some(stored) = stands.filter(|_| ends) {
            world.given_up.insert(stored.record.session);
        }
        if self.leaving_unseen.take().is_some() {
            self.signed_out.extend(stands.map(|stored| stored.record.session));
        }
    }

    pub(crate) fn check_all_settled(&self) {
        assert!(
            self.waiting.is_empty(),
            "somebody waits for ever: {:?}",
            self.waiting
        );
    }

    pub(crate) fn has_signed_out(&self, session: SessionId) -> bool {
        self.signed_out.contains(&session)
    }

    /// Whether a request could be sent now.
    pub(crate) fn is_served(&self, now: Now) -> bool {
        let snapshot = self.machine.snapshot();
        snapshot
            .current
            .is_some_and(|current| current.is_usable(now.wall))
    }
}
