//! P: what is stored, when, and what holders do to each other.

use std::time::Duration;

use oneflight::events::{Event, TransientCause, Unkept};
use oneflight::{Action, Clock, Error, MemoryStore, Record, Session, State, Status, Store, Swap, TokenSet};
use tokio::runtime::{Builder, Runtime};

use crate::support::server::Gate;
use crate::support::store::Fault;
use crate::support::{Answer, HostileStore, LIFETIME, World, pass, settle};

fn demand(session: &Session) -> tokio::task::JoinHandle<Result<oneflight::Token, Error>> {
    let session = session.clone();
    tokio::spawn(async move {
        let refused = session.current().unwrap().stamp();
        session.newer_than(refused).await
    })
}

async fn stored_access(store: &impl Store) -> String {
    let stored = store.load().await.unwrap().unwrap();
    match stored.record.state {
        State::Live { tokens, .. } => tokens.access_token.expose().to_owned(),
        State::Ended(reason) => panic!("{reason}"),
    }
}

#[tokio::test(start_paused = true)]
async fn p1_a_new_set_is_stored_before_any_request_carries_it() {
    let world = World::new();
    let store = HostileStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    let old = session.token().await.unwrap();

    let gate = Gate::new();
    HostileStore::next(&store.saves, [Fault::None, Fault::Gate(gate.clone())]);
    let waiting = demand(&session);
    gate.wait_for_arrival().await;
    settle().await;
    assert_eq!(session.current().unwrap().stamp(), old.stamp());
    assert!(!waiting.is_finished());
    gate.open.notify_one();
    let new = waiting.await.unwrap().unwrap();
    assert_eq!(stored_access(&store).await, new.access_token().expose());
}

#[tokio::test(start_paused = true)]
async fn p4_invalid_grant_is_believed_only_after_reading_again() {
    let world = World::new();
    let store = MemoryStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    session.token().await.unwrap();
    let gate = Gate::new();
    world.server.script([Answer::Gate(gate.clone())]);
    let waiting = demand(&session);
    gate.wait_for_arrival().await;

    // Somebody whose lock was unsound renews meanwhile, and the server knows our token no more.
    let standing = store.load().await.unwrap().unwrap();
    let (access, refresh) = world.server.rotate("refresh-1-1").unwrap();
    let theirs = TokenSet::new(&access, world.clock.wall()).unwrap();
    let theirs = theirs.refresh_token(&refresh).unwrap().expires_in(LIFETIME);
    let record = Record {
        session: standing.record.session,
        set: standing.record.set + 1,
        state: State::Live {
            tokens: theirs.into(),
            mark: None,
            back_off: None,
        },
    };
    let swap = store
        .compare_and_swap(Some(standing.version), record)
        .await
        .unwrap();
    assert!(matches!(swap, Swap::Written(_)));
    gate.open.notify_one();

    let adopted = waiting.await.unwrap().unwrap();
    assert_eq!(adopted.access_token().expose(), access);
    assert_eq!(stored_access(&store).await, access);
    assert_eq!(session.status(), Status::SignedIn);
}

