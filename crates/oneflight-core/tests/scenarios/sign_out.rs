//! L: sign-out wins, everywhere, and takes nothing with it that is not its own.

use oneflight_core::machine::{Demand, Demanded, Failure, Outcome, Revocation, Status};
use oneflight_core::{EndReason, State};

use crate::told::{POINTS, SIGNED_OUT, assert_signed_out_everywhere, ended};
use crate::world::{Fault, Ill, Kind, World, secs};

#[test]
fn l1_l3_a_sign_out_at_any_point_of_a_refresh_wins() {
    for point in POINTS {
        for carried_out in [false, true] {
            let mut world = World::signed_in(1);
            let attempt = world.refused(0);
            world.run_until(0, point);
            let answer = carried_out.then(|| world.perform(0, point));
            let sign_out = world.sign_out(0);
            // At once, for everybody.
            assert_eq!(world.ended(0, attempt), Outcome::Failed(SIGNED_OUT), "{point:?}");
            assert!(!world.is_signed_in(0));
            if let Some(answer) = answer {
                world.answer(0, answer);
            }
            world.run();
            assert_eq!(world.ended(0, sign_out), ended(Revocation::Done), "{point:?}");
            assert_signed_out_everywhere(&world);
            assert_eq!(world.holders[0].sign_outs(), [EndReason::SignOut]);
            assert!(world.posts() <= 1);
        }
    }
}

#[test]
fn l1_a_late_answer_that_comes_after_the_tombstone_is_revoked() {
    let mut world = World::signed_in(1);
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    let late = world.perform(0, Kind::Refresh);
    let sign_out = world.sign_out(0);
    world.run();
    // The sign-out waited for nobody.
    assert_eq!(world.ended(0, sign_out), ended(Revocation::Done));
    let writes = world.store.writes;
    world.answer(0, late);
    world.run();
    assert_eq!(world.store.writes, writes);
    assert_signed_out_everywhere(&world);
}

#[test]
fn l1_no_token_is_revoked_twice() {
    for point in [Kind::Refresh, Kind::Keep] {
        for lies in [Ill::No, Ill::Times(1)] {
            let mut world = World::signed_in(1);
            world.refused(0);
            world.run_until(0, point);
            world.store.lies = lies;
            let answer = world.perform(0, point);
            world.store.lies = Ill::No;
            world.sign_out(0);
            world.run_until(0, Kind::Bury);
            world.answer(0, answer);
            world.run();
            let mut revoked = world.server.revoked.clone();
            revoked.sort_unstable();
            revoked.dedup();
            assert_eq!(revoked.len(), world.server.revoked.len(), "{point:?}, {lies:?}");
            assert_signed_out_everywhere(&world);
        }
    }
}

#[test]
fn l1_w4_a_refresh_token_in_a_late_answer_that_is_of_no_other_use_is_revoked() {
    let mut world = World::signed_in(1);
    world.server.faults.push_back(Fault::Garble);
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    let late = world.perform(0, Kind::Refresh);
    world.sign_out(0);
    world.run();
    world.answer(0, late);
    world.run();
    assert_signed_out_everywhere(&world);
}

#[test]
fn l3_waiters_of_a_sign_in_that_is_signed_out_are_told_at_once() {
    let mut world = World::of(1);
    let sign_in = world.sign_in(0);
    assert_eq!(world.join(0, Demand::Usable), sign_in);
    world.run_until(0, Kind::Keep);
    let sign_out = world.sign_out(0);
    assert_eq!(world.ended(0, sign_in), Outcome::Failed(SIGNED_OUT));
    world.run();
    assert_eq!(world.ended(0, sign_out), ended(Revocation::Done));
    assert_eq!(world.server.revoked, [world.server.newest()]);
}

#[test]
fn l4_a_sign_out_ends_the_session_even_if_revocation_fails() {
    let mut world = World::signed_in(1);
    world.server.revocation_fails = true;
    let sign_out = world.sign_out(0);
    world.run();
    assert_eq!(world.ended(0, sign_out), ended(Revocation::Failed));
    assert_signed_out_everywhere(&world);
}

#[test]
fn l4_a_sign_out_revokes_the_token_that_was_stored_last_by_anybody() {
    let mut world = World::signed_in(2);
    world.refused(1);
    world.run();
    // Holder 0 has not heard of it.
    let sign_out = world.sign_out(0);
    world.run();
    assert_eq!(world.ended(0, sign_out), ended(Revocation::Done));
    assert_eq!(world.server.revoked, [world.server.newest()]);
}

#[test]
fn l4_a_mere_refresh_revokes_nothing() {
    let mut world = World::signed_in(1);
    world.refused(0);
    world.run();
    assert!(world.server.revoked.is_empty());
    assert!(!world.holders[0].trace.contains(&"revoke"));
}

