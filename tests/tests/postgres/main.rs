//! Stores on PostgreSQL, against a real server.
//!
//! Needs PostgreSQL and pgBouncer, which `cargo xtask test` installs; without them every test says that it is skipped.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod fleet;
mod lease;
mod record;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use oneflight::record::{Key, Keys, RecordCodec};
use oneflight::{EndReason, Record, SessionId, State, TokenSet, WallTime};
use oneflight_postgres::{PostgresStores, PostgresStoresBuilder};
use oneflight_tests::postgres::PostgresServer;

/// No lease of a test ends by itself before the test would fail, unless the test is about that.
const LONG: Duration = Duration::from_secs(600);

/// One server for the tests that run at the same time, and tables of its own for each.
struct Place {
    server: Arc<PostgresServer>,
    table: String,
}

fn place() -> Option<Place> {
    static SERVER: Mutex<Weak<PostgresServer>> = Mutex::new(Weak::new());
    static TABLES: AtomicUsize = AtomicUsize::new(0);
    let mut running = SERVER.lock().unwrap();
    let server = match running.upgrade() {
        Some(server) => server,
        None => {
            let server = Arc::new(PostgresServer::start()?);
            *running = Arc::downgrade(&server);
            server
        }
    };
    let table = format!("t{}", TABLES.fetch_add(1, Ordering::Relaxed));
    Some(Place { server, table })
}

impl Place {
    /// Without a listener.
    fn polling(&self) -> PostgresStoresBuilder {
        let builder = PostgresStores::builder(self.server.url(), codec());
        builder.table(&self.table).lease(LONG).pool_size(4).migrate()
    }

    fn builder(&self) -> PostgresStoresBuilder {
        self.polling().listen(self.server.url())
    }

    /// What a process of its own would have: connections of its own.
    async fn stores(&self) -> PostgresStores {
        self.builder().connect().await.unwrap()
    }

    /// Asks past the store; `TABLE` stands for what its tables begin with.
    async fn sql(&self, sql: &str) -> Vec<tokio_postgres::Row> {
        let sql = sql.replace("TABLE_", &format!("{}_", self.table));
        self.server.raw().await.query(&sql, &[]).await.unwrap()
    }
}

fn key() -> Key {
    Key::new("first", [7; 32]).unwrap()
}

fn codec() -> RecordCodec {
    RecordCodec::encrypted(Keys::new(key()))
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
