//! Stores on Redis, against a real server.
//!
//! Needs `redis-server`, which `cargo xtask test` installs; without it every test says that it is skipped.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod fleet;
mod lease;
mod many;
mod outage;
mod record;

use std::sync::Arc;
use std::time::Duration;

use oneflight::record::{Key, Keys, RecordCodec};
use oneflight::{EndReason, Record, SessionId, State, TokenSet, WallTime};
use oneflight_redis::{RedisStores, RedisStoresBuilder};
use oneflight_tests::redis::RedisServer;

/// No lease of a test ends by itself before the test would fail, unless the test is about that.
const LONG: Duration = Duration::from_secs(600);

fn key() -> Key {
    Key::new("first", [7; 32]).unwrap()
}

fn codec() -> RecordCodec {
    RecordCodec::encrypted(Keys::new(key()))
}

fn builder(server: &RedisServer) -> RedisStoresBuilder {
    RedisStores::builder(server.url(), codec()).lease(LONG)
}

/// What a process of its own would have: connections of its own.
async fn stores(server: &RedisServer) -> RedisStores {
    builder(server).connect().await.unwrap()
}

/// The token set of this number.
fn live(number: u64) -> Record {
    let tokens = TokenSet::new(&format!("s3cret-access-{number}"), WallTime::from_unix_millis(5)).unwrap();
    let tokens = tokens.refresh_token(&format!("s3cret-refresh-{number}")).unwrap();
    Record {
        session: SessionId([9; 16]),
        set: number,
        state: State::Live {
            tokens: Arc::new(tokens.expires_in(Duration::from_secs(900))),
            mark: None,
            back_off: None,
        },
    }
}

fn ended() -> Record {
    Record {
        session: SessionId([9; 16]),
        set: 0,
        state: State::Ended(EndReason::SignOut),
    }
}
