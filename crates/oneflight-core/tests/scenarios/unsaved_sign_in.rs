//! L11: a sign-in that the store could not keep yet.

use oneflight_core::machine::{Demand, Demanded, Event, Failure, Outcome, TransientCause, Unkept};
use oneflight_core::{EndReason, SessionId, State};

use crate::world::{Ill, Kind, World, secs};

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

#[test]
fn l11_a_sign_in_whose_landing_went_unnoticed_does_not_rise_from_the_grave_of_its_successor() {
    let mut world = World::of(2);
    world.store.lies = Ill::Times(1);
    world.sign_in(0);
    world.run();
    // Another holder finds it and renews it; then somebody else signs in there, and out.
    world.all_open();
    world.refused(1);
    world.run_only(1);
    world.sign_in(1);
    world.run_only(1);
    world.sign_out(1);
    world.run_only(1);
    world.pass(secs(10));
    assert!(!world.is_signed_in(0));
    assert!(matches!(
        world.store.record().state,
        State::Ended(EndReason::SignOut)
    ));
    assert!(world.holders[0].machine.is_idle());
}

#[test]
fn l11_a_sign_in_is_written_over_a_tombstone_that_was_there_before_the_store_could_be_read() {
    let mut world = World::signed_in(1);
    world.sign_out(0);
    world.run();
    world.crash(0);
    world.store.loads = Ill::Times(1);
    world.store.saves = Ill::Times(2);
    world.sign_in(0);
    world.pass(secs(60));
    assert!(world.is_signed_in(0));
    assert_eq!(world.store.session(), world.current(0).session);
}
