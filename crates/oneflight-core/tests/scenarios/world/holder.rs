//! One holder: a machine, what it waits for, and what it said.

use std::collections::{BTreeSet, VecDeque};

use oneflight_core::answer::Verdict;
use oneflight_core::machine::{AttemptId, Effect, Event, Machine, Outcome, Snapshot, Status};
use oneflight_core::{EndReason, SessionId, TokenSet};

pub(crate) struct Holder {
    pub(crate) machine: Machine,
    /// Effects that were asked for and not carried out yet.
    pub(super) pending: VecDeque<Effect>,
    /// Effects that were carried out and not answered yet.
    pub(super) held_back: u32,
    /// Refreshes among them.
    pub(super) awaited: u32,
    /// Attempts and commands that somebody waits for.
    pub(crate) waiting: BTreeSet<AttemptId>,
    pub(crate) settled: Vec<(AttemptId, Outcome)>,
    pub(crate) events: Vec<Event>,
    /// The names of all effects, in order.
    pub(crate) trace: Vec<&'static str>,
    /// Announcements of others, not delivered yet.
    pub(super) hints: usize,
    /// Sessions that were signed out here.
    pub(super) ended: Vec<SessionId>,
    /// Refresh tokens whose successor this holder was told.
    pub(super) learned: Vec<String>,
    /// The answer on its way is for a session that is over here.
    late: bool,
    pub(super) generation: u64,
    pub(super) status: Option<Status>,
    shown: Option<(SessionId, String)>,
}

impl Holder {
    pub(super) fn new(machine: Machine) -> Self {
        Self {
            machine,
            pending: VecDeque::new(),
            held_back: 0,
            awaited: 0,
            waiting: BTreeSet::new(),
            settled: Vec::new(),
            events: Vec::new(),
            trace: Vec::new(),
            hints: 0,
            ended: Vec::new(),
            learned: Vec::new(),
            late: false,
            generation: 0,
            status: None,
            shown: None,
        }
    }

    pub(crate) fn outcome(&self, id: AttemptId) -> Option<&Outcome> {
        self.settled
            .iter()
            .find_map(|(settled, outcome)| (*settled == id).then_some(outcome))
    }

    /// The sign-outs that the application heard of.
    pub(crate) fn sign_outs(&self) -> Vec<EndReason> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::SignedOut { reason } => Some(*reason),
                _ => None,
            })
            .collect()
    }

    pub(super) fn publish(&mut self, snapshot: Snapshot) {
        assert!(snapshot.generation >= self.generation, "a generation went back");
        let shown = snapshot.current.map(|current| {
            assert!(
                !self.ended.contains(&current.session),
                "an ended session came back"
            );
            (current.session, current.tokens.access_token.expose().to_owned())
        });
        let same = snapshot.generation == self.generation;
        assert!(
            !same || shown == self.shown || self.shown.is_none(),
            "two tokens share a generation"
        );
        self.generation = snapshot.generation;
        self.status = Some(snapshot.status);
        self.shown = shown;
    }

    /// The session of this holder is over, or about to be replaced: what it knew of its tokens is of no use to anybody.
    pub(super) fn move_on(&mut self) {
        self.learned.clear();
        let asked = |effect: &Effect| matches!(effect, Effect::Refresh(..));
        self.late = self.awaited > 0 || self.pending.iter().any(asked);
    }

    pub(super) fn learn(&mut self, base: Option<&TokenSet>, verdict: &Verdict) {
        let new = match verdict {
            Verdict::Renewed(set) => set.refresh_token.as_ref(),
            Verdict::Ambiguous { salvaged, .. } => salvaged.as_ref(),
            _ => None,
        };
        let old = base.and_then(|base| base.refresh_token.as_ref());
        let late = std::mem::take(&mut self.late);
        if let (Some(old), Some(new)) = (old, new)
            && !late
            && !old.same_as(new)
        {
            self.learned.push(old.expose().into());
        }
    }
}
