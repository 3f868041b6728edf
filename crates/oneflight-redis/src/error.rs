//! What can be wrong with a Redis server or what it holds, and what to do about it.

use std::fmt;
use std::time::Duration;

use oneflight::StoreError;
use oneflight::record::RecordError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// A Redis server cannot serve as a store. Each says which server, and the next step; none holds a token or a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// The URL cannot be used.
    #[error(
        "the URL of the Redis server cannot be used: {problem}; write it as redis://[user:password@]host[:port][/database]"
    )]
    Url {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The URL wants TLS, and this crate was built without it.
    #[error("rediss:// needs TLS; build oneflight-redis with its feature `tls`")]
    NoTls,
    /// TLS has no cryptography to work with.
    #[error(
        "rediss:// needs a provider of cryptography; install one when the program starts, as in \
         `rustls::crypto::ring::default_provider().install_default()`"
    )]
    NoTlsProvider,
    /// There is no tokio runtime here.
    #[error("a store on Redis needs a tokio runtime with I/O and time; connect inside one")]
    NoRuntime,
    /// The lease could end while its owner still waits for the token endpoint.
    #[error(
        "a lease of {lease:?} is too short: a request may take {request:?} and saving its answer {save:?}, so it must be longer \
         than {} ms; give the builder a longer `lease`, or the session's shorter `deadlines`",
        (*request + *save).as_millis()
    )]
    #[non_exhaustive]
    LeaseTooShort {
        /// The lease.
        lease: Duration,
        /// The session's deadline for a request to the token endpoint.
        request: Duration,
        /// The session's deadline for an operation of the store.
        save: Duration,
    },
    /// A setting cannot work.
    #[error("{setting} cannot be {value}: {problem}")]
    #[non_exhaustive]
    Setting {
        /// Its name.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        problem: &'static str,
    },
    /// Nobody answers at the address.
    #[error("Redis at {server} cannot be reached ({cause}): see that it runs, and that the address is right")]
    #[non_exhaustive]
    Unreachable {
        /// Its address.
        server: Box<str>,
        /// What the system said.
        cause: Cause,
    },
    /// The server took the connection and does not answer.
    #[error(
        "Redis at {server} did not answer within {after:?}: see whether it is overloaded, paused or cut off"
    )]
    #[non_exhaustive]
    TimedOut {
        /// Its address.
        server: Box<str>,
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection ended before the answer. Whether the command was carried out is not known.
    #[error("the connection to Redis at {server} was lost ({cause}): it is made anew with the next command")]
    #[non_exhaustive]
    Lost {
        /// Its address.
        server: Box<str>,
        /// What the system said.
        cause: Cause,
    },
    /// The two cannot agree on TLS.
    #[error(
        "Redis at {server} and this program cannot agree on TLS ({cause}): see that the port speaks TLS, and that the \
         certificate is for this name and from an authority that is trusted here"
    )]
    #[non_exhaustive]
    Tls {
        /// Its address.
        server: Box<str>,
        /// What TLS said.
        cause: Cause,
    },
    /// The user or the password is wrong.
    #[error("Redis at {server} refuses the user or the password: set the right ones in the URL")]
    #[non_exhaustive]
    WrongPassword {
        /// Its address.
        server: Box<str>,
    },
    /// The server wants a password, and the URL has none.
    #[error("Redis at {server} wants a password: put one into the URL, as in redis://:PASSWORD@host")]
    #[non_exhaustive]
    PasswordNeeded {
        /// Its address.
        server: Box<str>,
    },
    /// The user may not do what a store must do.
    #[error(
        "Redis at {server} does not allow this user something that a store needs ({cause}): see the list of commands in the \
         documentation of oneflight-redis"
    )]
    #[non_exhaustive]
    Forbidden {
        /// Its address.
        server: Box<str>,
        /// What the server said.
        cause: Cause,
    },
    /// The server is a replica, or cannot write just now.
    #[error("Redis at {server} takes no writes ({cause}): give the address of the primary")]
    #[non_exhaustive]
    ReadOnly {
        /// Its address.
        server: Box<str>,
        /// What the server said.
        cause: Cause,
    },
    /// The server's memory is used up. Nothing was written.
    #[error(
        "Redis at {server} has no memory left: raise `maxmemory`, or move something else out; keep `maxmemory-policy` at \
         `noeviction`, or grants will be thrown away"
    )]
    #[non_exhaustive]
    Full {
        /// Its address.
        server: Box<str>,
    },
    /// The server is part of a cluster, and the key lies elsewhere.
    #[error(
        "Redis at {server} is part of a cluster ({cause}), which this store cannot follow: use a single primary, or a proxy \
         that hides the cluster"
    )]
    #[non_exhaustive]
    Cluster {
        /// Its address.
        server: Box<str>,
        /// What the server said.
        cause: Cause,
    },
    /// The server is reading its data from disk.
    #[error("Redis at {server} is still loading its data: it serves when that is done")]
    #[non_exhaustive]
    Loading {
        /// Its address.
        server: Box<str>,
    },
    /// The server is too old.
    #[error("Redis at {server} has version {version}: 6.0 or newer is needed")]
    #[non_exhaustive]
    TooOld {
        /// Its address.
        server: Box<str>,
        /// Its version.
        version: Box<str>,
    },
    /// The key holds something that this store did not write. It was left as it is.
    #[error(
        "{key:?} in Redis at {server} was not written by oneflight. It was left as it is: choose another `prefix` or database, or \
         remove that key"
    )]
    #[non_exhaustive]
    Foreign {
        /// Its address.
        server: Box<str>,
        /// The key, as Redis knows it.
        key: Box<str>,
    },
    /// A later version of this crate wrote the value. It was left as it is.
    #[error(
        "{key:?} in Redis at {server} was written by a newer oneflight-redis (format {format}, and this one knows 1): use that version"
    )]
    #[non_exhaustive]
    Newer {
        /// Its address.
        server: Box<str>,
        /// The key, as Redis knows it.
        key: Box<str>,
        /// Its format.
        format: u64,
    },
    /// The record cannot be read or written: the wrong encryption key, say. It was left as it is.
    #[error("{key:?} in Redis at {server}: {cause}")]
    #[non_exhaustive]
    Record {
        /// Its address.
        server: Box<str>,
        /// The key, as Redis knows it.
        key: Box<str>,
        /// What the codec said.
        #[source]
        cause: RecordError,
    },
    /// The lease ended before it was renewed. Another holder may have it.
    #[error(
        "the lease on {key:?} in Redis at {server} was lost: the process stood still for longer than the lease, or Redis lost it; \
         what was obtained meanwhile is saved only if nobody else has saved"
    )]
    #[non_exhaustive]
    LeaseLost {
        /// Its address.
        server: Box<str>,
        /// The key, as Redis knows it.
        key: Box<str>,
    },
    /// The server said something else.
    #[error("Redis at {server} refused: {cause}")]
    #[non_exhaustive]
    Refused {
        /// Its address.
        server: Box<str>,
        /// What the server said.
        cause: Cause,
    },
}

