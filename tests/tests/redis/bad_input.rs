//! Servers that cannot serve, and settings that make no sense: each says which, and the next step, and no password.

use std::time::Duration;

use oneflight::Store as _;
use oneflight_redis::{RedisStoreError, RedisStores};
use oneflight_tests::redis::RedisServer;
use oneflight_tests::within;
use redis::AsyncCommands as _;

use crate::{builder, codec, live, stores};

const PASSWORD: &str = "correct-horse";

async fn refused(url: String) -> RedisStoreError {
    let error = RedisStores::builder(url, codec()).connect().await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains(PASSWORD) && !shown.contains("wrong-horse"),
        "{shown}"
    );
    error
}

#[tokio::test]
async fn o3_passwords_wrong_missing_and_right() {
    let Some(server) = RedisServer::start_with(&["--requirepass", PASSWORD]) else {
        return;
    };
    let port = server.port();
    let error = refused(format!("redis://:wrong-horse@127.0.0.1:{port}")).await;
    assert!(
        matches!(error, RedisStoreError::WrongPassword { .. }),
        "{error:?}"
    );
    let error = refused(format!("redis://who:{PASSWORD}@127.0.0.1:{port}")).await;
    assert!(
        matches!(error, RedisStoreError::WrongPassword { .. }),
        "{error:?}"
    );
    let error = refused(server.url()).await;
    assert!(
        matches!(error, RedisStoreError::PasswordNeeded { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );

    let url = format!("redis://:{PASSWORD}@127.0.0.1:{port}");
    let unbuilt = RedisStores::builder(url.clone(), codec());
    assert!(!format!("{unbuilt:?}").contains(PASSWORD));
    let stores = unbuilt.connect().await.unwrap();
    let store = stores.store("user");
    store.compare_and_swap(None, live(0)).await.unwrap();
    assert!(!format!("{stores:?} {store:?}").contains(PASSWORD));
}

#[tokio::test]
async fn o3_urls_that_make_no_sense_are_not_repeated() {
    for url in [
        "",
        "localhost",
        "http://:correct-horse@h",
        "redis://:correct-horse@h:port",
        "redis://:correct-horse@h/x",
    ] {
        let error = refused(url.to_owned()).await;
        assert!(matches!(error, RedisStoreError::Url { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn settings_that_make_no_sense_are_named() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let zero = Duration::ZERO;
    for (builder, setting) in [
        (builder(&server).prefix(""), "prefix"),
        (builder(&server).prefix("a{b}"), "prefix"),
        (builder(&server).timeout(zero), "timeout"),
        (builder(&server).expire_live_after(zero), "expire_live_after"),
        (builder(&server).expire_ended_after(zero), "expire_ended_after"),
    ] {
        let error = builder.connect().await.unwrap_err();
        assert!(error.to_string().contains(setting), "{error}");
    }
}

#[tokio::test]
async fn p7_a_server_that_is_not_there_is_named() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    server.kill();
    let error = refused(server.url()).await;
    assert!(matches!(error, RedisStoreError::Unreachable { .. }), "{error:?}");
    let error = refused("redis://no-such-host.invalid".to_owned()).await;
    assert!(matches!(error, RedisStoreError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("no-such-host.invalid:6379"), "{error}");
}

#[tokio::test]
async fn p7_a_replica_serves_reads_and_says_why_it_takes_no_writes() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = stores(&server).await.store("user");
    store.compare_and_swap(None, live(0)).await.unwrap();
    let mut raw = server.raw().await;
    let _: () = redis::cmd("REPLICAOF")
        .arg("127.0.0.1")
        .arg(1)
        .query_async(&mut raw)
        .await
        .unwrap();
    let stored = store.load().await.unwrap().unwrap();
    for error in [
        store
            .compare_and_swap(Some(stored.version), live(1))
            .await
            .unwrap_err(),
        store.lock().await.err().unwrap(),
    ] {
        assert!(error.to_string().contains("address of the primary"), "{error}");
    }
    let _: () = redis::cmd("REPLICAOF")
        .arg("NO")
        .arg("ONE")
        .query_async(&mut raw)
        .await
        .unwrap();
    store
        .compare_and_swap(Some(stored.version), live(1))
        .await
        .unwrap();
}

#[tokio::test]
async fn p7_a_server_whose_memory_is_full_says_so_and_works_again_afterwards() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = stores(&server).await.store("user");
    let mut raw = server.raw().await;
    let _: () = redis::cmd("CONFIG")
        .arg("SET")
        .arg("maxmemory")
        .arg("1")
        .query_async(&mut raw)
        .await
        .unwrap();
    for error in [
        store.compare_and_swap(None, live(0)).await.unwrap_err(),
        store.lock().await.err().unwrap(),
    ] {
        assert!(error.to_string().contains("no memory left"), "{error}");
    }
    let _: () = redis::cmd("CONFIG")
        .arg("SET")
        .arg("maxmemory")
        .arg("0")
        .query_async(&mut raw)
        .await
        .unwrap();
    store.compare_and_swap(None, live(0)).await.unwrap();
    store.lock().await.unwrap().release().await;
}

#[tokio::test]
async fn a_server_that_evicts_is_known() {
    use oneflight_redis::Eviction;
    for (policy, eviction) in [
        ("noeviction", Eviction::Never),
        ("volatile-lru", Eviction::Expiring),
        ("allkeys-lru", Eviction::Any),
    ] {
        let settings = ["--maxmemory", "100mb", "--maxmemory-policy", policy];
        let Some(server) = RedisServer::start_with(&settings) else {
            return;
        };
        assert_eq!(stores(&server).await.eviction(), eviction);
    }
}

#[tokio::test]
async fn a_node_of_a_cluster_says_that_it_cannot_serve() {
    let Some(server) = RedisServer::start_with(&["--cluster-enabled", "yes"]) else {
        return;
    };
    let store = stores(&server).await.store("user");
    let error = store.load().await.unwrap_err();
    assert!(error.to_string().contains("part of a cluster"), "{error}");
    // One node that has every slot serves: the keys of a record are in one slot.
    let mut raw = server.raw().await;
    let _: () = redis::cmd("CLUSTER")
        .arg("ADDSLOTSRANGE")
        .arg(0)
        .arg(16383)
        .query_async(&mut raw)
        .await
        .unwrap();
    within(async {
        while store.load().await.is_err() {}
        store.compare_and_swap(None, live(0)).await.unwrap();
        store.lock().await.unwrap().release().await;
    })
    .await;
    let slot = async |name: &str| -> i64 {
        let mut raw = server.raw().await;
        redis::cmd("CLUSTER")
            .arg("KEYSLOT")
            .arg(name)
            .query_async(&mut raw)
            .await
            .unwrap()
    };
    let names: Vec<String> = raw.keys("*").await.unwrap();
    assert_eq!(names, ["oneflight:{user}:record"]);
    assert_eq!(slot(&names[0]).await, slot("oneflight:{user}:lease").await);
}

#[tokio::test]
async fn what_a_user_may_not_do_is_named() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let mut raw = server.raw().await;
    let user = |rules: &'static str| {
        let mut command = redis::cmd("ACL");
        command
            .arg("SETUSER")
            .arg("app")
            .arg("on")
            .arg(">pw")
            .arg("~oneflight:*")
            .arg("&oneflight:*");
        for rule in rules.split(' ') {
            command.arg(rule);
        }
        command
    };
    let url = format!("redis://app:pw@127.0.0.1:{}", server.port());
    let _: () = user("-@all +ping").query_async(&mut raw).await.unwrap();
    let stores = RedisStores::builder(url.clone(), codec())
        .connect()
        .await
        .unwrap();
    assert_eq!(
        stores.eviction(),
        oneflight_redis::Eviction::Unknown,
        "INFO is not allowed"
    );
    let error = stores.store("user").load().await.unwrap_err();
    assert!(error.to_string().contains("does not allow"), "{error}");

    // What the documentation lists.
    let _: () = user(
        "-@all +ping +info +get +getrange +set +del +pexpire +pttl +time +publish +evalsha +script|load +subscribe +unsubscribe +scan",
    )
    .query_async(&mut raw)
    .await
    .unwrap();
    within(async {
        let stores = RedisStores::builder(url, codec()).connect().await.unwrap();
        let store = stores.store("user");
        let mut guard = store.lock().await.unwrap();
        guard.renew().await.unwrap();
        let swap = store.compare_and_swap(None, live(0)).await.unwrap();
        let oneflight::Swap::Written(version) = swap else {
            panic!("{swap:?}")
        };
        let mut changes = store.changes().unwrap();
        assert_eq!(futures_util::StreamExt::next(&mut changes).await, Some(version));
        store.announce(version).await;
        guard.release().await;
        let pruned = stores
            .prune(oneflight_redis::Prune::ended_for(Duration::ZERO))
            .await
            .unwrap();
        assert_eq!((pruned.seen, pruned.removed), (1, 0));
        assert!(stores.remove("user").await.unwrap());
    })
    .await;
}

mod tls {
    use oneflight_redis::{RedisStoreError, RedisStores};
    use oneflight_tests::redis::RedisServer;

    use super::*;

    const AUTHORITY: &str = include_str!("tls/ca.pem");
    const CERTIFICATE: &str = include_str!("tls/server.pem");
    const KEY: &str = include_str!("tls/server.key");

    #[tokio::test]
    async fn tls_works_and_refuses_whom_nobody_vouches_for() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/redis/tls");
        let file = |name: &str| format!("{here}/{name}");
        let (ca, certificate, key) = (file("ca.pem"), file("server.pem"), file("server.key"));
        // Its plain port stays open; the port for TLS is the next free one that a second server would get.
        let Some(probe) = RedisServer::start() else { return };
        let port = probe.port().to_string();
        drop(probe);
        let settings = [
            "--tls-port",
            &port,
            "--tls-ca-cert-file",
            &ca,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
        ];
        let Some(server) = RedisServer::start_with(&settings) else {
            return;
        };

        let url = format!("rediss://localhost:{port}");
        let trusting = RedisStores::builder(&url, codec()).trust(AUTHORITY);
        let error = trusting.connect().await.unwrap_err();
        assert!(
            !matches!(error, RedisStoreError::Url { .. }),
            "it wants a certificate of ours: {error}"
        );
        let known = RedisStores::builder(&url, codec())
            .trust(AUTHORITY)
            .client_certificate(CERTIFICATE, KEY);
        let store = known.connect().await.unwrap().store("user");
        store.compare_and_swap(None, live(0)).await.unwrap();
        store.lock().await.unwrap().release().await;

        let error = refused(url).await;
        assert!(matches!(error, RedisStoreError::Tls { .. }), "{error:?}");
        let error = refused(format!("rediss://127.0.0.1:{}", server.port())).await;
        assert!(matches!(error, RedisStoreError::TimedOut { .. }), "{error:?}");
        let rubbish = RedisStores::builder(format!("rediss://localhost:{port}"), codec()).trust("no PEM");
        let error = rubbish.connect().await.unwrap_err();
        assert!(
            error.to_string().contains("PEM") || matches!(error, RedisStoreError::Tls { .. }),
            "{error:?}"
        );
    }
}
