//! Sessions over PostgreSQL, as several processes would have them, on one grant of a server that rotates strictly.

use futures_util::future::join_all;
use oneflight::record::{Key, Keys, RecordCodec};
use oneflight::{Action, Session, Sessions};
use oneflight_postgres::{PostgresStore, PostgresStores};
use oneflight_testkit::{Hold, Point};
use oneflight_tests::postgres::{PgBouncer, PostgresServer};
use oneflight_tests::{World, within};

use crate::{codec, key, place};

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

/// Through pgBouncer, which gives each statement to another of two connections; one holder is never told anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_holders_that_share_a_postgresql_behind_pgbouncer_refresh_once_per_expiry() {
    let Some(place) = place() else { return };
    let Some(bouncer) = PgBouncer::start(&place.server) else {
        return;
    };
    within(async {
        let world = World::new().await;
        let mut holders = Vec::new();
        for holder in 0..5 {
            let builder = PostgresStores::builder(bouncer.url(), codec())
                .table(&place.table)
                .migrate();
            let builder = if holder == 0 {
                builder
            } else {
                builder.listen(place.server.url())
            };
            let store = builder.connect().await.unwrap().store("user");
            holders.push(world.builder().store(store).build().unwrap());
        }
        let tokens = world.tokens(&world.server.issue_session());
        holders[0].sign_in(tokens).await.unwrap();
        for round in 1..=20 {
            world.expire();
            all_ask(&holders, 20).await;
            let counters = world.server.counters();
            assert_eq!((counters.refresh_posts, counters.reuse_detected), (round, 0));
        }
        for holder in holders {
            assert!(!holder.close().await.unsaved);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_registries_of_sessions_share_their_grants_over_postgresql() {
    let Some(place) = place() else { return };
    const USERS: u64 = 20;
    within(async {
        let world = World::new().await;
        let registry = async || -> Sessions<u64> {
            let stores = place.stores().await;
            let store = move |user: &u64| -> PostgresStore { stores.store(user.to_string()) };
            Sessions::new(world.builder(), store).unwrap()
        };
        let registries = [registry().await, registry().await];
        for user in 0..USERS {
            let tokens = world.tokens(&world.server.issue_session());
            registries[0]
                .session(&user)
                .unwrap()
                .sign_in(tokens)
                .await
                .unwrap();
        }
        world.expire();
        join_all((0..USERS).map(async |user| {
            let holders: Vec<_> = registries.iter().map(|all| all.session(&user).unwrap()).collect();
            all_ask(&holders, 4).await;
        }))
        .await;
        let counters = world.server.counters();
        assert_eq!((counters.refresh_posts, counters.reuse_detected), (USERS, 0));
    })
    .await;
}

/// A fleet is restarted with other keys, one holder after the other, in the steps of docs/stores.md.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p9_a_key_is_changed_while_the_fleet_goes_on_renewing() {
    let Some(place) = place() else { return };
    within(async {
        let world = World::new().await;
        let (former, next) = (key(), Key::new("second", [8; 32]).unwrap());
        let steps = [
            Keys::new(former.clone()),
            Keys::new(former.clone()).and_old(next.clone()),
            Keys::new(next.clone()).and_old(former),
            Keys::new(next),
        ];
        let holder = async |keys: &Keys| {
            let codec = RecordCodec::encrypted(keys.clone());
            let builder = PostgresStores::builder(place.server.url(), codec).table(&place.table);
            let builder = builder.listen(place.server.url()).migrate();
            let store = builder.connect().await.unwrap().store("user");
            world.builder().store(store).build().unwrap()
        };
        let mut holders = Vec::new();
        for _ in 0..3 {
            holders.push(holder(&steps[0]).await);
        }
        let tokens = world.tokens(&world.server.issue_session());
        holders[0].sign_in(tokens).await.unwrap();
        let mut posts = 0;
        for keys in &steps[1..] {
            for number in 0..holders.len() {
                let restarted = holder(keys).await;
                let before = std::mem::replace(&mut holders[number], restarted);
                assert!(!before.close().await.unsaved);
                world.expire();
                posts += 1;
                // It writes with its new keys, and the others have to read that.
                holders[number].token().await.unwrap();
                all_ask(&holders, 5).await;
                let counters = world.server.counters();
                assert_eq!((counters.refresh_posts, counters.reuse_detected), (posts, 0));
            }
        }
        // Who was forgotten cannot read the record any more. It says so, and nothing is lost by it.
        let forgotten = holder(&steps[0]).await;
        let error = forgotten.token().await.unwrap_err();
        assert!(matches!(error.action(), Action::Retry { .. }), "{error}");
        world.expire();
        all_ask(&holders, 5).await;
        assert_eq!(world.posts(), posts + 1);
    })
    .await;
}

/// The other sees the mark, and waits for what became of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p15_a_lease_that_is_lost_during_the_request_costs_no_second_one() {
    let Some(place) = place() else { return };
    within(async {
        let world = World::new().await;
        let holder = async || {
            let store = place.stores().await.store("user");
            world.builder().store(store).build().unwrap()
        };
        let (first, second) = (holder().await, holder().await);
        let tokens = world.tokens(&world.server.issue_session());
        first.sign_in(tokens).await.unwrap();
        second.token().await.unwrap();
        world.expire();
        let refresh = world.server.hold(Hold::answers(Point::Refresh));
        let ask = |holder: Session| tokio::spawn(async move { holder.token().await });
        let first = ask(first);
        refresh.arrived(1).await;
        assert_eq!(place.sql("DELETE FROM TABLE_lease RETURNING 1").await.len(), 1);
        let second = ask(second);
        // It has the lease now.
        while place.sql("SELECT FROM TABLE_lease").await.is_empty() {}
        refresh.open();
        let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
        assert_eq!(first.access_token().expose(), second.access_token().expose());
        assert_eq!((world.posts(), world.server.counters().reuse_detected), (1, 0));
    })
    .await;
}

/// The figures in the documentation of oneflight-postgres.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_valid_token_costs_postgresql_nothing_and_an_attempt_six_statements_and_no_open_transaction() {
    let Some(server) = PostgresServer::start() else {
        return;
    };
    within(async {
        let world = World::new().await;
        let builder = PostgresStores::builder(server.url(), codec()).listen(server.url()).migrate();
        let store = builder.connect().await.unwrap().store("user");
        let holder = world.builder().store(store).build().unwrap();
        let tokens = world.tokens(&world.server.issue_session());
        holder.sign_in(tokens).await.unwrap();
        world.expire();
        holder.token().await.unwrap();
        // Whoever begins to listen looks once at what stands there, whenever the connection for it is made.
        let asked = |server: &PostgresServer| {
            let mut statements = server.statements();
            statements.retain(|sql| !sql.starts_with("SELECT key, version"));
            statements
        };
        // The lease is given back and the change is told after the token is there.
        let told = |server: &PostgresServer| {
            let statements = asked(server);
            let count = |begin: &str| statements.iter().filter(|sql| sql.starts_with(begin)).count();
            (count("WITH gone"), count("SELECT pg_notify"))
        };
        while told(&server) != (1, 2) {
            tokio::task::yield_now().await;
        }
        let before = asked(&server).len();
        for _ in 0..1_000 {
            holder.token().await.unwrap();
        }
        assert_eq!(asked(&server).len(), before, "a valid token");

        world.expire();
        let refresh = world.server.hold(Hold::answers(Point::Refresh));
        let asking = tokio::spawn({
            let holder = holder.clone();
            async move { holder.token().await }
        });
        refresh.arrived(1).await;
        let open = "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND backend_type = 'client backend' \
                    AND pid <> pg_backend_pid()";
        let raw = server.raw().await;
        let rows = raw.simple_query(open).await.unwrap();
        let count = rows.iter().find_map(|row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        assert_eq!(count.as_deref(), Some("0"), "no transaction is open");
        refresh.open();
        asking.await.unwrap().unwrap();
        holder.close().await;
        while told(&server) != (2, 3) {
            tokio::task::yield_now().await;
        }
        let statements = asked(&server);
        let spent: Vec<&str> = statements[before..].iter().map(|sql| &sql[..11]).collect();
        assert_eq!(spent.len(), 6, "{spent:?}");
    })
    .await;
}
