//! Sessions over Redis, as several processes would have them, on one grant of a server that rotates strictly.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use oneflight::{Action, Session, Sessions};
use oneflight_redis::{RedisStore, RedisStores};
use oneflight_testkit::{Fault, Hold, Point, RetryAfter};
use oneflight_tests::redis::RedisServer;
use oneflight_tests::{World, within};
use redis::AsyncCommands as _;

use crate::stores;

async fn holders(world: &World, server: &RedisServer, count: usize) -> Vec<Session> {
    let mut holders = Vec::new();
    for _ in 0..count {
        let store = stores(server).await.store("user");
        holders.push(world.builder().store(store).build().unwrap());
    }
    holders
}

/// Everybody asks at once; all get the same token.
async fn all_ask(holders: &[Session], callers: usize) {
    let asked = holders
        .iter()
        .flat_map(|holder| (0..callers).map(move |_| holder.token()));
    let tokens = join_all(asked).await;
    let first = tokens[0].as_ref().unwrap().access_token().expose().to_owned();
    for token in tokens {
        assert_eq!(token.unwrap().access_token().expose(), first);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_holders_that_share_a_redis_refresh_once_per_expiry() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let world = World::new().await;
        let holders = holders(&world, &server, 5).await;
        let tokens = world.tokens(&world.server.issue_session());
        holders[0].sign_in(tokens).await.unwrap();
        for round in 1..=20 {
            world.expire();
            all_ask(&holders, 20).await;
            let counters = world.server.counters();
            assert_eq!((counters.refresh_posts, counters.reuse_detected), (round, 0));
        }
        assert_eq!(world.server.counters().families_alive, 1);
        for holder in holders {
            assert!(!holder.close().await.unsaved);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_registries_of_sessions_share_their_grants_over_redis() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    const USERS: u64 = 30;
    within(async {
        let world = World::new().await;
        let registry = async || -> Sessions<u64> {
            let stores: RedisStores = stores(&server).await;
            Sessions::new(world.builder(), move |user: &u64| -> RedisStore {
                stores.store(user.to_string())
            })
            .unwrap()
        };
        let registries = [registry().await, registry().await, registry().await];
        for user in 0..USERS {
            let session = registries[0].session(&user).unwrap();
            let tokens = world.tokens(&world.server.issue_session());
            session.sign_in(tokens).await.unwrap();
        }
        for round in 1..=3 {
            world.expire();
            join_all((0..USERS).map(async |user| {
                let holders: Vec<_> = registries.iter().map(|all| all.session(&user).unwrap()).collect();
                all_ask(&holders, 4).await;
            }))
            .await;
            let counters = world.server.counters();
            assert_eq!(
                (counters.refresh_posts, counters.reuse_detected),
                (round * USERS, 0)
            );
        }
        for registry in registries {
            assert!(registry.close().await.is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l5_sign_out_and_sign_in_reach_the_others_over_redis() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let world = World::new().await;
        let holders = holders(&world, &server, 3).await;
        for _ in 0..2 {
            let tokens = world.tokens(&world.server.issue_session());
            holders[0].sign_in(tokens).await.unwrap();
            for holder in &holders {
                while holder.token().await.is_err() {}
            }
            assert!(holders[1].sign_out().await.landed);
            for holder in &holders {
                while holder.token().await.is_ok() {
                    tokio::task::yield_now().await;
                }
            }
        }
        assert_eq!(world.posts(), 0);
    })
    .await;
}

/// The others see the mark, and wait for what became of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p15_a_lease_that_is_lost_during_the_request_costs_no_second_one() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let world = World::new().await;
        let holders = holders(&world, &server, 2).await;
        let tokens = world.tokens(&world.server.issue_session());
        holders[0].sign_in(tokens).await.unwrap();
        holders[1].token().await.unwrap();
        world.expire();
        let refresh = world.server.hold(Hold::answers(Point::Refresh));
        let first = tokio::spawn({
            let holder = holders[0].clone();
            async move { holder.token().await }
        });
        refresh.arrived(1).await;
        let gone: i64 = server.raw().await.del("oneflight:{user}:lease").await.unwrap();
        assert_eq!(gone, 1);
        let second = tokio::spawn({
            let holder = holders[1].clone();
            async move { holder.token().await }
        });
        // It has the lease now.
        let mut raw = server.raw().await;
        while !raw.exists::<_, bool>("oneflight:{user}:lease").await.unwrap() {}
        refresh.open();
        let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
        assert_eq!(first.access_token().expose(), second.access_token().expose());
        assert_eq!((world.posts(), world.server.counters().reuse_detected), (1, 0));
    })
    .await;
}

/// Prints how long another process waits after the save (`--nocapture`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_who_waits_in_another_process_gets_the_token_of_each_of_fifty_flights() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let world = World::new().await;
        let holders = holders(&world, &server, 2).await;
        let tokens = world.tokens(&world.server.issue_session());
        holders[0].sign_in(tokens).await.unwrap();
        holders[1].token().await.unwrap();
        let (mut waits, mut round_trips) = (Vec::new(), Vec::new());
        let mut raw = server.raw().await;
        for round in 1..=50 {
            world.expire();
            let refresh = world.server.hold(Hold::answers(Point::Refresh));
            let asked = |holder: &Session| {
                let holder = holder.clone();
                tokio::spawn(async move { (holder.token().await.unwrap(), Instant::now()) })
            };
            let first = asked(&holders[0]);
            refresh.arrived(1).await;
            let tried = tries(&server).await;
            let second = asked(&holders[1]);
            // It was refused the lease, so it waits.
            while tries(&server).await == tried {}
            refresh.open();
            let ((one, saved), (other, told)) = (first.await.unwrap(), second.await.unwrap());
            assert_eq!(one.access_token().expose(), other.access_token().expose());
            assert_eq!(world.posts(), round);
            waits.push(told.saturating_duration_since(saved));
            let asked = Instant::now();
            let _: String = redis::cmd("PING").query_async(&mut raw).await.unwrap();
            round_trips.push(asked.elapsed());
        }
        waits.sort_unstable();
        round_trips.sort_unstable();
        println!(
            "from the first process having the token to the other: median {:?}, longest {:?}; a round trip: median {:?}",
            waits[25], waits[49], round_trips[25]
        );
    })
    .await;
}

