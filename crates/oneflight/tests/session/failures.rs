//! F: what fails, what it costs, and what the caller is told.

use std::time::Duration;

use futures_util::future::join_all;
use oneflight::endpoint::ExchangeFailure;
use oneflight::events::{Event, TransientCause};
use oneflight::{Action, EndReason, Error, Session, Status};

use crate::support::store::Fault;
use crate::support::{Answer, HostileStore, LIFETIME, World, policy, settle};

/// How long the caller is asked to wait; anything else is no failure that passes by itself.
fn retry_after(error: &Error) -> Duration {
    match error.action() {
        Action::Retry { after } => after,
        _ => panic!("{error:?}"),
    }
}

async fn expired(world: &World) -> Session {
    let session = world.signed_in().await;
    session.token().await.unwrap();
    tokio::time::advance(LIFETIME).await;
    session
}

const OUTAGES: [Answer; 3] = [
    Answer::Status(503, "come back later"),
    Answer::Status(429, ""),
    Answer::LostBefore(ExchangeFailure::NotConnected),
];

#[tokio::test(start_paused = true)]
async fn f2_an_outage_disturbs_nobody_while_the_token_is_valid() {
    for outage in OUTAGES {
        let world = World::new();
        let session = world.signed_in().await;
        world.server.always(Some(outage));
        // Due for renewal, and tried again and again.
        tokio::time::advance(LIFETIME * 8 / 10).await;
        for _ in 0..100 {
            session.token().await.unwrap();
            settle().await;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(world.server.posts() > 1, "renewal was tried");
        assert!(world.server.posts() < 20, "{} tries", world.server.posts());
    }
}

#[tokio::test(start_paused = true)]
async fn f3_an_outage_with_an_expired_token_is_retryable_and_heals_without_a_sign_in() {
    for outage in OUTAGES {
        let world = World::new();
        let session = expired(&world).await;
        world.server.always(Some(outage));
        let error = session.token().await.unwrap_err();
        assert!(matches!(error, Error::Transient { .. }), "{error:?}");
        let wait = retry_after(&error);
        assert!(wait > Duration::ZERO);
        assert_eq!(session.status(), Status::SignedIn);

        world.server.always(None);
        tokio::time::advance(wait).await;
        session.token().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn f4_a_hundred_callers_cost_one_post_per_back_off_step() {
    let world = World::new();
    let session = expired(&world).await;
    world.server.always(Some(Answer::Status(503, "")));
    for step in 1..=5 {
        let errors = join_all((0..100).map(|_| session.token())).await;
        assert_eq!(world.server.posts(), step);
        let wait = errors
            .iter()
            .map(|error| retry_after(error.as_ref().unwrap_err()))
            .max();
        tokio::time::advance(wait.unwrap()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f4_retry_after_is_honoured_in_seconds_and_as_a_date() {
    // The clock of a test starts at 2023-11-14T22:13:20Z, and the token lives 15 minutes.
    for asked in ["60", "Tue, 14 Nov 2023 22:29:20 GMT"] {
        let world = World::new();
        let session = expired(&world).await;
        world.server.script([Answer::RetryAfter(429, asked.to_owned())]);
        let wait = retry_after(&session.token().await.unwrap_err());
        assert!(wait >= Duration::from_secs(60), "{asked}: {wait:?}");
        assert!(wait <= Duration::from_secs(70), "{asked}: {wait:?}");

        tokio::time::advance(wait - Duration::from_secs(1)).await;
        session.token().await.unwrap_err();
        assert_eq!(world.server.posts(), 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        session.token().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn f5_a_lost_answer_is_retried_at_once_where_the_server_has_a_grace_window() {
    let world = World::new();
    *world.server.has_grace.lock().unwrap() = true;
    let session = expired(&world).await;
    world.server.script([Answer::LostAfter(ExchangeFailure::Reset)]);
    session.token().await.unwrap();
    assert_eq!(world.server.posts(), 2);
    assert_eq!(session.status(), Status::SignedIn);
}

#[tokio::test(start_paused = true)]
async fn f5_f7_a_lost_answer_without_a_grace_window_signs_out_once_with_the_reason() {
    let world = World::new();
    let session = expired(&world).await;
    let mut events = session.events();
    world
        .server
        .script([Answer::LostAfter(ExchangeFailure::TornBody)]);
    let reason = EndReason::GrantDead { after_loss: true };
    for error in join_all((0..50).map(|_| session.token())).await {
        let error = error.unwrap_err();
        assert!(
            matches!(error, Error::SignedOut(told) if told == reason),
            "{error:?}"
        );
        assert_eq!(error.action(), Action::SignIn);
    }
    assert_eq!(world.server.posts(), 2);
    assert_eq!(session.status(), Status::SignedOut(reason));
    settle().await;
    let mut sign_outs = 0;
    drop(session);
    while let Some(event) = events.next().await {
        sign_outs += u32::from(matches!(event, Ok(Event::SignedOut { .. })));
    }
    assert_eq!(sign_outs, 1);
}

#[tokio::test(start_paused = true)]
async fn f5_a_profile_that_forbids_the_retry_keeps_the_token_until_it_expires() {
    let world = World::new();
    let mut policy = policy();
    policy.profile.retry_after_loss = false;
    let session = world.builder().policy(policy).build().unwrap();
    session.sign_in(world.grant()).await.unwrap();
    tokio::time::advance(LIFETIME * 8 / 10).await;
    world
        .server
        .script([Answer::LostAfter(ExchangeFailure::TimedOut)]);
    for _ in 0..60 {
        session.token().await.unwrap();
        settle().await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(world.server.posts(), 1, "the spent token was not presented again");
    tokio::time::advance(LIFETIME).await;
    let error = session.token().await.unwrap_err();
    assert!(matches!(error, Error::SignedOut(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn f6_a_refresh_that_hangs_ends_at_its_deadline_as_ambiguous() {
    let world = World::new();
    let session = expired(&world).await;
    world.server.always(Some(Answer::Hang));
    let start = tokio::time::Instant::now();
    let error = session.token().await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Transient {
                cause: TransientCause::AnswerLost(_),
                ..
            }
        ),
        "{error:?}"
    );
    // The request, and its one retry.
    assert_eq!(start.elapsed(), policy().request_deadline * 2);
    assert_eq!(world.server.posts(), 2);
}

#[tokio::test(start_paused = true)]
async fn f7_a_dead_grant_signs_out_once_however_many_saw_it() {
    let world = World::new();
    let session = expired(&world).await;
    let mut statuses = session.status_changes();
    assert_eq!(statuses.next().await, Some(Status::SignedIn));
    world
        .server
        .always(Some(Answer::Status(400, r#"{"error":"invalid_grant"}"#)));
    for error in join_all((0..100).map(|_| session.token())).await {
        assert!(matches!(
            error,
            Err(Error::SignedOut(EndReason::GrantDead { after_loss: false }))
        ));
    }
    assert_eq!(world.server.posts(), 1);
    let told = statuses.next().await;
    assert_eq!(
        told,
        Some(Status::SignedOut(EndReason::GrantDead { after_loss: false }))
    );
    drop(session);
    assert_eq!(statuses.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn f8_f10_a_configuration_error_names_the_setting_and_keeps_the_session() {
    let cases = [
        (r#"{"error":"invalid_client"}"#, 401, "client id"),
        (r#"{"error":"unauthorized_client"}"#, 400, "grant type"),
        (r#"{"error":"unsupported_grant_type"}"#, 400, "grant type"),
        (r#"{"error":"invalid_scope"}"#, 400, "scope"),
        (r#"{"error":"invalid_target"}"#, 400, "audience"),
        ("not here", 404, "URL"),
    ];
    for (body, status, setting) in cases {
        let world = World::new();
        let session = expired(&world).await;
        world.server.script([Answer::Status(status, body)]);
        let error = session.token().await.unwrap_err();
        assert!(matches!(error, Error::Configuration { .. }), "{error:?}");
        assert_eq!(error.action(), Action::FixConfiguration);
        assert!(error.to_string().contains(setting), "{error}");
        assert_eq!(session.status(), Status::SignedIn);

        // Not tried again until something changes.
        session.token().await.unwrap_err();
        assert_eq!(world.server.posts(), 1);
        session.retry_now();
        session.token().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn r7_a_401_of_the_token_endpoint_is_a_configuration_error() {
    let world = World::new();
    let session = expired(&world).await;
    world.server.always(Some(Answer::Status(401, "")));
    let error = session.token().await.unwrap_err();
    assert!(matches!(error, Error::Configuration { .. }), "{error:?}");
    assert_eq!(world.server.posts(), 1);
}

#[tokio::test(start_paused = true)]
async fn f9_a_failure_does_not_outlast_a_new_sign_in() {
    let world = World::new();
    let session = expired(&world).await;
    world
        .server
        .script([Answer::Status(400, r#"{"error":"invalid_grant"}"#)]);
    session.token().await.unwrap_err();
    session.sign_in(world.grant()).await.unwrap();
    let token = session.token().await.unwrap();
    session.newer_than(token.stamp()).await.unwrap();

    world
        .server
        .script([Answer::Status(401, r#"{"error":"invalid_client"}"#)]);
    let token = session.token().await.unwrap();
    session.newer_than(token.stamp()).await.unwrap_err();
    session.sign_in(world.grant()).await.unwrap();
    let token = session.token().await.unwrap();
    session.newer_than(token.stamp()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn f10_interaction_is_told_apart_and_keeps_the_session() {
    let world = World::new();
    let session = expired(&world).await;
    world
        .server
        .script([Answer::Status(400, r#"{"error":"login_required"}"#)]);
    let error = session.token().await.unwrap_err();
    assert!(matches!(error, Error::Interaction { .. }), "{error:?}");
    assert_eq!(error.action(), Action::SignIn);
    assert_eq!(session.status(), Status::SignedIn);
}

#[tokio::test(start_paused = true)]
async fn f10_an_error_carries_what_the_http_client_said() {
    let world = World::new();
    let session = expired(&world).await;
    world
        .server
        .script([Answer::LostBefore(ExchangeFailure::NotConnected)]);
    let error = session.token().await.unwrap_err();
    let source = std::error::Error::source(&error).expect("the exchange failed");
    assert!(source.to_string().contains("no connection"), "{source}");
    // Whoever comes within the pause learns the same.
    let again = session.token().await.unwrap_err();
    assert!(std::error::Error::source(&again).is_some(), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn f11_ten_minutes_of_swallowed_requests_ask_for_no_sign_in() {
    let world = World::new();
    let session = expired(&world).await;
    world.server.always(Some(Answer::Hang));
    let start = tokio::time::Instant::now();
    while start.elapsed() < Duration::from_secs(600) {
        let wait = retry_after(&session.token().await.unwrap_err());
        tokio::time::advance(wait.max(Duration::from_millis(1))).await;
    }
    world.server.always(None);
    tokio::time::advance(policy().back_off_cap).await;
    session.token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn f12_a_dead_verdict_while_the_store_is_unreadable_keeps_the_session() {
    let world = World::new();
    let store = HostileStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    session.token().await.unwrap();
    tokio::time::advance(LIFETIME).await;

    world
        .server
        .script([Answer::Status(400, r#"{"error":"invalid_grant"}"#)]);
    // Mark written; then the tombstone cannot be written, nor the record read.
    HostileStore::next(&store.saves, [Fault::None]);
    HostileStore::always(&store.saves, Some(Fault::Fail));
    HostileStore::next(&store.loads, [Fault::None]);
    HostileStore::always(&store.loads, Some(Fault::Fail));
    let error = session.token().await.unwrap_err();
    let wait = retry_after(&error);
    assert_eq!(session.status(), Status::SignedIn);
    assert_eq!(world.server.posts(), 1);

    HostileStore::always(&store.saves, None);
    HostileStore::always(&store.loads, None);
    tokio::time::advance(wait).await;
    let error = session.token().await.unwrap_err();
    assert!(
        matches!(error, Error::SignedOut(EndReason::GrantDead { .. })),
        "{error:?}"
    );
    assert_eq!(world.server.posts(), 1, "decided without a POST");
}

#[tokio::test(start_paused = true)]
async fn f13_a_504_and_a_200_with_html_are_ambiguous() {
    for lost in [Answer::Status(504, ""), Answer::Status(200, "<html>hello</html>")] {
        let world = World::new();
        let session = expired(&world).await;
        world.server.script([lost.clone(), lost]);
        let error = session.token().await.unwrap_err();
        assert!(
            matches!(
                &error,
                Error::Transient {
                    cause: TransientCause::AnswerLost(_),
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(world.server.posts(), 2, "one retry at once");
    }
}
