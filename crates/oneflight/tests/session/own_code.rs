//! S10, S11: what the application's own code may do to the session that runs it.

use std::sync::{Arc, Mutex};

use oneflight::endpoint::{RefreshRequest, Reply, Verdict, endpoint_fn};
use oneflight::{Action, Error, MemoryStore, Session, Store, TokenSet};

use crate::support::store::Fault;
use crate::support::{Answer, HostileStore, LIFETIME, World, policy};

#[tokio::test(start_paused = true)]
async fn s10_an_endpoint_that_asks_its_own_session_gets_a_typed_error() {
    let slot: Arc<Mutex<Option<Session>>> = Arc::default();
    let heard: Arc<Mutex<Option<Error>>> = Arc::default();
    let endpoint = endpoint_fn({
        let (slot, heard) = (slot.clone(), heard.clone());
        move |request: RefreshRequest| {
            let (slot, heard) = (slot.clone(), heard.clone());
            async move {
                let session = slot.lock().unwrap().clone().unwrap();
                *heard.lock().unwrap() = session.token().await.err();
                let set = TokenSet::new("new", request.now()).unwrap();
                Reply::new(Verdict::Renewed(set.expires_in(LIFETIME)))
            }
        }
    });
    let world = World::new();
    let session = Session::builder()
        .endpoint(endpoint)
        .clock(world.clock.clone())
        .without_origins()
        .policy(policy())
        .build()
        .unwrap();
    *slot.lock().unwrap() = Some(session.clone());
    session.sign_in(world.grant()).await.unwrap();
    tokio::time::advance(LIFETIME).await;

    let token = session.token().await.unwrap();
    assert_eq!(token.access_token().expose(), "new");
    let heard = heard.lock().unwrap().take().unwrap();
    assert!(matches!(heard, Error::Reentered), "{heard:?}");
    assert_eq!(heard.action(), Action::FixConfiguration);
    slot.lock().unwrap().take();
}

#[tokio::test(start_paused = true)]
async fn s10_an_endpoint_that_waits_for_itself_by_a_detour_ends_at_the_deadline() {
    let slot: Arc<Mutex<Option<Session>>> = Arc::default();
    let endpoint = endpoint_fn({
        let slot = slot.clone();
        move |_request: RefreshRequest| {
            let session = slot.lock().unwrap().clone().unwrap();
            async move {
                // Another task: nobody can see that this is the same work.
                let token = tokio::spawn(async move { session.token().await }).await;
                let _ = token.unwrap();
                Reply::new(Verdict::Dead { code: None })
            }
        }
    });
    let world = World::new();
    let session = Session::builder()
        .endpoint(endpoint)
        .clock(world.clock.clone())
        .without_origins()
        .policy(policy())
        .build()
        .unwrap();
    *slot.lock().unwrap() = Some(session.clone());
    session.sign_in(world.grant()).await.unwrap();
    tokio::time::advance(LIFETIME).await;

    let error = session.token().await.unwrap_err();
    assert!(matches!(error.action(), Action::Retry { .. }), "{error:?}");
    slot.lock().unwrap().take();
}

#[tokio::test(start_paused = true)]
async fn s10_an_event_listener_may_call_the_session() {
    let world = World::new();
    let session = world.signed_in().await;
    let mut events = session.events();
    let listener = tokio::spawn({
        let session = session.clone();
        async move {
            while let Some(event) = events.next().await {
                if let Ok(oneflight::events::Event::Renewed { .. }) = event {
                    return session.token().await;
                }
            }
            Err(Error::Unsettled)
        }
    });
    let refused = session.token().await.unwrap().stamp();
    let newer = session.newer_than(refused).await.unwrap();
    assert_eq!(listener.await.unwrap().unwrap().stamp(), newer.stamp());
}

