//! The registry: one session per key, and nothing lost when one is forgotten.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oneflight::{MemoryStores, Renew, Sessions, Status};

use crate::support::server::Gate;
use crate::support::store::Fault;
use crate::support::{Answer, HostileStore, World, pass, settle};

fn registry(world: &World, stores: &MemoryStores<u32>, capacity: usize) -> Sessions<u32> {
    let stores = stores.clone();
    let capacity = NonZeroUsize::new(capacity).unwrap();
    Sessions::with_capacity(capacity, world.builder(), move |key: &u32| stores.store(*key)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn s1_a_key_has_one_session_however_many_ask_for_it() {
    let world = World::new();
    let stores = MemoryStores::new();
    let sessions = registry(&world, &stores, 10);
    sessions
        .session(&1)
        .unwrap()
        .sign_in(world.grant())
        .await
        .unwrap();
    let refused = sessions.session(&1).unwrap().token().await.unwrap().stamp();
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let sessions = sessions.clone();
            tokio::spawn(async move { sessions.session(&1).unwrap().newer_than(refused).await })
        })
        .collect();
    for asked in asking {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(world.server.posts(), 1);
    assert_eq!(sessions.len(), 1);
}

#[test]
fn s1_a_key_has_one_session_however_many_threads_ask_for_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let world = World::new();
    let made = Arc::new(AtomicUsize::new(0));
    for key in 0..200_u32 {
        let sessions = registry(&world, &MemoryStores::new(), 4);
        let barrier = Arc::new(std::sync::Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (sessions, barrier) = (sessions.clone(), barrier.clone());
                std::thread::spawn(move || {
                    barrier.wait();
                    sessions.session(&key).unwrap()
                })
            })
            .collect();
        let handles: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        // Signed in through one, seen through all.
        runtime.block_on(handles[0].sign_in(world.grant())).unwrap();
        assert!(handles.iter().all(|handle| handle.status() == Status::SignedIn));
        assert_eq!(sessions.len(), 1);
        made.fetch_add(1, Ordering::Relaxed);
    }
    assert_eq!(made.load(Ordering::Relaxed), 200);
}

#[tokio::test(start_paused = true)]
async fn p1_idle_sessions_make_room_and_are_found_again() {
    let world = World::new();
    let stores = MemoryStores::new();
    let sessions = registry(&world, &stores, 3);
    for key in 0..10 {
        let session = sessions.session(&key).unwrap();
        session.sign_in(world.grant()).await.unwrap();
        drop(session);
        settle().await;
    }
    assert_eq!(sessions.len(), 3);
    for key in 0..10 {
        let session = sessions.session(&key).unwrap();
        let token = session.token().await.unwrap();
        assert_eq!(
            token.access_token().expose(),
            format!("access-{}-{}", key + 1, key + 1)
        );
        drop((token, session));
        settle().await;
    }
    assert_eq!(world.server.posts(), 0);
    assert_eq!(stores.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn s1_a_session_somebody_holds_is_not_forgotten() {
    let world = World::new();
    let sessions = registry(&world, &MemoryStores::new(), 2);
    let held = sessions.session(&1).unwrap();
    let also_held = sessions.session(&2).unwrap();
    let full = sessions.session(&3).unwrap_err();
    assert_eq!(full.capacity.get(), 2);
    assert!(full.to_string().contains("raise the capacity"), "{full}");
    assert!(!sessions.forget(&1));
    drop(also_held);
    sessions.session(&3).unwrap();
    assert!(sessions.get(&1).is_some());
    assert!(sessions.get(&2).is_none());
    drop(held);
    assert!(sessions.forget(&1));
    assert!(sessions.get(&1).is_none());
}

#[tokio::test(start_paused = true)]
async fn s5_a_session_with_a_flight_under_way_is_not_forgotten() {
    let world = World::new();
    let sessions = registry(&world, &MemoryStores::new(), 1);
    let session = sessions.session(&1).unwrap();
    session.sign_in(world.grant()).await.unwrap();
    let refused = session.token().await.unwrap().stamp();
    let gate = Gate::new();
    world.server.script([Answer::Gate(gate.clone())]);
    // The caller goes away; the flight goes on.
    let caller = tokio::spawn(async move { session.newer_than(refused).await });
    gate.wait_for_arrival().await;
    caller.abort();
    let _ = caller.await;
    sessions.session(&2).unwrap_err();
    gate.open.notify_one();
    settle().await;
    sessions.session(&2).unwrap();
}

#[tokio::test(start_paused = true)]
async fn p7_a_session_with_something_unsaved_is_not_forgotten() {
    let world = World::new();
    let store = HostileStore::new();
    let one = NonZeroUsize::MIN;
    let sessions = Sessions::with_capacity(one, world.builder(), {
        let store = store.clone();
        move |_key: &u32| store.clone()
    })
    .unwrap();
    let session = sessions.session(&1).unwrap();
    session.sign_in(world.grant()).await.unwrap();
    let refused = session.token().await.unwrap().stamp();
    HostileStore::next(&store.saves, [Fault::None]);
    HostileStore::always(&store.saves, Some(Fault::Fail));
    session.newer_than(refused).await.unwrap();
    drop(session);
    settle().await;
    sessions.session(&2).unwrap_err();
    assert_eq!(sessions.close().await, [1]);

    HostileStore::always(&store.saves, None);
    pass(std::time::Duration::from_secs(600)).await;
    assert_eq!(sessions.close().await, [0_u32; 0]);
    sessions.session(&2).unwrap();
}

#[tokio::test(start_paused = true)]
async fn f4_a_session_in_its_pause_is_not_forgotten() {
    let world = World::new();
    let sessions = registry(&world, &MemoryStores::new(), 1);
    let session = sessions.session(&1).unwrap();
    session.sign_in(world.grant()).await.unwrap();
    let refused = session.token().await.unwrap().stamp();
    world.server.script([Answer::Status(503, "")]);
    session.newer_than(refused).await.unwrap_err();
    drop(session);
    settle().await;
    sessions.session(&2).unwrap_err();
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    sessions.session(&2).unwrap();
}

#[tokio::test(start_paused = true)]
async fn t5_a_session_that_is_forgotten_is_not_kept_fresh() {
    let world = World::new();
    let stores: MemoryStores<u32> = MemoryStores::new();
    let sessions = {
        let stores = stores.clone();
        let settings = world.builder().renew(Renew::KeepFresh);
        Sessions::new(settings, move |key: &u32| stores.store(*key)).unwrap()
    };
    let session = sessions.session(&1).unwrap();
    session.sign_in(world.grant()).await.unwrap();
    drop(session);
    settle().await;
    assert!(sessions.forget(&1));
    pass(std::time::Duration::from_secs(86_400)).await;
    assert_eq!(world.server.posts(), 0);
    stores.remove(&1);
    assert!(stores.is_empty());
}
