//! T: when a token is renewed, and what clocks do to it.

use std::sync::Arc;
use std::time::Duration;

use oneflight::{Policy, Renew, Session, TokenSet};

use crate::support::server::Gate;
use crate::support::{Answer, LIFETIME, START, World, policy, settle};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(start_paused = true)]
async fn t1_renewal_is_due_at_the_factor_and_no_later_than_the_leeway() {
    let world = World::new();
    let session = world.signed_in().await;
    tokio::time::advance(LIFETIME * 74 / 100).await;
    session.token().await.unwrap();
    settle().await;
    assert_eq!(world.server.posts(), 0);
    tokio::time::advance(LIFETIME / 100).await;
    session.token().await.unwrap();
    settle().await;
    assert_eq!(world.server.posts(), 1);

    // A factor of one: the leeway decides.
    let mut late = policy();
    late.renew_factor = 1.0;
    let session = world.builder().policy(late).build().unwrap();
    session.sign_in(world.grant()).await.unwrap();
    tokio::time::advance(LIFETIME - Duration::from_secs(6)).await;
    session.token().await.unwrap();
    settle().await;
    assert_eq!(world.server.posts(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    session.token().await.unwrap();
    settle().await;
    assert_eq!(world.server.posts(), 2);
}

#[tokio::test(start_paused = true)]
async fn t2_between_due_and_expiry_the_old_token_is_served_while_one_renewal_runs() {
    let world = World::new();
    let session = world.signed_in().await;
    let old = session.token().await.unwrap().stamp();
    let gate = Gate::new();
    world.server.script([Answer::Gate(gate.clone())]);
    tokio::time::advance(LIFETIME * 8 / 10).await;
    for _ in 0..50 {
        assert_eq!(session.token().await.unwrap().stamp(), old);
        assert_eq!(session.authorization().await.unwrap().stamp(), old);
        tokio::time::advance(Duration::from_millis(150)).await;
    }
    gate.wait_for_arrival().await;
    gate.open.notify_one();
    settle().await;
    assert_ne!(session.token().await.unwrap().stamp(), old);
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn t2_r5_a_caller_may_wait_for_the_renewal_that_is_due() {
    let world = World::new();
    let session = world.signed_in().await;
    let old = session.token().await.unwrap().stamp();
    session.renew_if_due().await;
    assert_eq!(world.server.posts(), 0);
    tokio::time::advance(LIFETIME * 8 / 10).await;
    session.renew_if_due().await;
    assert_ne!(session.token().await.unwrap().stamp(), old);
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn t3_no_lifetime_loops_or_overflows() {
    let lifetimes = [0, 1, 40 * 24 * 60 * 60, 10 * 365 * 24 * 60 * 60];
    for seconds in lifetimes {
        for renew in [Renew::OnUse, Renew::KeepFresh, Renew::Off] {
            let world = World::new();
            *world.server.lifetime_seconds.lock().unwrap() = Some(seconds);
            let session = world.builder().renew(renew).build().unwrap();
            let mut tokens = world.grant();
            tokens.expires_in = Some(Duration::from_secs(seconds));
            session.sign_in(tokens).await.unwrap();
            for _ in 0..10 {
                session.token().await.unwrap();
                settle().await;
            }
            let at_once = world.server.posts();
            assert!(at_once <= 1, "{seconds} s, {renew:?}: {at_once} posts in no time");
            tokio::time::sleep(Duration::from_secs(10)).await;
            let soon = world.server.posts();
            assert!(soon <= 12, "{seconds} s, {renew:?}: {soon} posts in ten seconds");
            session.token().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn t3_a_refresh_that_brings_an_expired_token_serves_its_waiters_once() {
    let world = World::new();
    let session = world.signed_in().await;
    tokio::time::advance(LIFETIME).await;
    *world.server.lifetime_seconds.lock().unwrap() = Some(0);
    session.token().await.unwrap();
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn t4_jumps_of_the_wall_clock_cause_no_storm() {
    let world = World::new();
    let session = world.signed_in().await;
    let first = session.token().await.unwrap().stamp();
    world.clock.0.set_back(Duration::from_secs(600));
    for _ in 0..20 {
        assert_eq!(session.token().await.unwrap().stamp(), first);
    }
    world.clock.0.set_forward(Duration::from_secs(1_200));
    for _ in 0..20 {
        session.token().await.unwrap();
        settle().await;
    }
    assert!(world.server.posts() <= 1, "{}", world.server.posts());
    // Whatever the clock says: a refusal heals.
    world.clock.0.set_back(Duration::from_secs(600));
    let refused = session.token().await.unwrap().stamp();
    session.newer_than(refused).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn t4_after_a_suspend_no_expired_token_is_sent_and_one_renewal_is_made() {
    for renew in [Renew::OnUse, Renew::KeepFresh] {
        let world = World::new();
        let session = world.builder().renew(renew).build().unwrap();
        session.sign_in(world.grant()).await.unwrap();
        let before = session.token().await.unwrap().stamp();
        // The monotonic clock stood still.
        world.clock.0.set_forward(Duration::from_secs(8 * 60 * 60));
        let tokens = futures_util::future::join_all((0..50).map(|_| session.token())).await;
        for token in tokens {
            assert_ne!(token.unwrap().stamp(), before);
        }
        assert_eq!(world.server.posts(), 1, "{renew:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn t5_on_use_makes_no_refresh_without_traffic() {
    let world = World::new();
    let session = world.signed_in().await;
    tokio::time::sleep(DAY).await;
    assert_eq!(world.server.posts(), 0);
    session.token().await.unwrap();
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn t5_keep_fresh_makes_one_refresh_per_period() {
    let world = World::new();
    let session = world.builder().renew(Renew::KeepFresh).build().unwrap();
    session.sign_in(world.grant()).await.unwrap();
    let period = LIFETIME * 75 / 100;
    tokio::time::sleep(period * 10 + period / 2).await;
    assert_eq!(world.server.posts(), 10);
    let token = session.token().await.unwrap();
    assert!(token.is_usable_at(START));

    // Nobody left to keep it fresh for.
    drop(session);
    tokio::time::sleep(DAY).await;
    assert_eq!(world.server.posts(), 10);
}

#[tokio::test(start_paused = true)]
async fn t6_ten_thousand_sessions_that_began_together_do_not_renew_together() {
    const SESSIONS: usize = 10_000;
    let world = World::new();
    let endpoint = Arc::new(world.endpoint());
    let mut sessions: Vec<Session> = Vec::with_capacity(SESSIONS);
    for _ in 0..SESSIONS {
        let session = Session::builder()
            .endpoint(endpoint.clone())
            .clock(world.clock.clone())
            .without_origins()
            .policy(Policy::default())
            .renew(Renew::KeepFresh)
            .build()
            .unwrap();
        let tokens: TokenSet = world.grant();
        session.sign_in(tokens).await.unwrap();
        sessions.push(session);
    }
    let mut busiest = 0;
    let mut before = 0;
    for _second in 0..LIFETIME.as_secs() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let posts = world.server.posts();
        busiest = busiest.max(posts - before);
        before = posts;
    }
    assert_eq!(before, SESSIONS, "each once");
    // Spread over a tenth of the lifetime, 90 s.
    assert!(busiest < SESSIONS / 50, "{busiest} in one second");
}

#[tokio::test(start_paused = true)]
async fn t7_a_clock_that_ran_a_year_ahead_during_an_outage_delays_nobody_for_long() {
    let world = World::new();
    let session = world.signed_in().await;
    world.clock.0.set_forward(365 * DAY);
    world.server.always(Some(Answer::Status(503, "")));
    session.token().await.unwrap_err();
    world.clock.0.set_back(365 * DAY);
    world.server.always(None);
    // The token is good by the right clock; the API refuses it.
    let refused = session.current().unwrap().stamp();
    let first_step = policy().back_off_base;
    tokio::time::advance(first_step).await;
    session.newer_than(refused).await.unwrap();
}