impl From<RedisStoreError> for StoreError {
    fn from(error: RedisStoreError) -> Self {
        Self::new(error.to_string()).because(error)
    }
}

/// What the server or the system said, without the arguments of the command: those may hold a record.
#[derive(Clone)]
pub struct Cause(Box<str>);

impl Cause {
    fn of(error: &RedisError) -> Self {
        let text = match error.kind() {
            ErrorKind::Server(_) | ErrorKind::Extension => {
                let code = error.code().unwrap_or_default();
                let detail = error.detail().unwrap_or_default();
                format!("{code} {}", without_arguments(detail))
            }
            _ => error.to_string(),
        };
        Self(text.trim().into())
    }
}

/// `unknown command 'X', with args beginning with: …`
fn without_arguments(detail: &str) -> &str {
    match detail.find("with args") {
        Some(at) => detail[..at].trim_end_matches([' ', ',']),
        None => detail,
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Finds the words for what the client said.
pub(crate) struct Explain<'a> {
    pub(crate) server: &'a str,
    pub(crate) timeout: Duration,
    pub(crate) tls: bool,
    /// What the command was about.
    pub(crate) key: &'a str,
}

impl Explain<'_> {
    pub(crate) fn error(&self, error: &RedisError) -> RedisStoreError {
        let (server, cause) = (Box::from(self.server), Cause::of(error));
        if error.is_timeout() {
            let after = self.timeout;
            return RedisStoreError::TimedOut { server, after };
        }
        match error.kind() {
            ErrorKind::AuthenticationFailed => return RedisStoreError::WrongPassword { server },
            ErrorKind::Io => return self.io(error, cause),
            // What does not speak Redis is often a port that wants TLS.
            ErrorKind::Parse => return RedisStoreError::Refused { server, cause },
            ErrorKind::Server(kind) => {
                if let Some(known) = self.known(kind, &cause) {
                    return known;
                }
            }
            _ => {}
        }
        // Errors inside a script come with their code first, before Redis 7 somewhere in the text.
        let has =
            |code: &str| error.code() == Some(code) || cause.0.split([' ', ':']).any(|word| word == code);
        match () {
            () if has("WRONGPASS") => RedisStoreError::WrongPassword { server },
            () if has("NOAUTH") => RedisStoreError::PasswordNeeded { server },
            () if has("OOM") => RedisStoreError::Full { server },
            () if has("WRONGTYPE") => RedisStoreError::Foreign {
                server,
                key: self.key.into(),
            },
            () if has("NOPERM") => RedisStoreError::Forbidden { server, cause },
            () if has("READONLY") || has("MISCONF") || has("NOREPLICAS") => {
                RedisStoreError::ReadOnly { server, cause }
            }
            () => RedisStoreError::Refused { server, cause },
        }
    }

    fn known(&self, kind: ServerErrorKind, cause: &Cause) -> Option<RedisStoreError> {
        let (server, cause) = (Box::from(self.server), cause.clone());
        Some(match kind {
            ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown => {
                RedisStoreError::ReadOnly { server, cause }
            }
            ServerErrorKind::Moved
            | ServerErrorKind::Ask
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::CrossSlot => RedisStoreError::Cluster { server, cause },
            ServerErrorKind::BusyLoading => RedisStoreError::Loading { server },
            ServerErrorKind::NoPerm => RedisStoreError::Forbidden { server, cause },
            _ => return None,
        })
    }

    fn io(&self, error: &RedisError, cause: Cause) -> RedisStoreError {
        let server = Box::from(self.server);
        if error.is_connection_refusal() {
            return RedisStoreError::Unreachable { server, cause };
        }
        if error.is_connection_dropped() {
            return RedisStoreError::Lost { server, cause };
        }
        match self.tls {
            true => RedisStoreError::Tls { server, cause },
            false => RedisStoreError::Unreachable { server, cause },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::without_arguments;

    #[test]
    fn o3_the_arguments_of_a_refused_command_are_not_repeated() {
        let said = "unknown command 'EVALSHA', with args beginning with: 'c0ffee' '1' 'secret'";
        assert_eq!(without_arguments(said), "unknown command 'EVALSHA'");
        assert_eq!(without_arguments("syntax error"), "syntax error");
    }
}
