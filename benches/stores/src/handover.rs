//! From the save in one process to the token in another one that waited for it.

use std::sync::Arc;
use std::time::Duration;

use oneflight::endpoint::{RefreshRequest, Reply, Verdict, endpoint_fn};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::{Notify, Semaphore};

use crate::figures::Times;
use crate::place::{Place, nanos};
use crate::servers::Servers;
use crate::sessions::{Other, session, tokens};

/// The key of the grant.
const KEY: &str = "handover";
/// After it asked for the lock, the other process surely waits for it.
const SETTLE: Duration = Duration::from_millis(20);

/// What was measured of one place.
pub struct Handover {
    pub name: &'static str,
    /// From the acknowledgement of the save.
    pub from_saved: Times,
    /// From its beginning.
    pub from_saving: Times,
    /// A round trip to the server, in the same rounds; `None`: there is no server.
    pub round_trip: Option<Times>,
}

pub async fn measure(place: &Place, servers: &mut Servers, rounds: usize) -> Handover {
    let store = place.open().await.store(KEY);
    let heard = store.heard();
    let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let endpoint = {
        let (gate, arrived) = (Arc::clone(&gate), Arc::clone(&arrived));
        endpoint_fn(move |_request: RefreshRequest| {
            let (gate, arrived) = (Arc::clone(&gate), Arc::clone(&arrived));
            async move {
                arrived.notify_one();
                gate.acquire().await.expect("never closed").forget();
                Reply::new(Verdict::Renewed(tokens()))
            }
        })
    };
    let first = session(endpoint, store);
    let signed_in = first.sign_in(tokens()).await.expect("it is taken");
    assert!(signed_in.saved, "the store works");
    let [name, at] = place.args();
    let mut other = Other::start(&["--waiter", &name, &at]);
    other.hear("ready").await;

    let mut result = Handover {
        name: place.name(),
        from_saved: Times::default(),
        from_saving: Times::default(),
        round_trip: None,
    };
    for _ in 0..rounds {
        let token = first.token().await.expect("it is signed in");
        other
            .tell(&format!("has {}", &token.access_token().expose()[..20]))
            .await;
        other.hear("has it").await;
        let asking = {
            let (first, stamp) = (first.clone(), token.stamp());
            tokio::spawn(async move { first.newer_than(stamp).await.map(drop) })
        };
        arrived.notified().await;
        other.tell("ask").await;
        other.hear("waiting").await;
        tokio::time::sleep(SETTLE).await;
        gate.add_permits(1);
        let got: u64 = other.hear("got").await.parse().expect("a number");
        asking.await.expect("no panic").expect("it is renewed");
        let (saving, saved) = heard.lock().expect("no panic").save;
        result.from_saved.add_between(saved, got);
        result.from_saving.add_between(saving, got);
        if let Some(time) = servers.round_trip(place).await {
            result.round_trip.get_or_insert_default().add(time);
        }
    }
    first.close().await;
    result
}

/// The other process: waits, and says when it has the token.
pub async fn waiter(place: &Place) {
    let store = place.open().await.store(KEY);
    let heard = store.heard();
    // It is never the one to send.
    let endpoint = endpoint_fn(async |_request: RefreshRequest| -> Reply { panic!("a second request") });
    let session = session(endpoint, store);
    let mut token = session.token().await.expect("it is signed in");
    println!("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(beginning) = line.strip_prefix("has ") {
            while !token.access_token().expose().starts_with(beginning) {
                token = session.token().await.expect("it is signed in");
                tokio::task::yield_now().await;
            }
            println!("has it");
            continue;
        }
        let asking = {
            let (session, stamp) = (session.clone(), token.stamp());
            tokio::spawn(async move {
                let token = session.newer_than(stamp).await;
                (token, nanos())
            })
        };
        // A demand may join a flight that waits since the one before: then a hint brought that one's token.
        while heard.lock().expect("no panic").waiting == 0 {
            tokio::task::yield_now().await;
        }
        println!("waiting");
        let (newer, at) = asking.await.expect("no panic");
        token = newer.expect("the other one renews it");
        println!("got {at}");
    }
}