#[tokio::test(start_paused = true)]
async fn s11_a_panic_in_the_endpoint_settles_the_attempt_and_the_next_one_works() {
    for panics in [Answer::Panic, Answer::PanicAtOnce] {
        let world = World::new();
        let session = world.signed_in().await;
        let refused = session.token().await.unwrap().stamp();
        // The first, and the retry that a lost answer gets at once.
        world.server.script([panics.clone(), panics]);
        let error = session.newer_than(refused).await.unwrap_err();
        let Action::Retry { after } = error.action() else {
            panic!("{error:?}")
        };
        tokio::time::advance(after).await;
        session.newer_than(refused).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn s11_a_panic_in_the_store_settles_the_attempt_and_the_next_one_works() {
    for fault in [Fault::Panic, Fault::PanicAtOnce] {
        for operation in 0..3 {
            let world = World::new();
            let store = HostileStore::new();
            let session = world.holder(store.clone());
            session.sign_in(world.grant()).await.unwrap();
            let refused = session.token().await.unwrap().stamp();
            let script = [&store.locks, &store.loads, &store.saves][operation];
            HostileStore::next(script, [fault.clone()]);
            let error = session.newer_than(refused).await.unwrap_err();
            let Action::Retry { after } = error.action() else {
                panic!("{error:?}")
            };
            let source = std::error::Error::source(&error).expect("it says what happened");
            assert!(source.to_string().contains("panicked"), "{source}");
            tokio::time::advance(after).await;
            session.newer_than(refused).await.unwrap();
            assert_eq!(world.server.reuse_detected(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s10_an_endpoint_may_sign_its_own_session_out() {
    let slot: Arc<Mutex<Option<Session>>> = Arc::default();
    let endpoint = endpoint_fn({
        let slot = slot.clone();
        move |_request: RefreshRequest| {
            let session = slot.lock().unwrap().clone().unwrap();
            async move {
                assert!(session.sign_out().await.landed);
                assert!(!session.close().await.unsaved);
                Reply::new(Verdict::Dead { code: None })
            }
        }
    });
    let world = World::new();
    let session = Session::builder()
        .endpoint(endpoint)
        .clock(world.clock.clone())
        .without_origins()
        .policy(policy())
        .build()
        .unwrap();
    *slot.lock().unwrap() = Some(session.clone());
    session.sign_in(world.grant()).await.unwrap();
    tokio::time::advance(LIFETIME).await;
    let error = session.token().await.unwrap_err();
    assert!(
        matches!(error, Error::SignedOut(oneflight::EndReason::SignOut)),
        "{error:?}"
    );
    slot.lock().unwrap().take();
}

/// A store whose every operation asks its own session for a newer token.
struct Nosy {
    memory: MemoryStore,
    session: Arc<Mutex<Option<Session>>>,
    heard: Arc<Mutex<Vec<Error>>>,
}

impl Nosy {
    async fn ask(&self) {
        let session = self.session.lock().unwrap().clone();
        let Some(session) = session else { return };
        let Some(token) = session.current() else { return };
        if let Err(error) = session.newer_than(token.stamp()).await {
            self.heard.lock().unwrap().push(error);
        }
    }
}

impl Store for Nosy {
    fn load(&self) -> oneflight::BoxFuture<'_, Result<Option<oneflight::Stored>, oneflight::StoreError>> {
        Box::pin(async move {
            self.ask().await;
            self.memory.load().await
        })
    }

    fn lock(
        &self,
    ) -> oneflight::BoxFuture<'_, Result<Box<dyn oneflight::store::Guard>, oneflight::StoreError>> {
        Box::pin(async move {
            self.ask().await;
            self.memory.lock().await
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<oneflight::Version>,
        record: oneflight::Record,
    ) -> oneflight::BoxFuture<'_, Result<oneflight::Swap, oneflight::StoreError>> {
        Box::pin(async move {
            self.ask().await;
            self.memory.compare_and_swap(expected, record).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn s10_a_store_that_asks_its_own_session_gets_a_typed_error() {
    let world = World::new();
    let (slot, heard) = (Arc::default(), Arc::default());
    let session = world.holder(Nosy {
        memory: MemoryStore::new(),
        session: Arc::clone(&slot),
        heard: Arc::clone(&heard),
    });
    session.sign_in(world.grant()).await.unwrap();
    *slot.lock().unwrap() = Some(session.clone());
    let refused = session.token().await.unwrap().stamp();
    session.newer_than(refused).await.unwrap();
    let heard = heard.lock().unwrap();
    assert!(
        heard.len() >= 3 && heard.iter().all(|error| matches!(error, Error::Reentered)),
        "{heard:?}"
    );
    slot.lock().unwrap().take();
}
