//! Goes everywhere a world can go, and looks at what it finds there.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::hash::{BuildHasherDefault, Hasher};
use std::collections::{HashMap, HashSet};

use super::action::Action;
use super::holder::{Holder, Op, access, refresh};
use super::rules::Rules;
use super::world::{Checked, Violation, World};
use crate::{Record, State, Stored};

/// Fingerprints are mixed already.
#[derive(Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

type Prints<T> = HashMap<u64, T, BuildHasherDefault<AsIs>>;

/// A way to a broken promise.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) promise: &'static str,
    pub(super) trace: Vec<Action>,
    pub(super) states: usize,
}

/// What a search came to.
#[derive(Debug)]
pub(super) struct Searched {
    pub(super) states: usize,
    pub(super) steps: usize,
    pub(super) quiet: usize,
    pub(super) deepest: usize,
    /// Everything there is was seen.
    pub(super) exhausted: bool,
}

fn look(world: &World, searched: &mut Searched) -> Checked {
    searched.states += 1;
    if world.is_quiet() {
        searched.quiet += 1;
        world.check_quiet()?;
        if world.rules.asks_future {
            world.check_future()?;
        }
    }
    Ok(())
}

struct Frame {
    world: World,
    print: u64,
    actions: Vec<Action>,
}

/// Depth first, to the end of every trace, or until so many states were seen. Finds loops as well: a budget never
/// grows, so a trace that comes back to where it was goes on for ever with nothing going wrong.
pub(super) fn exhaust(rules: &Rules, most_states: usize) -> Result<Searched, Found> {
    let rules = Rc::new(rules.clone());
    let mut searched = Searched {
        states: 0,
        steps: 0,
        quiet: 0,
        deepest: 0,
        exhausted: true,
    };
    let mut seen: HashSet<u64, BuildHasherDefault<AsIs>> = HashSet::default();
    let mut open: HashSet<u64, BuildHasherDefault<AsIs>> = HashSet::default();
    let mut stack: Vec<Frame> = Vec::new();
    let start = World::new(&rules);
    let enter = |world: World, print: u64| Frame {
        actions: world.actions(),
        print,
        world,
    };
    let print = start.fingerprint();
    seen.insert(print);
    open.insert(print);
    stack.push(enter(start, print));
    // The action by which each frame but the first was entered.
    let mut trace: Vec<Action> = Vec::new();
    while let Some(frame) = stack.last_mut() {
        let Some(action) = frame.actions.pop() else {
            open.remove(&frame.print);
            stack.pop();
            trace.pop();
            continue;
        };
        searched.steps += 1;
        let mut next = frame.world.clone();
        let from = frame.print;
        let failed = |Violation(promise), trace: &[Action], states| Found {
            promise,
            trace: trace.iter().copied().chain([action]).collect(),
            states,
        };
        match next.act(action) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(violation) => return Err(failed(violation, &trace, searched.states)),
        }
        let print = next.fingerprint();
        if !seen.insert(print) {
            if print != from && open.contains(&print) {
                let violation = Violation("6: the world runs in a circle");
                return Err(failed(violation, &trace, searched.states));
            }
            continue;
        }
        if let Err(violation) = look(&next, &mut searched) {
            return Err(failed(violation, &trace, searched.states));
        }
        if searched.states >= most_states {
            searched.exhausted = false;
            return Ok(searched);
        }
        open.insert(print);
        trace.push(action);
        searched.deepest = searched.deepest.max(trace.len());
        stack.push(enter(next, print));
    }
    Ok(searched)
}

/// Breadth first, until so many states were seen: the shortest way to a broken promise.
pub(super) fn shortest(rules: &Rules, most_states: usize) -> Result<Searched, Found> {
    let rules = Rc::new(rules.clone());
    let mut searched = Searched {
        states: 0,
        steps: 0,
        quiet: 0,
        deepest: 0,
        exhausted: true,
    };
    let start = World::new(&rules);
    let mut came: Prints<Option<(u64, Action)>> = Prints::default();
    let mut queue = VecDeque::new();
    let print = start.fingerprint();
    came.insert(print, None);
    queue.push_back((start, print, 0));
    while let Some((world, from, depth)) = queue.pop_front() {
        for action in world.actions() {
            searched.steps += 1;
            let mut next = world.clone();
            let checked = next.act(action);
            let found = match checked {
                Ok(false) => continue,
                Ok(true) => {
                    let print = next.fingerprint();
                    if came.contains_key(&print) {
                        continue;
                    }
                    came.insert(print, Some((from, action)));
                    searched.deepest = depth + 1;
                    let looked = look(&next, &mut searched);
                    queue.push_back((next, print, depth + 1));
                    looked
                }
                Err(violation) => Err(violation),
            };
            if let Err(Violation(promise)) = found {
                let mut trace = alloc::vec![action];
                let mut at = from;
                while let Some((before, action)) = came[&at] {
                    trace.push(action);
                    at = before;
                }
                trace.reverse();
                return Err(Found {
                    promise,
                    trace,
                    states: searched.states,
                });
            }
            if searched.states >= most_states {
                searched.exhausted = false;
                return Ok(searched);
            }
        }
    }
    Ok(searched)
}

/// Tells a trace step by step, for whoever has to understand it.
pub(super) fn tell(rules: &Rules, found: &Found) -> String {
    tell_trace(rules, found.promise, &found.trace)
}

pub(super) fn tell_trace(rules: &Rules, promise: &str, trace: &[Action]) -> String {
    let mut text = String::new();
    let mut world = World::new(&Rc::new(rules.clone()));
    let _ = writeln!(text, "{}: {}", rules.name, promise);
    for action in trace {
        let result = world.act(*action);
        let _ = write!(
            text,
            "{action:?}\n    store {}",
            tell_stored(world.store.as_ref())
        );
        let _ = writeln!(text, ", lock {:?}, strays {:?}", world.lock, world.strays);
        for (holder, slot) in world.holders.iter().zip(0..) {
            let Holder { shown, ops, .. } = &**holder;
            let _ = write!(text, "    {slot}: {:?} {:?}", holder.access(), shown.status);
            for op in ops {
                let _ = match op {
                    Op::Lock(_) => write!(text, " [lock]"),
                    Op::Load(ticket) => write!(text, " [{:?} loads]", ticket),
                    Op::Loaded(_, Ok(stored)) => write!(text, " [loaded {}]", tell_stored(stored.as_ref())),
                    Op::Save(_, save) => {
                        write!(
                            text,
                            " [saves {} over {:?}]",
                            tell_record(&save.record),
                            save.expected
                        )
                    }
                    op => write!(text, " [{op:?}]"),
                };
            }
            let _ = writeln!(text);
        }
        if result.is_err() {
            break;
        }
    }
    text
}

fn tell_stored(stored: Option<&Stored>) -> String {
    stored.map_or("nothing".into(), |stored| {
        format!("{} as {:?}", tell_record(&stored.record), stored.version)
    })
}

fn tell_record(record: &Record) -> String {
    let Record { session, set, state } = record;
    let session = session.0[0];
    match state {
        State::Ended(reason) => format!("{session}.{set} {reason:?}"),
        State::Live {
            tokens,
            mark,
            back_off,
        } => {
            let mark = mark.map(|mark| mark.holder.0[0]);
            let (access, refresh) = (access(tokens).index, refresh(tokens).index);
            format!(
                "{session}.{set} (a{access} r{refresh} mark {mark:?} pause {})",
                back_off.is_some()
            )
        }
    }
}
