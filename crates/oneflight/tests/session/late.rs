//! L2, L3, L10, S12: callers that wake after the world has moved on.

use std::pin::Pin;
use std::task::Poll;

use oneflight::{Error, Session};

use crate::support::{LIFETIME, World, poll, settle};

/// A caller whose attempt has settled, and which has not been polled since.
async fn settled_caller(
    session: &Session,
) -> Pin<Box<dyn Future<Output = Result<oneflight::Token, Error>> + '_>> {
    let refused = session.token().await.unwrap().stamp();
    let mut waiting: Pin<Box<dyn Future<Output = _>>> = Box::pin(session.newer_than(refused));
    assert!(poll(waiting.as_mut()).is_pending());
    settle().await;
    assert_ne!(session.current().unwrap().stamp(), refused);
    waiting
}

#[tokio::test(start_paused = true)]
async fn l2_a_caller_that_wakes_late_gets_nothing_of_the_next_user() {
    let world = World::new();
    let session = world.signed_in().await;
    let mut late = settled_caller(&session).await;
    session.sign_in(world.grant()).await.unwrap();
    let outcome = poll(late.as_mut());
    assert!(
        matches!(outcome, Poll::Ready(Err(Error::Replaced))),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn l3_a_caller_that_wakes_late_gets_nothing_of_a_session_that_ended() {
    let world = World::new();
    let session = world.signed_in().await;
    let mut late = settled_caller(&session).await;
    session.sign_out().await;
    let outcome = poll(late.as_mut());
    assert!(
        matches!(outcome, Poll::Ready(Err(Error::SignedOut(_)))),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn s12_a_caller_that_wakes_late_gets_the_newest_token() {
    let world = World::new();
    let session = world.signed_in().await;
    let mut late = settled_caller(&session).await;
    let refused = session.current().unwrap().stamp();
    let newest = session.newer_than(refused).await.unwrap().stamp();
    let outcome = poll(late.as_mut());
    assert!(
        matches!(&outcome, Poll::Ready(Ok(token)) if token.stamp() == newest),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn l10_a_caller_that_wanted_any_token_and_wakes_late_is_told_of_the_next_user_too() {
    let world = World::new();
    let session = world.signed_in().await;
    session.token().await.unwrap();
    tokio::time::advance(LIFETIME).await;
    let mut late = Box::pin(session.token());
    assert!(poll(late.as_mut()).is_pending());
    settle().await;
    session.sign_in(world.grant()).await.unwrap();
    let outcome = poll(late.as_mut());
    assert!(
        matches!(outcome, Poll::Ready(Err(Error::Replaced))),
        "{outcome:?}"
    );
}
