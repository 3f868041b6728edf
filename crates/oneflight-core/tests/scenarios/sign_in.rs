//! L: sign-in, and what it displaces.

use oneflight_core::machine::{
    Demand, Demanded, Event, Failure, Outcome, Revocation, TransientCause, Unkept,
};
use oneflight_core::{EndReason, SessionId, State};

use crate::sign_out::POINTS;
use crate::world::{Fault, Ill, Kind, World, secs};

const REPLACED: Outcome = Outcome::Failed(Failure::Replaced);

/// The store cannot be written, and a second user has signed in over the first.
fn unsaved_sign_in() -> (World, SessionId) {
    let mut world = World::signed_in(2);
    let first = world.store.session();
    world.store.saves = Ill::ForGood;
    let sign_in = world.sign_in(0);
    world.run();
    let Outcome::SignedIn { saved: false, .. } = world.ended(0, sign_in) else {
        panic!("{:?}", world.ended(0, sign_in))
    };
    (world, first)
}

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
fn l5_a_sign_in_reaches_the_others_by_hint_and_without_one_at_their_next_read() {
    let mut world = World::signed_in(3);
    world.sign_in(0);
    world.run();
    world.hint(1);
    world.run();
    assert_eq!(world.access(1), world.access(0));
    let attempt = world.refused(2);
    world.run();
    assert_eq!(world.ended(2, attempt), REPLACED);
    assert_eq!(world.access(2), world.access(0));
    assert_eq!(world.posts(), 0);
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
fn l11_a_sign_in_that_is_not_stored_is_not_renewed_from_the_record_before_it() {
    let (mut world, first) = unsaved_sign_in();
    let told = Event::StoreFailed { what: Unkept::SignIn };
    assert!(world.holders[0].events.contains(&told));
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
    let stamp = world.stamp(0);
    let refused = world.demand(0, Demand::NewerThan(stamp));
    let Demanded::Refused(Failure::Transient { cause, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(cause, TransientCause::StoreUnwritable);
    world.run();
    assert_eq!((world.posts(), world.store.session()), (0, first));
    world.store.saves = Ill::No;
    world.pass(secs(5));
    assert_eq!(world.store.session(), stamp.session);
    assert!(world.holders[0].events.contains(&Event::StoreRecovered));
    world.refused(0);
    world.run();
    assert_eq!(world.posts(), 1);
}

#[test]
fn l11_signing_out_of_a_sign_in_that_is_not_stored_ends_the_one_before_it_too() {
    let (mut world, first) = unsaved_sign_in();
    world.store.saves = Ill::No;
    let sign_out = world.sign_out(0);
    world.run();
    assert!(matches!(
        world.ended(0, sign_out),
        Outcome::Ended { landed: true, .. }
    ));
    assert_eq!(world.store.session(), first);
    assert!(matches!(
        world.store.record().state,
        State::Ended(EndReason::SignOut)
    ));
    assert!(world.server.all_revoked());
    world.deliver_hints();
    assert!(!world.is_signed_in(1));
}

#[test]
fn l11_a_renewal_of_the_record_before_it_does_not_displace_an_unsaved_sign_in() {
    let (mut world, _) = unsaved_sign_in();
    let ours = world.current(0).session;
    world.store.saves = Ill::No;
    world.refused(1);
    world.run_only(1);
    world.observe(0);
    assert_eq!(world.current(0).session, ours);
    world.pass(secs(5));
    assert_eq!(world.store.session(), ours);
    world.deliver_hints();
    assert_eq!(world.current(1).session, ours);
}

#[test]
fn l11_another_sign_in_that_was_stored_first_stands_over_an_unsaved_one() {
    let (mut world, _) = unsaved_sign_in();
    let unsaved = world.server.newest().to_owned();
    world.store.saves = Ill::No;
    world.sign_in(1);
    world.run_only(1);
    world.pass(secs(5));
    assert_eq!(world.store.session(), world.current(1).session);
    assert_eq!(world.current(0).session, world.current(1).session);
    assert_eq!(world.server.revoked, [unsaved]);
    assert!(world.holders[0].machine.is_idle());
}

#[test]
fn l9_a_sign_in_while_a_tombstone_is_pending_stands() {
    let mut world = World::signed_in(1);
    world.store.saves = Ill::ForGood;
    world.sign_out(0);
    world.run();
    let sign_in = world.sign_in(0);
    world.run();
    assert!(matches!(
        world.ended(0, sign_in),
        Outcome::SignedIn { saved: false, .. }
    ));
    world.store.saves = Ill::No;
    world.pass(secs(300));
    assert_eq!(world.store.session(), world.current(0).session);
    assert!(world.server.lives(world.store.tokens()));
    assert!(world.holders[0].machine.is_idle());
}

#[test]
fn l9_a_sign_in_before_a_slow_tombstone_is_written_stands() {
    let mut world = World::signed_in(1);
    let sign_out = world.sign_out(0);
    world.run_until(0, Kind::Bury);
    let sign_in = world.sign_in(0);
    world.run();
    assert_eq!(
        world.ended(0, sign_out),
        Outcome::Ended {
            landed: true,
            revocation: Revocation::Done
        }
    );
    assert!(matches!(
        world.ended(0, sign_in),
        Outcome::SignedIn { saved: true, .. }
    ));
    assert!(world.server.lives(world.store.tokens()));
}

#[test]
fn l11_a_sign_out_while_the_sign_in_is_being_written_buries_it() {
    for lies in [Ill::No, Ill::Times(1)] {
        let mut world = World::of(2);
        let sign_in = world.sign_in(0);
        world.run_until(0, Kind::Keep);
        world.store.lies = lies;
        let landed = world.perform(0, Kind::Keep);
        let sign_out = world.sign_out(0);
        assert!(matches!(
            world.ended(0, sign_in),
            Outcome::Failed(Failure::SignedOut(_))
        ));
        world.answer(0, landed);
        world.run();
        world.pass(secs(5));
        assert!(world.outcome(0, sign_out).is_some());
        assert!(matches!(
            world.store.record().state,
            State::Ended(EndReason::SignOut)
        ));
        assert_eq!(world.server.revoked, [world.server.newest()]);
    }
}

#[test]
fn l11_sign_ins_in_a_row_over_a_store_that_is_ill_leave_only_the_last() {
    let (mut world, _) = unsaved_sign_in();
    for _ in 0..100 {
        world.sign_in(0);
        world.run();
    }
    world.store.saves = Ill::No;
    world.pass(secs(300));
    assert_eq!(world.store.session(), world.current(0).session);
    assert!(world.server.lives(world.store.tokens()));
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
fn l2_an_old_read_does_not_undo_the_hint_of_a_newer_sign_in() {
    let mut world = World::signed_in_with(2, |_| {});
    world.server.lasting(secs(10));
    world.crash(0);
    world.join(0, Demand::Usable);
    let old = world.perform(0, Kind::Load);
    world.sign_in(1);
    world.run_only(1);
    world.skip(secs(11));
    // Run out, so the flight goes on.
    world.observe(0);
    world.answer(0, old);
    assert_eq!(world.current(0).session, world.store.session());
    world.run();
    assert_eq!(world.current(0).session, world.store.session());
    assert_eq!(world.posts(), 1);
}

#[test]
fn s13_the_first_read_takes_over_what_a_hint_could_not_serve_with() {
    let mut world = World::signed_in(2);
    world.server.lasting(secs(10));
    world.refused(1);
    world.run();
    world.crash(0);
    world.skip(secs(11));
    let attempt = world.join(0, Demand::Usable);
    // The hint shows a set that has run out; then another holder renews, and the read sees it.
    world.observe(0);
    world.server.lasting(secs(60));
    world.refused(1);
    world.run_only(1);
    world.run();
    let Outcome::Adopted { generation } = world.ended(0, attempt) else {
        panic!("{:?}", world.ended(0, attempt))
    };
    assert_eq!(world.stamp(0).generation, generation);
    assert_eq!(world.access(0), world.access(1));
    assert!(world.current(0).is_usable(world.now.wall));
}

#[test]
fn l1_a_sign_out_of_an_unsaved_sign_in_revokes_what_the_session_before_it_is_still_saving() {
    for written in [false, true] {
        let mut world = World::signed_in(1);
        world.refused(0);
        world.run_until(0, Kind::Keep);
        let saving = written.then(|| world.perform(0, Kind::Keep));
        let newest_of_first = world.server.newest().to_owned();
        let sign_in = world.sign_in(0);
        world.sign_out(0);
        assert!(matches!(
            world.ended(0, sign_in),
            Outcome::Failed(Failure::SignedOut(_))
        ));
        if let Some(saving) = saving {
            world.answer(0, saving);
        }
        world.run();
        assert!(world.server.revoked.contains(&newest_of_first), "{written}");
        assert!(world.server.all_revoked(), "{written}");
    }
}

#[test]
fn s13_a_demand_that_waits_for_an_orphan_is_served_by_a_hint_at_once() {
    let mut world = World::signed_in(2);
    world.sound_lock = false;
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    let late = world.perform(0, Kind::Refresh);
    world.sign_in(0);
    world.run();
    world.deliver_hint_to(1);
    // A lock that is none: nobody else could renew meanwhile.
    world.store.lose_lease();
    let queued = world.refused(0);
    world.refused(1);
    world.run_only(1);
    world.observe(0);
    assert!(matches!(world.ended(0, queued), Outcome::Adopted { .. }));
    world.answer(0, late);
    world.run();
    assert_eq!(world.posts(), 2);
}

#[test]
fn l11_a_sign_in_that_landed_and_was_reported_failed_is_found() {
    let mut world = World::of(2);
    world.store.lies = Ill::Times(1);
    world.sign_in(0);
    world.run();
    assert!(world.holders[0].machine.has_unsaved());
    // Another holder finds it, and renews it.
    world.all_open();
    world.refused(1);
    world.run_only(1);
    world.pass(secs(5));
    assert!(!world.holders[0].machine.has_unsaved());
    assert_eq!(world.store.record().set, 1);
    assert_eq!(world.access(0), world.access(1));
    assert!(world.server.revoked.is_empty());
}

#[test]
fn l11_a_sign_in_after_a_death_survives_a_store_that_could_not_be_read_for_a_moment() {
    let mut world = World::signed_in(1);
    world.server.kill_all();
    world.refused(0);
    world.run();
    assert!(!world.is_signed_in(0));
    world.store.loads = Ill::Times(1);
    world.sign_in(0);
    world.run();
    let ours = world.current(0).session;
    world.pass(secs(5));
    // A tombstone is no sign-in that could stand against it.
    assert_eq!(world.current(0).session, ours);
    assert_eq!(world.store.session(), ours);
    assert!(world.server.revoked.is_empty());
}
