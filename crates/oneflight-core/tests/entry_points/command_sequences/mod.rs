//! The machine: any commands, answers and faults, at two holders of one store. The bytes are a program; every byte
//! string is one.
//!
//! What is checked: a refresh token whose successor is known is never presented; one refresh at a time; nothing is
//! published before it was stored, or storing it failed; generations grow; a session that was signed out is neither
//! published nor stored again; every waiter is told once, and never about another session; no token is shown. When
//! everything works again, everything comes to rest, and a session that the server would renew is renewed.

mod holder;
mod pending;
mod world;

use core::time::Duration;

use oneflight_core::Now;
use oneflight_core::machine::{Policy, Renew};

use holder::Holder;
use world::{Fault, Rotation, World};

/// The longest program that is run, in bytes.
const MAX_PROGRAM_BYTES: usize = 1024;

/// After so many rounds without faults everything must have come to rest.
const MAX_HEALING_ROUNDS: usize = 500;

/// Longer than any pause of the default policy.
const LONG: Duration = Duration::from_secs(600);

/// With this variable set, a run tells what it does.
const TRACE: &str = "ONEFLIGHT_TRACE";

pub(crate) fn trace(what: impl FnOnce() -> String) {
    static ON: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    if *ON.get_or_init(|| std::env::var_os(TRACE).is_some()) {
        eprintln!("{}", what());
    }
}

/// Runs a program and checks what must hold.
pub(crate) fn check(program: &[u8]) {
    let mut program = Program(&program[..program.len().min(MAX_PROGRAM_BYTES)]);
    let mut run = Run::new(&mut program);
    while !program.0.is_empty() {
        run.step(&mut program);
    }
    run.heal();
    run.lives_on();
}

/// The bytes that are left; 0 for ever after the last.
pub(crate) struct Program<'a>(&'a [u8]);

impl Program<'_> {
    fn next(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    fn lifetime(&mut self) -> Option<u64> {
        [Some(60), Some(900), None, Some(0), Some(1), Some(3_456_000)][usize::from(self.next()) % 6]
    }

    fn fault(&mut self) -> Fault {
        match self.next() {
            0..=159 => Fault::None,
            160..=179 => Fault::NotDone,
            180..=204 => Fault::DoneUnknown,
            205..=224 => Fault::NotDoneUnknown,
            225..=239 => Fault::DoneHalf,
            240.. => Fault::Other,
        }
    }
}

struct Run {
    world: World,
    holders: [Holder; 2],
    policy: Policy,
    now: Now,
    /// Which holder has the store's lock.
    lock: Option<usize>,
}

impl Run {
    fn new(program: &mut Program<'_>) -> Self {
        let settings = program.next();
        let mut policy = Policy::default();
        policy.renew = [Renew::OnUse, Renew::KeepFresh, Renew::Off][usize::from(settings % 3)];
        policy.profile.retry_after_loss = settings & 0x80 == 0;
        let rotation = [Rotation::Strict, Rotation::Grace, Rotation::Never][usize::from(settings / 3 % 3)];
        Self {
            world: World::new(rotation),
            holders: [0, 1].map(|index| Holder::new(index, 0, &policy)),
            policy,
            now: Now {
                wall: oneflight_core::WallTime::from_unix_millis(1_700_000_000_000),
                mono: oneflight_core::MonoTime::from_millis(1_000_000),
            },
            lock: None,
        }
    }

    fn step(&mut self, program: &mut Program<'_>) {
        let command = program.next();
        let at = usize::from(command & 1);
        let (now, world) = (self.now, &mut self.world);
        let holder = &mut self.holders[at];
        trace(|| format!("{:?} command {} at {at}", self.now, (command >> 1) % 32));
        match (command >> 1) % 32 {
            0..=2 => holder.demand_usable(now),
            3..=5 => holder.demand_newer(now, program.next()),
            6 => holder.demand_due(now),
            7 => holder.sign_in(now, world, program.lifetime()),
            8 => holder.sign_out(now, world),
            9 => holder.machine.reload(now),
            10 => {
                if let Some(stored) = world.stored.clone() {
                    holder.machine.observed(now, stored);
                }
            }
            11 => holder.machine.retry_now(now),
            12..=14 => self.pass(Duration::from_millis(u64::from(program.next()) * 1_000)),
            15 => self.jump(program.next()),
            16 => self.crash(at, program.next()),
            17 => holder.machine.handle_timeout(now),
            18 if program.next() < 32 => holder.close(now),
            _ => self.answer(at, program),
        }
        for index in 0..self.holders.len() {
            self.drain(index);
        }
    }

