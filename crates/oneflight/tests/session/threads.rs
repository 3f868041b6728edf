//! S1, S5: the same on real threads, where the driver begins and ends thousands of times.

use std::time::Duration;

use oneflight::{Action, MemoryStore, Session};

use crate::support::{World, policy};

const CALLERS: u64 = 16;
const ROUNDS: u64 = 150;

/// Far more than the test takes; a lost wake-up would wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);

async fn refuse_again_and_again(session: Session, caller: u64) -> u64 {
    let mut newer = 0;
    for round in 0..ROUNDS {
        let Ok(token) = session.token().await else {
            continue;
        };
        let demand = session.newer_than(token.stamp());
        if (caller + round).is_multiple_of(5) {
            // A caller that does not wait long enough, sometimes.
            let _ = tokio::time::timeout(Duration::ZERO, demand).await;
            continue;
        }
        match demand.await {
            Ok(_) => newer += 1,
            Err(error) => assert!(matches!(error.action(), Action::Retry { .. }), "{error:?}"),
        }
    }
    newer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s1_s5_on_many_threads_no_wake_up_is_lost_and_no_token_is_spent_twice() {
    let world = World::new();
    let store = MemoryStore::new();
    let mut eager = policy();
    // Every refusal may renew: it is the flights that are wanted here.
    eager.rejection_window = Duration::ZERO;
    let holders: Vec<Session> = (0..2)
        .map(|_| {
            world
                .builder()
                .policy(eager.clone())
                .store(store.clone())
                .build()
                .unwrap()
        })
        .collect();
    holders[0].sign_in(world.grant()).await.unwrap();
    let callers = (0..CALLERS).map(|caller| {
        let session = holders[usize::try_from(caller % 2).unwrap()].clone();
        tokio::spawn(refuse_again_and_again(session, caller))
    });
    let all = futures_util::future::join_all(callers);
    let newer: u64 = tokio::time::timeout(PATIENCE, all)
        .await
        .expect("somebody still waits")
        .into_iter()
        .map(Result::unwrap)
        .sum();
    assert!(newer > CALLERS * ROUNDS / 2, "{newer}");
    assert_eq!(world.server.reuse_detected(), 0);
    assert!(world.server.posts() as u64 <= newer + CALLERS * ROUNDS / 5 + 1);
    for holder in holders {
        assert!(!holder.close().await.unsaved);
    }
}
