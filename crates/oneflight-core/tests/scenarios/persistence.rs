//! P: a store that fails, holders that die.

use oneflight_core::machine::{Demand, Demanded, Event, Failure, Outcome, TransientCause, Unkept};
use oneflight_core::{EndReason, State};

use crate::told::{POINTS, cause};
use crate::world::{Fault, Ill, Kind, Rotation, World, secs};

/// The refresh went well, and the store cannot be written any more.
fn unsaved(holders: usize) -> World {
    let mut world = World::signed_in(holders);
    world.refused(0);
    world.run_until(0, Kind::Refresh);
    world.store.saves = Ill::ForGood;
    world.run_only(0);
    assert!(world.holders[0].machine.has_unsaved());
    world
}

#[test]
fn p1_a_new_set_is_saved_before_it_is_published() {
    let mut world = World::signed_in(1);
    let old = world.access(0);
    world.refused(0);
    world.run_until(0, Kind::Keep);
    assert_eq!(world.access(0), old);
    let saved = world.perform(0, Kind::Keep);
    assert_eq!(world.access(0), old);
    world.answer(0, saved);
    assert_eq!(world.access(0), world.store.tokens().access_token.expose());
}

#[test]
fn p2_p5_whoever_dies_at_any_point_the_next_start_works() {
    for rotation in [Rotation::Strict, Rotation::Grace] {
        for point in POINTS {
            for carried_out in [false, true] {
                let mut world = World::signed_in(2);
                world.server.rotation = rotation;
                world.refused(0);
                world.run_until(0, point);
                if carried_out {
                    let _ = world.perform(0, point);
                }
                world.crash(0);
                let attempt = world.refused(1);
                world.run();
                // Only where the server rotated and nobody can know the new token.
                let lost = rotation == Rotation::Strict
                    && matches!((point, carried_out), (Kind::Refresh, true) | (Kind::Keep, false));
                match world.ended(1, attempt) {
                    Outcome::Failed(Failure::SignedOut(EndReason::GrantDead { after_loss: true })) => {
                        assert!(lost, "{rotation:?} {point:?} {carried_out}");
                    }
                    Outcome::Renewed { .. } | Outcome::Adopted { .. } => assert!(!lost),
                    other => panic!("{rotation:?} {point:?} {carried_out}: {other:?}"),
                }
                world.all_open();
                assert_eq!(world.is_signed_in(0), !lost);
                assert_eq!(world.holders[1].sign_outs().len(), usize::from(lost));
            }
        }
    }
}

#[test]
fn p4_what_a_failed_refresh_leaves_behind_does_not_overwrite_a_newer_record() {
    for fault in [Fault::LoseBefore, Fault::interaction()] {
        let mut world = World::signed_in(2);
        world.server.faults.extend([fault, Fault::LoseBefore]);
        let attempt = world.refused(0);
        world.run_until(0, Kind::Refresh);
        world.step(0, Kind::Refresh);
        while !world.asks(0, Kind::Save) {
            world.step_one(0);
        }
        world.sign_in(1);
        world.run_only(1);
        let theirs = world.store.session();
        world.run();
        assert_eq!(world.ended(0, attempt), Outcome::Failed(Failure::Replaced));
        assert_eq!(world.store.session(), theirs);
        assert!(world.server.lives(world.store.tokens()));
    }
}

#[test]
fn p4_a_failure_that_could_not_be_written_down_is_not_followed_by_another_post() {
    let mut world = World::signed_in(2);
    world.sound_lock = false;
    world.server.swallows = true;
    let attempt = world.refused(0);
    world.run_until(0, Kind::Lock);
    while world.posts() < 2 {
        world.step_one(0);
    }
    while !world.asks(0, Kind::Save) {
        world.step_one(0);
    }
    // A lock that is none: another holder's mark comes in between.
    world.store.lose_lease();
    world.refused(1);
    world.run_until(1, Kind::Refresh);
    world.run_only(0);
    assert!(matches!(
        cause(world.ended(0, attempt)),
        TransientCause::AnswerLost(_)
    ));
    assert_eq!(world.posts(), 2);
}

#[test]
fn p4_the_pending_tombstone_of_a_refused_token_does_not_bury_its_successor() {
    let mut world = World::signed_in(2);
    world.sound_lock = false;
    world.store.burials = Ill::ForGood;
    let refuse = Fault::dead();
    world.server.faults.push_back(refuse);
    world.refused(0);
    world.run();
    assert!(world.holders[0].machine.has_unsaved());
    // The server was wrong, or another holder was quicker: the session has moved on.
    world.refused(1);
    world.run_only(1);
    world.store.burials = Ill::No;
    world.pass(secs(10));
    assert!(matches!(world.store.record().state, State::Live { .. }));
    assert!(!world.holders[0].machine.has_unsaved());
    world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.access(0), world.access(1));
}

