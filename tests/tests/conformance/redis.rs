//! On Redis. Each holder has connections of its own, and each case a server that persists every write.

use std::sync::Arc;
use std::time::Duration;

use oneflight::BoxFuture;
use oneflight_redis::{RedisStore, RedisStores, RedisStoresBuilder};
use oneflight_testkit::store::Subject;
use oneflight_tests::redis::RedisServer;
use redis::AsyncCommands as _;
use tokio::sync::Mutex;

const LEASE: &str = "oneflight:{user}:lease";

fn builder(url: &str) -> RedisStoresBuilder {
    RedisStores::builder(url, crate::codec()).lease(crate::LONG)
}

async fn open(builder: RedisStoresBuilder) -> RedisStore {
    builder.connect().await.unwrap().store("user")
}

/// Does something to the server.
fn with<T: 'static>(
    server: &Arc<Mutex<RedisServer>>,
    does: for<'a> fn(&'a mut RedisServer) -> BoxFuture<'a, T>,
) -> impl Fn() -> BoxFuture<'static, T> + Send + Sync + 'static {
    let server = Arc::clone(server);
    move || {
        let server = Arc::clone(&server);
        Box::pin(async move { does(&mut *server.lock().await).await })
    }
}

async fn redis() -> Option<Subject> {
    let durable = ["--appendonly", "yes", "--appendfsync", "always"];
    let server = RedisServer::start_with(&durable)?;
    let url = server.url();
    let server = Arc::new(Mutex::new(server));
    let long = {
        let url = url.clone();
        move || open(builder(&url))
    };
    let short = move || {
        let deadlines = builder(&url).deadlines(Duration::from_millis(500), Duration::from_secs(2));
        open(deadlines.lease(Duration::from_secs(3)))
    };
    let subject = Subject::new(long).tells_changes().short_lease(short);
    let subject = subject.end_lease(with(&server, |server| {
        Box::pin(async {
            let _: i64 = server.raw().await.del(LEASE).await.unwrap();
        })
    }));
    let subject = subject.remove(with(&server, |server| {
        Box::pin(async {
            let stores = builder(&server.url()).connect().await.unwrap();
            assert!(stores.remove("user").await.unwrap() && !stores.remove("user").await.unwrap());
        })
    }));
    let subject = subject.raw(with(&server, |server| {
        Box::pin(async {
            let mut raw = server.raw().await;
            let mut all = Vec::new();
            for name in raw.keys::<_, Vec<String>>("*").await.unwrap() {
                all.extend_from_slice(name.as_bytes());
                all.extend(raw.get::<_, Vec<u8>>(&name).await.unwrap());
            }
            all
        })
    }));
    let subject = subject.restart(with(&server, |server| Box::pin(async { server.start_again() })));
    let freeze = with(&server, |server| Box::pin(async { server.freeze() }));
    let thaw = with(&server, |server| Box::pin(async { server.thaw() }));
    Some(subject.outage(freeze, thaw))
}

oneflight_testkit::store_conformance!(redis);
