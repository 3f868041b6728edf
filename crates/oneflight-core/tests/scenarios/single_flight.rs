//! S: one refresh, however many requests.

use oneflight_core::machine::{Cause, Demand, Demanded, Event, Failure, Outcome, Stamp};

use crate::world::{Fault, Kind, Rotation, World, secs};

#[test]
fn s1_however_many_refusals_make_one_post_and_learn_the_same_outcome() {
    for callers in [1u32, 2, 50, 10_000] {
        let mut world = World::signed_in(1);
        let stamp = world.stamp(0);
        let attempt = world.refused(0);
        for _ in 1..callers {
            assert_eq!(world.join(0, Demand::NewerThan(stamp)), attempt);
        }
        world.run();
        assert_eq!(world.posts(), 1);
        assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
        let waiters = world.holders[0].events.iter().find_map(|event| match event {
            Event::Renewed { waiters, cause, .. } => Some((*waiters, *cause)),
            _ => None,
        });
        assert_eq!(waiters, Some((callers, Cause::Refused)));
        assert!(!world.store.is_locked());
    }
}

#[test]
fn s1_effects_come_in_the_order_that_keeps_a_token_safe() {
    let mut world = World::signed_in(1);
    world.holders[0].trace.clear();
    world.refused(0);
    world.run();
    let trace = world.holders[0].trace.join(" ");
    assert_eq!(
        trace,
        "lock load mark notify refresh save publish notify settle announce unlock"
    );
}

#[test]
fn s2_refusals_before_during_and_after_the_refresh_share_it() {
    let mut world = World::signed_in(1);
    let stamp = world.stamp(0);
    let attempt = world.refused(0);
    for kind in [Kind::Lock, Kind::Load, Kind::Mark, Kind::Refresh, Kind::Keep] {
        world.run_until(0, kind);
        assert_eq!(world.join(0, Demand::NewerThan(stamp)), attempt, "{kind:?}");
    }
    let answer = world.perform(0, Kind::Keep);
    assert_eq!(world.join(0, Demand::NewerThan(stamp)), attempt);
    world.answer(0, answer);
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.demand(0, Demand::NewerThan(stamp)), Demanded::LookAgain);
    assert_eq!(world.posts(), 1);
}

#[test]
fn s3_a_late_refusal_of_an_older_generation_costs_no_post() {
    let mut world = World::signed_in(1);
    let stamps: Vec<Stamp> = (0..3)
        .map(|_| {
            let stamp = world.stamp(0);
            world.refused(0);
            world.run();
            stamp
        })
        .collect();
    assert_eq!(world.posts(), 3);
    for stamp in stamps {
        assert_eq!(world.demand(0, Demand::NewerThan(stamp)), Demanded::LookAgain);
    }
    assert_eq!(world.posts(), 3);
}

#[test]
fn s4_what_needs_a_token_that_has_run_out_waits_for_one_renewal() {
    let mut world = World::with(1, |_| {});
    world.server.lasting(secs(60));
    world.sign_in(0);
    world.run();
    world.skip(secs(60));
    let attempt = world.join(0, Demand::Usable);
    for _ in 0..9 {
        assert_eq!(world.join(0, Demand::Usable), attempt);
    }
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
    assert_eq!(world.posts(), 1);
}

#[test]
fn s5_a_flight_ends_and_saves_without_anybody_asking_again() {
    let mut world = World::signed_in(1);
    world.refused(0);
    // Callers are no part of the machine: whether they still wait changes nothing.
    world.run();
    assert_eq!(world.store.record().set, 1);
    assert!(world.holders[0].machine.is_idle());
}

#[test]
fn s7_the_refresh_token_is_read_under_the_lock() {
    let mut world = World::signed_in(2);
    world.refused(0);
    world.run_until(0, Kind::Lock);
    // Paused here, while another holder renews twice.
    for _ in 0..2 {
        world.refused(1);
        world.run_until(1, Kind::Lock);
        world.run_only(1);
    }
    assert_eq!(world.posts(), 2);
    world.run();
    // What stands in the store is not what was refused.
    assert_eq!(world.posts(), 2);
    assert_eq!(world.access(0), world.access(1));
    assert_eq!(world.server.reuse_detected, 0);
}

