//! Carrying out effects.

use oneflight_core::RefreshToken;
use oneflight_core::machine::{Effect, LockResult, Machine, Status};

use super::{Answer, Holder, Kind, World};

/// Effects after which a play is called endless.
const MAX_STEPS: u32 = 100_000;

impl World {
    /// Carries out all effects of all holders, until nothing is left but what waits for the lock or for time.
    pub(crate) fn run(&mut self) {
        let mut steps = 0;
        loop {
            let before = steps;
            for h in 0..self.holders.len() {
                while self.step_any(h) {
                    steps += 1;
                    assert!(steps < MAX_STEPS, "the play has no end");
                }
            }
            if steps == before {
                break;
            }
        }
        for (h, holder) in self.holders.iter().enumerate() {
            let machine = &holder.machine;
            let idle = machine.is_idle();
            assert!(
                !idle || holder.waiting.is_empty(),
                "holder {h} forgot {:?}",
                holder.waiting
            );
            let waits = !holder.pending.is_empty() || holder.held_back > 0;
            let timer = machine.poll_timeout(self.now).is_some();
            assert!(idle || waits || timer, "holder {h} waits for nothing");
        }
    }

    /// Carries out what one holder asks for, up to the first effect of this kind, which is left to be done.
    pub(crate) fn run_until(&mut self, h: usize, kind: Kind) {
        while !self.asks(h, kind) {
            assert!(self.step_any(h), "holder {h} never asked for {kind:?}");
        }
    }

    /// Whether a holder waits for an effect of this kind.
    pub(crate) fn asks(&self, h: usize, kind: Kind) -> bool {
        self.holders[h].pending.iter().any(|effect| kind.is(effect))
    }

    /// Carries out and answers the oldest effect of this kind.
    pub(crate) fn step(&mut self, h: usize, kind: Kind) {
        let answer = self.perform(h, kind);
        self.answer(h, answer);
    }

    /// Carries out all that one holder asks for, while the others stand still.
    pub(crate) fn run_only(&mut self, h: usize) {
        while self.step_any(h) {}
    }

    /// Carries out and answers the next effect of one holder.
    pub(crate) fn step_one(&mut self, h: usize) {
        assert!(self.step_any(h), "holder {h} has nothing to do");
    }

    /// Carries out and answers the next effect of one holder, if it has one that does not wait for the lock.
    pub(crate) fn try_step(&mut self, h: usize) {
        self.step_any(h);
    }

    /// Whether a holder that asks for the lock would get it.
    pub(crate) fn may_lock(&self, h: usize) -> bool {
        self.store.is_free_for(h, self.now.mono)
    }

    fn step_any(&mut self, h: usize) -> bool {
        let can =
            |effect: &Effect| !matches!(effect, Effect::Lock(_)) || self.store.is_free_for(h, self.now.mono);
        let Some(at) = self.holders[h].pending.iter().position(can) else {
            return false;
        };
        let answer = self.perform_at(h, at);
        self.answer(h, answer);
        true
    }

    /// Carries out the oldest effect of this kind; the answer is on its way.
    pub(crate) fn perform(&mut self, h: usize, kind: Kind) -> Answer {
        let asked = self.holders[h].pending.iter().position(|effect| kind.is(effect));
        self.perform_at(
            h,
            asked.unwrap_or_else(|| panic!("holder {h} asks for no {kind:?}")),
        )
    }

    fn perform_at(&mut self, h: usize, at: usize) -> Answer {
        let effect = self.holders[h].pending.remove(at).expect("it was just found");
        self.holders[h].held_back += 1;
        match effect {
            Effect::Lock(ticket) => Answer::Locked(ticket, self.store.lock(h, self.now.mono)),
            Effect::Load(ticket) => Answer::Loaded(ticket, self.store.load()),
            Effect::Save(ticket, save) => Answer::Saved(ticket, self.store.save(save)),
            Effect::Refresh(ticket, refresh) => {
                self.awaited += 1;
                self.holders[h].awaited += 1;
                assert!(self.awaited == 1 || !self.sound_lock, "two refreshes are awaited");
                let base = refresh.base.as_deref();
                if let Some(token) = base.and_then(|base| base.refresh_token.as_ref()) {
                    let known = self.successor_is_known(token.expose());
                    assert!(
                        !known || !self.sound_lock,
                        "a token whose successor is known was presented"
                    );
                }
                let verdict = self.server.refresh(base, self.now.wall);
                Answer::Refreshed(ticket, refresh, verdict)
            }
            Effect::Revoke(ticket, tokens) => Answer::Revoked(ticket, self.server.revoke(&tokens)),
            other => unreachable!("{other:?} has no ticket"),
        }
    }

