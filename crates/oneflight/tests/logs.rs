//! O3: nothing that is logged, shown or told holds a secret.
//!
//! A test of its own, because a log is the whole process's: where several threads log, the first decides for all
//! whether anybody listens.
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

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use oneflight::JsonTokens;
use support::{Answer, World};
use tracing::field::{Field, Visit};
use tracing::span;

/// Collects everything that is logged, spans and events alike.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0.lock().unwrap(), " {field}={value:?}").unwrap();
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _metadata: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        write!(self.0.lock().unwrap(), "\nspan {}", attributes.metadata().name()).unwrap();
        attributes.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        write!(self.0.lock().unwrap(), "\n{}", event.metadata().level()).unwrap();
        event.record(&mut self.clone());
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn x1_o3_logs_tell_what_happens_and_no_secret() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let world = World::new();
    let session = world.builder().build().unwrap();
    let mut events = session.events();
    let (access, refresh) = world.server.new_grant();
    let response = format!(
        r#"{{"access_token":"{access}","refresh_token":"{refresh}","id_token":"id-secret","device":"device-secret"}}"#
    );
    session.sign_in(JsonTokens(&response)).await.unwrap();
    let token = session.token().await.unwrap();
    world.server.script([
        Answer::With(r#""more":"more-secret""#),
        Answer::Status(
            400,
            r#"{"error":"access-1-1 refresh-1-2","error_description":"refresh-1-2"}"#,
        ),
        Answer::Panic,
    ]);
    let newer = session.newer_than(token.stamp()).await.unwrap();
    let error = session.newer_than(newer.stamp()).await.unwrap_err();
    session.retry_now();
    let panicked = session.newer_than(newer.stamp()).await;
    session.sign_out().await;

    let mut shown = log.0.lock().unwrap().clone();
    for what in [
        "signed in",
        "renewed",
        "renewal failed",
        "signed out",
        "span oneflight what=\"refresh\"",
    ] {
        assert!(shown.contains(what), "{what}: {shown}");
    }
    write!(
        shown,
        "{token:?} {:?} {:?}",
        token.authorization(),
        token.token_set()
    )
    .unwrap();
    write!(
        shown,
        "{newer:?} {error:?} {error} {panicked:?} {session:?} {:?}",
        world.endpoint()
    )
    .unwrap();
    drop(session);
    while let Some(event) = events.next().await {
        write!(shown, "{event:?}").unwrap();
    }
    for secret in [
        "access-1",
        "refresh-1",
        "id-secret",
        "device-secret",
        "more-secret",
    ] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