/// The figures in the documentation of oneflight-redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_a_valid_token_costs_redis_nothing_and_an_attempt_six_commands() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let world = World::new().await;
        let holder = holders(&world, &server, 1).await.remove(0);
        let tokens = world.tokens(&world.server.issue_session());
        holder.sign_in(tokens).await.unwrap();
        // Afterwards all scripts are loaded, and its channel is listened to.
        world.expire();
        holder.token().await.unwrap();
        crate::lease::listened(&server, 1).await;
        quiet(&server).await;

        let before = server.commands().await;
        for _ in 0..1_000 {
            holder.token().await.unwrap();
        }
        let after = server.commands().await;
        assert_eq!(difference(&before, &after), [], "a valid token");

        world.expire();
        holder.token().await.unwrap();
        holder.close().await;
        let spent = difference(&after, &quiet(&server).await);
        // Six commands: four scripts, GET, PUBLISH; the rest is what the scripts do inside the server.
        let expected = [
            ("del", 1),
            ("evalsha", 4),
            ("get", 4),
            ("publish", 2),
            ("set", 3),
            ("time", 2),
        ];
        assert_eq!(spent, expected.map(|(name, count)| (name.to_owned(), count)));
    })
    .await;
}

/// How often somebody tried to take a lease, or to write.
async fn tries(server: &RedisServer) -> u64 {
    server.commands().await["set"]
}

/// Until nothing happens any more.
async fn quiet(server: &RedisServer) -> std::collections::BTreeMap<String, u64> {
    let mut before = server.commands().await;
    let mut same = 0;
    while same < 20 {
        let now = server.commands().await;
        same = if difference(&before, &now).is_empty() {
            same + 1
        } else {
            0
        };
        before = now;
    }
    before
}

/// What was asked meanwhile, but for what looking costs.
fn difference(
    before: &std::collections::BTreeMap<String, u64>,
    after: &std::collections::BTreeMap<String, u64>,
) -> Vec<(String, u64)> {
    let mut spent = Vec::new();
    for (name, count) in after {
        let more = count - before.get(name).copied().unwrap_or_default();
        if more > 0
            && !["info", "client|setinfo", "client", "hello", "pubsub|numsub"].contains(&name.as_str())
        {
            spent.push((name.clone(), more));
        }
    }
    spent
}

/// Until the tokens are saved, the lease is kept, and nobody else presents the spent one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p7_p11_while_redis_cannot_save_nobody_presents_the_spent_token() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let world = World::new().await;
        let holders = holders(&world, &server, 2).await;
        let tokens = world.tokens(&world.server.issue_session());
        holders[0].sign_in(tokens).await.unwrap();
        holders[1].token().await.unwrap();
        world.expire();
        let refresh = world.server.hold(Hold::answers(Point::Refresh));
        let first = tokio::spawn({
            let holder = holders[0].clone();
            async move { holder.token().await }
        });
        refresh.arrived(1).await;
        let mut raw = server.raw().await;
        memory(&mut raw, 1).await;
        refresh.open();
        let first = first.await.unwrap().expect("it lives on in memory");

        for _ in 0..5 {
            let refused = holders[1].token().await.unwrap_err();
            assert!(matches!(refused.action(), Action::Retry { .. }), "{refused}");
            world.server.advance(Duration::from_secs(5));
            assert!(
                raw.exists::<_, bool>("oneflight:{user}:lease").await.unwrap(),
                "it is kept"
            );
        }
        assert_eq!(world.posts(), 1);
        memory(&mut raw, 0).await;
        let second = loop {
            world.server.advance(Duration::from_secs(5));
            if let Ok(token) = holders[1].token().await {
                break token;
            }
        };
        assert_eq!(first.access_token().expose(), second.access_token().expose());
        assert_eq!((world.posts(), world.server.counters().reuse_detected), (1, 0));
    })
    .await;
}

async fn memory(raw: &mut redis::aio::MultiplexedConnection, bytes: u64) {
    let mut command = redis::cmd("CONFIG");
    command.arg("SET").arg("maxmemory").arg(bytes);
    let _: () = command.query_async(raw).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p16_an_outage_with_fifty_holders_costs_one_post_per_back_off_step() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let world = World::new().await;
        let holders = holders(&world, &server, 50).await;
        let tokens = world.tokens(&world.server.issue_session());
        holders[0].sign_in(tokens).await.unwrap();
        for holder in &holders {
            holder.token().await.unwrap();
        }
        world.expire();
        world
            .server
            .inject_always(Point::Refresh, Fault::unavailable(RetryAfter::Absent));
        for step in 1..=3 {
            let asked = join_all(holders.iter().map(Session::token)).await;
            assert!(asked.iter().all(Result::is_err));
            assert_eq!(world.posts(), step, "step {step}");
            // Longer than each of these steps.
            world.server.advance(Duration::from_secs(10));
        }
        world.server.clear_faults();
        all_ask(&holders, 1).await;
        assert_eq!((world.posts(), world.server.counters().reuse_detected), (4, 0));
    })
    .await;
}