    /// Whether the store, or a live holder whose session it still is, knows what this token was exchanged for.
    fn successor_is_known(&self, token: &str) -> bool {
        let has = |tokens: &Vec<String>| tokens.iter().any(|spent| spent == token);
        let lives_on = |holder: &Holder| {
            let current = holder.machine.snapshot().current;
            let newest = current
                .and_then(|current| current.tokens.refresh_token.as_ref().map(RefreshToken::duplicate));
            newest.is_some_and(|newest| self.server.are_of_one_family(token, newest.expose()))
        };
        has(&self.store.superseded)
            || self
                .holders
                .iter()
                .any(|holder| has(&holder.learned) && lives_on(holder))
    }

    /// The lock is not to be had within the bound.
    pub(crate) fn lock_times_out(&mut self, h: usize) {
        let asked = |effect: &Effect| Kind::Lock.is(effect);
        let at = self.holders[h].pending.iter().position(asked);
        let at = at.expect("the lock was asked for");
        let Some(Effect::Lock(ticket)) = self.holders[h].pending.remove(at) else {
            unreachable!()
        };
        self.tell(h, |machine, now| {
            machine.locked(now, ticket, LockResult::TimedOut)
        });
    }

    /// Answers an effect that was carried out.
    pub(crate) fn answer(&mut self, h: usize, answer: Answer) {
        let now = self.now;
        let holder = &mut self.holders[h];
        holder.held_back -= 1;
        let machine: &mut Machine = &mut holder.machine;
        match answer {
            Answer::Locked(ticket, result) => machine.locked(now, ticket, result),
            Answer::Loaded(ticket, result) => machine.loaded(now, ticket, result),
            Answer::Saved(ticket, result) => machine.saved(now, ticket, result),
            Answer::Refreshed(ticket, refresh, verdict) => {
                holder.awaited -= 1;
                self.awaited -= 1;
                holder.learn(refresh.base.as_deref(), &verdict);
                holder.machine.refreshed(now, ticket, verdict);
            }
            Answer::Revoked(ticket, result) => machine.revoked(now, ticket, result),
        }
        self.drain(h);
    }

    /// Takes the effects, carries out those without a ticket, and checks what must hold in every play: an attempt
    /// settles once; generations grow, and differ where tokens do; a session that was ended here is never published
    /// again; what is published is what the snapshot shows.
    pub(super) fn drain(&mut self, h: usize) {
        while let Some(effect) = self.holders[h].machine.poll_effect() {
            let holder = &mut self.holders[h];
            holder.trace.push(name(&effect));
            match effect {
                Effect::Unlock => self.store.unlock(h),
                Effect::Publish(snapshot) => holder.publish(snapshot),
                Effect::Announce(_) => {
                    for (other, holder) in self.holders.iter_mut().enumerate() {
                        holder.hints += usize::from(other != h);
                    }
                }
                Effect::Settle(id, outcome) => {
                    let twice = holder.outcome(id).is_some();
                    assert!(!twice, "{id:?} settled twice, the second time with {outcome:?}");
                    holder.waiting.remove(&id);
                    holder.settled.push((id, outcome));
                }
                Effect::Notify(event) => holder.events.push(event),
                other => holder.pending.push_back(other),
            }
        }
        let holder = &self.holders[h];
        let shown = holder.machine.snapshot();
        assert_eq!(
            shown.generation, holder.generation,
            "not everything was published"
        );
        assert_eq!(shown.status, holder.status.unwrap_or(Status::Unknown));
    }

    /// Another holder's hint arrives, and is followed to its end while the others stand still.
    pub(crate) fn deliver_hint_to(&mut self, h: usize) {
        self.hint(h);
        self.run_only(h);
    }

    /// Delivers the hints that other holders sent: each reads the store.
    pub(crate) fn deliver_hints(&mut self) {
        for h in 0..self.holders.len() {
            if std::mem::take(&mut self.holders[h].hints) > 0 {
                self.hint(h);
            }
        }
        self.run();
    }
}

fn name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Lock(_) => "lock",
        Effect::Unlock => "unlock",
        Effect::Load(_) => "load",
        Effect::Save(..) if Kind::Mark.is(effect) => "mark",
        Effect::Save(..) if Kind::Bury.is(effect) => "bury",
        Effect::Save(..) => "save",
        Effect::Refresh(..) => "refresh",
        Effect::Revoke(..) => "revoke",
        Effect::Publish(_) => "publish",
        Effect::Announce(_) => "announce",
        Effect::Settle(..) => "settle",
        _ => "notify",
    }
}
