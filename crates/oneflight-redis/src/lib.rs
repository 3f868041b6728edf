//! oneflight's sessions shared over Redis: one token refresh for a whole fleet.

mod builder;
mod error;
mod facts;
mod lease;
mod manage;
mod names;
mod news;
mod random;
mod scripts;
mod store;
mod stores;
#[cfg(feature = "tls")]
mod tls;
mod value;
mod wire;

pub use builder::{KEEP_ENDED, RedisStoresBuilder};
pub use error::{Cause, RedisStoreError};
pub use facts::Eviction;
pub use manage::{Prune, Pruned};
pub use store::RedisStore;
pub use stores::RedisStores;
