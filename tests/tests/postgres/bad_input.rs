//! What is wrong is said, with the next step; nothing is overwritten.

use std::time::Duration;

use futures_util::future::join_all;
use oneflight::record::{Key, Keys, RecordCodec};
use oneflight::{Store as _, Swap};
use oneflight_postgres::{PostgresStoreError as Bad, PostgresStores};
use oneflight_tests::postgres::PostgresServer;
use oneflight_tests::within;

use crate::{codec, live, place};

async fn refused(url: &str) -> Bad {
    let error = PostgresStores::builder(url, codec()).connect().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    error
}

#[tokio::test]
async fn wrong_urls_passwords_databases_and_tls_are_told_apart() {
    let Some(place) = place() else { return };
    let (raw, port) = (place.server.raw().await, place.server.port());
    raw.batch_execute("CREATE ROLE guest LOGIN PASSWORD 'right'")
        .await
        .unwrap();
    let at = |user: &str, rest: &str| format!("postgres://{user}@127.0.0.1:{port}/{rest}");
    assert!(matches!(refused("hunter2 nonsense").await, Bad::Url));
    let error = refused(&at("guest:hunter2", "postgres")).await;
    assert!(matches!(error, Bad::WrongPassword { .. }), "{error:?}");
    assert!(matches!(
        refused(&at("guest", "postgres")).await,
        Bad::WrongPassword { .. }
    ));
    assert!(matches!(
        refused(&at("postgres", "nowhere")).await,
        Bad::NoDatabase { .. }
    ));
    let error = refused(&at("postgres", "postgres?sslmode=require")).await;
    assert!(matches!(error, Bad::Tls { .. }), "{error:?}");
    let error = refused("postgres://postgres:hunter2@127.0.0.1:1/postgres").await;
    assert!(matches!(error, Bad::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

#[tokio::test]
async fn tables_that_are_missing_newer_forbidden_or_anothers_are_left_alone() {
    let Some(place) = place() else { return };
    let plain = || PostgresStores::builder(place.server.url(), codec()).table(&place.table);
    let error = plain().connect().await.unwrap_err();
    assert!(matches!(error, Bad::NoTables { .. }), "{error:?}");
    assert!(error.to_string().contains("migrate"), "{error}");
    // Many processes at once.
    for made in join_all((0..8).map(|_| plain().migrate().connect())).await {
        made.unwrap();
    }
    let raw = place.server.raw().await;
    // By hand, once more.
    raw.batch_execute(&plain().migrations().unwrap()).await.unwrap();
    let stores = plain().connect().await.unwrap();
    let read_only = format!(
        "{}?options=-c%20default_transaction_read_only%3Don",
        place.server.url()
    );
    let standby = PostgresStores::builder(read_only, codec())
        .table(&place.table)
        .connect()
        .await
        .unwrap();
    let error = standby
        .store("user")
        .compare_and_swap(None, live(0))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("takes no writes"), "{error}");
    raw.batch_execute(&format!("UPDATE {}_schema SET version = 2", place.table))
        .await
        .unwrap();
    for builder in [plain(), plain().migrate()] {
        let error = builder.connect().await.unwrap_err();
        assert!(matches!(error, Bad::NewerSchema { found: 2, .. }), "{error:?}");
    }
    raw.batch_execute(&format!("ALTER TABLE {}_record DROP bytes", place.table))
        .await
        .unwrap();
    let error = stores.store("user").load().await.unwrap_err();
    assert!(error.to_string().contains("not as oneflight made it"), "{error}");
    raw.batch_execute(&format!("CREATE ROLE nobody_{} LOGIN", place.table))
        .await
        .unwrap();
    let url = place
        .server
        .url()
        .replace("postgres@", &format!("nobody_{}@", place.table));
    let error = PostgresStores::builder(url, codec())
        .table(&place.table)
        .connect()
        .await
        .unwrap_err();
    assert!(matches!(error, Bad::Forbidden { .. }), "{error:?}");
}

#[tokio::test]
async fn p6_p8_foreign_records_and_keys_that_do_not_fit_are_errors_and_stay() {
    let Some(place) = place() else { return };
    let store = place.stores().await.store("user");
    let Swap::Written(version) = store.compare_and_swap(None, live(1)).await.unwrap() else {
        panic!("nobody else writes");
    };
    let other = RecordCodec::encrypted(Keys::new(Key::new("first", [8; 32]).unwrap()));
    let builder = PostgresStores::builder(place.server.url(), other).table(&place.table);
    let error = builder
        .connect()
        .await
        .unwrap()
        .store("user")
        .load()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("left as it is"), "{error}");
    place.sql("UPDATE TABLE_record SET bytes = 'foreign'").await;
    let error = store.load().await.unwrap_err();
    assert!(error.to_string().contains("left as it is"), "{error}");
    let rows = place.sql("SELECT version, bytes FROM TABLE_record").await;
    assert_eq!(rows[0].get::<_, i64>(0).unsigned_abs(), version.0);
    assert_eq!(rows[0].get::<_, &[u8]>(1), b"foreign");
    for key in ["a\0b".to_owned(), "x".repeat(1_025)] {
        let store = place.stores().await.store(key);
        assert!(
            store
                .load()
                .await
                .unwrap_err()
                .to_string()
                .contains("cannot be stored")
        );
        assert!(store.lock().await.is_err() && store.compare_and_swap(None, live(0)).await.is_err());
    }
}

#[tokio::test]
async fn p7_slow_statements_end_in_time_and_leave_a_pool_that_works() {
    let Some(place) = place() else { return };
    within(async {
        let short = || place.builder().pool_size(1).timeout(Duration::from_millis(150));
        let stores = short().connect().await.unwrap();
        let store = stores.store("user");
        let mut raw = place.server.raw().await;
        let blocks = raw.transaction().await.unwrap();
        let lock = format!("LOCK TABLE {}_record IN ACCESS EXCLUSIVE MODE", place.table);
        blocks.batch_execute(&lock).await.unwrap();
        let (first, second) = tokio::join!(store.load(), store.load());
        let said = [first, second].map(|answer| answer.unwrap_err().to_string());
        assert!(
            said.iter().any(|said| said.contains("did not answer within")),
            "{said:?}"
        );
        assert!(
            said.iter().any(|said| said.contains("was free within")),
            "{said:?}"
        );
        blocks.rollback().await.unwrap();
        assert!(store.load().await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn p7_a_server_that_was_killed_is_used_again_when_it_is_back() {
    let Some(mut server) = PostgresServer::start() else {
        return;
    };
    within(async {
        let builder = PostgresStores::builder(server.url(), codec())
            .listen(server.url())
            .migrate();
        let stores = builder.connect().await.unwrap();
        let store = stores.store("user");
        store.compare_and_swap(None, live(1)).await.unwrap();
        let guard = store.lock().await.unwrap();
        server.kill();
        let error = store.load().await.unwrap_err();
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
        server.start_again();
        assert_eq!(store.load().await.unwrap().unwrap().record.set, 1);
        guard.release().await;
        store.lock().await.unwrap().release().await;
    })
    .await;
}
