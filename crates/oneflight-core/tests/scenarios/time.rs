//! T: when a token is renewed, and clocks that lie.

use core::time::Duration;
use std::sync::Arc;

use oneflight_core::machine::{
    Config, Demand, Demanded, Effect, Failure, Machine, Outcome, Policy, Renew, Swap, TransientCause,
};
use oneflight_core::{HolderId, Now, SessionId, TokenSet, Version};

use crate::world::{Ill, Kind, World, secs};

const DAY: u64 = 86_400;

/// A session with tokens of this lifetime.
fn lasting(holders: usize, lifetime: u64, renew: Renew) -> World {
    let mut world = World::with(holders, |policy| policy.renew = renew);
    world.server.lasting(secs(lifetime));
    world.sign_in(0);
    world.run();
    world.all_open();
    world
}

fn minutes(minutes: u64) -> Duration {
    secs(60 * minutes)
}

#[test]
fn t1_renewal_is_due_at_the_factor_jittered_earlier_and_before_the_leeway() {
    for lifetime in [20, 60, 900, DAY] {
        let world = lasting(1, lifetime, Renew::OnUse);
        let (start, due) = (world.now.wall, world.current(0).renew_at.unwrap());
        let age = due.since(start);
        assert!(age <= secs(lifetime).mul_f32(0.75), "{age:?} of {lifetime} s");
        assert!(age >= secs(lifetime).mul_f32(0.67), "{age:?} of {lifetime} s");
        assert!(age <= secs(lifetime - 5));
    }
}

#[test]
fn t2_between_due_and_expiry_requests_are_served_while_one_renewal_runs() {
    let mut world = lasting(1, 60, Renew::OnUse);
    world.skip(secs(30));
    assert_eq!(world.demand(0, Demand::Due), Demanded::LookAgain);
    world.skip(secs(20));
    let attempt = world.join(0, Demand::Due);
    for kind in [Kind::Lock, Kind::Load, Kind::Mark, Kind::Refresh, Kind::Keep] {
        world.run_until(0, kind);
        assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
        assert_eq!(world.join(0, Demand::Due), attempt);
    }
    world.run();
    assert_eq!(world.demand(0, Demand::Due), Demanded::LookAgain);
    assert_eq!(world.posts(), 1);
}

#[test]
fn t3_odd_lifetimes_do_not_loop_when_requests_come() {
    for lifetime in [0, 1] {
        let mut world = lasting(1, lifetime, Renew::OnUse);
        // A token just received is sent, whatever its lifetime says.
        assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
        for _ in 0..100 {
            let _ = world.demand(0, Demand::Usable);
            let _ = world.demand(0, Demand::Due);
            world.run();
            assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
            world.skip(Duration::from_millis(100));
        }
        assert!(
            (8..=10).contains(&world.posts()),
            "{} posts in 10 s",
            world.posts()
        );
    }
}

#[test]
fn t3_odd_lifetimes_do_not_loop_when_kept_fresh() {
    for (lifetime, time, posts) in [
        (0, 60, 50..=60),
        (1, 60, 50..=60),
        (40 * DAY, 30 * DAY, 1..=1),
        (3650 * DAY, 3 * DAY, 0..=0),
        (u64::MAX, 3 * DAY, 0..=0),
    ] {
        let mut world = lasting(1, lifetime, Renew::KeepFresh);
        world.pass(secs(time));
        assert!(
            posts.contains(&world.posts()),
            "{lifetime} s: {} posts",
            world.posts()
        );
        assert!(world.current(0).is_usable(world.now.wall));
    }
}

#[test]
fn t3_timers_are_never_longer_than_a_minute() {
    let world = lasting(1, 3650 * DAY, Renew::KeepFresh);
    let wait = world.holders[0].machine.poll_timeout(world.now).unwrap();
    assert!(wait <= minutes(1));
}

#[test]
fn t3_a_policy_of_zero_lengths_does_not_loop_either() {
    for down in [false, true] {
        let mut world = World::with(1, |policy| {
            policy.renew = Renew::KeepFresh;
            policy.renew_factor = 0.0;
            policy.floor = Duration::ZERO;
            policy.leeway = Duration::ZERO;
            policy.back_off_base = Duration::ZERO;
            policy.back_off_cap = Duration::ZERO;
            policy.hold = Duration::ZERO;
        });
        world.server.lasting(Duration::ZERO);
        world.server.swallows = down;
        world.sign_in(0);
        world.run();
        world.pass(secs(5));
        assert!(world.posts() <= 110, "{} posts in 5 s", world.posts());
        // Whoever has just renewed has a token to send.
        if !down {
            world.refused(0);
            world.run();
            assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
        }
    }
}

