//! F: failures of the token endpoint, as callers of an API see them.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use oneflight::{Action, EndReason, Error};
use oneflight_testkit::{Fault, Point, RetryAfter, Rotation};

use crate::{Failure, LIFETIME, Req, Stack, World, spawn};

/// The token endpoint is down; nobody notices as long as the token lasts.
pub async fn f2_an_outage_is_not_noticed_while_the_token_is_valid<S: Stack>() {
    let outages = [
        Fault::unavailable(RetryAfter::Absent),
        Fault::too_many_requests(RetryAfter::Seconds(60)),
        Fault::lose_request(),
    ];
    for outage in outages {
        let world = World::new().await;
        let session = world.session().await;
        let client = S::of(&session);
        world.server.inject_always(Point::Refresh, outage);
        world.become_due();
        for _ in 0..3 {
            let answer = client.send(Req::get(world.notes()).id("all")).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK);
        }
        session.renew_if_due().await;
        let stream = Req::post_stream(world.notes(), vec!["a".into()]).id("all");
        assert_eq!(client.send(stream).await.unwrap().status, StatusCode::OK);
        assert_eq!(world.sequences("all"), [Some(1); 4]);
        assert!(world.posts() > 0);
    }
}

/// The token is gone too: an error that says when to come back, and then all is well.
pub async fn f3_f9_an_outage_with_an_expired_token_is_a_retryable_error_that_passes<S: Stack>() {
    const PAUSE_SECONDS: u64 = 20;
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    world.expire();
    let outage = Fault::unavailable(RetryAfter::Seconds(PAUSE_SECONDS));
    world.server.inject_always(Point::Refresh, outage);
    let outcome = client.send(Req::get(world.notes())).await;
    let Err(Failure::NoToken(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(error, Error::Transient { .. }), "{error:?}");
    let Action::Retry { after } = error.action() else {
        panic!("{error:?}");
    };
    assert!(after >= Duration::from_secs(PAUSE_SECONDS), "{after:?}");
    assert_eq!(world.server.counters().api_requests, 0, "nothing was sent");
    world.server.clear_faults();
    world.server.advance(after);
    let answer = client.send(Req::get(world.notes()).id("later")).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(world.sequences("later"), [Some(2)]);
}

/// A hundred callers share the failure of one attempt.
pub async fn f4_a_hundred_callers_in_an_outage_cost_one_post<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    world.expire();
    world
        .server
        .inject_always(Point::Refresh, Fault::unavailable(RetryAfter::Absent));
    let callers = (0..100).map(|_| spawn(&client, Req::get(world.notes())));
    for outcome in join_all(callers).await {
        let outcome = outcome.unwrap();
        assert!(
            matches!(outcome, Err(Failure::NoToken(Error::Transient { .. }))),
            "{outcome:?}"
        );
    }
    assert_eq!(world.posts(), 1);
}

/// The answer is lost after the rotation; the server is lenient, and the callers never know.
pub async fn f5_a_lost_answer_is_asked_for_again_where_a_grace_window_allows_it<S: Stack>() {
    let grace = Rotation::grace(Duration::from_secs(30));
    let world = World::with(|builder| builder.rotation(grace)).await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    world.server.inject(Point::Refresh, Fault::lose_answer());
    let callers = (0..20).map(|_| spawn(&client, Req::get(world.notes())));
    for outcome in join_all(callers).await {
        assert_eq!(outcome.unwrap().unwrap().status, StatusCode::OK);
    }
    let counters = world.server.counters();
    assert_eq!((counters.refresh_posts, counters.replays), (2, 1));
    assert_eq!((counters.reuse_detected, counters.families_dead), (0, 0));
}

/// The grant is dead: every caller learns it, and has the API's answer at hand.
pub async fn f7_a_death_that_fifty_callers_see_is_one_post_and_one_sign_out<S: Stack>() {
    let world = World::new().await;
    let issued = world.server.issue_session();
    let session = world.builder().build().unwrap();
    session.sign_in(world.tokens(&issued)).await.unwrap();
    let client = S::of(&session);
    world.server.revoke_family(issued.family());
    let callers = (0..50).map(|_| spawn(&client, Req::get(world.notes())));
    for outcome in join_all(callers).await {
        let error = match outcome.unwrap() {
            Err(Failure::Renewal { error, refusal }) => {
                assert_eq!(refusal.status, StatusCode::UNAUTHORIZED);
                error
            }
            // Those that come when it is over are told before they are sent.
            Err(Failure::NoToken(error)) => error,
            other => panic!("{other:?}"),
        };
        assert!(
            matches!(error, Error::SignedOut(EndReason::GrantDead { .. })),
            "{error:?}"
        );
        assert_eq!(error.action(), Action::SignIn);
    }
    assert_eq!(world.posts(), 1);
}

/// A lifetime that ends at once costs one refresh per request, not an endless number.
pub async fn t3_a_lifetime_of_nothing_does_not_loop<S: Stack>() {
    let world = World::with(|builder| builder.access_token_lifetime(Duration::ZERO)).await;
    let session = world.session().await;
    let client = S::of(&session);
    world.server.advance(LIFETIME);
    let answer = client.send(Req::get(world.notes())).await.unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(world.posts() <= 2, "{}", world.posts());
}
