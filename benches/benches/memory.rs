//! What an idle session costs: live heap, tokens counted apart.

use std::alloc::System;
use std::num::NonZeroUsize;

use oneflight::endpoint::{RefreshRequest, Reply, Verdict, endpoint_fn};
use oneflight::{MemoryStores, Session, Sessions};
use oneflight_benches::measure::version;
use oneflight_benches::sessions::{ACCESS_TOKEN_BYTES, ORIGIN, REFRESH_TOKEN_BYTES, tokens};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// Turns of the scheduler after which drivers must have ended.
const MAX_TURNS: usize = 1_000;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let sessions = if quick { 1_000 } else { 100_000 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    println!("{}", version("oneflight"));
    runtime.block_on(measure(sessions));
}

async fn measure(count: usize) {
    let endpoint = endpoint_fn(async |request: RefreshRequest| {
        let _ = request;
        Reply::new(Verdict::Renewed(tokens(2)))
    });
    let builder = Session::builder().endpoint(endpoint).origins([ORIGIN]);
    let capacity = NonZeroUsize::new(count).expect("some sessions");
    let stores = MemoryStores::new();
    let given = stores.clone();
    let region = Region::new(HEAP);
    let sessions = Sessions::with_capacity(capacity, builder, move |user: &u64| given.store(*user))
        .expect("the settings are complete");
    for user in 0..count as u64 {
        let session = sessions.session(&user).expect("there is room");
        session
            .sign_in(tokens(user))
            .await
            .expect("the memory store takes it");
    }
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..MAX_TURNS {
        if tasks() == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let change = region.change();
    let live = change.bytes_allocated - change.bytes_deallocated;
    let payload = ACCESS_TOKEN_BYTES + REFRESH_TOKEN_BYTES;
    let each = live / count;
    println!(
        "{count} idle sessions of one registry, each signed in with {ACCESS_TOKEN_BYTES} + {REFRESH_TOKEN_BYTES} bytes of tokens"
    );
    println!(
        "  live heap {each} bytes each, {} beyond the tokens; store and registry included",
        each - payload
    );
    println!("  tasks alive: {}", tasks());
    drop((sessions, stores));
}
