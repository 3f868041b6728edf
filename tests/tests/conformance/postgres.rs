//! On PostgreSQL, over a direct connection and through pgBouncer. Each holder has connections of its own, and each case
//! has tables of its own; those who restart the server have one of their own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use oneflight::BoxFuture;
use oneflight_postgres::{PostgresStore, PostgresStores, PostgresStoresBuilder};
use oneflight_testkit::store::{Conformance, Subject};
use oneflight_tests::postgres::{PgBouncer, PostgresServer};

/// What is shared by the cases that run at the same time.
struct Running {
    bouncer: Option<PgBouncer>,
    /// Ends after what stands before it.
    server: Mutex<PostgresServer>,
}

/// Tables of their own.
#[derive(Clone)]
struct Place {
    running: Arc<Running>,
    direct: String,
    url: String,
    table: String,
    listens: bool,
}

impl Running {
    fn start(with_bouncer: bool) -> Option<Arc<Self>> {
        let server = PostgresServer::start()?;
        let bouncer = match with_bouncer {
            true => Some(PgBouncer::start(&server)?),
            false => None,
        };
        Some(Arc::new(Self {
            bouncer,
            server: Mutex::new(server),
        }))
    }

    fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Running>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        match shared.upgrade() {
            Some(running) => Some(running),
            None => {
                let running = Self::start(true)?;
                *shared = Arc::downgrade(&running);
                Some(running)
            }
        }
    }
}

impl Place {
    fn of(running: Arc<Running>) -> Self {
        static TABLES: AtomicUsize = AtomicUsize::new(0);
        let direct = running.server.lock().unwrap().url();
        Self {
            url: direct.clone(),
            direct,
            table: format!("t{}", TABLES.fetch_add(1, Ordering::Relaxed)),
            listens: true,
            running,
        }
    }

    fn builder(&self) -> PostgresStoresBuilder {
        let builder = PostgresStores::builder(self.url.clone(), crate::codec());
        let builder = builder
            .table(&self.table)
            .lease(crate::LONG)
            .pool_size(2)
            .migrate();
        match self.listens {
            true => builder.listen(&self.direct),
            false => builder,
        }
    }

    /// Asks past the store; `TABLE` stands for what its tables begin with.
    async fn sql(&self, sql: &str) -> Vec<tokio_postgres::SimpleQueryMessage> {
        let (client, connection) = tokio_postgres::connect(&self.direct, tokio_postgres::NoTls)
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let sql = sql.replace("TABLE_", &format!("{}_", self.table));
        let rows = client.simple_query(&sql).await.unwrap();
        connection.abort();
        rows
    }

    fn subject(self) -> Subject {
        let long = self.does(|place| Box::pin(async move { open(place.builder()).await }));
        let short = self.does(|place| {
            Box::pin(async move {
                let deadlines = (Duration::from_millis(500), Duration::from_secs(2));
                let short = place.builder().deadlines(deadlines.0, deadlines.1);
                open(short.lease(Duration::from_secs(3))).await
            })
        });
        let end_lease = self.does(|place| {
            Box::pin(async move {
                place
                    .sql("UPDATE TABLE_lease SET until = clock_timestamp()")
                    .await;
            })
        });
        let remove = self.does(|place| {
            Box::pin(async move {
                let stores = place.builder().connect().await.unwrap();
                assert!(stores.remove("user").await.unwrap() && !stores.remove("user").await.unwrap());
                let keys: Vec<String> = stores.keys().try_collect().await.unwrap();
                assert!(keys.is_empty());
            })
        });
        let raw = self.does(|place| {
            Box::pin(async move {
                let dump = "SELECT encode(bytes, 'escape'), key, version FROM TABLE_record; SELECT * FROM TABLE_lease";
                format!("{:?}", place.sql(dump).await).into_bytes()
            })
        });
        let subject = Subject::new(long).short_lease(short).end_lease(end_lease);
        let subject = subject.remove(remove).raw(raw);
        match self.listens {
            true => subject.tells_changes(),
            false => subject,
        }
    }

    fn does<T: 'static>(
        &self,
        does: fn(Self) -> BoxFuture<'static, T>,
    ) -> impl Fn() -> BoxFuture<'static, T> + Send + Sync + 'static {
        let place = self.clone();
        move || does(place.clone())
    }
}

async fn open(builder: PostgresStoresBuilder) -> PostgresStore {
    builder.connect().await.unwrap().store("user")
}

async fn direct() -> Option<Subject> {
    Some(Place::of(Running::shared()?).subject())
}

/// Statements through pgBouncer in transaction mode; only who listens has a connection to the server itself.
async fn bouncer() -> Option<Subject> {
    let mut place = Place::of(Running::shared()?);
    place.url = place.running.bouncer.as_ref()?.url();
    Some(place.subject())
}

/// Nothing listens: holders ask.
async fn polling() -> Option<Subject> {
    let mut place = Place::of(Running::shared()?);
    place.url = place.running.bouncer.as_ref()?.url();
    place.listens = false;
    Some(place.subject())
}

mod directly {
    oneflight_testkit::store_conformance!(super::direct);
}

mod through_pgbouncer {
    oneflight_testkit::store_conformance!(super::bouncer);
}

mod through_pgbouncer_without_a_listener {
    oneflight_testkit::store_conformance!(super::polling);
}

async fn alone() -> Option<Subject> {
    let running = Running::start(false)?;
    let with = |does: fn(&mut PostgresServer)| {
        let running = Arc::clone(&running);
        move || {
            does(&mut running.server.lock().unwrap());
            std::future::ready(())
        }
    };
    let restart = with(|server| {
        server.kill();
        server.start_again();
    });
    let (end, begin) = (with(PostgresServer::kill), with(PostgresServer::start_again));
    let subject = Place::of(Arc::clone(&running)).subject();
    Some(subject.restart(restart).outage(end, begin))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_what_postgresql_was_given_outlives_a_crash_of_it() {
    for case in [
        "p10_a_record_outlives_a_restart",
        "p10_an_ill_store_fails_without_a_token_and_recovers",
    ] {
        let report = Conformance::new(alone).run_only(case).await;
        println!("{report}");
        report.assert_passed();
    }
}
