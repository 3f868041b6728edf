//! R4: an API that refuses fresh tokens.

use core::time::Duration;

use oneflight_core::machine::{Demand, Demanded, Failure, Outcome};

use crate::world::{World, secs};

#[test]
fn r4_refusals_of_fresh_tokens_cost_a_bounded_number_of_refreshes_per_window() {
    let mut world = World::signed_in(1);
    let start = world.now.mono;
    for _ in 0..600 {
        if let Demanded::Refused(failure) = world.refused_or_usable(0) {
            let Failure::RejectionBudget { retry_at } = failure else {
                panic!("{failure:?}")
            };
            assert!(retry_at > world.now.mono && retry_at <= world.now.mono.after(secs(30)));
        }
        world.run();
        world.skip(Duration::from_millis(100));
    }
    assert_eq!(world.now.mono.since(start), secs(60));
    assert_eq!(world.posts(), 10, "5 in each of two windows");
    assert!(world.is_signed_in(0));
    // Other demands are served all the while.
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
}

#[test]
fn r4_what_another_holder_renewed_is_not_charged_to_the_budget_for_ever() {
    let mut world = World::signed_in(1);
    for _ in 0..20 {
        let attempt = world.refused(0);
        world.run();
        assert!(matches!(world.ended(0, attempt), Outcome::Renewed { .. }));
        world.skip(secs(10));
    }
    assert_eq!(world.posts(), 20);
}

#[test]
fn r4_a_new_sign_in_begins_with_a_full_budget() {
    let mut world = World::signed_in(1);
    for _ in 0..5 {
        world.refused(0);
        world.run();
    }
    assert!(matches!(
        world.refused_or_usable(0),
        Demanded::Refused(Failure::RejectionBudget { .. })
    ));
    world.sign_in(0);
    world.run();
    world.refused(0);
    world.run();
    assert_eq!(world.posts(), 6);
}

#[test]
fn r4_a_pause_of_the_server_goes_before_the_budget() {
    let mut world = World::signed_in(1);
    world.server.swallows = true;
    for _ in 0..20 {
        if let Demanded::Refused(failure) = world.refused_or_usable(0) {
            assert!(matches!(failure, Failure::Transient { .. }), "{failure:?}");
        }
        world.run();
    }
    world.server.swallows = false;
    world.skip(secs(2));
    let attempt = world.refused(0);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
}
