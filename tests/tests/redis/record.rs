//! What stands in Redis, who may change it, and who learns of it.

use std::time::Duration;

use futures_util::StreamExt as _;
use oneflight::record::{Key, Keys, RecordCodec};
use oneflight::{Store as _, Swap, Version};
use oneflight_redis::RedisStores;
use oneflight_tests::redis::RedisServer;
use oneflight_tests::within;
use redis::AsyncCommands as _;

use crate::{builder, codec, ended, key, live, stores};

const RECORD: &str = "oneflight:{user}:record";

fn written(swap: Swap) -> Version {
    match swap {
        Swap::Written(version) => version,
        other => panic!("{other:?}"),
    }
}

/// Lua's numbers are exact up to 2⁵³ only.
#[tokio::test]
async fn neighbouring_versions_beyond_what_a_script_can_count_are_told_apart() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let high = Version((1 << 53) + 1);
    let sealed = codec().write(RECORD, high, &live(3)).unwrap();
    let mut value = format!("oneflight:1:{}:live:1700000000000\n", high.0).into_bytes();
    value.extend_from_slice(&sealed);
    let _: () = server.raw().await.set(RECORD, value).await.unwrap();
    let store = stores(&server).await.store("user");
    assert_eq!(store.load().await.unwrap().unwrap().version, high);
    for wrong in [high.0 - 1, high.0 + 1] {
        let swap = store
            .compare_and_swap(Some(Version(wrong)), live(4))
            .await
            .unwrap();
        assert_eq!(swap, Swap::Conflict, "{wrong}");
    }
    let swap = store.compare_and_swap(Some(high), live(4)).await.unwrap();
    assert_eq!(written(swap), Version(high.0 + 1));
    assert_eq!(store.load().await.unwrap().unwrap().record.set, 4);
}

#[tokio::test]
async fn p9_a_record_opens_only_with_its_key_and_in_its_place() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = stores(&server).await.store("user");
    store.compare_and_swap(None, live(0)).await.unwrap();
    let mut raw = server.raw().await;
    let before: Vec<u8> = raw.get(RECORD).await.unwrap();
    let _: bool = raw
        .copy(RECORD, "oneflight:{other}:record", redis::CopyOptions::default())
        .await
        .unwrap();

    let other = Key::new("second", [8; 32]).unwrap();
    let liar = Key::new("first", [8; 32]).unwrap();
    for (key, name, says) in [
        (other.clone(), "user", "not configured"),
        (liar, "user", "does not open"),
        (key(), "other", "does not open"),
    ] {
        let codec = RecordCodec::encrypted(Keys::new(key));
        let stores = RedisStores::builder(server.url(), codec).connect().await.unwrap();
        let error = stores.store(name).load().await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(raw.get::<_, Vec<u8>>(RECORD).await.unwrap(), before);

    // A new key, while the old one still reads.
    let keys = RecordCodec::encrypted(Keys::new(other).and_old(key()));
    let moved = RedisStores::builder(server.url(), keys)
        .connect()
        .await
        .unwrap()
        .store("user");
    let stored = moved.load().await.unwrap().unwrap();
    moved
        .compare_and_swap(Some(stored.version), live(1))
        .await
        .unwrap();
    assert!(store.load().await.is_err(), "now under the new key");
}

