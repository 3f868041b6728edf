//! oneflight's sessions shared over Redis: one token refresh for a whole fleet.
//!
//! Any number of processes, on any number of machines, use the same grants. Whoever first needs a new token takes a lease,
//! refreshes and saves; the others wait for that or are told of it, and adopt the result.
//!
//! ```no_run
//! use oneflight::endpoint::TokenEndpoint;
//! use oneflight::record::{Key, Keys, RecordCodec};
//! use oneflight::{Session, Sessions};
//! use oneflight_redis::RedisStores;
//!
//! # async fn run(endpoint: impl TokenEndpoint) -> Result<(), Box<dyn std::error::Error>> {
//! // 32 random bytes, the same for all processes: "2026-11:base64url…"
//! let codec = RecordCodec::encrypted(Keys::new(Key::from_env("SESSION_KEY")?));
//! let stores = RedisStores::builder("redis://redis.internal", codec)
//!     .prefix("shop")
//!     .connect()
//!     .await?;
//!
//! // One session per user …
//! let sessions = Sessions::new(
//!     Session::builder().endpoint(endpoint).origins(["https://api.example.com"]),
//!     move |user: &u64| stores.store(user.to_string()),
//! )?;
//! let session = sessions.session(&4711)?;
//! # let _ = session;
//! # Ok(())
//! # }
//! ```
//!
//! # What it costs
//!
//! Counted at the server by a test of this repository:
//!
//! - A request with a valid token: nothing. Redis is not asked.
//! - An attempt beside the token request itself: six commands, each a round trip. Before the request: the lease, `GET`, the
//!   mark; after it: the save. Then the requests that wait are let go, and the lease is given back and the change is told.
//! - A process has two connections, however many grants it uses. A grant in use is one channel subscribed to.
//!
//! - From one process having the new token to another one, which waited for it, having it: 1.3 ms at the median of 50 flights, 1.5
//!   ms at most, where a round trip took 0.3 ms (debug build, loopback, two cores).
//!
//! Who waits for a lease is woken by the message that it is free. It asks by itself when the lease is over, and in any case
//! every 5 to 10 seconds, chance included. However many tasks of a process wait for the same lease, one of them asks, and
//! they get it in the order in which they came; between processes, whoever asks first after it became free.
//!
//! # What is in Redis
//!
//! | key | what |
//! |---|---|
//! | `PREFIX:{KEY}:record` | a text: version, `live` or `ended`, when it was written, then the record as the [codec](oneflight::record::RecordCodec) wrote it: encrypted, bound to this key and this version |
//! | `PREFIX:{KEY}:lease` | the lease while somebody has it: a random name of the claim, nothing else |
//! | `PREFIX:{KEY}` | the channel: `free`, or the number of a version; never a token |
//!
//! Braces and percent signs in keys are escaped. Records of live sessions do not expire, because an expired record signs its
//! user out; tombstones do after 30 days. [Both can be changed](RedisStoresBuilder::expire_live_after), and there are
//! [listing](RedisStores::keys), [pruning](RedisStores::prune) and [removing](RedisStores::remove).
//!
//! # What Redis is asked to be
//!
//! - **Redis 6.0 or newer**, tested with 7.0; one primary, or a proxy that looks like one. A node of a cluster that does not
//!   have the key is [an error](RedisStoreError::Cluster); Sentinel is not asked who is the primary: give an address that
//!   follows it.
//! - **`maxmemory-policy noeviction`.** A key that is thrown away is a user who must sign in again, or a lease that two have.
//!   The server is asked when it is connected to, [the answer kept](RedisStores::eviction), and a warning logged.
//! - **Persistence** as dear as the grants are. With `appendfsync everysec`, the default of append-only files, a crash of the
//!   machine loses a second of writes; a refresh token that was rotated in that second is known to the processes that hold
//!   it in memory, and they write it again only with their next renewal.
//! - **A user** that may do this on `~PREFIX:*` and `&PREFIX:*`: `ping info get getrange set del pexpire pttl time publish evalsha
//!   script|load subscribe unsubscribe scan`. Without `info` the questions above stay open; `scan` is for listing and pruning.
//!
//! # What a failover may cost
//!
//! Replication of Redis is asynchronous: a write that was acknowledged can be lost when a replica takes over, and so can a
//! lease.
//!
//! - *The save is lost:* the record is again the one of before, with a spent refresh token and a mark. The holder that
//!   refreshed goes on with what it has in memory; its next write finds another version, and it reads. Whoever renews from
//!   the old record presents a spent token: a server with a grace window forgives that, a strict one ends the grant, and the
//!   user signs in again.
//! - *The lease is lost:* two may hold it. The second one finds the first one's mark and waits for what comes of it, unless the
//!   mark is lost as well. Then a token may be presented twice.
//! - `WAIT` is not used: it makes such losses rarer, not impossible, and it holds up all that shares the connection. If a lost
//!   write is worth more to you than the time to write, `min-replicas-to-write` makes a primary that lost its replicas refuse
//!   writes; the session then lives on in memory and saving is retried.
//!
//! # Time
//!
//! A lease is a length, by Redis's clock and by the owner's monotonic one; the wall clocks of machines do not matter to it. An
//! owner that is frozen *between its last look at the lease and its request*, for longer than the lease has left, may send what
//! another has sent before: this is the one loss that no lease can prevent. Frozen at any other point, it finds its lease over,
//! or its write refused, and adopts.
//!
//! # Secrets
//!
//! Tokens are wiped from memory by the session and the codec. The Redis client copies what it sends and does not wipe it: with
//! an encrypting codec those are sealed bytes. The password of the URL is in the client's memory; it is in no error and no log.
//! Without TLS it travels in the open.
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `tls` | `rediss://`, by rustls, with the provider of cryptography that the application installs |

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
