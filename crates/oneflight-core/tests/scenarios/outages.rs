//! F: servers that cannot be reached, and when they are asked again.

use core::time::Duration;

use oneflight_core::machine::{Demand, Demanded, Outcome};
use oneflight_core::retry_after::RetryAfter;

use crate::told::{aged, failure, pause_of};
use crate::world::{Fault, secs};

#[test]
fn f2_a_token_that_still_runs_is_served_through_an_outage() {
    let mut world = aged(1, 50);
    world.server.faults.push_back(Fault::unavailable(None));
    let attempt = world.join(0, Demand::Due);
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
    world.run();
    let failed = failure(world.ended(0, attempt));
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
    assert_eq!(world.demand(0, Demand::Due), Demanded::Refused(failed));
    assert_eq!(world.posts(), 1);
}

#[test]
fn f3_f9_an_outage_after_expiry_is_a_retryable_error_and_heals_without_a_sign_in() {
    let mut world = aged(1, 60);
    world.server.faults.push_back(Fault::unavailable(None));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    let failed = failure(world.ended(0, attempt));
    let pause = pause_of(&failed, &world);
    assert!(pause > Duration::ZERO && pause <= secs(1), "{pause:?}");
    assert!(!world.store.is_marked(), "surely not processed");
    assert_eq!(world.demand(0, Demand::Usable), Demanded::Refused(failed));
    world.skip(pause);
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.holders[0].sign_outs(), []);
}

#[test]
fn f4_retry_after_is_honoured_and_capped() {
    for (asked, at_least, at_most) in [(20, 20, 22), (86_400, 300, 300)] {
        let mut world = aged(1, 60);
        let seconds = RetryAfter::parse(asked.to_string().as_bytes(), world.now.wall);
        assert!(seconds.is_some());
        world.server.faults.push_back(Fault::unavailable(seconds));
        let attempt = world.join(0, Demand::Usable);
        world.run();
        let pause = pause_of(&failure(world.ended(0, attempt)), &world);
        assert!(pause >= secs(at_least) && pause <= secs(at_most), "{pause:?}");
    }
}

#[test]
fn f4_retry_after_as_a_date_is_counted_from_our_clock() {
    let mut world = aged(1, 60);
    // 2023-11-14T22:13:20Z is when the world begins; it is a minute later now.
    let date = RetryAfter::parse(b"Tue, 14 Nov 2023 22:14:50 GMT", world.now.wall);
    assert!(date.is_some());
    world.server.faults.push_back(Fault::unavailable(date));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    let pause = pause_of(&failure(world.ended(0, attempt)), &world);
    assert!(pause >= secs(30) && pause <= secs(33), "{pause:?}");
}

#[test]
fn f4_a_hundred_callers_in_an_outage_make_one_post_per_step() {
    let mut world = aged(1, 60);
    let mut pauses = Vec::new();
    for step in 1..=8 {
        world.server.faults.push_back(Fault::unavailable(None));
        let attempt = world.join(0, Demand::Usable);
        world.run();
        let failed = failure(world.ended(0, attempt));
        for _ in 0..100 {
            assert_eq!(world.demand(0, Demand::Usable), Demanded::Refused(failed.clone()));
        }
        assert_eq!(world.posts(), step);
        let pause = pause_of(&failed, &world);
        world.skip(pause);
        pauses.push(pause);
    }
    for (step, pause) in pauses.into_iter().enumerate() {
        let longest = secs(1 << step);
        assert!(pause <= longest && pause >= longest / 2, "step {step}: {pause:?}");
    }
}

#[test]
fn f4_p16_all_holders_together_make_one_post_per_step() {
    let mut world = aged(50, 60);
    for step in 1..=5 {
        world.server.faults.push_back(Fault::unavailable(None));
        let attempts: Vec<_> = (0..50).map(|h| (h, world.join(h, Demand::Usable))).collect();
        world.run();
        assert_eq!(world.posts(), step);
        let mut longest = Duration::ZERO;
        for (h, attempt) in attempts {
            longest = longest.max(pause_of(&failure(world.ended(h, attempt)), &world));
        }
        world.skip(longest);
    }
}

#[test]
fn f9_a_new_sign_in_ends_the_pause_at_once() {
    let mut world = aged(1, 60);
    world.server.faults.push_back(Fault::interaction());
    world.join(0, Demand::Usable);
    world.run();
    world.sign_in(0);
    world.run();
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
    let attempt = world.refused(0);
    world.run();
    assert!(matches!(world.ended(0, attempt), Outcome::Renewed { .. }));
}

#[test]
fn f9_another_holders_success_ends_the_pause() {
    let mut world = aged(2, 60);
    world.server.faults.push_back(Fault::unavailable(None));
    world.join(0, Demand::Usable);
    world.run();
    world.skip(secs(1));
    world.join(1, Demand::Usable);
    world.run();
    world.deliver_hints();
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
}

#[test]
fn f11_a_server_that_swallows_everything_for_ten_minutes_costs_no_sign_in() {
    let mut world = aged(2, 60);
    world.server.swallows = true;
    let start = world.now.mono;
    while world.now.mono.since(start) < secs(600) {
        for h in 0..2 {
            let _ = world.demand(h, Demand::Usable);
        }
        world.run();
        world.skip(secs(1));
    }
    assert!(world.posts() < 25, "{} posts", world.posts());
    world.server.swallows = false;
    world.skip(secs(300));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.holders[0].sign_outs(), []);
    assert_eq!(world.server.reuse_detected, 0);
}
