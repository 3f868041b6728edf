//! L: sign-in and sign-out, and what they overtake.

use std::time::Duration;

use oneflight::events::Revocation;
use oneflight::{Action, EndReason, Error, MemoryStore, Status, Store};

use crate::support::server::Gate;
use crate::support::store::Fault;
use crate::support::{Answer, HostileStore, LIFETIME, World, pass, settle};

#[tokio::test(start_paused = true)]
async fn l1_l3_l4_sign_out_during_a_refresh_wins() {
    let world = World::new();
    let store = MemoryStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    let refused = session.token().await.unwrap().stamp();
    let gate = Gate::new();
    world.server.script([Answer::GateAfter(gate.clone())]);
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.newer_than(refused).await }
    });
    gate.wait_for_arrival().await;

    let signed_out = session.sign_out().await;
    assert!(signed_out.landed);
    assert_eq!(signed_out.revocation, Revocation::Done);
    // The waiter is told at once: the server has not answered yet.
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::SignedOut(EndReason::SignOut)), "{error:?}");

    gate.open.notify_one();
    settle().await;
    assert_eq!(session.status(), Status::SignedOut(EndReason::SignOut));
    assert!(session.current().is_none());
    let record = store.load().await.unwrap().unwrap().record;
    assert!(
        matches!(record.state, oneflight::State::Ended(EndReason::SignOut)),
        "{record:?}"
    );
    // What was the newest token at sign-out, and the late one.
    assert_eq!(world.server.revoked(), ["refresh-1-1", "refresh-1-2"]);
}

