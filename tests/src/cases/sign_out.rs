//! L: sign-in and sign-out, and requests that are caught between.

use http::StatusCode;
use oneflight::{EndReason, Error};
use oneflight_testkit::{Hold, Point};

use crate::{Failure, Req, Stack, World, spawn};

/// The user leaves while the token is being renewed: that is that.
pub async fn l1_l3_sign_out_during_a_refresh_wins_and_waiters_learn_it_at_once<S: Stack>() {
    let world = World::new().await;
    let issued = world.server.issue_session();
    let session = world.builder().build().unwrap();
    session.sign_in(world.tokens(&issued)).await.unwrap();
    world.server.expire_access_tokens();
    let client = S::of(&session);
    let refresh = world.server.hold(Hold::answers(Point::Refresh));
    let waiting = spawn(&client, Req::get(world.notes()).id("waiting"));
    refresh.arrived(1).await;
    session.sign_out().await;
    // The refresh is still held: the waiter does not wait for it.
    let outcome = waiting.await.unwrap();
    let Err(Failure::Renewal { error, refusal }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(error, Error::SignedOut(EndReason::SignOut)), "{error:?}");
    assert_eq!(refusal.status, StatusCode::UNAUTHORIZED);
    refresh.open();
    let family = issued.family();
    world
        .server
        .wait_until(|counters| counters.families_dead == 1)
        .await;
    assert!(world.server.family(family).unwrap().death.is_some());
    assert!(session.current().is_none());
    let next = client.send(Req::get(world.notes()).id("next")).await;
    assert!(
        matches!(next, Err(Failure::NoToken(Error::SignedOut(_)))),
        "{next:?}"
    );
    assert_eq!((world.seen("waiting").len(), world.seen("next").len()), (1, 0));
}

/// The request was Ada's. It is not sent with Bob's token.
pub async fn l2_a_request_is_not_replayed_as_the_user_who_signed_in_meanwhile<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let refresh = world.server.hold(Hold::answers(Point::Refresh));
    let waiting = spawn(&client, Req::post(world.notes(), "by ada").id("ada"));
    refresh.arrived(1).await;
    let bob = world.server.issue_session();
    session.sign_in(world.tokens(&bob)).await.unwrap();
    refresh.open();
    let outcome = waiting.await.unwrap();
    let Err(Failure::Renewal { error, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(error, Error::Replaced), "{error:?}");
    let next = client.send(Req::get(world.notes()).id("bob")).await.unwrap();
    assert_eq!(next.status, StatusCode::OK);
    assert_eq!(world.seen("ada").len(), 1);
    let seen = world.seen("bob")[0].credentials.token().unwrap();
    assert_eq!((seen.family, seen.sequence), (bob.family(), 1));
}

/// Ada's request is refused when Bob is signed in already.
pub async fn l2_a_refusal_that_arrives_after_another_sign_in_is_not_replayed<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let late = world.server.hold(Hold::answers(Point::Api).with_status(401));
    let waiting = spawn(&client, Req::get(world.notes()).id("ada"));
    late.arrived(1).await;
    let bob = world.server.issue_session();
    session.sign_in(world.tokens(&bob)).await.unwrap();
    late.open();
    let outcome = waiting.await.unwrap();
    let Err(Failure::Renewal { error, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(error, Error::Replaced), "{error:?}");
    assert_eq!((world.posts(), world.seen("ada").len()), (0, 1));
}

/// Without a token nothing is sent, and each reason has its own name.
pub async fn l6_without_a_token_nothing_is_sent<S: Stack>() {
    let world = World::new().await;
    let session = world.builder().build().unwrap();
    let client = S::of(&session);
    let never = client.send(Req::get(world.notes())).await;
    assert!(
        matches!(never, Err(Failure::NoToken(Error::NeverSignedIn))),
        "{never:?}"
    );
    let issued = world.server.issue_session();
    let mut tokens = world.tokens(&issued);
    tokens.refresh_token = None;
    session.sign_in(tokens).await.unwrap();
    world.expire();
    let expired = client.send(Req::get(world.notes())).await;
    assert!(
        matches!(expired, Err(Failure::NoToken(Error::NoRefreshToken))),
        "{expired:?}"
    );
    session.sign_out().await;
    let out = client.send(Req::get(world.notes())).await;
    assert!(
        matches!(out, Err(Failure::NoToken(Error::SignedOut(_)))),
        "{out:?}"
    );
    assert_eq!(world.server.counters().api_requests, 0);
}

/// One client, many users: each request says whose it is.
pub async fn a_client_of_many_users_takes_each_requests_own_session<S: Stack>() {
    let world = World::new().await;
    let client = S::new(crate::Setup::default());
    let mut families = Vec::new();
    for user in ["ada", "bob"] {
        let session = world.session().await;
        world.server.expire_access_tokens();
        let request = Req::get(world.notes()).with(session).id(user);
        assert_eq!(client.send(request).await.unwrap().status, StatusCode::OK);
        assert_eq!(world.sequences(user), [Some(1), Some(2)]);
        families.push(world.seen(user)[1].credentials.token().unwrap().family);
    }
    assert_ne!(families[0], families[1]);
    let nobodys = client.send(Req::get(world.notes()).id("nobody")).await.unwrap();
    assert_eq!(nobodys.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.sequences("nobody"), [None]);
}
