//! What a session costs in memory: nothing per request, and little while it is idle.
//!
//! A test binary of its own, because it counts what the allocator does. It counts per thread, so each test runs its
//! runtime on its own.
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

use std::hint::black_box;
use std::sync::Arc;

use allocation_counter::measure;
use http::Uri;
use oneflight::intercept::Attachment;
use oneflight::{MemoryStores, Session, Sessions, TokenSet};
use support::{LIFETIME, World};
use tokio::runtime::Builder;

fn runtime() -> tokio::runtime::Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

#[test]
fn s4_attaching_a_valid_token_allocates_nothing_the_first_time_included() {
    runtime().block_on(async {
        let world = World::new();
        let session = world.signed_in().await;
        let url: Uri = "https://api.example/v1/things?page=2".parse().unwrap();
        let first = measure(|| {
            let Attachment::Ready(authorization) = session.attach(&url) else {
                panic!("it is signed in")
            };
            black_box(authorization.into_header());
        });
        assert_eq!(first.count_total, 0, "the first time");
        let later = measure(|| {
            for _ in 0..1_000 {
                black_box(session.attach(black_box(&url)));
            }
        });
        assert_eq!(later.count_total, 0, "later");
        let strangers: Uri = "https://evil.test/".parse().unwrap();
        let refused = measure(|| {
            black_box(session.attach(&strangers));
        });
        assert_eq!(refused.count_total, 0, "for strangers");

        let current = measure(|| {
            black_box(session.current().map(|token| token.header()));
        });
        assert_eq!(current.count_total, 0, "of the current token");
    });
}

#[test]
fn s4_a_header_of_a_renewed_token_allocates_nothing_either() {
    runtime().block_on(async {
        let world = World::new();
        let session = world.signed_in().await;
        let refused = session.token().await.unwrap().stamp();
        session.newer_than(refused).await.unwrap();
        let url: Uri = "https://api.example/".parse().unwrap();
        let first = measure(|| {
            black_box(session.attach(&url));
        });
        assert_eq!(first.count_total, 0);
        let late = measure(|| {
            let newer = session.newer_than(refused);
            let newer = futures_util::FutureExt::now_or_never(newer);
            black_box(newer.unwrap().unwrap().header());
        });
        assert_eq!(late.count_total, 0, "a late refusal");
    });
}

/// What the sessions may cost beside their tokens, each, in bytes.
const MAX_BYTES: u64 = 1_024;
const SESSIONS: u64 = 100_000;

fn tokens(world: &World, number: u64) -> TokenSet {
    use oneflight::Clock as _;
    TokenSet::new(&format!("{number:0>900}"), world.clock.wall())
        .unwrap()
        .refresh_token(&format!("{number:0>100}"))
        .unwrap()
        .expires_in(LIFETIME)
}

/// Bytes of the tokens themselves: the access token lies behind its `Bearer `.
const TOKEN_BYTES: u64 = 900 + 100;

#[test]
fn t5_a_hundred_thousand_idle_sessions_cost_a_kibibyte_each_and_no_task() {
    let runtime = runtime();
    let world = runtime.block_on(async { World::new() });
    let stores = MemoryStores::new();
    let sessions = runtime.block_on(async {
        let settings = Session::builder()
            .endpoint(world.endpoint())
            .clock(world.clock.clone())
            .without_origins();
        let capacity = usize::try_from(SESSIONS).unwrap().try_into().unwrap();
        Sessions::with_capacity(capacity, settings, move |key: &u64| stores.store(*key)).unwrap()
    });
    // Tasks run on this thread, so what they free is counted as well as what they take.
    let info = measure(|| {
        runtime.block_on(async {
            for number in 0..SESSIONS {
                let session = sessions.session(&number).unwrap();
                session.sign_in(tokens(&world, number)).await.unwrap();
                black_box(session.token().await.unwrap().header());
            }
            support::settle().await;
        });
    });
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    assert_eq!(sessions.len() as u64, SESSIONS);
    let each = u64::try_from(info.bytes_current).unwrap() / SESSIONS;
    let beside = each - TOKEN_BYTES;
    println!(
        "{each} B each, {beside} B beside the tokens, in {} blocks",
        info.count_current as u64 / SESSIONS
    );
    assert!(beside <= MAX_BYTES, "{beside} B beside the tokens");
}
