//! Anything in any order: commands, faults, crashes and answers that come late; and all of it ends well once the world
//! heals.

use core::time::Duration;

use oneflight_core::machine::{Demand, GrantKind, Machine, Outcome, Renew};
use oneflight_core::{EndReason, State};

use crate::world::{Answer, Fault, Ill, Kind, LockKind, Rotation, World, secs};

/// A small generator (SplitMix64): a seed replays its play.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

struct Play {
    dice: Dice,
    world: World,
    /// Effects that were carried out, and whose answers are on their way.
    late: Vec<(usize, Answer)>,
    /// Somebody may sign in again, or out. What that revokes may end a session for those who have not heard of it.
    comes_and_goes: bool,
    /// An answer was lost or a holder died, so that a session may be lost, too.
    losses: bool,
}

const HOLDERS: usize = 3;

impl Play {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let itself = dice.one_in(8);
        let mut world = World::with(HOLDERS, |policy| {
            policy.profile.retry_after_loss = !dice.one_in(4);
            policy.profile.revocation_reaches_beyond_family = dice.one_in(4);
            policy.renew = [Renew::OnUse, Renew::KeepFresh][dice.roll(2) as usize];
            if itself {
                policy.grant = GrantKind::ClientCredentials;
            }
        });
        world.server.client_credentials = itself;
        world.server.rotation = [Rotation::Strict, Rotation::Grace][dice.roll(2) as usize];
        world.server.lasting(secs(60));
        let leased = dice.one_in(3);
        if leased {
            world.store.lock_kind = LockKind::Lease(secs(60));
            world.sound_lock = false;
        }
        if !itself {
            world.sign_in(0);
        }
        Self {
            comes_and_goes: dice.one_in(2),
            dice,
            world,
            late: Vec::new(),
            losses: leased,
        }
    }

    fn holder(&mut self) -> usize {
        self.dice.roll(HOLDERS as u64) as usize
    }

    fn act(&mut self) {
        let h = self.holder();
        match self.dice.roll(40) {
            0..=7 => {
                let _ = self.world.refused_or_usable(h);
            }
            8..=9 => {
                let _ = self.world.demand(h, Demand::Due);
            }
            10 if self.comes_and_goes && !self.world.server.client_credentials => {
                self.world.sign_in(h);
            }
            11 if self.comes_and_goes => {
                self.world.sign_out(h);
            }
            12..=13 => self.world.hint(h),
            14 if self.world.store.stored.is_some() => self.world.observe(h),
            15..=16 => self.world.run_only(h),
            17 => self.world.skip(Duration::from_millis(self.dice.0 % 40_000)),
            18 => self.world.tell(h, Machine::handle_timeout),
            19 => self.world.tell(h, Machine::retry_now),
            20 => self.fail(),
            21 => self.heal_store(),
            22 if self.dice.one_in(4) => self.crash(h),
            23 if self.dice.one_in(4) => self.turn_the_clock(),
            24 => self.world.renew_lease(h),
            25..=26 => self.answer_late(),
            27..=30 => self.perform(h),
            _ => self.world.try_step(h),
        }
    }

    fn perform(&mut self, h: usize) {
        let kinds = [
            Kind::Lock,
            Kind::Load,
            Kind::Save,
            Kind::Mark,
            Kind::Keep,
            Kind::Bury,
            Kind::Refresh,
        ];
        let kind = kinds[self.dice.roll(7) as usize];
        if self.world.asks(h, kind) && (kind != Kind::Lock || self.world.may_lock(h)) {
            let answer = self.world.perform(h, kind);
            self.late.push((h, answer));
        }
    }

    fn answer_late(&mut self) {
        if !self.late.is_empty() {
            let at = self.dice.roll(self.late.len() as u64) as usize;
            let (h, answer) = self.late.remove(at);
            self.world.answer(h, answer);
        }
    }

    fn fail(&mut self) {
        let ill = [Ill::Times(1), Ill::Times(3), Ill::ForGood][self.dice.roll(3) as usize];
        let store = &mut self.world.store;
        match self.dice.roll(11) {
            0 => store.loads = ill,
            1 => store.saves = ill,
            2 => store.marks = ill,
            3 => store.burials = ill,
            4 => store.lies = ill,
            5 => store.locks = ill,
            9 => store.conflicts = ill,
            6 => self.world.server.faults.push_back(Fault::unavailable(None)),
            7 => self.world.server.faults.push_back(Fault::Garble),
            8 => self.world.server.faults.push_back(Fault::LoseBefore),
            _ => {
                self.losses = true;
                self.world.server.faults.push_back(Fault::LoseAfter);
            }
        }
    }

    fn heal_store(&mut self) {
        let store = &mut self.world.store;
        store.loads = Ill::No;
        store.saves = Ill::No;
        store.marks = Ill::No;
        store.burials = Ill::No;
        store.lies = Ill::No;
        store.locks = Ill::No;
        store.conflicts = Ill::No;
    }

    /// Ten minutes to or fro.
    fn turn_the_clock(&mut self) {
        let wall = &mut self.world.now.wall;
        *wall = match self.dice.one_in(2) {
            true => wall.after(secs(600)),
            false => wall.before(secs(600)),
        };
    }

    fn crash(&mut self, h: usize) {
        self.losses = true;
        self.late.retain(|(of, _)| *of != h);
        self.world.crash(h);
    }

    fn end(mut self) {
        self.heal_store();
        self.world.server.faults.clear();
        while !self.late.is_empty() {
            self.answer_late();
        }
        // Longer than any pause.
        self.world.pass(secs(700));
        self.world.deliver_hints();
        // Whoever has not heard of the newest session does so at its first attempt; the second one works.
        for h in (0..HOLDERS).chain(0..HOLDERS) {
            let _ = self.world.refused_or_usable(h);
            // As long as another holder's mark is waited for.
            self.world.pass(secs(40));
        }
        let world = &self.world;
        assert!((0..HOLDERS).all(|h| world.may_lock(h)), "the lock was forgotten");
        let lives = world.store.stored.as_ref().map(|stored| &stored.record);
        let lives = lives.filter(|record| matches!(record.state, State::Live { .. }));
        let excused = self.losses || self.comes_and_goes;
        for (h, holder) in world.holders.iter().enumerate() {
            assert!(holder.machine.is_idle(), "holder {h} is busy");
            assert!(!holder.machine.has_unsaved());
            let shown = holder.machine.snapshot().current;
            let session = shown.map(|current| current.session);
            assert_eq!(session, lives.map(|record| record.session), "holder {h}");
            let died = |reason: &EndReason| *reason != EndReason::SignOut;
            assert!(
                excused || !holder.sign_outs().iter().any(died),
                "a session was lost"
            );
            let failed = |(_, outcome): &&(_, Outcome)| matches!(outcome, Outcome::Failed(_));
            let last = holder.settled.last().filter(failed);
            assert!(lives.is_none() || last.is_none(), "holder {h}: {last:?}");
        }
        assert!(excused || world.server.reuse_detected == 0);
        if world.server.client_credentials {
            return;
        }
        if let Some(State::Live { tokens, .. }) = lives.map(|record| &record.state) {
            assert!(world.server.lives(tokens), "the stored family is dead");
        }
    }
}

#[test]
fn s1_l1_p3_p7_p12_whatever_happens_ends_well_once_the_world_heals() {
    for seed in 0..5_000 {
        let outcome = std::panic::catch_unwind(|| {
            let mut play = Play::new(seed);
            for _ in 0..play.dice.roll(150) {
                play.act();
            }
            play.end();
        });
        assert!(outcome.is_ok(), "the play of seed {seed} went wrong");
    }
}