#[tokio::test]
async fn p6_p8_what_others_wrote_is_an_error_and_is_left_alone() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let stores = stores(&server).await;
    let mut raw = server.raw().await;
    let _: () = raw.set("oneflight:{text}:record", "hello").await.unwrap();
    let _: () = raw
        .set("oneflight:{newer}:record", "oneflight:2:what:ever\n")
        .await
        .unwrap();
    let _: () = raw.hset("oneflight:{hash}:record", "version", 1).await.unwrap();
    let _: () = raw.rpush("oneflight:{list}:record", 1).await.unwrap();
    let _: () = raw
        .set("oneflight:{cut}:record", "oneflight:1:7:live")
        .await
        .unwrap();
    for key in ["text", "newer", "hash", "list", "cut"] {
        let name = format!("oneflight:{{{key}}}:record");
        let dump = |mut raw: redis::aio::MultiplexedConnection, name: String| async move {
            redis::cmd("DUMP")
                .arg(name)
                .query_async::<Vec<u8>>(&mut raw)
                .await
                .unwrap()
        };
        let before = dump(raw.clone(), name.clone()).await;
        let store = stores.store(key);
        let says = if key == "newer" {
            "newer oneflight"
        } else {
            "not written by oneflight"
        };
        for error in [
            store.load().await.unwrap_err().to_string(),
            store
                .compare_and_swap(None, live(0))
                .await
                .unwrap_err()
                .to_string(),
            store
                .compare_and_swap(Some(Version(7)), live(0))
                .await
                .unwrap_err()
                .to_string(),
            stores.remove(key).await.unwrap_err().to_string(),
        ] {
            assert!(error.contains(says) && error.contains(&name), "{key}: {error}");
        }
        assert_eq!(dump(raw.clone(), name).await, before, "{key}");
    }
    // A lease that is none.
    let _: () = raw.set("oneflight:{text}:lease", "for ever").await.unwrap();
    let error = stores.store("text").lock().await.err().unwrap();
    assert!(error.to_string().contains("not written by oneflight"), "{error}");
}

#[tokio::test]
async fn tombstones_expire_and_live_records_only_if_told_to() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let mut raw = server.raw().await;
    let store = stores(&server).await.store("user");
    let version = written(store.compare_and_swap(None, live(0)).await.unwrap());
    assert_eq!(raw.pttl::<_, i64>(RECORD).await.unwrap(), -1, "no expiry");
    let version = written(store.compare_and_swap(Some(version), ended()).await.unwrap());
    let left: i64 = raw.pttl(RECORD).await.unwrap();
    let month = i64::try_from(oneflight_redis::KEEP_ENDED.as_millis()).unwrap();
    assert!((month - 60_000..=month).contains(&left), "{left}");
    // A sign-in over a tombstone has no expiry again.
    let version = written(store.compare_and_swap(Some(version), live(0)).await.unwrap());
    assert_eq!(raw.pttl::<_, i64>(RECORD).await.unwrap(), -1);

    let other = builder(&server)
        .expire_live_after(Duration::from_secs(3600))
        .keep_ended();
    let store = other.connect().await.unwrap().store("user");
    let version = written(store.compare_and_swap(Some(version), live(1)).await.unwrap());
    let left: i64 = raw.pttl(RECORD).await.unwrap();
    assert!((3_540_000..=3_600_000).contains(&left), "{left}");
    store.compare_and_swap(Some(version), ended()).await.unwrap();
    assert_eq!(raw.pttl::<_, i64>(RECORD).await.unwrap(), -1);
}

#[tokio::test]
async fn l5_what_one_announces_the_others_hear_even_if_they_did_not_listen_in_between() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    within(async {
        let (ours, theirs) = (
            stores(&server).await.store("user"),
            stores(&server).await.store("user"),
        );
        let mut changes = theirs.changes().unwrap();
        let first = written(ours.compare_and_swap(None, live(0)).await.unwrap());
        crate::lease::listened(&server, 1).await;
        ours.announce(first).await;
        assert_eq!(changes.next().await, Some(first));

        // Nothing is announced: who comes back to listening looks for itself.
        let second = written(ours.compare_and_swap(Some(first), live(1)).await.unwrap());
        let _: i64 = redis::cmd("CLIENT")
            .arg("KILL")
            .arg("TYPE")
            .arg("pubsub")
            .query_async(&mut server.raw().await)
            .await
            .unwrap();
        assert_eq!(changes.next().await, Some(second));

        let third = written(ours.compare_and_swap(Some(second), live(2)).await.unwrap());
        ours.announce(third).await;
        assert_eq!(changes.next().await, Some(third));
        drop(changes);
        crate::lease::listened(&server, 0).await;
    })
    .await;
}
