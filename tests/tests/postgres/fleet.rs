//! Sessions over PostgreSQL, as several processes would have them, on one grant of a server that rotates strictly.

use futures_util::future::join_all;
use oneflight::{Session, Sessions};
use oneflight_postgres::{PostgresStore, PostgresStores};
use oneflight_testkit::{Hold, Point};
use oneflight_tests::postgres::{PgBouncer, PostgresServer};
use oneflight_tests::{World, within};

use crate::{codec, place};

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
        // The lease is given back and the change is told after the token is there.
        let told = |server: &PostgresServer| {
            let statements = server.statements();
            let count = |begin: &str| statements.iter().filter(|sql| sql.starts_with(begin)).count();
            (count("WITH gone"), count("SELECT pg_notify"))
        };
        while told(&server) != (1, 2) {
            tokio::task::yield_now().await;
        }
        let before = server.statements().len();
        for _ in 0..1_000 {
            holder.token().await.unwrap();
        }
        assert_eq!(server.statements().len(), before, "a valid token");

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
        let statements = server.statements();
        let spent: Vec<&str> = statements[before..].iter().map(|sql| &sql[..11]).collect();
        assert_eq!(spent.len(), 6, "{spent:?}");
    })
    .await;
}
