//! What the server says of itself.

use redis::Cmd;

use crate::error::RedisStoreError;
use crate::wire::{Ask, Repeat, Wire};

/// The oldest version that has all that is used.
const MAJOR_MIN: u32 = 6;

/// Whether a full server throws records away. Each one that is lost is a user who must sign in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// It refuses to write when its memory is full. New tokens then live on in memory, and saving is retried.
    Never,
    /// It throws away keys that have an expiry: leases, tombstones, and live records if those were given one.
    Expiring,
    /// It throws away any key.
    Any,
    /// It did not say.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) eviction: Eviction,
}

/// Sees that the server answers, is new enough, takes writes, and keeps what it is given.
pub(crate) async fn find(wire: &Wire) -> Result<Facts, RedisStoreError> {
    let mut ping = Cmd::new();
    ping.arg("PING");
    let _: redis::Value = wire.ask("", Repeat::Harmless, Ask::Command(&ping)).await?;
    let mut info = Cmd::new();
    info.arg("INFO");
    let info: String = match wire.ask("", Repeat::Harmless, Ask::Command(&info)).await {
        Ok(info) => info,
        Err(RedisStoreError::Forbidden { .. } | RedisStoreError::Refused { .. }) => {
            tracing::debug!(server = %wire.server, "Redis does not let this user ask what it is");
            String::new()
        }
        Err(error) => return Err(error),
    };
    judge(&wire.server, &info)
}

fn judge(server: &str, info: &str) -> Result<Facts, RedisStoreError> {
    let fact = |name: &str| {
        let mut lines = info.lines();
        lines
            .find_map(|line| line.split_once(':').filter(|(known, _)| *known == name))
            .map(|(_, value)| value.trim())
    };
    if let Some(version) = fact("redis_version") {
        let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
        if major.is_some_and(|major| major < MAJOR_MIN) {
            return Err(RedisStoreError::TooOld {
                server: server.into(),
                version: version.into(),
            });
        }
    }
    if fact("role") == Some("slave") {
        tracing::warn!(
            server,
            "this Redis is a replica: it serves reads, but no session can be renewed over it"
        );
    }
    if fact("cluster_enabled") == Some("1") {
        tracing::warn!(
            server,
            "this Redis is part of a cluster: keys that lie on its other nodes cannot be reached"
        );
    }
    let eviction = match (fact("maxmemory"), fact("maxmemory_policy")) {
        (_, None) => Eviction::Unknown,
        (Some("0"), _) | (_, Some("noeviction")) => Eviction::Never,
        (_, Some(policy)) if policy.starts_with("volatile") => Eviction::Expiring,
        (_, Some(_)) => Eviction::Any,
    };
    match eviction {
        Eviction::Any => tracing::warn!(
            server,
            "this Redis throws keys away when its memory is full, and with them grants: users would have to sign in again; \
             set `maxmemory-policy noeviction`"
        ),
        Eviction::Expiring => tracing::warn!(
            server,
            "this Redis throws keys with an expiry away when its memory is full, leases among them; set `maxmemory-policy \
             noeviction`"
        ),
        Eviction::Never | Eviction::Unknown => {}
    }
    Ok(Facts { eviction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_evicts_is_told_from_one_that_refuses() {
        let eviction = |info: &str| judge("here", info).unwrap().eviction;
        assert_eq!(
            eviction("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n"),
            Eviction::Never
        );
        assert_eq!(
            eviction("maxmemory:9\r\nmaxmemory_policy:allkeys-lru\r\n"),
            Eviction::Any
        );
        assert_eq!(
            eviction("maxmemory:9\r\nmaxmemory_policy:volatile-ttl\r\n"),
            Eviction::Expiring
        );
        assert_eq!(
            eviction("maxmemory:9\r\nmaxmemory_policy:noeviction\r\n"),
            Eviction::Never
        );
        assert_eq!(eviction(""), Eviction::Unknown);
    }

    #[test]
    fn a_server_that_is_too_old_is_refused_by_its_version() {
        let error = judge("here", "redis_version:5.0.14\r\n").unwrap_err();
        assert!(error.to_string().contains("5.0.14"), "{error}");
        assert!(judge("here", "redis_version:6.0.16\r\n").is_ok());
        assert!(judge("here", "redis_version:unknown\r\n").is_ok());
    }
}
