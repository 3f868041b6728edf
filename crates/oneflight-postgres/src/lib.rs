//! oneflight's sessions shared over PostgreSQL: one token refresh for a whole fleet.
//!
//! Any number of processes, on any number of machines, use the same grants. Whoever first needs a new token takes a lease,
//! refreshes and saves; the others wait for that or are told of it, and adopt the result.
//!
//! ```no_run
//! use oneflight::endpoint::TokenEndpoint;
//! use oneflight::record::{Key, Keys, RecordCodec};
//! use oneflight::{Session, Sessions};
//! use oneflight_postgres::PostgresStores;
//!
//! # async fn run(endpoint: impl TokenEndpoint) -> Result<(), Box<dyn std::error::Error>> {
//! // 32 random bytes, the same for all processes: "2026-11:base64url…"
//! let codec = RecordCodec::encrypted(Keys::new(Key::from_env("SESSION_KEY")?));
//! // Commands may go through pgBouncer; what is told comes over a direct connection.
//! let stores = PostgresStores::builder("postgres://shop@pgbouncer.internal:6432/shop", codec)
//!     .listen("postgres://shop@postgres.internal/shop")
//!     .migrate()
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
//! - A request with a valid token: nothing. PostgreSQL is not asked.
//! - An attempt beside the token request itself: six statements, each a round trip and a transaction of its own. Before the
//!   request: the lease, the record, the mark; after it: the save. Then the requests that wait are let go, and the lease is given
//!   back and the change is told. No transaction is open during the token request.
//! - A process has at most [eight connections](PostgresStoresBuilder::pool_size) for these, made when needed, and one that
//!   listens, however many grants it uses. A statement that is given up takes its connection with it; while the server is
//!   still at work on it, the server counts that one, too.
//!
//! Who waits for a lease is woken by the message that it is free. It asks by itself when the lease is over, and in any case
//! every 5 to 10 seconds, chance included; where nothing listens, several times a second. However many tasks of a process wait
//! for the same lease, one of them asks, and they get it in the order in which they came.
//!
//! # What is in PostgreSQL
//!
//! Tables `oneflight_record`, `oneflight_lease` and `oneflight_schema`, in the schema `public`;
//! [both names can be changed](PostgresStoresBuilder::table). [`migrate`](PostgresStoresBuilder::migrate) makes them, or you by
//! hand from [`migrations`](PostgresStoresBuilder::migrations) (`migrations/0001.sql` with the default names). A record is what
//! the [codec](oneflight::record::RecordCodec) wrote: encrypted, bound to this key, these tables and this version. Messages
//! carry a hash of the key, and `free` or a version; never a token.
//!
//! Rows stay until they are [removed](PostgresStores::remove) or [pruned](PostgresStores::prune). The user needs `SELECT, INSERT,
//! UPDATE, DELETE` on the first two tables and `SELECT` on the third.
//!
//! # pgBouncer
//!
//! Everything but listening is fit for transaction mode: statements without names, no settings of a session, no lock bound to
//! one. `LISTEN` is not, so it has a URL of its own.
//!
//! # What a failover may cost
//!
//! With synchronous replication, nothing. With asynchronous replication a write that was acknowledged can be lost when a replica
//! takes over:
//!
//! - *The save is lost:* the record has a spent refresh token and a mark. The holder that refreshed goes on with what it has in
//!   memory. Whoever renews from the old record presents a spent token: a server with a grace window forgives that, a strict one
//!   ends the grant, and the user signs in again.
//! - *The lease is lost:* two may hold it. The second one finds the first one's mark and waits for what comes of it, unless the
//!   mark is lost as well.
//! - `synchronous_commit = off` costs the same in a crash.
//!
//! # Time
//!
//! A lease ends by PostgreSQL's clock, and its owner counts by its monotonic one; the wall clocks of clients do not matter. A
//! jump of the server's clock ends leases early or late. An owner that is frozen *between its last look at the lease and its
//! request*, for longer than the lease has left, may send what another has sent before: the one loss that no lease can prevent.
//!
//! # TLS
//!
//! [`connect_with`](PostgresStoresBuilder::connect_with) takes any `MakeTlsConnect` (tokio-postgres-rustls, say).
//! [`connect`](PostgresStoresBuilder::connect) uses none, and refuses a URL that requires it.

mod builder;
mod error;
mod lease;
mod manage;
mod migrate;
mod news;
mod random;
mod store;
mod stores;
mod tables;
mod wire;

pub use builder::PostgresStoresBuilder;
pub use error::{Cause, PostgresStoreError};
pub use manage::Prune;
pub use store::PostgresStore;
pub use stores::PostgresStores;