#[test]
fn p5_an_owner_that_froze_after_its_send_adopts_what_another_saved() {
    let mut world = World::signed_in(2);
    world.sound_lock = false;
    world.server.rotation = Rotation::Grace;
    let frozen = world.refused(0);
    world.run_until(0, Kind::Refresh);
    let late = world.perform(0, Kind::Refresh);
    world.store.lose_lease();
    world.refused(1);
    world.run_only(1);
    world.answer(0, late);
    world.run();
    assert_eq!(world.ended(0, frozen), Outcome::Adopted { generation: 2 });
    assert_eq!(world.access(0), world.access(1));
    // What it brought is dropped: revoking it would end the family that both belong to.
    assert!(world.server.revoked.is_empty());
    assert!(world.server.lives(world.store.tokens()));
}

#[test]
fn p7_p11_a_set_that_cannot_be_saved_lives_on_here_and_keeps_the_lock() {
    let mut world = unsaved(2);
    let told = Event::StoreFailed {
        what: Unkept::TokenSet,
    };
    assert!(world.holders[0].events.contains(&told));
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
    assert!(world.store.is_locked());
    // Nobody presents the spent token: the world checks it.
    let blocked = world.refused(1);
    world.run();
    world.lock_times_out(1);
    world.run();
    assert_eq!(cause(world.ended(1, blocked)), TransientCause::LockBusy);
    assert!(world.is_signed_in(1));
    // Renewing what is not stored would lose it.
    let Demanded::Refused(failure) = world.refused_or_usable(0) else {
        panic!()
    };
    assert_eq!(cause(Outcome::Failed(failure)), TransientCause::StoreUnwritable);
    assert_eq!(world.posts(), 1);
    world.store.saves = Ill::No;
    world.pass(secs(10));
    assert!(!world.holders[0].machine.has_unsaved());
    assert!(world.holders[0].events.contains(&Event::StoreRecovered));
    assert!(!world.store.is_locked());
    let adopts = world.refused(1);
    world.run();
    assert!(matches!(world.ended(1, adopts), Outcome::Adopted { .. }));
    assert_eq!((world.posts(), world.server.reuse_detected), (1, 0));
}

#[test]
fn p7_a_demand_that_comes_while_the_saving_is_tried_again_is_settled() {
    let mut world = unsaved(1);
    world.tell(0, |machine, now| machine.retry_now(now));
    let again = world.perform(0, Kind::Keep);
    let queued = world.refused(0);
    world.answer(0, again);
    assert_eq!(cause(world.ended(0, queued)), TransientCause::StoreUnwritable);
    world.store.saves = Ill::No;
    world.skip(secs(300));
    world.tell(0, |machine, now| machine.handle_timeout(now));
    let kept = world.perform(0, Kind::Keep);
    let queued = world.refused(0);
    world.answer(0, kept);
    world.run();
    assert!(matches!(world.ended(0, queued), Outcome::Renewed { .. }));
}

#[test]
fn p7_no_holder_signs_out_because_a_store_is_ill() {
    let mut world = World::signed_in(1);
    for ill in 0..4 {
        match ill {
            0 => world.store.loads = Ill::ForGood,
            1 => world.store.saves = Ill::ForGood,
            2 => world.store.locks = Ill::ForGood,
            _ => world.store.conflicts = Ill::ForGood,
        }
        let attempt = world.refused(0);
        world.hint(0);
        world.run();
        let expected = match ill {
            0 => TransientCause::StoreUnreadable,
            1 => TransientCause::StoreUnwritable,
            2 => TransientCause::LockFailed,
            _ => TransientCause::StoreContended,
        };
        assert_eq!(cause(world.ended(0, attempt)), expected);
        assert!(world.is_signed_in(0));
        world.store.loads = Ill::No;
        world.store.saves = Ill::No;
        world.store.locks = Ill::No;
        world.store.conflicts = Ill::No;
        world.pass(secs(60));
    }
    assert_eq!(world.posts(), 0);
    assert_eq!(world.holders[0].sign_outs(), []);
}

#[test]
fn p7_a_lock_that_cannot_be_had_does_not_keep_from_adopting() {
    let mut world = World::signed_in(2);
    world.refused(1);
    world.run();
    world.store.locks = Ill::ForGood;
    let attempt = world.refused(0);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Adopted { generation: 2 });
}

#[test]
fn p7_the_pauses_of_a_store_that_recovered_do_not_lengthen_those_of_the_server() {
    let mut world = unsaved(1);
    world.pass(secs(600));
    world.store.saves = Ill::No;
    world.pass(secs(300));
    assert!(!world.holders[0].machine.has_unsaved());
    world.server.swallows = true;
    let attempt = world.refused(0);
    world.run();
    let Outcome::Failed(failure) = world.ended(0, attempt) else {
        panic!()
    };
    let pause = failure.retry_at().unwrap().since(world.now.mono);
    assert!(pause <= secs(1), "{pause:?}");
}

