//! Statements, over a bounded pool of connections. None has a name, so pgBouncer may give each to another server.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, Row};

use crate::error::{self, PostgresStoreError};
use crate::tables::Tables;

/// A parameter and its type; saying the type spares a round trip.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Whether a statement may be sent again when the connection was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    Harmless,
    Never,
}

pub(crate) struct Wire {
    pub(crate) pool: Pool,
    pub(crate) server: Box<str>,
    pub(crate) timeout: Duration,
    pub(crate) tables: Arc<Tables>,
}

/// A connection that goes back to the pool only if its answer was seen.
struct Borrowed(Option<Object>);

impl Borrowed {
    fn fine(mut self) {
        self.0 = None;
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // Given up while the server was at work: whoever came next would wait for that.
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

impl Wire {
    /// The rows, within the timeout.
    pub(crate) async fn ask(
        &self,
        repeat: Repeat,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, PostgresStoreError> {
        let asking = async {
            let mut may_repeat = repeat == Repeat::Harmless;
            loop {
                let borrowed = self.borrow().await?;
                let answer = borrowed.client().query_typed(sql, parameters).await;
                match answer {
                    Ok(rows) => {
                        borrowed.fine();
                        return Ok(rows);
                    }
                    Err(error) => {
                        if !error::is_over(&error) {
                            borrowed.fine();
                        }
                        if !(error::is_lost(&error) && std::mem::take(&mut may_repeat)) {
                            return Err(self.explain(&error));
                        }
                    }
                }
            }
        };
        self.within(asking).await
    }

    /// Several statements without parameters, in one transaction.
    pub(crate) async fn batch(&self, sql: &str, timeout: Duration) -> Result<(), PostgresStoreError> {
        let asking = async {
            let borrowed = self.borrow().await?;
            let answer = borrowed.client().batch_execute(sql).await;
            answer.map_err(|error| self.explain(&error))?;
            borrowed.fine();
            Ok(())
        };
        let server = self.server.clone();
        tokio::time::timeout(timeout, asking)
            .await
            .unwrap_or(Err(PostgresStoreError::TimedOut {
                server,
                after: timeout,
            }))
    }

    async fn borrow(&self) -> Result<Borrowed, PostgresStoreError> {
        let (server, after) = (self.server.clone(), self.timeout);
        match self.pool.get().await {
            Ok(object) => Ok(Borrowed(Some(object))),
            Err(PoolError::Backend(error)) => Err(self.explain(&error)),
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                Err(PostgresStoreError::PoolExhausted { server, after })
            }
            Err(_) => Err(PostgresStoreError::TimedOut { server, after }),
        }
    }

    async fn within<T>(
        &self,
        asking: impl Future<Output = Result<T, PostgresStoreError>>,
    ) -> Result<T, PostgresStoreError> {
        let timed_out = || PostgresStoreError::TimedOut {
            server: self.server.clone(),
            after: self.timeout,
        };
        // A little more than the pool's own: its error says more.
        let timeout = self.timeout + self.timeout / 8;
        tokio::time::timeout(timeout, asking)
            .await
            .unwrap_or_else(|_| Err(timed_out()))
    }

    pub(crate) fn explain(&self, error: &tokio_postgres::Error) -> PostgresStoreError {
        error::explain(&self.server, &self.tables.shown(), error)
    }
}

impl Borrowed {
    fn client(&self) -> &Object {
        self.0.as_ref().expect("it was not given back yet")
    }
}

/// Where a server is, without user and password.
pub(crate) fn shown(config: &Config) -> Box<str> {
    use tokio_postgres::config::Host;
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = config
            .get_ports()
            .get(at)
            .or(config.get_ports().first())
            .copied()
            .unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(folder) => format!("{}:{port}", folder.display()),
        }
    });
    hosts.collect::<Vec<_>>().join(",").into()
}
