//! Many processes on one grant of a server that rotates strictly.

use futures_util::future::join_all;
use oneflight_testkit::{Hold, Point, TestServer};
use oneflight_tests::login::login;
use oneflight_tests::provider::Provider;

use crate::process::{LONG, Place, Process};

/// More than this many connections at once may be more than a process is allowed to have.
const HELD_MOST: usize = 400;

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("it is a number"))
}

/// Every process sends its requests at once after every expiry. `ONEFLIGHT_PROCESSES`, `ONEFLIGHT_REQUESTS` and
/// `ONEFLIGHT_EXPIRIES` ask for more than the tests of every day do.
async fn expiries(place: &Place, processes: usize) {
    let processes = number("ONEFLIGHT_PROCESSES", processes);
    let requests = number("ONEFLIGHT_REQUESTS", 20);
    let expiries = number("ONEFLIGHT_EXPIRIES", 5);
    let server = TestServer::start().await.unwrap();
    let started = (0..processes).map(|_| Process::start(&server, place, "grant", LONG));
    let mut holders = join_all(started).await;
    holders[0].sign_in(&server.issue_session()).await;
    for expiry in 1..=expiries {
        server.expire_access_tokens();
        // Every other time nobody refreshes before everybody was refused.
        let all = processes * requests;
        let together = (expiry % 2 == 1 && all <= HELD_MOST).then(|| {
            let refused = Hold::answers(Point::Api).with_status(401);
            server.hold(refused.until_arrived(all))
        });
        for holder in &mut holders {
            holder.tell(&format!("ask {requests}"));
        }
        for holder in &mut holders {
            assert_eq!(holder.asked().await, (requests, "none".to_owned()));
        }
        drop(together);
        let counters = server.counters();
        assert_eq!(
            (counters.refresh_posts, counters.reuse_detected),
            (expiry as u64, 0)
        );
    }
    assert_eq!(server.counters().families_alive, 1);
    println!(
        "{processes} processes × {requests} requests × {expiries} expiries: one POST per expiry, none failed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_two_processes_that_share_a_file_refresh_once_per_expiry() {
    expiries(&Place::file(), 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_ten_processes_that_share_a_file_refresh_once_per_expiry() {
    expiries(&Place::file(), 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_two_processes_that_share_a_redis_refresh_once_per_expiry() {
    if let Some(place) = Place::redis() {
        expiries(&place, 2).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_ten_processes_that_share_a_redis_refresh_once_per_expiry() {
    if let Some(place) = Place::redis() {
        expiries(&place, 10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_two_processes_that_share_a_postgresql_refresh_once_per_expiry() {
    if let Some(place) = Place::postgres() {
        expiries(&place, 2).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_ten_processes_that_share_a_postgresql_refresh_once_per_expiry() {
    if let Some(place) = Place::postgres() {
        expiries(&place, 10).await;
    }
}

/// The same at a certified OpenID provider, which ends the grant when a refresh token is used twice; the counts are its own.
/// Over one store after the other.
async fn expiries_at_a_provider(processes: usize) {
    let processes = number("ONEFLIGHT_PROCESSES", processes);
    let requests = number("ONEFLIGHT_REQUESTS", 20);
    let expiries = number("ONEFLIGHT_EXPIRIES", 5);
    let Some(provider) = Provider::start().await else {
        return;
    };
    let places = [Some(Place::file()), Place::redis(), Place::postgres()];
    let mut refreshes = 0;
    for place in places.into_iter().flatten() {
        let started = (0..processes).map(|_| Process::start(&provider, &place, "grant", LONG));
        let mut holders = join_all(started).await;
        let tokens = login(&provider).await;
        let text = |name: &str| tokens[name].as_str().unwrap();
        holders[0]
            .sign_in_with(text("access_token"), text("refresh_token"))
            .await;
        for _ in 0..expiries {
            provider.expire().await;
            for holder in &mut holders {
                holder.tell(&format!("ask {requests}"));
            }
            for holder in &mut holders {
                assert_eq!(holder.asked().await, (requests, "none".to_owned()));
            }
            refreshes += 1;
            let counters = provider.counters().await;
            assert_eq!(
                (counters.refresh_posts, counters.refreshed),
                (refreshes, refreshes),
                "{counters:?}"
            );
            assert_eq!(
                (counters.invalid_grant, counters.grants_revoked),
                (0, 0),
                "{counters:?}"
            );
        }
        println!(
            "{processes} processes × {requests} requests × {expiries} expiries at oidc-provider: one POST per expiry, none \
             failed"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_two_processes_that_share_a_grant_at_a_real_provider_refresh_once_per_expiry_over_every_store() {
    expiries_at_a_provider(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_ten_processes_that_share_a_grant_at_a_real_provider_refresh_once_per_expiry_over_every_store() {
    expiries_at_a_provider(10).await;
}