#[test]
fn t4_a_clock_set_forward_costs_one_renewal_at_most() {
    let mut world = lasting(2, 300, Renew::KeepFresh);
    world.now.wall = world.now.wall.after(minutes(10));
    assert!(!world.current(0).is_usable(world.now.wall));
    world.pass(minutes(1));
    assert_eq!(world.posts(), 1);
    assert!(world.current(1).is_usable(world.now.wall));
}

#[test]
fn t4_a_clock_set_back_causes_no_renewal_and_a_refusal_heals_it() {
    let mut world = lasting(1, 300, Renew::KeepFresh);
    world.now.wall = world.now.wall.before(minutes(10));
    world.pass(minutes(1));
    assert_eq!(world.posts(), 0);
    // Its lifetime counts from the moment the clock was found set back.
    let until = world.current(0).usable_until.unwrap();
    assert!(
        until.since(world.now.wall) <= secs(300),
        "not ten minutes too long"
    );
    world.refused(0);
    world.run();
    assert_eq!(world.posts(), 1);
    assert!(world.current(0).is_usable(world.now.wall));
}

#[test]
fn t4_a_suspend_of_eight_hours_ends_in_one_renewal() {
    for monotonic_runs_on in [true, false] {
        let mut world = lasting(3, 300, Renew::KeepFresh);
        let slept = secs(8 * 3600);
        world.now.wall = world.now.wall.after(slept);
        if monotonic_runs_on {
            world.now.mono = world.now.mono.after(slept);
        }
        for h in 0..3 {
            assert!(!world.current(h).is_usable(world.now.wall), "nobody sends it");
            let _ = world.demand(h, Demand::Usable);
        }
        world.wake();
        world.pass(secs(60));
        assert_eq!(world.posts(), 1);
        for h in 0..3 {
            assert!(world.current(h).is_usable(world.now.wall));
        }
    }
}

#[test]
fn t5_ahead_on_use_sends_nothing_without_traffic() {
    let mut world = lasting(1, 60, Renew::OnUse);
    assert_eq!(world.holders[0].machine.poll_timeout(world.now), None);
    world.pass(secs(DAY));
    assert_eq!(world.posts(), 0);
}

#[test]
fn t5_keep_fresh_renews_once_per_period_however_many_holders() {
    for holders in [1, 3] {
        let mut world = lasting(holders, 3600, Renew::KeepFresh);
        world.pass(secs(DAY));
        // Between 24 h / 0.75 h and 24 h / 0.675 h.
        assert!((30..=36).contains(&world.posts()), "{} posts", world.posts());
        assert_eq!(world.server.reuse_detected, 0);
    }
}

#[test]
fn t5_keep_fresh_has_no_timer_when_closed_signed_out_or_never_signed_in() {
    let mut closed = lasting(1, 60, Renew::KeepFresh);
    closed.tell(0, Machine::close);
    closed.skip(secs(120));
    let mut signed_out = lasting(1, 60, Renew::KeepFresh);
    signed_out.sign_out(0);
    signed_out.run();
    let mut never = World::with(1, |policy| policy.renew = Renew::KeepFresh);
    never.all_open();
    for world in [closed, signed_out, never] {
        assert_eq!(world.holders[0].machine.poll_timeout(world.now), None);
    }
}

#[test]
fn t5_keep_fresh_waits_while_the_store_cannot_be_read() {
    let mut world = lasting(1, 60, Renew::KeepFresh);
    for ill in 0..3 {
        match ill {
            0 => world.store.loads = Ill::ForGood,
            1 => world.store.locks = Ill::ForGood,
            _ => world.store.marks = Ill::ForGood,
        }
        world.holders[0].trace.clear();
        world.pass(minutes(60));
        assert_eq!(world.posts(), 0);
        let attempts = world.holders[0]
            .trace
            .iter()
            .filter(|name| **name == "lock")
            .count();
        assert!(attempts <= 30, "{attempts} attempts in an hour");
        (world.store.loads, world.store.locks, world.store.marks) = (Ill::No, Ill::No, Ill::No);
    }
    world.pass(minutes(6));
    assert!(world.posts() > 0);
}

