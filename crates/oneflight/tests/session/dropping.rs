//! S5: whoever is dropped, wherever it waits, changes nothing for the others; and a runtime that ends hangs nobody.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use oneflight::{Action, Error, MemoryStore, Session, Status, Store};
use tokio::runtime::{Builder, Runtime};

use crate::support::server::Gate;
use crate::support::store::Fault;
use crate::support::{Answer, HostileStore, World, pass, poll, settle};

/// More await points than any future here has.
const MAX_POINTS: usize = 100;

/// Polls a future, and drops it when it waits for the n-th time (from 0 on). The output is whether it got to its end.
struct DropAt<F> {
    future: Option<Pin<Box<F>>>,
    left: usize,
}

impl<F: Future> DropAt<F> {
    fn new(future: F, pending: usize) -> Self {
        Self {
            future: Some(Box::pin(future)),
            left: pending,
        }
    }
}

impl<F: Future> Future for DropAt<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(None);
        };
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.left == 0 => {
                self.future = None;
                Poll::Ready(None)
            }
            Poll::Pending => {
                self.left -= 1;
                Poll::Pending
            }
        }
    }
}

/// A server that answers in three steps of time, so that callers wait more than once.
async fn slow_world() -> (World, HostileStore, Session) {
    let world = World::new();
    let store = HostileStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    session.token().await.unwrap();
    world.server.script([Answer::After(Duration::from_secs(1))]);
    (world, store, session)
}

#[tokio::test(start_paused = true)]
async fn s5_the_leader_may_be_dropped_at_any_await_point() {
    for point in 0..MAX_POINTS {
        let (world, _store, session) = slow_world().await;
        let refused = session.token().await.unwrap().stamp();
        let leader = DropAt::new(session.newer_than(refused), point);
        let mut leader = pin!(leader);
        // The leader is polled first, so it starts the flight.
        let started = futures_util::poll!(leader.as_mut());
        let other = tokio::spawn({
            let session = session.clone();
            async move { session.newer_than(refused).await }
        });
        let led = match started {
            Poll::Ready(led) => led,
            Poll::Pending => leader.await,
        };
        let token = other.await.unwrap().unwrap();
        assert!(token.stamp().generation > refused.generation);
        assert_eq!(world.server.posts(), 1);
        assert_eq!(world.server.reuse_detected(), 0);
        if led.is_some() {
            assert!(point > 0, "it waited at least once");
            return;
        }
    }
    panic!("the leader never got to its end");
}

#[tokio::test(start_paused = true)]
async fn s5_all_callers_may_be_dropped_and_the_new_token_is_still_saved() {
    for point in 0..MAX_POINTS {
        let (world, store, session) = slow_world().await;
        let refused = session.token().await.unwrap().stamp();
        let callers = (0..10).map(|_| DropAt::new(session.newer_than(refused), point));
        let done = futures_util::future::join_all(callers).await;
        // Not even a handle is left.
        drop(session);
        pass(Duration::from_secs(2)).await;
        assert_eq!(world.server.posts(), 1);
        let later = world.holder(store.memory);
        let token = later.token().await.unwrap();
        assert_eq!(token.access_token().expose(), "access-1-2");
        if done.iter().all(Option::is_some) {
            return;
        }
    }
    panic!("the callers never got to their end");
}

