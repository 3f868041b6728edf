//! A server is killed or frozen while a holder is in the middle of an attempt.

use futures_util::future::join_all;

use crate::case::{Case, Seen, When};
use crate::process::{Lengths, Place};

/// What becomes of the store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Illness {
    /// Killed, and back when everybody has met that.
    Killed,
    /// Killed, and back before the holder in the middle goes on.
    Restarted,
    /// It stands still for longer than a save may take.
    Frozen,
}

impl Illness {
    const ALL: [Self; 3] = [Self::Killed, Self::Restarted, Self::Frozen];

    fn shown(self) -> &'static str {
        match self {
            Self::Killed => "killed, back later",
            Self::Restarted => "killed, back at once",
            Self::Frozen => "frozen past the deadline",
        }
    }
}

/// Short enough that what times out is waited for, long enough for a busy machine.
const LENGTHS: Lengths = Lengths(3_000, 2_000, 8_000);

async fn case(mut place: Place, illness: Illness, when: When) -> Seen {
    let mut case = Case::begin(&place, "grant", LENGTHS).await;
    case.come_to(when).await;
    match illness {
        Illness::Killed => place.kill(),
        Illness::Restarted => {
            place.kill();
            place.start_again();
        }
        Illness::Frozen => place.freeze(),
    }
    case.go_on().await;
    match illness {
        Illness::Killed => place.start_again(),
        Illness::Restarted => {}
        Illness::Frozen => place.thaw(),
    }
    case.recover().await
}

/// Every illness at every time; the cases of one illness side by side, each with a server of its own.
async fn every_case(store: &str, make: impl Fn() -> Option<Place>) {
    for illness in Illness::ALL {
        let cases = When::ALL.map(|when| {
            let place = make();
            async move { Some((when, case(place?, illness, when).await)) }
        });
        for (when, seen) in join_all(cases).await.into_iter().flatten() {
            seen.row(store, illness.shown(), when.shown());
            seen.assert_harmless(&format!("{store}, {}, {}", illness.shown(), when.shown()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p7_p11_p13_a_redis_that_falls_ill_in_the_middle_costs_no_second_request_and_no_session() {
    every_case("Redis", Place::durable_redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p7_p11_p13_a_postgresql_that_falls_ill_in_the_middle_costs_no_second_request_and_no_session() {
    every_case("PostgreSQL", Place::postgres).await;
}

/// Without persistence, whoever kills it removes the record: that ends the session, as if an operator had removed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_without_persistence_that_is_killed_forgets_who_is_signed_in() {
    let illness = Illness::Killed;
    let cases = When::ALL.map(|when| async move { Some((when, case(Place::redis()?, illness, when).await)) });
    for (when, seen) in join_all(cases).await.into_iter().flatten() {
        seen.row("Redis that keeps nothing", illness.shown(), when.shown());
        let sent = matches!(when, When::InRequest | When::BeforeSave | When::BeforeUnlock);
        assert_eq!((seen.posts, seen.reused), (u64::from(sent), 0), "{seen:?}");
        assert!(seen.errors.contains("SignedOut(Removed)"), "{seen:?}");
    }
}