#[test]
fn t5_keep_fresh_paces_itself_through_an_outage() {
    let mut world = lasting(1, 60, Renew::KeepFresh);
    world.server.swallows = true;
    world.pass(minutes(60));
    assert!(world.posts() <= 30, "{} posts in an hour", world.posts());
    world.server.swallows = false;
    world.pass(minutes(6));
    assert!(world.current(0).is_usable(world.now.wall));
}

#[test]
fn t5_keep_fresh_without_a_refresh_token_leaves_the_store_alone() {
    let mut world = World::with(1, |policy| policy.renew = Renew::KeepFresh);
    let set = TokenSet::new("lonely", world.now.wall)
        .unwrap()
        .expires_in(secs(60));
    world.sign_in_with(0, set);
    world.run();
    world.holders[0].trace.clear();
    world.pass(secs(DAY));
    let effects = world.holders[0].trace.len();
    assert_eq!(effects, 0);
}

#[test]
fn t6_sessions_that_expire_together_are_not_renewed_together() {
    let policy = Arc::new(Policy::default());
    let now = Now::default();
    let mut due_in_second = std::collections::BTreeMap::new();
    for n in 0..10_000u64 {
        let mut session = [0; 16];
        session[..8].copy_from_slice(&n.to_le_bytes());
        let mut machine = Machine::new(Config {
            policy: policy.clone(),
            holder: HolderId([1; 16]),
            seed: [1, 2],
        });
        let set = TokenSet::new("a", now.wall).unwrap().refresh_token("r").unwrap();
        let set = set.expires_in(secs(3600));
        let _ = machine.sign_in(now, SessionId(session), set);
        let Some(Effect::Load(ticket)) = machine.poll_effect() else {
            panic!()
        };
        machine.loaded(now, ticket, Ok(None));
        let Some(Effect::Save(ticket, _)) = machine.poll_effect() else {
            panic!()
        };
        machine.saved(now, ticket, Ok(Swap::Written(Version(1))));
        let due = machine.snapshot().current.unwrap().renew_at.unwrap();
        *due_in_second.entry(due.as_unix_millis() / 1000).or_insert(0u32) += 1;
    }
    assert!(due_in_second.len() > 250, "spread over {} s", due_in_second.len());
    assert!(due_in_second.values().all(|count| *count < 100));
}

#[test]
fn t7_a_pause_written_by_a_clock_a_year_ahead_ends_within_one_step() {
    for restarted in [false, true] {
        let mut world = lasting(2, 60, Renew::OnUse);
        let right = world.now;
        world.now.wall = world.now.wall.after(secs(365 * DAY));
        world.server.swallows = true;
        for h in 0..2 {
            world.join(h, Demand::Usable);
        }
        world.run();
        world.server.swallows = false;
        let posts = world.posts();
        // The clock is put right. The session has still run out, for everybody.
        world.now.wall = right.wall.after(secs(61));
        if restarted {
            world.crash(0);
            world.crash(1);
        }
        let mut waited = Duration::ZERO;
        while world.posts() == posts {
            for h in 0..2 {
                let _ = world.refused_or_usable(h);
            }
            world.run();
            world.skip(Duration::from_millis(100));
            waited += Duration::from_millis(100);
            assert!(waited <= secs(2), "still waiting");
        }
        assert_eq!(world.posts(), posts + 1);
    }
}

#[test]
fn t7_a_pause_that_is_over_is_not_told_again_for_less_than_a_millisecond() {
    let mut world = lasting(1, 60, Renew::OnUse);
    world.skip(secs(60));
    for _ in 0..20 {
        world.server.swallows = true;
        let attempt = world.join(0, Demand::Usable);
        world.run();
        let Outcome::Failed(failure) = world.ended(0, attempt) else {
            panic!()
        };
        let shared = matches!(
            failure,
            Failure::Transient {
                cause: TransientCause::BackOff,
                ..
            }
        );
        assert!(!shared, "our own pause was over");
        world.now.mono = failure.retry_at().unwrap();
        world.now.wall = world.now.wall.after(secs(400));
    }
}
