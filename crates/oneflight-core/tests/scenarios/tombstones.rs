//! L9: sessions that ended before the store could be told.

use oneflight_core::machine::{Demand, Event, Outcome, Revocation, Unkept};

use crate::told::{SIGNED_OUT, assert_signed_out_everywhere, ended};
use crate::world::{Ill, Kind, World, secs};

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
fn l9_a_tombstone_that_cannot_be_written_is_told_retried_and_never_undone() {
    let mut world = World::signed_in(1);
    world.store.saves = Ill::ForGood;
    let sign_out = world.sign_out(0);
    world.run();
    assert_eq!(
        world.ended(0, sign_out),
        Outcome::Ended {
            landed: false,
            revocation: Revocation::Done
        }
    );
    let told = Event::StoreFailed {
        what: Unkept::Tombstone,
    };
    assert!(world.holders[0].events.contains(&told));
    assert!(world.holders[0].machine.has_unsaved());
    // The record still stands. Neither a hint nor a demand takes it up again.
    world.hint(0);
    world.observe(0);
    world.run();
    world.skip(secs(2));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Failed(SIGNED_OUT));
    world.store.saves = Ill::No;
    world.pass(secs(300));
    assert_signed_out_everywhere(&world);
    assert!(world.holders[0].events.contains(&Event::StoreRecovered));
    assert_eq!(world.server.revoked.len(), 1);
    assert!(world.holders[0].machine.is_idle());
}

#[test]
fn l9_a_tombstone_that_landed_and_was_reported_failed_is_found() {
    let mut world = World::signed_in(1);
    world.store.lies = Ill::Times(1);
    world.sign_out(0);
    world.run();
    assert!(world.holders[0].machine.has_unsaved());
    world.pass(secs(5));
    assert!(!world.holders[0].machine.has_unsaved());
    assert_eq!(world.store.writes, 2);
    assert_signed_out_everywhere(&world);
}

#[test]
fn l9_the_pending_tombstone_of_a_dead_grant_does_not_end_a_newer_sign_in() {
    let mut world = World::signed_in(2);
    world.server.kill_all();
    world.store.burials = Ill::ForGood;
    world.refused(0);
    world.run();
    assert!(world.holders[0].machine.has_unsaved());
    world.sign_in(1);
    world.run_only(1);
    world.store.burials = Ill::No;
    world.pass(secs(300));
    assert!(world.is_signed_in(1));
    assert!(world.server.lives(world.store.tokens()));
    assert!(!world.holders[0].machine.has_unsaved());
    world.deliver_hints();
    assert!(world.is_signed_in(0));
}

#[test]
fn l9_a_sign_out_with_an_unreadable_store_before_anything_was_read_takes_nothing_up() {
    let mut world = World::signed_in(1);
    world.crash(0);
    world.store.loads = Ill::ForGood;
    let sign_out = world.sign_out(0);
    world.run();
    assert!(matches!(
        world.ended(0, sign_out),
        Outcome::Ended { landed: false, .. }
    ));
    world.skip(secs(2));
    world.store.loads = Ill::No;
    let attempt = world.join(0, Demand::Usable);
    world.run_only(0);
    assert_eq!(world.ended(0, attempt), Outcome::Failed(SIGNED_OUT));
    world.pass(secs(300));
    assert_signed_out_everywhere(&world);
}

#[test]
fn l9_a_second_sign_out_joins_the_one_that_is_under_way() {
    let mut world = World::signed_in(1);
    let first = world.sign_out(0);
    let second = world.sign_out(0);
    world.run();
    assert_eq!(world.ended(0, first), ended(Revocation::Done));
    assert!(matches!(
        world.ended(0, second),
        Outcome::Ended { landed: true, .. }
    ));
}

#[test]
fn l9_a_second_sign_out_tries_the_pending_tombstone_again_at_once() {
    let mut world = World::signed_in(1);
    world.store.saves = Ill::ForGood;
    world.sign_out(0);
    world.run();
    let still_ill = world.sign_out(0);
    world.run();
    assert!(matches!(
        world.ended(0, still_ill),
        Outcome::Ended { landed: false, .. }
    ));
    world.store.saves = Ill::No;
    let well = world.sign_out(0);
    world.run();
    assert!(matches!(
        world.ended(0, well),
        Outcome::Ended { landed: true, .. }
    ));
    assert_signed_out_everywhere(&world);
    let nothing_left = world.sign_out(0);
    assert_eq!(world.ended(0, nothing_left), ended(Revocation::NotOffered));
}
