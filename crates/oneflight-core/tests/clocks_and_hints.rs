//! Clocks that jump, and hints that overtake what was asked for.

use std::sync::Arc;
use std::time::Duration;

use oneflight_core::answer::{LossCause, Verdict};
use oneflight_core::machine::{
    Config, Demand, Demanded, Effect, Failure, LoadTicket, LockResult, LockTicket, Machine, Outcome, Policy,
    RefreshTicket, Save, SaveTicket, Stamp, Status, Swap, TransientCause,
};
use oneflight_core::{
    EndReason, HolderId, MonoTime, Now, Record, SessionId, State, Stored, TokenSet, Version, WallTime,
};

const MINUTE: u64 = 60;
const ALICE: SessionId = SessionId([1; 16]);
const BOB: SessionId = SessionId([2; 16]);

/// So many seconds after the start, with a wall clock that somebody set back by so many.
fn at(secs: u64, set_back: u64) -> Now {
    Now {
        wall: WallTime::from_unix_millis((1_000_000 + secs - set_back) * 1_000),
        mono: MonoTime::from_millis(secs * 1_000),
    }
}

fn tokens(number: u64, now: Now, lifetime: u64) -> TokenSet {
    TokenSet::new(&format!("access-{number}"), now.wall)
        .and_then(|set| set.refresh_token(&format!("refresh-{number}")))
        .expect("printable")
        .expires_in(Duration::from_secs(lifetime))
}

fn live(version: u64, session: SessionId, set: u64, tokens: TokenSet) -> Stored {
    let state = State::Live {
        tokens: Arc::new(tokens),
        mark: None,
        back_off: None,
    };
    Stored {
        version: Version(version),
        record: Record { session, set, state },
    }
}

fn machine(policy: Policy) -> Machine {
    Machine::new(Config {
        policy: Arc::new(policy),
        holder: HolderId([9; 16]),
        seed: [1, 2],
    })
}

/// What one input made the machine ask for, sorted by kind.
#[derive(Default)]
struct Asked {
    locks: Vec<LockTicket>,
    loads: Vec<LoadTicket>,
    saves: Vec<(SaveTicket, Save)>,
    refreshes: Vec<RefreshTicket>,
    settled: Vec<Outcome>,
}

fn drain(machine: &mut Machine) -> Asked {
    let mut asked = Asked::default();
    while let Some(effect) = machine.poll_effect() {
        match effect {
            Effect::Lock(ticket) => asked.locks.push(ticket),
            Effect::Load(ticket) => asked.loads.push(ticket),
            Effect::Save(ticket, save) => asked.saves.push((ticket, save)),
            Effect::Refresh(ticket, _) => asked.refreshes.push(ticket),
            Effect::Settle(_, outcome) => asked.settled.push(outcome),
            _ => {}
        }
    }
    asked
}

fn only<T>(mut list: Vec<T>) -> T {
    assert_eq!(list.len(), 1);
    list.remove(0)
}

/// Reads a record at the start, by a demand.
fn opened(policy: Policy, now: Now, stored: Stored) -> Machine {
    let mut machine = machine(policy);
    assert!(matches!(machine.demand(now, Demand::Usable), Demanded::Joined(_)));
    let load = only(drain(&mut machine).loads);
    machine.loaded(now, load, Ok(Some(stored)));
    let outcome = only(drain(&mut machine).settled);
    assert!(matches!(outcome, Outcome::Adopted { .. }));
    machine
}

/// Lets the flight have the lock, and hands over what it loads; what it asks for then.
fn fly(machine: &mut Machine, now: Now, stored: Stored) -> Asked {
    let lock = only(drain(machine).locks);
    machine.locked(now, lock, LockResult::Acquired);
    let load = only(drain(machine).loads);
    machine.loaded(now, load, Ok(Some(stored)));
    drain(machine)
}

#[test]
fn t4_a_lifetime_does_not_begin_anew_when_the_clock_is_set_back() {
    let received = at(0, 0);
    let stored = || live(1, ALICE, 0, tokens(0, received, 15 * MINUTE));
    let mut machine = opened(Policy::default(), received, stored());
    // The clock is set back by ten minutes, then the lifetime passes.
    let back = 10 * MINUTE;
    assert_eq!(machine.demand(at(1, back), Demand::Usable), Demanded::LookAgain);
    let later = at(16 * MINUTE, back);
    assert!(matches!(
        machine.demand(later, Demand::Usable),
        Demanded::Joined(_)
    ));
    let asked = fly(&mut machine, later, stored());
    // By its time of receipt the stored set would still run; handing it out would end in the same demand again.
    assert!(asked.settled.is_empty());
    let (_, save) = only(asked.saves);
    assert!(matches!(save.record.state, State::Live { mark: Some(_), .. }));
}