#[tokio::test(start_paused = true)]
async fn s5_sign_in_and_sign_out_may_be_dropped_at_any_await_point() {
    for point in 0..MAX_POINTS {
        let world = World::new();
        let store = MemoryStore::new();
        let session = world.holder(store.clone());
        let signed_in = DropAt::new(session.sign_in(world.grant()), point).await;
        settle().await;
        assert_eq!(session.status(), Status::SignedIn);
        assert!(store.load().await.unwrap().is_some());
        let signed_out = DropAt::new(session.sign_out(), point).await;
        settle().await;
        assert!(matches!(session.status(), Status::SignedOut(_)));
        assert_eq!(world.server.revoked(), ["refresh-1-1"]);
        if signed_in.is_some() && signed_out.is_some() {
            return;
        }
    }
    panic!("they never got to their end");
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Lets the runtime take so many turns.
fn step(runtime: &Runtime, turns: usize) {
    runtime.block_on(async {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn s5_the_driver_may_be_dropped_at_any_step_and_nobody_hangs() {
    // Where the server rotated and the answer died with the runtime, the grant is lost, and that is told.
    let (mut renewed, mut cut_off, mut lost) = (0, 0, 0);
    for turns in 0..MAX_POINTS {
        let home = runtime();
        let store = MemoryStore::new();
        let session = home.block_on(async {
            let world = World::new();
            let session = world.holder(store.clone());
            session.sign_in(world.grant()).await.unwrap();
            session.token().await.unwrap();
            session
        });
        let refused = session.current().unwrap().stamp();
        let mut waiting = pin!(session.newer_than(refused));
        assert!(poll(waiting.as_mut()).is_pending());
        step(&home, turns);
        drop(home);

        let Poll::Ready(outcome) = poll(waiting.as_mut()) else {
            panic!("still waiting after {turns} turns");
        };
        match outcome {
            Ok(_) => renewed += 1,
            Err(Error::RuntimeGone) => cut_off += 1,
            Err(error) => panic!("{error:?}"),
        }

        // On a living runtime the session goes on, or says that the user must sign in.
        runtime().block_on(async {
            for _ in 0..3 {
                match session.newer_than(refused).await {
                    Ok(_) => return,
                    Err(error) => match error.action() {
                        Action::Retry { after } => pass(after).await,
                        Action::SignIn => {
                            lost += 1;
                            return;
                        }
                        _ => panic!("{error:?}"),
                    },
                }
            }
            panic!("it never came to an end after {turns} turns");
        });
        if renewed > 3 {
            assert!(cut_off > 0, "no turn cut it off");
            assert!(lost <= cut_off);
            return;
        }
    }
    panic!("the driver never got to its end");
}

#[test]
fn s5_without_any_runtime_the_answer_is_an_error_and_sign_out_still_works_here() {
    let home = runtime();
    let (_world, session) = home.block_on(async {
        let world = World::new();
        let session = world.signed_in().await;
        session.token().await.unwrap();
        (world, session)
    });
    drop(home);
    let refused = session.current().unwrap().stamp();
    let mut waiting = pin!(session.newer_than(refused));
    assert!(matches!(
        poll(waiting.as_mut()),
        Poll::Ready(Err(Error::RuntimeGone))
    ));
    assert_eq!(Error::RuntimeGone.action(), Action::Nothing);
    let mut leaving = pin!(session.sign_out());
    let Poll::Ready(signed_out) = poll(leaving.as_mut()) else {
        panic!("it hangs")
    };
    assert!(!signed_out.landed);
    assert!(session.current().is_none());
}

#[test]
fn s5_a_session_moves_to_the_runtime_of_its_caller() {
    let (world, session) = runtime().block_on(async {
        let world = World::new();
        let session = world.signed_in().await;
        (world, session)
    });
    for expected in 1..=3 {
        runtime().block_on(async {
            let refused = session.token().await.unwrap().stamp();
            session.newer_than(refused).await.unwrap();
        });
        assert_eq!(world.server.posts(), expected);
    }
}

#[test]
fn s5_a_session_lives_on_the_runtime_it_is_given_and_serves_callers_of_others() {
    let home = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let callers = Builder::new_current_thread().build().unwrap();
    callers.block_on(async {
        let world = World::new();
        let session = world.builder().runtime(home.handle().clone()).build().unwrap();
        session.sign_in(world.grant()).await.unwrap();
        let refused = session.token().await.unwrap().stamp();
        session.newer_than(refused).await.unwrap();
        assert_eq!(world.server.posts(), 1);
    });
}

#[tokio::test(start_paused = true)]
async fn s5_close_lets_the_flight_in_progress_end_and_saves_it() {
    let (world, store, session) = slow_world().await;
    let refused = session.token().await.unwrap().stamp();
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.newer_than(refused).await }
    });
    settle().await;
    let closed = session.close().await;
    assert!(!closed.unsaved);
    waiting.await.unwrap().unwrap();
    assert_eq!(world.server.posts(), 1);
    let later = world.holder(store.memory);
    assert_eq!(later.token().await.unwrap().access_token().expose(), "access-1-2");

    // What it has it still hands out; it gets nothing new.
    let token = session.token().await.unwrap();
    let error = session.newer_than(token.stamp()).await.unwrap_err();
    assert!(matches!(error, Error::Closed), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn s5_close_may_be_dropped_at_any_await_point() {
    for point in 0..MAX_POINTS {
        let (_world, _store, session) = slow_world().await;
        let refused = session.token().await.unwrap().stamp();
        let waiting = tokio::spawn({
            let session = session.clone();
            async move { session.newer_than(refused).await }
        });
        settle().await;
        let closed = DropAt::new(session.close(), point).await;
        waiting.await.unwrap().unwrap();
        assert!(!session.close().await.unsaved);
        if closed.is_some() {
            return;
        }
    }
    panic!("close never got to its end");
}

#[tokio::test(start_paused = true)]
async fn p7_close_says_what_could_not_be_stored() {
    let world = World::new();
    let store = HostileStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    let refused = session.token().await.unwrap().stamp();
    HostileStore::next(&store.saves, [Fault::None]);
    HostileStore::always(&store.saves, Some(Fault::Fail));
    session.newer_than(refused).await.unwrap();
    assert!(session.close().await.unsaved);
    HostileStore::always(&store.saves, None);
    assert!(!session.close().await.unsaved);
}

#[tokio::test(start_paused = true)]
async fn s5_close_of_an_idle_session_does_not_wait() {
    let world = World::new();
    let session = world.signed_in().await;
    settle().await;
    assert!(!session.close().await.unsaved);
    let never_used = world.builder().build().unwrap();
    assert!(!never_used.close().await.unsaved);
}

#[tokio::test(start_paused = true)]
async fn s5_a_lost_answer_of_a_runtime_that_ended_is_retried_where_the_server_has_a_grace_window() {
    // The same as a crash after the send: the mark stands, and the token is presented once more.
    let world = World::new();
    *world.server.has_grace.lock().unwrap() = true;
    let store = MemoryStore::new();
    world.holder(store.clone()).sign_in(world.grant()).await.unwrap();
    let gate = Gate::new();
    world.server.script([Answer::GateAfter(gate.clone())]);
    let crashing = std::thread::spawn({
        let (store, world) = (store.clone(), world.clone());
        move || {
            runtime().block_on(async {
                let session = world.holder(store);
                let refused = session.token().await.unwrap().stamp();
                let waiting = tokio::spawn(async move { session.newer_than(refused).await });
                gate.wait_for_arrival().await;
                drop(waiting);
            });
        }
    });
    crashing.join().unwrap();
    let session = world.holder(store);
    let refused = session.token().await.unwrap().stamp();
    let token = session.newer_than(refused).await.unwrap();
    assert_eq!(token.access_token().expose(), "access-1-2");
    assert_eq!(world.server.posts(), 2);
}

#[tokio::test(start_paused = true)]
async fn t5_an_idle_session_has_no_task() {
    let world = World::new();
    let session = world.signed_in().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    settle().await;
    assert_eq!(tasks(), 0);
    let refused = session.token().await.unwrap().stamp();
    session.newer_than(refused).await.unwrap();
    settle().await;
    assert_eq!(tasks(), 0);
}
