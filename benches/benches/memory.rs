//! What an idle session costs: live heap, tokens counted apart.

use std::alloc::System;
use std::sync::Arc;

use oneflight_benches::measure::version;
use oneflight_benches::sessions::{ACCESS_TOKEN_BYTES, ORIGIN, REFRESH_TOKEN_BYTES, tokens};
use oneflight::endpoint::{RefreshRequest, Reply, Verdict, endpoint_fn};
use oneflight::Session;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let sessions = if quick { 1_000 } else { 100_000 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    println!("{}", version("oneflight"));
    runtime.block_on(measure(sessions));
}

async fn measure(count: usize) {
    let endpoint = Arc::new(endpoint_fn(async |request: RefreshRequest| {
        let _ = request;
        Reply::new(Verdict::Renewed(tokens(2)))
    }));
    let mut sessions = Vec::with_capacity(count);
    let region = Region::new(HEAP);
    for number in 0..count {
        let builder = Session::builder().endpoint(endpoint.clone()).origins([ORIGIN]);
        let session = builder.build().expect("the settings are complete");
        session.sign_in(tokens(number as u64)).await.expect("the memory store takes it");
        sessions.push(session);
    }
    tokio::task::yield_now().await;
    let change = region.change();
    let live = change.bytes_allocated - change.bytes_deallocated;
    let payload = ACCESS_TOKEN_BYTES + REFRESH_TOKEN_BYTES;
    let each = live / count;
    println!("{count} idle sessions, each signed in with {ACCESS_TOKEN_BYTES} + {REFRESH_TOKEN_BYTES} bytes of tokens");
    println!("live heap {each} bytes each, {} beyond the tokens", each - payload);
    println!("tasks alive: {}", tokio::runtime::Handle::current().metrics().num_alive_tasks());
    drop(sessions);
}
