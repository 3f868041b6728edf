//! L: sign-in, and what it displaces.

use oneflight_core::EndReason;
use oneflight_core::machine::{Demand, Demanded, Event, Failure, Outcome};

use crate::told::{POINTS, REPLACED};
use crate::world::{Fault, Kind, World};

#[test]
fn l2_l10_a_sign_in_at_any_point_of_a_refresh_stands_and_replaces_the_waiters() {
    for point in POINTS {
        for carried_out in [false, true] {
            let mut world = World::signed_in(1);
            let old = world.stamp(0);
            let attempt = world.refused(0);
            world.run_until(0, point);
            let answer = carried_out.then(|| world.perform(0, point));
            let sign_in = world.sign_in(0);
            assert_eq!(world.ended(0, attempt), REPLACED, "{point:?}");
            // The old request is not sent again as the new user.
            let again = world.demand(0, Demand::NewerThan(old));
            assert_eq!(again, Demanded::Refused(Failure::Replaced));
            if let Some(answer) = answer {
                world.answer(0, answer);
            }
            world.run();
            assert!(matches!(
                world.ended(0, sign_in),
                Outcome::SignedIn { saved: true, .. }
            ));
            assert_eq!(world.store.session(), world.current(0).session);
            assert_ne!(world.current(0).session, old.session);
            let again = world.demand(0, Demand::NewerThan(old));
            assert_eq!(again, Demanded::Refused(Failure::Replaced));
            assert!(world.server.lives(world.store.tokens()), "{point:?}");
            assert!(!world.store.is_locked());
        }
    }
}

#[test]
fn l2_a_late_answer_of_the_first_user_is_revoked_and_the_second_lives() {
    let mut world = World::signed_in(1);
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    let late = world.perform(0, Kind::Refresh);
    let newest_of_first = world.server.newest().to_owned();
    world.sign_in(0);
    world.run();
    world.answer(0, late);
    world.run();
    assert_eq!(world.server.revoked, [newest_of_first]);
    assert!(world.server.lives(world.store.tokens()));
}

#[test]
fn l2_a_sign_in_over_the_flight_that_reads_the_store_first_stands() {
    let mut world = World::signed_in(1);
    world.crash(0);
    let opening = world.join(0, Demand::Usable);
    let read = world.perform(0, Kind::Load);
    world.sign_in(0);
    world.run();
    assert_eq!(world.ended(0, opening), REPLACED);
    let ours = world.current(0).session;
    world.answer(0, read);
    world.run();
    assert_eq!(world.current(0).session, ours);
}

#[test]
fn l3_l10_a_demand_that_waits_for_an_orphan_learns_of_the_next_change_at_once() {
    for sign_out in [true, false] {
        let mut world = World::signed_in(2);
        world.refused(0);
        world.run_until(0, Kind::Refresh);
        let late = world.perform(0, Kind::Refresh);
        world.sign_in(0);
        world.run();
        let queued = world.refused(0);
        if sign_out {
            world.sign_out(0);
            let told = Outcome::Failed(Failure::SignedOut(EndReason::SignOut));
            assert_eq!(world.ended(0, queued), told);
        } else {
            world.sign_in(1);
            world.run_only(1);
            world.observe(0);
            assert_eq!(world.ended(0, queued), REPLACED);
        }
        world.answer(0, late);
        world.run();
    }
}

#[test]
fn l10_waiters_are_replaced_when_the_hint_of_another_sign_in_comes() {
    for point in POINTS {
        let mut world = World::signed_in(2);
        let attempt = world.refused(0);
        world.run_until(0, point);
        world.sign_in(1);
        world.run_only(1);
        world.observe(0);
        assert_eq!(world.ended(0, attempt), REPLACED, "{point:?}");
        assert_eq!(world.access(0), world.access(1));
        world.run();
        assert!(world.server.lives(world.store.tokens()), "{point:?}");
        assert_eq!(world.store.session(), world.current(1).session);
    }
}

#[test]
fn l10_waiters_are_replaced_when_the_save_meets_another_sign_in() {
    let mut world = World::signed_in(2);
    let attempt = world.refused(0);
    world.run_until(0, Kind::Keep);
    world.sign_in(1);
    world.run_only(1);
    world.run();
    assert_eq!(world.ended(0, attempt), REPLACED);
    assert_eq!(world.access(0), world.access(1));
    // The late token of the first sign-in was revoked, and nothing else.
    assert_eq!(world.server.revoked.len(), 1);
    assert!(world.server.lives(world.store.tokens()));
}

#[test]
fn l10_of_several_sign_ins_in_a_row_the_last_one_stands() {
    let mut world = World::of(1);
    let first = world.sign_in(0);
    world.run_until(0, Kind::Keep);
    let second = world.sign_in(0);
    let landed = world.perform(0, Kind::Keep);
    let third = world.sign_in(0);
    assert_eq!(world.ended(0, first), REPLACED);
    assert_eq!(world.ended(0, second), REPLACED);
    world.answer(0, landed);
    world.run();
    assert!(matches!(
        world.ended(0, third),
        Outcome::SignedIn { saved: true, .. }
    ));
    assert_eq!(world.store.session(), world.current(0).session);
    assert!(world.server.lives(world.store.tokens()));
    let told = |event: &&Event| matches!(event, Event::SignedIn { .. });
    assert_eq!(world.holders[0].events.iter().filter(told).count(), 1);
}

#[test]
fn l10_demands_during_a_sign_in_wait_for_it() {
    let mut world = World::of(1);
    let sign_in = world.sign_in(0);
    for demand in [Demand::Usable, Demand::Due] {
        assert_eq!(world.join(0, demand), sign_in);
    }
    world.run();
    assert!(matches!(
        world.ended(0, sign_in),
        Outcome::SignedIn { generation: 1, .. }
    ));
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
}

#[test]
fn l10_a_demand_that_comes_while_an_orphan_is_under_way_is_settled_after_it() {
    let mut world = World::signed_in(1);
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    let late = world.perform(0, Kind::Refresh);
    world.sign_in(0);
    world.run();
    let queued = world.refused(0);
    world.run();
    assert_eq!(world.outcome(0, queued), None);
    world.answer(0, late);
    world.server.faults.push_back(Fault::LoseBefore);
    world.run();
    assert!(matches!(world.ended(0, queued), Outcome::Renewed { .. }));
    assert!(!world.store.is_locked());
}