#[test]
fn p7_a_store_that_says_conflict_for_ever_does_not_spin_with_an_unsaved_set() {
    let mut world = World::signed_in(1);
    let attempt = world.refused(0);
    world.run_until(0, Kind::Refresh);
    world.store.conflicts = Ill::ForGood;
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert!(world.holders[0].machine.has_unsaved());
    world.store.conflicts = Ill::No;
    world.pass(secs(10));
    assert_eq!(world.store.record().set, 1);
}

#[test]
fn p11_a_save_that_meets_a_tombstone_of_a_dead_verdict_on_the_spent_token_is_written_over_it() {
    let mut world = World::signed_in(2);
    world.sound_lock = false;
    world.refused(0);
    world.run_until(0, Kind::Keep);
    // A lock that is none: another holder presents the spent token and believes the answer.
    world.store.lose_lease();
    world.server.faults.push_back(Fault::dead());
    world.refused(1);
    world.run_only(1);
    assert!(matches!(world.store.record().state, State::Ended(_)));
    world.run();
    assert_eq!(world.store.tokens().access_token.expose(), world.access(0));
    world.deliver_hints();
    assert!(world.is_signed_in(0));
}

#[test]
fn p11_the_hint_of_a_dead_verdict_on_the_token_we_are_exchanging_ends_nothing() {
    for renewed in [true, false] {
        let mut world = World::signed_in(2);
        world.sound_lock = false;
        world.refused(0);
        world.run_until(0, Kind::Refresh);
        if !renewed {
            world.server.kill_all();
        }
        let answer = world.perform(0, Kind::Refresh);
        world.store.lose_lease();
        let refuse = Fault::dead();
        world.server.faults.push_back(refuse);
        world.refused(1);
        world.run_only(1);
        world.observe(0);
        // Our own answer decides.
        assert!(world.is_signed_in(0));
        world.answer(0, answer);
        world.run();
        assert_eq!(world.is_signed_in(0), renewed);
        assert_eq!(matches!(world.store.record().state, State::Live { .. }), renewed);
    }
}

#[test]
fn p12_a_save_that_landed_and_was_reported_failed_costs_nothing() {
    let mut world = World::signed_in(2);
    let attempt = world.refused(0);
    world.run_until(0, Kind::Keep);
    world.store.lies = Ill::Times(1);
    world.run_only(0);
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    let writes = world.store.writes;
    world.pass(secs(5));
    assert!(!world.holders[0].machine.has_unsaved());
    assert_eq!(world.store.writes, writes);
    assert!(world.server.revoked.is_empty());
    assert_eq!(world.posts(), 1);
    assert_eq!(world.stamp(0).generation, 2);
}

#[test]
fn p12_a_set_that_landed_and_was_renewed_by_another_since_is_not_revoked() {
    let mut world = World::signed_in(2);
    world.sound_lock = false;
    world.refused(0);
    world.run_until(0, Kind::Keep);
    world.store.lies = Ill::Times(1);
    world.run_only(0);
    world.store.lose_lease();
    world.observe(1);
    world.refused(1);
    world.run_only(1);
    world.pass(secs(5));
    assert_eq!(world.access(0), world.access(1));
    assert!(world.server.revoked.is_empty());
    assert!(world.server.lives(world.store.tokens()));
}

#[test]
fn p12_a_mark_that_landed_and_was_reported_failed_costs_one_pause() {
    let mut world = World::signed_in(1);
    world.store.lies = Ill::Times(1);
    let attempt = world.refused(0);
    world.run();
    assert_eq!(cause(world.ended(0, attempt)), TransientCause::StoreUnwritable);
    assert_eq!(world.posts(), 0);
    world.skip(secs(1));
    let attempt = world.refused(0);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
}

#[test]
fn p13_no_mark_no_post() {
    let mut world = World::signed_in(1);
    world.store.marks = Ill::Times(1);
    let attempt = world.refused(0);
    world.run();
    assert_eq!(cause(world.ended(0, attempt)), TransientCause::StoreUnwritable);
    assert_eq!(world.posts(), 0);
    assert!(!world.store.is_locked());
}

#[test]
fn p14_two_crashes_between_mark_and_send_and_the_third_start_works() {
    let mut world = World::signed_in(1);
    world.server.lasting(secs(10));
    world.refused(0);
    world.run();
    world.skip(secs(10));
    for _ in 0..2 {
        world.join(0, Demand::Usable);
        world.run_until(0, Kind::Refresh);
        assert!(world.store.is_marked());
        world.crash(0);
    }
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert!(matches!(world.ended(0, attempt), Outcome::Renewed { .. }));
    assert_eq!(world.posts(), 2);
}
