//! Every store of this workspace goes through the testkit's conformance suite; wrong stores do not come through it.
//!
//! Redis, PostgreSQL and pgBouncer are installed by `cargo xtask test`; without them their cases say that they are skipped.
#![allow(clippy::unwrap_used)]

mod file;
mod memory;
mod postgres;
mod redis;
mod wrong;

use std::time::Duration;

use oneflight::record::{Key, Keys, RecordCodec};

/// No lease ends by itself before its case would fail, unless the case is about that.
const LONG: Duration = Duration::from_secs(600);

fn codec() -> RecordCodec {
    RecordCodec::encrypted(Keys::new(Key::new("first", [7; 32]).unwrap()))
}