#[test]
fn t4_f5_a_clock_set_back_does_not_stretch_the_wait_for_expiry() {
    let mut policy = Policy::default();
    policy.profile.retry_after_loss = false;
    let received = at(0, 0);
    let mut machine = opened(
        policy,
        received,
        live(1, ALICE, 0, tokens(0, received, 15 * MINUTE)),
    );
    let back = 600 * MINUTE;
    assert_eq!(machine.demand(at(1, back), Demand::Usable), Demanded::LookAgain);

    // An answer was lost once: the record carries a mark.
    let mut marked = live(2, ALICE, 0, tokens(0, received, 15 * MINUTE));
    if let State::Live { mark, .. } = &mut marked.record.state {
        *mark = Some(oneflight_core::Mark {
            holder: HolderId([9; 16]),
            at: received.wall,
        });
    }
    let stamp = Stamp {
        session: ALICE,
        generation: machine.snapshot().generation,
    };
    let early = at(5 * MINUTE, back);
    assert!(matches!(
        machine.demand(early, Demand::NewerThan(stamp)),
        Demanded::Joined(_)
    ));
    let outcome = only(fly(&mut machine, early, marked.clone()).settled);
    assert!(matches!(
        outcome,
        Outcome::Failed(Failure::Transient {
            cause: TransientCause::WaitingForExpiry,
            ..
        })
    ));

    // Its lifetime is over, whatever the clock says: nothing is left to lose.
    let late = at(16 * MINUTE, back);
    assert!(matches!(
        machine.demand(late, Demand::Usable),
        Demanded::Joined(_)
    ));
    let asked = fly(&mut machine, late, marked);
    let (ticket, _) = only(asked.saves);
    machine.saved(late, ticket, Ok(Swap::Written(Version(3))));
    let refresh = only(drain(&mut machine).refreshes);
    let lost = Verdict::Ambiguous {
        cause: LossCause::TimedOut,
        retry_after: None,
        salvaged: None,
    };
    machine.refreshed(late, refresh, lost);
}

#[test]
fn l10_a_hint_that_overtakes_the_first_read_keeps_its_waiters() {
    let now = at(0, 0);
    let mut machine = machine(Policy::default());
    assert!(matches!(machine.demand(now, Demand::Usable), Demanded::Joined(_)));
    let load = only(drain(&mut machine).loads);
    // A hint shows Alice's session, run out; a request of hers waits.
    machine.observed(now, live(1, ALICE, 0, tokens(0, at(0, 5 * MINUTE), MINUTE)));
    assert!(matches!(machine.demand(now, Demand::Usable), Demanded::Joined(_)));
    drain(&mut machine);
    // Bob has signed in when the read is done.
    machine.loaded(now, load, Ok(Some(live(2, BOB, 0, tokens(7, now, MINUTE)))));
    let asked = fly(&mut machine, now, live(2, BOB, 0, tokens(7, now, MINUTE)));
    assert_eq!(only(asked.settled), Outcome::Failed(Failure::Replaced));
}

#[test]
fn s14_a_hint_that_overtakes_the_first_read_is_not_handed_out_expired() {
    let now = at(0, 0);
    let mut machine = machine(Policy::default());
    assert!(matches!(machine.demand(now, Demand::Usable), Demanded::Joined(_)));
    let load = only(drain(&mut machine).loads);
    machine.observed(now, live(1, ALICE, 0, tokens(0, at(0, 5 * MINUTE), MINUTE)));
    drain(&mut machine);
    // The read finds the next set, which serves.
    let stored = || live(2, ALICE, 1, tokens(1, now, MINUTE));
    machine.loaded(now, load, Ok(Some(stored())));
    let asked = fly(&mut machine, now, stored());
    assert!(matches!(only(asked.settled), Outcome::Adopted { generation: 2 }));
    let current = machine.snapshot().current.expect("signed in");
    assert_eq!(current.tokens.access_token.expose(), "access-1");
}

#[test]
fn l1_a_sign_out_before_the_first_read_is_not_undone_by_one() {
    let now = at(0, 0);
    let stored = || live(1, ALICE, 0, tokens(0, now, MINUTE));
    let mut machine = machine(Policy::default());
    machine.sign_out(now);
    let ledger = only(drain(&mut machine).loads);
    let now = at(2, 0);
    assert!(matches!(machine.demand(now, Demand::Usable), Demanded::Joined(_)));
    let flight = only(drain(&mut machine).loads);
    machine.loaded(now, flight, Ok(Some(stored())));
    drain(&mut machine);
    assert_eq!(machine.snapshot().status, Status::SignedOut(EndReason::SignOut));

    machine.loaded(now, ledger, Ok(Some(stored())));
    let (ticket, save) = only(drain(&mut machine).saves);
    assert!(matches!(save.record.state, State::Ended(EndReason::SignOut)));
    machine.observed(now, stored());
    drain(&mut machine);
    assert_eq!(machine.snapshot().status, Status::SignedOut(EndReason::SignOut));

    // Bob's sign-in was quicker than the tombstone. It was not meant.
    machine.saved(now, ticket, Ok(Swap::Conflict));
    let again = only(drain(&mut machine).loads);
    machine.loaded(now, again, Ok(Some(live(2, BOB, 0, tokens(7, now, MINUTE)))));
    assert!(drain(&mut machine).saves.is_empty());
}

#[test]
fn l5_an_old_absence_does_not_end_a_session_that_a_hint_showed() {
    let now = at(0, 0);
    let mut machine = machine(Policy::default());
    machine.reload(now);
    let look = only(drain(&mut machine).loads);
    machine.observed(now, live(1, ALICE, 0, tokens(0, now, MINUTE)));
    drain(&mut machine);
    machine.loaded(now, look, Ok(None));
    drain(&mut machine);
    assert_eq!(machine.snapshot().status, Status::SignedIn);
}