#[test]
fn s7_a_holder_that_must_renew_after_another_presents_the_newest_token() {
    let mut world = World::signed_in_with(2, |_| {});
    world.server.lasting(secs(1));
    world.refused(0);
    world.run_until(0, Kind::Lock);
    world.refused(1);
    world.run_only(1);
    world.skip(secs(2));
    world.run();
    let newest = world.server.posts[1].clone();
    assert_ne!(world.server.posts[0], newest);
    assert_eq!(world.server.reuse_detected, 0);
    assert_eq!(world.posts(), 2);
}

#[test]
fn s8_a_refusal_that_comes_just_after_the_flight_gets_its_result() {
    let mut world = World::signed_in(1);
    let stamp = world.stamp(0);
    world.refused(0);
    world.run();
    world.skip(core::time::Duration::from_millis(40));
    assert_eq!(world.demand(0, Demand::NewerThan(stamp)), Demanded::LookAgain);
    world.run();
    assert_eq!(world.posts(), 1);
}

#[test]
fn s12_a_refresh_that_returns_the_refused_token_fails_and_does_not_loop() {
    let mut world = World::signed_in(1);
    world.server.rotation = Rotation::Never;
    let before = world.stamp(0);
    for round in 1..=20 {
        world.server.faults.push_back(Fault::SameAccessToken);
        let demanded = world.demand(0, Demand::NewerThan(before));
        world.run();
        match demanded {
            Demanded::Joined(attempt) => {
                assert_eq!(world.ended(0, attempt), Outcome::Failed(Failure::SameToken));
            }
            // The window's budget, not the callers, decides how many are sent.
            Demanded::Refused(Failure::RejectionBudget { .. }) => assert!(round > 5),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.posts(), 5);
    assert_eq!(world.stamp(0), before);
    // Requests that do not mind are served all the while.
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
}

#[test]
fn s12_the_same_token_with_a_new_lifetime_serves_those_it_was_not_refused_to() {
    let mut world = World::with(1, |_| {});
    world.server.rotation = Rotation::Never;
    world.server.lasting(secs(60));
    world.sign_in(0);
    world.run();
    world.skip(secs(60));
    world.server.faults.push_back(Fault::SameAccessToken);
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 1 });
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
    // Its refusal is a refusal all the same.
    let attempt = world.refused(0);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
}

#[test]
fn s12_another_holders_renewal_that_kept_the_refused_token_does_not_serve() {
    let mut world = World::signed_in(2);
    world.server.rotation = Rotation::Never;
    let attempt = world.refused(0);
    world.server.faults.push_back(Fault::SameAccessToken);
    world.refused(1);
    world.run_only(1);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.posts(), 2);
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
fn s13_a_hint_that_serves_while_the_flight_waits_for_the_lock_costs_no_post() {
    let mut world = World::signed_in(2);
    let stamp = world.stamp(0);
    let attempt = world.refused(0);
    world.refused(1);
    world.run_only(1);
    world.observe(0);
    // Settled at once, long before the lock is there.
    assert_eq!(world.ended(0, attempt), Outcome::Adopted { generation: 2 });
    assert_eq!(world.demand(0, Demand::NewerThan(stamp)), Demanded::LookAgain);
    world.run();
    assert_eq!(world.posts(), 1);
    assert!(!world.store.is_locked());
}

#[test]
fn s13_a_demand_after_such_a_hint_gets_a_flight_of_its_own() {
    let mut world = World::signed_in(2);
    world.refused(0);
    world.refused(1);
    world.run_only(1);
    world.observe(0);
    let second = world.refused(0);
    world.run();
    assert_eq!(world.ended(0, second), Outcome::Renewed { generation: 3 });
    assert_eq!(world.posts(), 2);
    assert!(!world.store.is_locked());
}

#[test]
fn s14_a_newer_set_that_has_run_out_is_renewed_and_given_to_nobody() {
    let mut world = World::signed_in(2);
    world.server.lasting(secs(2));
    let attempt = world.refused(0);
    world.refused(1);
    world.run_only(1);
    world.skip(secs(3));
    // Not even a hint lets requests read it.
    world.observe(0);
    assert_eq!(world.stamp(0).generation, 1);
    assert_eq!(world.outcome(0, attempt), None);
    world.server.lasting(secs(60));
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!((world.posts(), world.server.reuse_detected), (2, 0));
}