#[tokio::test(start_paused = true)]
async fn p7_a_store_that_cannot_keep_the_new_set_costs_nobody_the_session() {
    let world = World::new();
    let store = HostileStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    session.token().await.unwrap();
    let mut events = session.events();

    HostileStore::next(&store.saves, [Fault::None]);
    HostileStore::always(&store.saves, Some(Fault::Fail));
    let new = demand(&session).await.unwrap().unwrap();
    assert_eq!(session.token().await.unwrap().stamp(), new.stamp());
    assert_ne!(stored_access(&store).await, new.access_token().expose());

    HostileStore::always(&store.saves, None);
    pass(Duration::from_secs(600)).await;
    assert_eq!(stored_access(&store).await, new.access_token().expose());
    assert_eq!(world.server.posts(), 1);

    let mut told = Vec::new();
    drop(session);
    while let Some(event) = events.next().await {
        told.push(event.unwrap());
    }
    let failed = Event::StoreFailed {
        what: Unkept::TokenSet,
    };
    assert!(told.contains(&failed), "{told:?}");
    assert!(told.contains(&Event::StoreRecovered), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn p7_a_store_that_is_down_signs_nobody_out() {
    for fault in [Fault::Fail, Fault::Hang] {
        let world = World::new();
        let store = HostileStore::new();
        let session = world.holder(store.clone());
        session.sign_in(world.grant()).await.unwrap();
        session.token().await.unwrap();
        for script in [&store.locks, &store.loads, &store.saves] {
            HostileStore::always(script, Some(fault.clone()));
        }
        // Still valid: still served.
        session.token().await.unwrap();
        tokio::time::advance(LIFETIME).await;
        let error = session.token().await.unwrap_err();
        assert!(matches!(error.action(), Action::Retry { .. }), "{error:?}");
        assert_eq!(session.status(), Status::SignedIn);
        for script in [&store.locks, &store.loads, &store.saves] {
            HostileStore::always(script, None);
        }
        pass(Duration::from_secs(600)).await;
        session.token().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn p11_nobody_presents_the_spent_token_while_the_saver_lives() {
    let world = World::new();
    let memory = MemoryStore::new();
    let failing = HostileStore::over(memory.clone());
    let (saver, other) = (world.holder(failing.clone()), world.holder(memory.clone()));
    saver.sign_in(world.grant()).await.unwrap();
    saver.token().await.unwrap();
    other.token().await.unwrap();
    HostileStore::next(&failing.saves, [Fault::None]);
    HostileStore::always(&failing.saves, Some(Fault::Fail));
    let new = demand(&saver).await.unwrap().unwrap();

    let error = demand(&other).await.unwrap().unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Transient {
                cause: TransientCause::LockBusy,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(world.server.posts(), 1);

    HostileStore::always(&failing.saves, None);
    pass(Duration::from_secs(600)).await;
    let adopted = other.token().await.unwrap();
    assert_eq!(adopted.access_token().expose(), new.access_token().expose());
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.server.reuse_detected(), 0);
}

#[tokio::test(start_paused = true)]
async fn p12_a_save_that_landed_but_reported_failure_revokes_nothing() {
    let world = World::new();
    let store = HostileStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    session.token().await.unwrap();
    HostileStore::next(&store.saves, [Fault::None, Fault::FailAfter]);
    let new = demand(&session).await.unwrap().unwrap();
    pass(Duration::from_secs(600)).await;
    assert_eq!(stored_access(&store).await, new.access_token().expose());
    assert!(world.server.revoked().is_empty());
    assert_eq!(world.server.posts(), 1);
    assert!(!session.close().await.unsaved);
}

#[tokio::test(start_paused = true)]
async fn p13_without_a_mark_nothing_is_sent() {
    let world = World::new();
    let store = HostileStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    session.token().await.unwrap();
    HostileStore::always(&store.saves, Some(Fault::Fail));
    let error = demand(&session).await.unwrap().unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Transient {
                cause: TransientCause::StoreUnwritable,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(world.server.posts(), 0);
    assert_eq!(session.status(), Status::SignedIn);
}

fn process() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

#[test]
fn p14_the_third_start_after_two_crashes_between_mark_and_send_works() {
    let memory = MemoryStore::new();
    let first = process();
    let (world, tokens) = first.block_on(async {
        let world = World::new();
        let tokens = world.grant();
        (world, tokens)
    });
    first.block_on(async {
        world.holder(memory.clone()).sign_in(tokens).await.unwrap();
    });
    drop(first);

    for _ in 0..2 {
        let crashing = process();
        crashing.block_on(async {
            let store = HostileStore::over(memory.clone());
            let session = world.holder(store.clone());
            let refused = session.token().await.unwrap().stamp();
            HostileStore::next(&store.saves, [Fault::HangAfter]);
            let waiting = tokio::spawn(async move { session.newer_than(refused).await });
            settle().await;
            assert!(!waiting.is_finished());
        });
        drop(crashing);
    }
    assert_eq!(world.server.posts(), 0);

    process().block_on(async {
        let session = world.holder(memory.clone());
        let refused = session.token().await.unwrap().stamp();
        session.newer_than(refused).await.unwrap();
    });
    assert_eq!(world.server.posts(), 1);
    assert_eq!(world.server.reuse_detected(), 0);
}
