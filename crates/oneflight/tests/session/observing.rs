//! X and O3: what people see of a session, and what they must not see.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use oneflight::events::{Cause, Event, Lagged, MAX_EVENTS, Revocation};
use oneflight::{EndReason, JsonTokens, MemoryStore, Status};

use crate::support::{Answer, LIFETIME, World, settle};

#[tokio::test(start_paused = true)]
async fn x1_events_tell_the_whole_story_in_order() {
    let world = World::new();
    let session = world.builder().build().unwrap();
    let mut events = session.events();
    let signed_in = session.sign_in(world.grant()).await.unwrap();
    tokio::time::advance(LIFETIME).await;
    world.server.script([Answer::After(Duration::from_secs(2))]);
    join_all((0..7).map(|_| session.token())).await;
    world.server.script([Answer::Status(503, "")]);
    let refused = session.token().await.unwrap().stamp();
    session.newer_than(refused).await.unwrap_err();
    session.sign_out().await;
    drop(session);

    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.push(event.unwrap());
    }
    let mut told = told.into_iter();
    let mut next = || told.next().unwrap();
    assert_eq!(
        next(),
        Event::SignedIn {
            session: signed_in.session,
            generation: 1
        }
    );
    assert_eq!(
        next(),
        Event::Renewing {
            cause: Cause::Expired
        }
    );
    let renewed = Event::Renewed {
        generation: 2,
        cause: Cause::Expired,
        took: Duration::from_secs(2),
        waiters: 7,
    };
    assert_eq!(next(), renewed);
    assert_eq!(
        next(),
        Event::Renewing {
            cause: Cause::Refused
        }
    );
    assert!(matches!(next(), Event::RenewalFailed { .. }));
    let reason = EndReason::SignOut;
    assert_eq!(next(), Event::SignedOut { reason });
    let revocation = Revocation::Done;
    assert_eq!(next(), Event::Revoked { revocation });
    assert_eq!(told.next(), None);
}

#[tokio::test(start_paused = true)]
async fn x1_a_holder_that_adopts_says_so() {
    let world = World::new();
    let store = MemoryStore::new();
    let (one, two) = (world.holder(store.clone()), world.holder(store));
    one.sign_in(world.grant()).await.unwrap();
    two.token().await.unwrap();
    let mut events = two.events();
    let refused = one.token().await.unwrap().stamp();
    one.newer_than(refused).await.unwrap();
    settle().await;
    let adopted = events.next().await;
    assert!(matches!(adopted, Some(Ok(Event::Adopted { .. }))), "{adopted:?}");
}

#[tokio::test(start_paused = true)]
async fn x1_o5_a_listener_that_is_too_slow_is_told_how_much_it_missed() {
    let world = World::new();
    let session = world.signed_in().await;
    let mut events = session.events();
    for _ in 0..MAX_EVENTS {
        let refused = session.token().await.unwrap().stamp();
        session.newer_than(refused).await.unwrap();
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    settle().await;
    // Each renewal tells that it begins and that it ended.
    let missed = MAX_EVENTS as u64;
    assert_eq!(events.next().await, Some(Err(Lagged(missed))));
    assert!(matches!(events.next().await, Some(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn x1_the_status_can_be_watched() {
    let world = World::new();
    let session = world.builder().build().unwrap();
    let mut statuses = session.status_changes();
    assert_eq!(statuses.next().await, Some(Status::Unknown));
    session.token().await.unwrap_err();
    assert_eq!(statuses.next().await, Some(Status::NeverSignedIn));
    session.sign_in(world.grant()).await.unwrap();
    assert_eq!(statuses.next().await, Some(Status::SignedIn));
    let refused = session.token().await.unwrap().stamp();
    session.newer_than(refused).await.unwrap();
    session.sign_out().await;
    // A renewal is no change of status. A late listener begins with what is.
    assert_eq!(statuses.next().await, Some(Status::SignedOut(EndReason::SignOut)));
    let mut late = session.status_changes();
    assert_eq!(late.next().await, Some(Status::SignedOut(EndReason::SignOut)));
    drop(session);
    assert_eq!(statuses.collect::<Vec<_>>().await, []);
}

#[tokio::test(start_paused = true)]
async fn o3_the_header_is_marked_sensitive_and_shares_the_tokens_memory() {
    let world = World::new();
    let session = world.signed_in().await;
    let token = session.token().await.unwrap();
    let header = token.header();
    assert!(header.is_sensitive());
    assert_eq!(header.as_bytes(), token.access_token().authorization());
    assert_eq!(
        header.as_bytes().as_ptr(),
        token.access_token().authorization().as_ptr()
    );
    // A header that is still on its way keeps the memory.
    drop((token, session, world));
    assert_eq!(header.as_bytes(), b"Bearer access-1-1");
}

#[tokio::test(start_paused = true)]
async fn w3_w4_an_absent_refresh_token_keeps_the_old_one_and_extras_are_handed_on() {
    let world = World::new();
    let session = world.signed_in().await;
    let token = session.token().await.unwrap();
    world.server.script([Answer::Status(
        200,
        r#"{"access_token":"second","expires_in":900,"id_token":"id","tenant":{"n":1}}"#,
    )]);
    let second = session.newer_than(token.stamp()).await.unwrap();
    assert_eq!(
        second.token_set().refresh_token.as_ref().unwrap().expose(),
        "refresh-1-1"
    );
    assert_eq!(second.id_token().unwrap().expose(), "id");
    let extra = &second.token_set().extra;
    assert_eq!((&*extra[0].0, extra[0].1.expose()), ("tenant", r#"{"n":1}"#));

    let third = session.newer_than(second.stamp()).await.unwrap();
    assert_eq!(
        third.token_set().refresh_token.as_ref().unwrap().expose(),
        "refresh-1-2"
    );
}

#[tokio::test(start_paused = true)]
async fn w1_a_sign_in_takes_the_token_response_as_it_came() {
    let world = World::new();
    let session = world.builder().build().unwrap();
    for bad in [
        "",
        "[]",
        r#"{"error":"invalid_grant"}"#,
        r#"{"access_token":"a\nb"}"#,
    ] {
        let error = session.sign_in(JsonTokens(bad)).await.unwrap_err();
        assert_eq!(error.action(), oneflight::Action::SignIn, "{error:?}");
    }
    assert_eq!(session.status(), Status::Unknown);
    let response = r#"{"access_token":"a","token_type":"bearer","expires_in":"60","scope":"x"}"#;
    session.sign_in(JsonTokens(response)).await.unwrap();
    let token = session.token().await.unwrap();
    assert_eq!(token.token_set().scope.as_deref(), Some("x"));
    assert_eq!(token.token_set().expires_in, Some(Duration::from_secs(60)));
}
