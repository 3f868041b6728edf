//! X1: the numbers that the feature `metrics` keeps.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception covers test functions, not their helpers"
)]
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the support is that of the tests of sessions"
)]

#[path = "session/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use oneflight::intercept::{AfterRefusal, OnFailure};
use oneflight::metrics::{
    REFRESH_SECONDS, REFRESHES, REFRESHES_SAVED, REPLAYS, STORE_FAILURES, WAIT_SECONDS, WAITERS,
};
use support::store::Fault;
use support::{Answer, HostileStore, LIFETIME, World, settle};

/// Everything that was recorded, by name and label.
#[derive(Clone, Default)]
struct Numbers(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

struct Series {
    numbers: Numbers,
    name: String,
}

impl Series {
    fn push(&self, value: f64) {
        let mut numbers = self.numbers.0.lock().unwrap();
        numbers.entry(self.name.clone()).or_default().push(value);
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        self.push(value as f64);
    }

    fn absolute(&self, value: u64) {
        panic!("nothing is set to {value}");
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.push(value);
    }
}

impl Numbers {
    fn series(&self, key: &Key) -> Arc<Series> {
        let labels: String = key.labels().map(|label| format!(" {}", label.value())).collect();
        Arc::new(Series {
            numbers: self.clone(),
            name: format!("{}{labels}", key.name()),
        })
    }

    fn all(&self, name: &str) -> Vec<f64> {
        self.0.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    fn sum(&self, name: &str) -> f64 {
        self.all(name).iter().sum()
    }
}

impl Recorder for Numbers {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, _key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

#[tokio::test(start_paused = true)]
async fn x1_metrics_count_refreshes_waits_and_replays() {
    let numbers = Numbers::default();
    let _recording = metrics::set_default_local_recorder(&numbers);
    let world = World::new();
    let store = HostileStore::new();
    let session = world.holder(store.clone());
    session.sign_in(world.grant()).await.unwrap();
    tokio::time::advance(LIFETIME).await;
    world.server.script([Answer::After(Duration::from_secs(2))]);
    join_all((0..10).map(|_| session.token())).await;
    settle().await;

    assert_eq!(numbers.sum(&format!("{REFRESHES} renewed")), 1.0);
    assert_eq!(numbers.all(WAITERS), [10.0]);
    assert_eq!(numbers.all(REFRESH_SECONDS), [2.0]);
    assert_eq!(numbers.sum(REFRESHES_SAVED), 9.0);
    assert_eq!(numbers.all(WAIT_SECONDS), [2.0; 10]);

    let refused = session.token().await.unwrap().stamp();
    for _ in 0..3 {
        let after = session.after_refusal(refused, OnFailure::Error).await;
        assert!(matches!(after, AfterRefusal::Replay(_)), "{after:?}");
    }
    settle().await;
    assert_eq!(numbers.sum(REPLAYS), 3.0);
    assert_eq!(numbers.sum(REFRESHES_SAVED), 11.0);

    let refused = session.token().await.unwrap().stamp();
    world.server.script([Answer::Status(503, "")]);
    session.newer_than(refused).await.unwrap_err();
    HostileStore::always(&store.saves, Some(Fault::Fail));
    session.sign_out().await;
    settle().await;
    assert_eq!(numbers.sum(&format!("{REFRESHES} transient")), 1.0);
    assert_eq!(numbers.sum(&format!("{REFRESHES} signed_out")), 1.0);
    assert!(numbers.sum(STORE_FAILURES) >= 1.0);
}
