//! What the application can tell a session beside signing in and out.

use oneflight_core::EndReason;
use oneflight_core::machine::{Demanded, Failure, Machine, Outcome, Renew, Status};

use crate::world::{Ill, Kind, World, secs};

#[test]
fn f9_retry_now_ends_the_pause_here_and_the_one_in_the_record() {
    let mut world = World::signed_in(2);
    world.server.swallows = true;
    world.refused(0);
    world.run();
    world.server.swallows = false;
    world.tell(0, |machine, now| machine.retry_now(now));
    let attempt = world.refused(0);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
}

#[test]
fn f9_a_retry_now_while_the_flight_is_under_way_starts_no_second_one() {
    let mut world = World::signed_in(1);
    let attempt = world.refused(0);
    world.run_until(0, Kind::Refresh);
    world.tell(0, |machine, now| machine.retry_now(now));
    assert_eq!(world.refused(0), attempt);
    world.run();
    assert_eq!(world.posts(), 1);
}

#[test]
fn f9_a_retry_now_that_nobody_needed_does_not_end_a_later_pause() {
    let mut world = World::signed_in(2);
    world.tell(1, |machine, now| machine.retry_now(now));
    world.skip(secs(1));
    world.server.swallows = true;
    world.refused(0);
    world.run();
    let posts = world.posts();
    world.refused(1);
    world.run();
    assert_eq!(world.posts(), posts);
}

#[test]
fn p7_close_tries_an_unsaved_set_once_more_at_once_and_says_if_it_stayed() {
    for heals in [true, false] {
        let mut world = World::signed_in(1);
        world.refused(0);
        world.run_until(0, Kind::Refresh);
        world.store.saves = Ill::ForGood;
        world.run();
        if heals {
            world.store.saves = Ill::No;
        }
        world.tell(0, Machine::close);
        world.run();
        assert_eq!(world.holders[0].machine.has_unsaved(), !heals);
    }
}

#[test]
fn s5_close_lets_the_flight_end_and_starts_no_other() {
    let mut world = World::signed_in(1);
    let attempt = world.refused(0);
    world.run_until(0, Kind::Refresh);
    world.tell(0, Machine::close);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.store.record().set, 1);
    assert!(world.holders[0].machine.is_idle() && !world.holders[0].machine.has_unsaved());
    assert_eq!(world.refused_or_usable(0), Demanded::Refused(Failure::Closed));
    let sign_in = world.sign_in(0);
    assert_eq!(world.ended(0, sign_in), Outcome::Failed(Failure::Closed));
}

#[test]
fn s5_close_tells_those_who_wait_for_a_flight_that_will_not_come() {
    let mut world = World::signed_in(1);
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    let late = world.perform(0, Kind::Refresh);
    world.sign_in(0);
    world.run();
    let queued = world.refused(0);
    world.tell(0, Machine::close);
    assert_eq!(world.ended(0, queued), Outcome::Failed(Failure::Closed));
    world.answer(0, late);
    world.run();
    assert!(world.holders[0].machine.is_idle());
}

#[test]
fn t5_keep_fresh_starts_renewing_after_the_first_demand_opened_the_session() {
    let mut world = World::with(2, |policy| policy.renew = Renew::KeepFresh);
    world.server.lasting(secs(600));
    world.sign_in(0);
    world.run();
    world.crash(0);
    world.all_open();
    world.pass(secs(600));
    assert_eq!(world.posts(), 1);
}

#[test]
fn x1_the_status_follows_the_session() {
    let mut world = World::of(1);
    let status = |world: &World| world.holders[0].machine.snapshot().status;
    assert_eq!(status(&world), Status::Unknown);
    world.all_open();
    assert_eq!(status(&world), Status::NeverSignedIn);
    world.sign_in(0);
    world.run();
    assert_eq!(status(&world), Status::SignedIn);
    world.sign_out(0);
    assert_eq!(status(&world), Status::SignedOut(EndReason::SignOut));
    world.run();
}
