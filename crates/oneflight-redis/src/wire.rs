//! The connection that commands go over: one for the process, made anew when it was lost.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, RedisResult, ScriptInvocation};

use crate::error::{Explain, RedisStoreError};

pub(crate) struct Wire {
    pub(crate) client: Client,
    pub(crate) server: Box<str>,
    /// For connecting, and for each answer.
    pub(crate) timeout: Duration,
    tls: bool,
    state: Mutex<State>,
    /// One connects for all.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    link: Option<Link>,
    /// The number of the newest connection.
    epoch: u64,
    /// How often connecting failed, and how it failed last.
    failures: u64,
    failed: Option<RedisError>,
}

#[derive(Clone)]
struct Link {
    epoch: u64,
    connection: MultiplexedConnection,
}

/// What is asked of the server.
pub(crate) enum Ask<'a> {
    Command(&'a Cmd),
    Script(&'a ScriptInvocation<'a>),
}

/// Whether a command may be sent again when the connection was lost before its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is as good as once.
    Harmless,
    Never,
}

impl Wire {
    pub(crate) fn new(client: Client, timeout: Duration, tls: bool) -> Self {
        Self {
            server: client.get_connection_info().addr().to_string().into(),
            client,
            timeout,
            tls,
            state: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// Asks about `key`, and waits for the answer for no longer than the timeout.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        key: &str,
        repeat: Repeat,
        ask: Ask<'_>,
    ) -> Result<T, RedisStoreError> {
        let mut may_repeat = repeat == Repeat::Harmless;
        loop {
            let link = self.link().await.map_err(|error| self.explain(key, &error))?;
            let mut connection = link.connection;
            let answer: RedisResult<T> = match &ask {
                Ask::Command(command) => command.query_async(&mut connection).await,
                Ask::Script(script) => script.invoke_async(&mut connection).await,
            };
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // A primary that became a replica is left, too: behind the name there may be another one now.
            if error.is_unrecoverable_error() || error.is_timeout() || error.code() == Some("READONLY") {
                self.leave(link.epoch);
            }
            if !std::mem::take(&mut may_repeat) || error.is_timeout() || !error.is_connection_dropped() {
                return Err(self.explain(key, &error));
            }
        }
    }

    pub(crate) fn explain(&self, key: &str, error: &RedisError) -> RedisStoreError {
        let explain = Explain {
            server: &self.server,
            timeout: self.timeout,
            tls: self.tls,
            key,
        };
        explain.error(error)
    }

    /// The connection of now. Whoever waits while another tries in vain shares its failure.
    async fn link(&self) -> Result<Link, RedisError> {
        let failures = {
            let state = self.state();
            if let Some(link) = &state.link {
                return Ok(link.clone());
            }
            state.failures
        };
        let _one = self.connecting.lock().await;
        {
            let state = self.state();
            if let Some(link) = &state.link {
                return Ok(link.clone());
            }
            if let Some(failed) = state.failed.clone().filter(|_| state.failures > failures) {
                return Err(failed);
            }
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let connected = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await;
        let mut state = self.state();
        match connected {
            Ok(connection) => {
                state.epoch += 1;
                let link = Link {
                    epoch: state.epoch,
                    connection,
                };
                state.link = Some(link.clone());
                Ok(link)
            }
            Err(error) => {
                state.failures += 1;
                state.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Uses this connection no more.
    fn leave(&self, epoch: u64) {
        let left = {
            let mut state = self.state();
            state.link.take_if(|link| link.epoch == epoch)
        };
        drop(left);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
