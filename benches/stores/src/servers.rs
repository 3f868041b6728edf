//! The servers, and what they count.

use std::time::{Duration, Instant};

use oneflight_tests::postgres::PostgresServer;
use oneflight_tests::redis::RedisServer;
use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio_postgres::Client;

use crate::place::Place;

/// Those that could be started.
pub struct Servers {
    redis: Option<(RedisServer, MultiplexedConnection)>,
    postgres: Option<(PostgresServer, Client)>,
    folder: tempfile::TempDir,
    monitor: Option<Lines<BufReader<TcpStream>>>,
    commands: u64,
}

impl Servers {
    /// As they should be run for this: what is acknowledged is on the disk, or will be within a second. Without `fsync`
    /// PostgreSQL shows what is left when the disk costs nothing.
    pub async fn start(fsync: bool) -> Self {
        let redis = match RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]) {
            Some(server) => {
                let raw = server.raw().await;
                Some((server, raw))
            }
            None => None,
        };
        let fsync = if fsync { "fsync=on" } else { "fsync=off" };
        let settings = [fsync, "shared_buffers=128MB", "log_statement=none"];
        let postgres = match PostgresServer::start_with(&settings) {
            Some(server) => {
                let raw = server.raw().await;
                Some((server, raw))
            }
            None => None,
        };
        Self {
            redis,
            postgres,
            folder: tempfile::tempdir().expect("a folder"),
            monitor: None,
            commands: 0,
        }
    }

    /// Where grants can be kept, memory first.
    pub fn places(&self) -> Vec<Place> {
        let mut places = vec![Place::Memory, Place::File(self.folder.path().to_owned())];
        places.extend(self.redis.as_ref().map(|(server, _)| Place::Redis(server.url())));
        places.extend(
            self.postgres
                .as_ref()
                .map(|(server, _)| Place::Postgres(server.url())),
        );
        places
    }

    /// How long a round trip to the server takes; `None`: there is none.
    pub async fn round_trip(&mut self, place: &Place) -> Option<Duration> {
        let start = Instant::now();
        match place {
            Place::Redis(_) => {
                let (_, raw) = self.redis.as_mut()?;
                let _: String = redis::cmd("PING").query_async(raw).await.expect("it answers");
            }
            Place::Postgres(_) => {
                let (_, raw) = self.postgres.as_ref()?;
                raw.query_typed("SELECT 1", &[]).await.expect("it answers");
            }
            Place::Memory | Place::File(_) => return None,
        }
        Some(start.elapsed())
    }

    /// From here on what is asked of the server is counted, if it is asked over connections made later.
    pub async fn count(&mut self, place: &Place) {
        match (place, &self.redis, &self.postgres) {
            (Place::Redis(_), Some((server, _)), _) => {
                let mut monitor = TcpStream::connect(("127.0.0.1", server.port()))
                    .await
                    .expect("it answers");
                monitor.write_all(b"MONITOR\r\n").await.expect("it reads");
                let mut lines = BufReader::new(monitor).lines();
                lines.next_line().await.expect("it says that it will");
                self.monitor = Some(lines);
                self.commands = 0;
            }
            (Place::Postgres(_), _, Some((_, raw))) => {
                let sql = "ALTER DATABASE postgres SET log_statement = 'all'";
                raw.batch_execute(sql).await.expect("we are its superuser");
            }
            _ => {}
        }
    }

    /// What was asked so far since; commands of Redis, of which a script is one, or statements of PostgreSQL.
    pub async fn asked(&mut self, place: &Place) -> Option<u64> {
        match place {
            Place::Redis(_) => {
                let (_, raw) = self.redis.as_mut()?;
                let mark = format!("mark-{}", crate::place::nanos());
                let _: String = redis::cmd("PING")
                    .arg(&mark)
                    .query_async(raw)
                    .await
                    .expect("it answers");
                let monitor = self.monitor.as_mut()?;
                loop {
                    let line = monitor.next_line().await.expect("it tells")?;
                    if line.contains(&mark) {
                        return Some(self.commands);
                    }
                    // What a script does inside the server is no command of ours.
                    self.commands += u64::from(!line.contains(" lua]"));
                }
            }
            Place::Postgres(_) => {
                let (server, _) = self.postgres.as_ref()?;
                Some(server.statements().len() as u64)
            }
            Place::Memory | Place::File(_) => None,
        }
    }

    /// No longer.
    pub async fn count_no_more(&mut self) {
        self.monitor = None;
        if let Some((_, raw)) = &self.postgres {
            let sql = "ALTER DATABASE postgres RESET log_statement";
            raw.batch_execute(sql).await.expect("we are its superuser");
        }
    }

    /// How many connections others have to the server.
    pub async fn connections(&mut self, place: &Place) -> u64 {
        match (place, &mut self.redis, &self.postgres) {
            (Place::Redis(_), Some((_, raw)), _) => {
                let info: String = redis::cmd("INFO")
                    .arg("clients")
                    .query_async(raw)
                    .await
                    .expect("it counts clients");
                let count = info
                    .lines()
                    .find_map(|line| line.strip_prefix("connected_clients:"));
                let count: u64 = count.and_then(|count| count.trim().parse().ok()).unwrap_or(1);
                count - 1
            }
            (Place::Postgres(_), _, Some((_, raw))) => {
                let query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
                let row = raw.query_typed(query, &[]).await.expect("it counts them");
                u64::try_from(row[0].get::<_, i64>(0)).unwrap_or_default()
            }
            _ => 0,
        }
    }
}
