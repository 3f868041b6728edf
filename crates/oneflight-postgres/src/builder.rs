//! The settings of a pool and its listener.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use oneflight::Policy;
use oneflight::record::RecordCodec;
use tokio::runtime::Handle;
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use tokio_postgres::{Config, Socket};

use crate::PostgresStores;
use crate::error::PostgresStoreError;
use crate::migrate;
use crate::news::{Dialer, Listener};
use crate::stores::Shared;
use crate::tables::Tables;
use crate::wire::{self, Wire};

/// No lease lasts longer: ten years.
const LEASE_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The settings of [`PostgresStores`], all of them optional but the URL and the codec.
#[must_use = "settings do nothing until they are connected"]
pub struct PostgresStoresBuilder {
    url: String,
    listen: Option<String>,
    codec: RecordCodec,
    schema: String,
    table: String,
    migrates: bool,
    pool_size: usize,
    lease: Option<Duration>,
    request_deadline: Duration,
    save_deadline: Duration,
    timeout: Option<Duration>,
}

impl PostgresStoresBuilder {
    pub(crate) fn new(url: String, codec: RecordCodec) -> Self {
        let Policy {
            request_deadline,
            save_deadline,
            ..
        } = Policy::default();
        Self {
            url,
            listen: None,
            codec,
            schema: "public".to_owned(),
            table: "oneflight".to_owned(),
            migrates: false,
            pool_size: 8,
            lease: None,
            request_deadline,
            save_deadline,
            timeout: None,
        }
    }

    /// Listens for what others tell, over one connection to this URL: directly to the server, not through a pgBouncer in
    /// transaction mode. Without it, who waits for a lease asks several times a second, and sign-outs elsewhere are learned of
    /// with the next read.
    pub fn listen(mut self, url: impl Into<String>) -> Self {
        self.listen = Some(url.into());
        self
    }

    /// The schema that the tables are in. Default: `public`. It must exist.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// What the names of the tables begin with. Default: `oneflight`.
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.table = table.into();
        self
    }

    /// Makes the tables while connecting, if they are missing. Any number of processes may do so at once.
    pub fn migrate(mut self) -> Self {
        self.migrates = true;
        self
    }

    /// At most so many connections for statements. Default: 8. They are made when needed.
    pub fn pool_size(mut self, connections: usize) -> Self {
        self.pool_size = connections;
        self
    }

    /// The deadlines of the sessions over these stores: [`Policy::request_deadline`] and [`Policy::save_deadline`]. Default:
    /// the policy's defaults, 30 s and 5 s.
    pub fn deadlines(mut self, request: Duration, save: Duration) -> Self {
        self.request_deadline = request;
        self.save_deadline = save;
        self
    }

    /// How long a lease lasts without being renewed, so how long others wait after its owner was killed. It is renewed while
    /// its owner works. Default: the request deadline and four save deadlines, 50 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// How long a statement may take, and before it waiting for a connection or making one. Default: two fifths of the save
    /// deadline.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The SQL that makes the tables, to run by hand in one transaction (`psql -1`).
    ///
    /// # Errors
    /// [`PostgresStoreError::Setting`]: a name cannot be used.
    pub fn migrations(&self) -> Result<String, PostgresStoreError> {
        Ok(self.tables()?.migration)
    }

    /// Connects without TLS, and sees that the server answers and has the tables.
    ///
    /// Call it in the runtime that the sessions live in: the connections end with it.
    ///
    /// # Errors
    /// [`PostgresStoreError`] names the server or the setting, and the next step.
    ///
    /// # Cancel safety
    /// Dropping the future leaves no connection behind.
    pub async fn connect(self) -> Result<PostgresStores, PostgresStoreError> {
        self.connect_with(NoTls).await
    }

    /// The same with TLS, as the URL's `sslmode` says.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    ///
    /// # Cancel safety
    /// Dropping the future leaves no connection behind.
    pub async fn connect_with<T>(self, tls: T) -> Result<PostgresStores, PostgresStoreError>
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Sync + Send + 'static,
        T::TlsConnect: Sync + Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let tables = Arc::new(self.tables()?);
        let lease = self.checked_lease()?;
        let timeout = self.timeout.unwrap_or(self.save_deadline * 2 / 5);
        for (setting, zero) in [("timeout", timeout.is_zero()), ("pool_size", self.pool_size == 0)] {
            if zero {
                let problem = "it must be more than nothing";
                return Err(PostgresStoreError::Setting { setting, problem });
            }
        }
        let runtime = Handle::try_current().map_err(|_| PostgresStoreError::NoRuntime)?;
        let primary = config(&self.url)?;
        let listen = self.listen.as_deref().map(config).transpose()?;
        let server = wire::shown(&primary);
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(primary, tls.clone(), recycling))
            .max_size(self.pool_size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(timeout))
            .create_timeout(Some(timeout))
            .recycle_timeout(Some(timeout))
            .build()
            .map_err(|_| PostgresStoreError::NoRuntime)?;
        let wire = Arc::new(Wire {
            pool,
            server,
            timeout,
            tables,
        });
        match self.migrates {
            true => migrate::run(&wire).await?,
            false => migrate::check(&wire).await?,
        }
        let listener = Listener::new();
        let listening = listen.map(|config| {
            let server = wire::shown(&config);
            let dial = Box::new(Dialer { config, tls });
            let run = Arc::clone(&listener).run(Arc::clone(&wire), dial, server);
            runtime.spawn(run).abort_handle()
        });
        Ok(PostgresStores::new(Shared {
            wire,
            listener,
            codec: self.codec,
            lease,
            runtime,
            listening,
        }))
    }

    fn tables(&self) -> Result<Tables, PostgresStoreError> {
        let setting = "schema or table";
        Tables::new(&self.schema, &self.table)
            .map_err(|problem| PostgresStoreError::Setting { setting, problem })
    }

    fn checked_lease(&self) -> Result<Duration, PostgresStoreError> {
        let (request, save) = (self.request_deadline, self.save_deadline);
        let lease = self
            .lease
            .unwrap_or_else(|| request.saturating_add(save.saturating_mul(4)))
            .min(LEASE_MAX);
        if lease <= request.saturating_add(save) {
            return Err(PostgresStoreError::LeaseTooShort { lease, request, save });
        }
        Ok(lease)
    }
}

/// What the client says of a URL may repeat it, password and all.
fn config(url: &str) -> Result<Config, PostgresStoreError> {
    let config: Config = url.parse().map_err(|_| PostgresStoreError::Url)?;
    match config.get_hosts().is_empty() {
        true => Err(PostgresStoreError::Url),
        false => Ok(config),
    }
}

impl fmt::Debug for PostgresStoresBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStoresBuilder")
            .field("schema", &self.schema)
            .field("table", &self.table)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
