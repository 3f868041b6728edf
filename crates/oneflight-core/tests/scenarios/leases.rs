//! P: a lock that is a lease may outlive its holder, and may end before it.

use core::time::Duration;

use oneflight_core::State;
use oneflight_core::machine::{Demand, Demanded, Failure, Machine, Outcome, TransientCause};

use crate::world::{Ill, Kind, LockKind, Rotation, World, secs};

/// Request deadline and save deadline together.
const DEADLINES: Duration = secs(35);

fn leased(holders: usize, lease: u64) -> World {
    let mut world = World::signed_in(holders);
    world.store.lock_kind = LockKind::Lease(secs(lease));
    world
}

#[test]
fn p2_p15_a_foreign_mark_of_a_holder_that_died_is_waited_out_then_presented() {
    let mut world = leased(2, 60);
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    world.crash(0);
    world.skip(secs(60));
    let attempt = world.refused(1);
    world.run();
    let wait = world.holders[1].machine.poll_timeout(world.now);
    assert_eq!(wait, Some(DEADLINES));
    world.skip(secs(34));
    world.wake();
    assert_eq!(world.posts(), 0);
    world.skip(secs(1));
    // The driver renewed the lease all the while.
    world.tell(1, |machine, now| machine.lease(now, secs(60)));
    world.wake();
    assert_eq!(world.ended(1, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.posts(), 1);
}

#[test]
fn p15_a_lease_lost_during_the_request_makes_one_post_and_the_other_adopts() {
    let mut world = leased(2, 60);
    let owner = world.refused(0);
    world.run_until(0, Kind::Refresh);
    let answer = world.perform(0, Kind::Refresh);
    world.store.lose_lease();
    let waits = world.refused(1);
    world.run_only(1);
    assert_eq!(world.outcome(1, waits), None);
    assert_eq!(world.holders[1].machine.poll_timeout(world.now), Some(DEADLINES));
    world.skip(secs(20));
    world.answer(0, answer);
    world.run_only(0);
    assert_eq!(world.ended(0, owner), Outcome::Renewed { generation: 2 });
    world.skip(secs(15));
    world.wake();
    assert_eq!(world.ended(1, waits), Outcome::Adopted { generation: 2 });
    assert_eq!((world.posts(), world.server.reuse_detected), (1, 0));
}

#[test]
fn p15_s13_a_hint_ends_the_wait_for_a_foreign_mark_at_once() {
    let mut world = leased(2, 60);
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    let answer = world.perform(0, Kind::Refresh);
    world.store.lose_lease();
    let waits = world.refused(1);
    world.run_only(1);
    world.answer(0, answer);
    world.run_only(0);
    world.observe(1);
    assert_eq!(world.ended(1, waits), Outcome::Adopted { generation: 2 });
    assert!(!world.store.is_locked());
}

#[test]
fn p15_a_sign_out_ends_the_wait_for_a_foreign_mark() {
    let mut world = leased(2, 60);
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    world.crash(0);
    world.skip(secs(60));
    world.refused(1);
    world.run();
    world.sign_out(1);
    world.run();
    assert!(matches!(world.store.record().state, State::Ended(_)));
    assert!(world.holders[1].machine.is_idle());
    assert!(!world.store.is_locked());
}

#[test]
fn p15_our_own_mark_is_not_waited_for() {
    let mut world = leased(1, 60);
    world.server.swallows = true;
    world.refused(0);
    world.run();
    assert!(world.store.is_marked());
    world.server.swallows = false;
    world.skip(secs(2));
    let attempt = world.refused(0);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
}

#[test]
fn p15_with_a_lock_that_dies_with_its_holder_a_foreign_mark_is_not_waited_for() {
    let mut world = World::signed_in(2);
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    world.crash(0);
    let attempt = world.refused(1);
    world.run();
    assert_eq!(world.ended(1, attempt), Outcome::Renewed { generation: 2 });
}

#[test]
fn p15_a_lease_that_ends_while_a_set_cannot_be_saved_loses_nothing_to_a_grace_server() {
    let mut world = leased(2, 60);
    world.sound_lock = false;
    world.server.rotation = Rotation::Grace;
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    world.store.saves = Ill::ForGood;
    world.run_only(0);
    world.store.saves = Ill::No;
    world.store.lose_lease();
    world.refused(1);
    world.run_only(1);
    world.skip(DEADLINES);
    world.tell(1, |machine, now| machine.lease(now, secs(60)));
    world.tell(1, Machine::handle_timeout);
    world.run_only(1);
    world.pass(secs(10));
    assert_eq!(world.access(0), world.access(1));
    assert!(world.server.revoked.is_empty());
    assert_eq!(world.holders[0].machine.poll_timeout(world.now), None);
    let Demanded::LookAgain = world.demand(0, Demand::Usable) else {
        panic!()
    };
}

#[test]
fn p15_a_lease_that_ran_down_before_the_retry_sends_nothing_and_keeps_the_mark() {
    let mut world = leased(1, 60);
    world.server.swallows = true;
    let attempt = world.refused(0);
    world.run_until(0, Kind::Refresh);
    let lost = world.perform(0, Kind::Refresh);
    world.skip(secs(30));
    world.answer(0, lost);
    world.run();
    assert!(matches!(
        world.ended(0, attempt),
        Outcome::Failed(Failure::Transient { .. })
    ));
    assert_eq!(world.posts(), 1);
    assert!(world.store.is_marked(), "the answer was lost all the same");
}

#[test]
fn p15_a_lease_that_is_too_short_for_a_request_sends_nothing() {
    let mut world = leased(2, 35);
    let attempt = world.refused(0);
    world.run();
    let Outcome::Failed(Failure::Transient { cause, .. }) = world.ended(0, attempt) else {
        panic!()
    };
    assert_eq!(cause, TransientCause::LockFailed);
    assert_eq!(world.posts(), 0);
    assert!(!world.store.is_marked() && !world.store.is_locked());
    // It is our lease that was short, not the server that was ill: nobody else has to pause.
    world.store.lock_kind = LockKind::DiesWithHolder;
    let attempt = world.refused(1);
    world.run();
    assert_eq!(world.ended(1, attempt), Outcome::Renewed { generation: 2 });
}