#[test]
fn l4_a_sign_out_while_the_flight_of_an_earlier_session_still_saves_revokes_the_right_token() {
    let mut world = World::signed_in(1);
    world.refused(0);
    world.run_until(0, Kind::Keep);
    let late = world.perform(0, Kind::Keep);
    world.sign_in(0);
    world.run();
    let sign_out = world.sign_out(0);
    world.run();
    assert_eq!(world.ended(0, sign_out), ended(Revocation::Done));
    assert!(
        world
            .server
            .revoked
            .iter()
            .any(|token| token == world.server.newest())
    );
    world.answer(0, late);
    world.run();
    assert!(matches!(
        world.store.record().state,
        State::Ended(EndReason::SignOut)
    ));
}

#[test]
fn l6_three_reasons_not_to_be_signed_in_are_told_apart_before_anything_is_sent() {
    let mut never = World::of(1);
    let attempt = never.join(0, Demand::Usable);
    never.run();
    assert_eq!(never.ended(0, attempt), Outcome::Failed(Failure::NeverSignedIn));
    assert_eq!(never.holders[0].machine.snapshot().status, Status::NeverSignedIn);
    assert_eq!(
        never.demand(0, Demand::Usable),
        Demanded::Refused(Failure::NeverSignedIn)
    );

    let mut lonely = World::of(1);
    lonely.server.lasting(secs(60));
    let mut set = lonely.server.authorize(lonely.now.wall);
    set.refresh_token = None;
    lonely.sign_in_with(0, set);
    lonely.run();
    lonely.skip(secs(60));
    let attempt = lonely.join(0, Demand::Usable);
    lonely.run();
    assert_eq!(lonely.ended(0, attempt), Outcome::Failed(Failure::NoRefreshToken));
    assert_eq!(
        lonely.demand(0, Demand::Usable),
        Demanded::Refused(Failure::NoRefreshToken)
    );

    let mut buried = World::signed_in(1);
    buried.sign_out(0);
    buried.run();
    buried.crash(0);
    let attempt = buried.join(0, Demand::Usable);
    buried.run();
    assert_eq!(buried.ended(0, attempt), Outcome::Failed(SIGNED_OUT));
    for world in [never, lonely, buried] {
        assert_eq!(world.posts(), 0);
    }
}

#[test]
fn l7_a_sign_out_while_another_holder_renews_ends_it_everywhere() {
    for point in POINTS {
        for carried_out in [false, true] {
            let mut world = World::signed_in(2);
            let attempt = world.refused(1);
            world.run_until(1, point);
            let answer = carried_out.then(|| world.perform(1, point));
            let sign_out = world.sign_out(0);
            world.run_only(0);
            if let Some(answer) = answer {
                world.answer(1, answer);
            }
            world.run();
            world.deliver_hints();
            assert_eq!(world.ended(0, sign_out), ended(Revocation::Done));
            if !(point == Kind::Keep && carried_out) {
                assert_eq!(world.ended(1, attempt), Outcome::Failed(SIGNED_OUT), "{point:?}");
            }
            assert_signed_out_everywhere(&world);
        }
    }
}

#[test]
fn l7_a_renewal_that_lands_between_the_read_and_the_tombstone_is_buried_too() {
    let mut world = World::signed_in(2);
    world.refused(1);
    world.run_until(1, Kind::Keep);
    let sign_out = world.sign_out(0);
    world.run_until(0, Kind::Bury);
    world.run_only(1);
    world.run();
    world.deliver_hints();
    assert_eq!(world.ended(0, sign_out), ended(Revocation::Done));
    assert_signed_out_everywhere(&world);
}

#[test]
fn l8_a_sign_out_leaves_the_session_that_another_holder_signed_in_since() {
    let mut world = World::signed_in(2);
    world.sign_in(1);
    world.run_only(1);
    let theirs = world.store.session();
    let sign_out = world.sign_out(0);
    world.run();
    assert_eq!(world.ended(0, sign_out), ended(Revocation::Done));
    assert_eq!(world.store.session(), theirs);
    assert!(world.server.lives(world.store.tokens()));
    assert!(world.is_signed_in(1));
    assert_eq!(world.server.revoked.len(), 1);
}

#[test]
fn l8_a_sign_out_before_anything_was_read_ends_what_it_finds_first() {
    let mut world = World::signed_in(1);
    world.crash(0);
    let sign_out = world.sign_out(0);
    world.run();
    assert_eq!(world.ended(0, sign_out), ended(Revocation::Done));
    assert_signed_out_everywhere(&world);
}

#[test]
fn l8_a_sign_out_before_anything_was_read_does_not_end_a_session_signed_in_meanwhile() {
    let mut world = World::signed_in(2);
    world.crash(0);
    let sign_out = world.sign_out(0);
    // It has read the old session, and not written yet.
    world.run_until(0, Kind::Bury);
    world.sign_in(1);
    world.run_only(1);
    world.run();
    assert!(matches!(
        world.ended(0, sign_out),
        Outcome::Ended { landed: true, .. }
    ));
    world.deliver_hints();
    assert!(world.is_signed_in(1));
    assert!(world.server.lives(world.store.tokens()));
}