#[tokio::test(start_paused = true)]
async fn l2_l10_sign_in_as_another_user_during_a_refresh_stands() {
    let world = World::new();
    let session = world.signed_in().await;
    let refused = session.token().await.unwrap().stamp();
    let gate = Gate::new();
    world.server.script([Answer::Gate(gate.clone())]);
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.newer_than(refused).await }
    });
    gate.wait_for_arrival().await;

    let other = world.grant();
    let access = other.access_token.expose().to_owned();
    session.sign_in(other).await.unwrap();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Replaced), "{error:?}");
    assert_eq!(error.action(), Action::Nothing);

    gate.open.notify_one();
    settle().await;
    let token = session.token().await.unwrap();
    assert_eq!(token.access_token().expose(), access);
    // A late refusal of the first user's request gets nothing of the second's.
    let late = session.newer_than(refused).await.unwrap_err();
    assert!(matches!(late, Error::Replaced), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn l4_sign_out_ends_here_even_if_the_revocation_fails() {
    let world = World::new();
    *world.server.revocation_fails.lock().unwrap() = true;
    let session = world.signed_in().await;
    let refused = session.token().await.unwrap().stamp();
    let newest = session.newer_than(refused).await.unwrap();
    let newest = newest
        .token_set()
        .refresh_token
        .as_ref()
        .unwrap()
        .expose()
        .to_owned();
    assert!(
        world.server.revoked().is_empty(),
        "a mere refresh revokes nothing"
    );

    let signed_out = session.sign_out().await;
    assert_eq!(signed_out.revocation, Revocation::Failed);
    assert!(signed_out.landed);
    assert_eq!(world.server.revoked(), [newest]);
    assert!(session.current().is_none());
    assert!(matches!(
        session.token().await,
        Err(Error::SignedOut(EndReason::SignOut))
    ));
}

#[tokio::test(start_paused = true)]
async fn l5_sign_in_and_sign_out_reach_idle_holders() {
    let world = World::new();
    let store = MemoryStore::new();
    let (one, two) = (world.holder(store.clone()), world.holder(store));
    one.sign_in(world.grant()).await.unwrap();
    assert_eq!(
        two.token().await.unwrap().access_token().expose(),
        one.token().await.unwrap().access_token().expose()
    );
    settle().await;

    one.sign_out().await;
    settle().await;
    assert_eq!(two.status(), Status::SignedOut(EndReason::SignOut));
    assert!(two.current().is_none());

    one.sign_in(world.grant()).await.unwrap();
    settle().await;
    assert_eq!(two.status(), Status::SignedIn);
    assert_eq!(
        two.current().unwrap().access_token().expose(),
        one.token().await.unwrap().access_token().expose()
    );
}

#[tokio::test(start_paused = true)]
async fn l6_three_reasons_to_sign_in_are_three_answers() {
    let world = World::new();
    let never = world.builder().build().unwrap();
    let error = never.token().await.unwrap_err();
    assert!(matches!(error, Error::NeverSignedIn), "{error:?}");
    assert_eq!(error.action(), Action::SignIn);
    assert_eq!(never.status(), Status::NeverSignedIn);

    let tokenless = world.builder().build().unwrap();
    let mut tokens = world.grant();
    tokens.refresh_token = None;
    tokenless.sign_in(tokens).await.unwrap();
    tokio::time::advance(LIFETIME).await;
    let error = tokenless.token().await.unwrap_err();
    assert!(matches!(error, Error::NoRefreshToken), "{error:?}");
    assert_eq!(error.action(), Action::SignIn);

    let store = MemoryStore::new();
    let ended = world.holder(store.clone());
    ended.sign_in(world.grant()).await.unwrap();
    ended.sign_out().await;
    let later = world.holder(store);
    let error = later.token().await.unwrap_err();
    assert!(matches!(error, Error::SignedOut(EndReason::SignOut)), "{error:?}");
    assert_eq!(world.server.posts(), 0);
}

#[tokio::test(start_paused = true)]
async fn l7_sign_out_while_another_holder_renews_ends_both() {
    for after_save in [false, true] {
        let world = World::new();
        let store = MemoryStore::new();
        let hostile = HostileStore::over(store.clone());
        let (renewing, leaving) = (world.holder(hostile.clone()), world.holder(store));
        leaving.sign_in(world.grant()).await.unwrap();
        leaving.token().await.unwrap();
        let refused = renewing.token().await.unwrap().stamp();
        let gate = Gate::new();
        if after_save {
            // The mark passes; the new set is saved, and then the unlocking holder is overtaken.
            HostileStore::next(&hostile.saves, [Fault::None, Fault::None]);
        } else {
            world.server.script([Answer::GateAfter(gate.clone())]);
        }
        let waiting = tokio::spawn({
            let renewing = renewing.clone();
            async move { renewing.newer_than(refused).await }
        });
        if !after_save {
            gate.wait_for_arrival().await;
        } else {
            settle().await;
        }
        leaving.sign_out().await;
        gate.open.notify_one();
        settle().await;
        let _ = waiting.await.unwrap();

        for holder in [&renewing, &leaving] {
            assert_eq!(
                holder.status(),
                Status::SignedOut(EndReason::SignOut),
                "after save: {after_save}"
            );
            assert!(holder.current().is_none());
        }
        let newest = "refresh-1-2".to_owned();
        assert!(
            world.server.revoked().contains(&newest),
            "{:?}",
            world.server.revoked()
        );
        assert!(!world.server.is_alive(&newest));
    }
}

#[tokio::test(start_paused = true)]
async fn l8_sign_out_of_an_old_session_leaves_the_new_one_alone() {
    let world = World::new();
    let store = MemoryStore::new();
    let deaf = HostileStore::over(store.clone());
    let (old, new) = (world.holder(deaf.clone()), world.holder(store.clone()));
    old.sign_in(world.grant()).await.unwrap();
    old.token().await.unwrap();
    // The old holder does not hear of the new sign-in: its look at the store fails.
    HostileStore::next(&deaf.loads, [Fault::Fail]);
    new.sign_in(world.grant()).await.unwrap();
    settle().await;

    old.sign_out().await;
    settle().await;
    new.token().await.unwrap();
    assert_eq!(new.status(), Status::SignedIn);
    let record = store.load().await.unwrap().unwrap().record;
    assert!(
        matches!(record.state, oneflight::State::Live { .. }),
        "{record:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn l9_a_tombstone_that_cannot_be_written_is_tried_again() {
    let world = World::new();
    let store = HostileStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    HostileStore::always(&store.saves, Some(Fault::Fail));
    let signed_out = session.sign_out().await;
    assert!(!signed_out.landed);
    assert!(session.current().is_none());
    // The record still lives, and is not adopted again.
    session.reload();
    settle().await;
    assert!(matches!(
        session.token().await,
        Err(Error::SignedOut(EndReason::SignOut))
    ));

    HostileStore::always(&store.saves, None);
    pass(Duration::from_secs(600)).await;
    let record = store.memory.load().await.unwrap().unwrap().record;
    assert!(
        matches!(record.state, oneflight::State::Ended(EndReason::SignOut)),
        "{record:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn l11_an_unsaved_sign_in_is_never_refreshed_from_the_old_record() {
    let world = World::new();
    let store = HostileStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    session.token().await.unwrap();
    HostileStore::always(&store.saves, Some(Fault::Fail));
    let second = world.grant();
    let access = second.access_token.expose().to_owned();
    let signed_in = session.sign_in(second).await.unwrap();
    assert!(!signed_in.saved);
    let token = session.token().await.unwrap();
    assert_eq!(token.access_token().expose(), access);

    let error = session.newer_than(token.stamp()).await.unwrap_err();
    assert!(matches!(error.action(), Action::Retry { .. }), "{error:?}");
    assert_eq!(world.server.posts(), 0);

    // Signing out of it ends the one it was to replace, too.
    session.sign_out().await;
    HostileStore::always(&store.saves, None);
    pass(Duration::from_secs(600)).await;
    let record = store.memory.load().await.unwrap().unwrap().record;
    assert!(
        matches!(record.state, oneflight::State::Ended(EndReason::SignOut)),
        "{record:?}"
    );
    let later = world.holder(store.memory);
    assert!(matches!(
        later.token().await,
        Err(Error::SignedOut(EndReason::SignOut))
    ));
}
