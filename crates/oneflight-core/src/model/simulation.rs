//! Many holders for a long time, by seed: partitions, pauses, crashes, lost answers, lost leases, clocks that are set wrong.
//!
//! Each seed is one schedule: the rules of its world, and what happens next, each step anew. A broken promise is told with
//! its seed, and `ONEFLIGHT_SIMULATION_SEED` plays that schedule again. `ONEFLIGHT_SIMULATION_STEPS` says how many steps
//! are made in all, `ONEFLIGHT_SIMULATION_FROM` with which seed to begin: a long walk can be gone in parts.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use std::println;
use std::thread;
use std::time::Instant;

use super::action::Action;
use super::rules::{Budget, LockKind, Rules, ServerKind};
use super::search;
use super::world::{Checked, World};
use crate::machine::mutation::Mutation;

/// Steps in all, unless the environment says otherwise.
const STEPS: u64 = 10_000_000;

/// Steps of one schedule, at most. What may go wrong is spent by then.
const LONGEST: u32 = 600;

/// After so many steps a thread says how far it came.
const TELL_EVERY: u64 = 10_000_000;

/// How often a world at rest is asked whether the session lives on: once in so many steps, and at the end.
const ASK_EVERY: u32 = 64;

/// SplitMix64: all that a schedule does follows from its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// One of so many.
    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).expect("a count fits");
        usize::try_from(self.roll() % count).expect("it is below a count")
    }

    fn upto(&mut self, most: u8) -> u8 {
        u8::try_from(self.below(usize::from(most) + 1)).expect("it is below a byte")
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

fn any_rules(dice: &mut Dice) -> Rules {
    Rules::new("simulation").with(|rules| {
        rules.holders = 2 + dice.upto(6);
        rules.server = match dice.below(6) {
            0 => ServerKind::Refusing,
            1 => ServerKind::Graceful,
            2 => ServerKind::Constant,
            _ => ServerKind::Strict,
        };
        rules.lock = if dice.chance(3) {
            LockKind::Leased
        } else {
            LockKind::Dying
        };
        rules.late_answers = dice.chance(2);
        rules.hints_carry_records = dice.chance(2);
        // A holder that sleeps between its mark and its send, and loses its lease, is a loss that is documented.
        rules.slow = dice.chance(2) && !(rules.late_answers && rules.lock == LockKind::Leased);
        rules.empty = dice.chance(4);
        rules.renews_ahead = dice.chance(2);
        rules.timeless = dice.chance(6);
        rules.policy_mut().profile.retry_after_loss = dice.chance(2);
        rules.policy_mut().profile.revocation_reaches_beyond_family = dice.chance(4);
        // Half of the schedules are without each kind of fault, so that the others are seen by themselves too.
        let mut often = |most| if dice.chance(2) { dice.upto(most) } else { 0 };
        let budget = Budget {
            sign_ins: often(3) + u8::from(rules.empty),
            sign_outs: often(3),
            crashes: often(6),
            losses: often(4),
            throttles: often(4),
            store_faults: often(10),
            lock_faults: often(4),
            revoke_faults: often(2),
            kills: often(1),
            hints: often(20),
            hurries: often(3),
            closes: often(1),
            clocks: often(6),
            lost_leases: often(3),
            demands: 0,
            ages: 0,
        };
        rules.budget = Budget {
            lost_leases: if rules.lock == LockKind::Leased {
                budget.lost_leases
            } else {
                0
            },
            demands: 6 + dice.upto(12),
            ages: 1 + dice.upto(4),
            ..budget
        };
    })
}

/// How a schedule ended: after so many steps, well or not.
struct Played {
    steps: u64,
    broken: Option<(&'static str, Vec<Action>)>,
}

fn play(rules: &Rules, dice: &mut Dice) -> Played {
    let mut world = World::new(&Rc::new(rules.clone()));
    let mut gone = Vec::new();
    let outcome = walk(&mut world, dice, &mut gone);
    Played {
        steps: gone.len() as u64,
        broken: outcome.err().map(|violation| (violation.0, gone)),
    }
}

fn walk(world: &mut World, dice: &mut Dice, gone: &mut Vec<Action>) -> Checked {
    for step in 1..=LONGEST {
        // What goes on by itself comes twice as often, so that much gets done between two mishaps.
        let mut actions = Vec::new();
        if dice.chance(2) {
            for slot in world.slots() {
                world.progress(slot, &mut actions);
            }
        }
        if actions.is_empty() {
            actions = world.actions();
        }
        if actions.is_empty() {
            break;
        }
        let action = actions[dice.below(actions.len())];
        gone.push(action);
        world.act(action)?;
        if world.is_quiet() {
            world.check_quiet()?;
            if step % ASK_EVERY == 0 {
                world.check_future()?;
            }
        }
    }
    world.rest()?;
    world.check_future()
}

/// The schedule of a seed.
fn schedule(seed: u64) -> (Rules, Dice) {
    let mut dice = Dice(seed);
    (any_rules(&mut dice), dice)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number, and not {text:?}")),
    )
}

/// Goes this way as far as it can be gone, and on until all is at rest.
fn replay(rules: &Rc<Rules>, trace: &[Action]) -> Checked {
    let mut world = World::new(rules);
    for action in trace {
        if world.actions().contains(action) {
            world.act(*action)?;
            if world.is_quiet() {
                world.check_quiet()?;
                world.check_future()?;
            }
        }
    }
    world.rest()?;
    world.check_future()
}

/// What is left of a way to a broken promise when every step is left out that need not be there.
fn shortened(rules: &Rules, promise: &str, gone: &[Action]) -> Vec<Action> {
    let rules = Rc::new(rules.clone());
    let breaks = |trace: &[Action]| replay(&rules, trace).is_err_and(|violation| violation.0 == promise);
    let mut trace = gone.to_vec();
    let mut part = trace.len();
    while part > 0 {
        let mut at = 0;
        while at < trace.len() {
            let end = (at + part).min(trace.len());
            let shorter = [&trace[..at], &trace[end..]].concat();
            if breaks(&shorter) {
                trace = shorter;
            } else {
                at = end;
            }
        }
        part /= 2;
    }
    way(&rules, &trace)
}

/// The steps that were gone, without those that could not be, to the one that broke a promise or until all is at rest.
fn way(rules: &Rc<Rules>, trace: &[Action]) -> Vec<Action> {
    let mut world = World::new(rules);
    let mut way = Vec::new();
    for action in trace {
        if world.actions().contains(action) {
            way.push(*action);
            if world.act(*action).is_err() {
                return way;
            }
        }
    }
    for _ in 0..LONGEST {
        if world.is_quiet() {
            break;
        }
        let mut actions = Vec::new();
        for slot in world.slots() {
            world.progress(slot, &mut actions);
        }
        let action = actions.first().copied().unwrap_or(Action::Tick);
        way.push(action);
        if world.act(action).is_err() {
            break;
        }
    }
    way
}

fn told(seed: u64, rules: &Rules, promise: &str, gone: &[Action]) -> String {
    let gone = &shortened(rules, promise, gone);
    alloc::format!(
        "{}\nplay it again with ONEFLIGHT_SIMULATION_SEED={seed}; its rules: {rules:?}",
        search::tell_trace(rules, promise, gone)
    )
}

#[test]
#[expect(clippy::disallowed_methods, reason = "only to say how long it took")]
fn s1_p2_p3_p15_l1_a_simulation_of_many_holders_keeps_every_promise() {
    if let Some(seed) = number("ONEFLIGHT_SIMULATION_SEED") {
        let (rules, mut dice) = schedule(seed);
        let played = play(&rules, &mut dice);
        if let Some((promise, gone)) = played.broken {
            panic!("{}", told(seed, &rules, promise, &gone));
        }
        println!(
            "the schedule of seed {seed}: {} steps, no promise broken",
            played.steps
        );
        return;
    }
    let steps = number("ONEFLIGHT_SIMULATION_STEPS").unwrap_or(STEPS);
    let from = number("ONEFLIGHT_SIMULATION_FROM").unwrap_or(0);
    let started = Instant::now();
    let threads = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let each = steps.div_ceil(threads);
    let walkers: Vec<_> = (0..threads)
        .map(|first| {
            thread::spawn(move || {
                let (mut made, mut schedules) = (0, 0);
                let mut tell_at = TELL_EVERY;
                // Every thread has its own seeds: they are the same, however many threads there are.
                for seed in (from + first..).step_by(usize::try_from(threads).expect("few threads")) {
                    let (rules, mut dice) = schedule(seed);
                    let played = play(&rules, &mut dice);
                    if let Some((promise, gone)) = played.broken {
                        panic!("{}", told(seed, &rules, promise, &gone));
                    }
                    made += played.steps;
                    schedules += 1;
                    if made >= each {
                        break;
                    }
                    if made >= tell_at {
                        println!("simulation: {schedules} schedules, {made} steps, to seed {seed}");
                        tell_at += TELL_EVERY;
                    }
                }
                (made, schedules)
            })
        })
        .collect();
    let (mut made, mut schedules) = (0, 0u64);
    for walker in walkers {
        let (steps, count) = walker.join().expect("no promise is broken");
        made += steps;
        schedules += count;
    }
    assert!(made >= steps);
    println!(
        "simulation: {schedules} schedules, {made} steps, no promise broken, in {:?}",
        started.elapsed()
    );
}

/// How many schedules it takes until a planted fault shows. The seed of the last shows it again, and so does what is told of it.
fn found_after(plant: impl Fn(&mut Rules)) -> u64 {
    let most = 20_000;
    let broken = |seed| {
        let (rules, mut dice) = schedule(seed);
        let rules = rules.with(&plant);
        play(&rules, &mut dice).broken.map(|found| (seed, rules, found))
    };
    let found = (0..most).find_map(broken);
    let (seed, rules, (promise, gone)) = found.unwrap_or_else(|| panic!("not found in {most} schedules"));
    let (_, _, again) = broken(seed).expect("it shows again");
    assert_eq!(again, (promise, gone.clone()));
    let told = shortened(&rules, promise, &gone);
    let replayed = replay(&Rc::new(rules), &told);
    assert!(
        replayed.is_err_and(|violation| violation.0 == promise),
        "{promise}"
    );
    seed + 1
}

#[test]
fn a_simulation_finds_faults_that_are_planted() {
    let mutation = |mutation| move |rules: &mut Rules| rules.mutation = Some(mutation);
    let found = [
        (
            "no reload under the lock",
            found_after(mutation(Mutation::NoReloadUnderLock)),
        ),
        (
            "publish before save",
            found_after(mutation(Mutation::PublishBeforeSave)),
        ),
        (
            "unlock while unsaved",
            found_after(mutation(Mutation::UnlockWhileUnsaved)),
        ),
        (
            "an unsound lock",
            found_after(|rules| rules.lock = LockKind::Unsound),
        ),
    ];
    println!("schedules until a planted fault was found: {found:?}");
}

#[test]
fn a_schedule_is_the_same_whenever_it_is_played() {
    for seed in 0..50 {
        let trace = || {
            let (rules, mut dice) = schedule(seed);
            let mut world = World::new(&Rc::new(rules));
            let mut gone = Vec::new();
            assert!(walk(&mut world, &mut dice, &mut gone).is_ok(), "seed {seed}");
            gone
        };
        assert_eq!(trace(), trace());
    }
}