    fn pass(&mut self, length: Duration) {
        self.now.wall = self.now.wall.after(length);
        self.now.mono = self.now.mono.after(length);
        for holder in &mut self.holders {
            holder.machine.handle_timeout(self.now);
        }
    }

    /// Somebody sets the wall clock.
    fn jump(&mut self, by: u8) {
        let minutes = Duration::from_secs(60 * u64::from(by & 0x7f));
        self.now.wall = if by & 0x80 == 0 {
            self.now.wall.after(minutes)
        } else {
            self.now.wall.before(minutes)
        };
    }

    /// A holder dies, and another takes its place. Its request may still arrive.
    fn crash(&mut self, index: usize, arrives: u8) {
        let life = self.holders[index].life + 1;
        let dead = core::mem::replace(&mut self.holders[index], Holder::new(index, life, &self.policy));
        if arrives & 1 == 1 {
            for base in dead.in_flight() {
                self.world.refresh_unheard(&base);
            }
        }
        self.world.forget(index);
        if self.lock == Some(index) {
            self.lock = None;
        }
    }

    fn answer(&mut self, index: usize, program: &mut Program<'_>) {
        let which = usize::from(program.next());
        let (fault, lifetime) = (program.fault(), program.lifetime());
        self.holders[index].answer(self.now, &mut self.world, &mut self.lock, which, fault, lifetime);
    }

    fn drain(&mut self, index: usize) {
        self.holders[index].drain(self.now, &mut self.world, &mut self.lock);
        let sending = self
            .holders
            .iter()
            .filter(|holder| holder.in_flight().count() > 0);
        assert!(sending.count() <= 1, "two refreshes at once");
    }

    fn drain_all(&mut self) {
        for index in 0..self.holders.len() {
            self.drain(index);
        }
    }

    /// From now on everything works. All that is under way must end.
    fn heal(&mut self) {
        trace(|| "everything works again".into());
        for _ in 0..MAX_HEALING_ROUNDS {
            self.drain_all();
            let mut answered = false;
            for index in 0..self.holders.len() {
                let (now, world, lock) = (self.now, &mut self.world, &mut self.lock);
                answered |= self.holders[index].answer(now, world, lock, 0, Fault::None, Some(900));
                self.drain(index);
            }
            if answered {
                continue;
            }
            if self.holders.iter().all(|holder| holder.machine.is_idle()) {
                break;
            }
            let sleep = self
                .holders
                .iter()
                .filter_map(|holder| holder.machine.poll_timeout(self.now));
            let sleep = sleep.min().expect("waits for nothing, and is not idle");
            self.pass(sleep.max(Duration::from_millis(1)));
        }
        for holder in &self.holders {
            assert!(
                holder.machine.is_idle(),
                "never comes to rest: {:?}",
                holder.machine
            );
            assert!(!holder.machine.has_unsaved());
            holder.check_all_settled();
            if let Some((session, _)) = self.world.live() {
                assert!(!holder.has_signed_out(session), "a sign-out is undone");
            }
        }
        assert_eq!(self.lock, None, "somebody keeps the lock");
    }

    /// What the server would renew, every holder can use.
    fn lives_on(&mut self) {
        if !self.world.is_renewable() {
            return;
        }
        for index in 0..self.holders.len() {
            if self.holders[index].closed {
                continue;
            }
            // A pause that another clock began may have to be waited for twice, and another session to be met first.
            let served = (0..4).any(|_| {
                self.pass(LONG);
                self.heal();
                self.holders[index].demand_usable(self.now);
                self.heal();
                self.holders[index].is_served(self.now)
            });
            let machine = &self.holders[index].machine;
            assert!(
                served,
                "a session that could live is dead at {index}: {machine:?}"
            );
        }
    }
}
