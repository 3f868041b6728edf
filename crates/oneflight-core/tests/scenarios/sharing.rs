//! P, L: what one holder does shows at the others.

use oneflight_core::EndReason;
use oneflight_core::machine::{Demand, Demanded, Failure, Outcome};

use crate::told::{REPLACED, SIGNED_OUT, assert_signed_out_everywhere};
use crate::world::{Kind, World, secs};

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
fn l5_a_sign_out_reaches_the_others_by_hint_and_without_one_at_their_next_read() {
    let mut world = World::signed_in(3);
    world.sign_out(0);
    world.run();
    world.hint(1);
    world.run();
    assert_eq!(world.holders[1].sign_outs(), [EndReason::SignOut]);
    let attempt = world.refused(2);
    world.run();
    assert_eq!(world.ended(2, attempt), Outcome::Failed(SIGNED_OUT));
    assert_signed_out_everywhere(&world);
    assert_eq!(world.posts(), 0);
}

#[test]
fn l5_a_removed_record_ends_the_session_with_that_reason() {
    let mut world = World::signed_in(2);
    world.store.stored = None;
    let attempt = world.refused(0);
    world.run();
    let told = Failure::SignedOut(EndReason::Removed);
    assert_eq!(world.ended(0, attempt), Outcome::Failed(told.clone()));
    world.hint(1);
    world.run();
    for h in 0..2 {
        assert_eq!(world.holders[h].sign_outs(), [EndReason::Removed]);
        assert_eq!(world.demand(h, Demand::Usable), Demanded::Refused(told.clone()));
    }
    assert_eq!(world.posts(), 0);
}

#[test]
fn l5_a_look_that_was_overtaken_by_a_sign_in_elsewhere_ends_nothing() {
    let mut world = World::of(2);
    world.hint(0);
    let nothing = world.perform(0, Kind::Load);
    world.sign_in(1);
    world.run_only(1);
    world.observe(0);
    assert!(world.is_signed_in(0));
    world.answer(0, nothing);
    world.run();
    assert!(world.is_signed_in(0));
    assert_eq!(world.holders[0].sign_outs(), []);
}

#[test]
fn l5_the_tombstone_of_a_later_session_ends_ours_however_many_sets_ours_had() {
    let mut world = World::signed_in(2);
    for _ in 0..3 {
        world.refused(0);
        world.run();
    }
    world.sign_in(1);
    world.run_only(1);
    world.server.kill_all();
    world.refused(1);
    world.run_only(1);
    // Ours was replaced, and then its successor died: nothing of ours is left.
    world.observe(0);
    assert!(!world.is_signed_in(0));
}

#[test]
fn l5_a_hint_that_comes_while_an_older_one_is_followed_is_not_lost() {
    let mut world = World::signed_in(2);
    world.hint(1);
    let before = world.perform(1, Kind::Load);
    world.sign_out(0);
    world.run_only(0);
    world.hint(1);
    world.answer(1, before);
    world.run();
    assert!(!world.is_signed_in(1));
}

#[test]
fn l5_a_sign_in_after_a_removal_is_seen_even_if_the_store_counts_from_one_again() {
    let mut world = World::signed_in(3);
    for _ in 0..3 {
        world.refused(0);
        world.run();
    }
    world.deliver_hints();
    world.store.remove();
    world.hint(1);
    world.run();
    world.sign_in(0);
    world.run_only(0);
    // One holder heard of the removal; the other slept through it, and finds out at its next attempt.
    world.hint(1);
    world.refused(2);
    world.run();
    assert_eq!(world.current(1).session, world.store.session());
    assert_eq!(world.current(2).session, world.store.session());
    world.sign_out(0);
    world.run();
    world.hint(2);
    world.run();
    assert!(!world.is_signed_in(2));
}

#[test]
fn p3_two_holders_that_are_refused_together_make_one_post() {
    let mut world = World::signed_in(2);
    let (first, second) = (world.refused(0), world.refused(1));
    world.run();
    assert_eq!(world.ended(0, first), Outcome::Renewed { generation: 2 });
    assert_eq!(world.ended(1, second), Outcome::Adopted { generation: 2 });
    assert_eq!(world.posts(), 1);
    assert_eq!(world.access(0), world.access(1));
}

#[test]
fn p3_fifty_holders_that_are_refused_together_make_one_post() {
    let mut world = World::signed_in(50);
    let attempts: Vec<_> = (0..50).map(|h| world.refused(h)).collect();
    world.run();
    assert_eq!(world.posts(), 1);
    for (h, attempt) in attempts.into_iter().enumerate() {
        let generation = world.stamp(h).generation;
        let expected = match h {
            0 => Outcome::Renewed { generation },
            _ => Outcome::Adopted { generation },
        };
        assert_eq!(world.ended(h, attempt), expected);
    }
}
