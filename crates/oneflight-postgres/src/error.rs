//! What can be wrong with a PostgreSQL server or what it holds, and what to do about it.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use oneflight::StoreError;
use oneflight::record::RecordError;
use tokio_postgres::Error;

/// A PostgreSQL server cannot serve as a store. Each says the next step; none holds a token or a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields are: the server's address, what it said, and the numbers of the message"
)]
pub enum PostgresStoreError {
    /// The URL cannot be used.
    #[error(
        "the URL of the PostgreSQL server cannot be used; write it as postgres://user[:password]@host[:port]/database"
    )]
    Url,
    /// There is no tokio runtime here.
    #[error("a store on PostgreSQL needs a tokio runtime with I/O and time; connect inside one")]
    NoRuntime,
    /// The lease could end while its owner still waits for the token endpoint.
    #[error(
        "a lease of {lease:?} is too short: a request may take {request:?} and saving its answer {save:?}, so it must be longer \
         than {} ms; give the builder a longer `lease`, or the session's shorter `deadlines`",
        request.saturating_add(*save).as_millis()
    )]
    #[non_exhaustive]
    LeaseTooShort {
        lease: Duration,
        request: Duration,
        save: Duration,
    },
    /// A setting cannot work.
    #[error("{setting} cannot be used: {problem}")]
    #[non_exhaustive]
    Setting {
        setting: &'static str,
        problem: &'static str,
    },
    /// The key cannot be stored.
    #[error("a key of {bytes} bytes cannot be stored: it may have 1,024 bytes and no NUL; use a hash of it")]
    #[non_exhaustive]
    Key { bytes: usize },
    /// Nobody answers at the address.
    #[error(
        "PostgreSQL at {server} cannot be reached ({cause}): see that it runs, and that the address is right"
    )]
    #[non_exhaustive]
    Unreachable { server: Box<str>, cause: Cause },
    /// The server did not answer in time. Whether the statement was carried out is not known.
    #[error(
        "PostgreSQL at {server} did not answer within {after:?}: see whether it is overloaded, paused or cut off"
    )]
    #[non_exhaustive]
    TimedOut { server: Box<str>, after: Duration },
    /// All connections of this process were in use.
    #[error(
        "no connection to PostgreSQL at {server} was free within {after:?}: raise `pool_size`, or see why statements are slow"
    )]
    #[non_exhaustive]
    PoolExhausted { server: Box<str>, after: Duration },
    /// The connection ended before the answer. Whether the statement was carried out is not known.
    #[error(
        "the connection to PostgreSQL at {server} was lost ({cause}): the next statement makes a new one"
    )]
    #[non_exhaustive]
    Lost { server: Box<str>, cause: Cause },
    /// The two cannot agree on TLS.
    #[error(
        "PostgreSQL at {server} and this program cannot agree on TLS ({cause}): see `sslmode` in the URL, that the server speaks \
         TLS, and that the program connects by `connect_with` and trusts the certificate"
    )]
    #[non_exhaustive]
    Tls { server: Box<str>, cause: Cause },
    /// The user or the password is wrong.
    #[error(
        "PostgreSQL at {server} refuses the user or the password ({cause}): set the right ones in the URL, or see pg_hba.conf"
    )]
    #[non_exhaustive]
    WrongPassword { server: Box<str>, cause: Cause },
    /// The database does not exist.
    #[error(
        "PostgreSQL at {server} has no such database ({cause}): create it, or name another one in the URL"
    )]
    #[non_exhaustive]
    NoDatabase { server: Box<str>, cause: Cause },
    /// The tables are not there.
    #[error(
        "PostgreSQL at {server} has no tables of oneflight for {table}: call `migrate` on the builder, or run what its \
         `migrations` gives; nothing was done"
    )]
    #[non_exhaustive]
    NoTables { server: Box<str>, table: Box<str> },
    /// A later version of this crate made the tables.
    #[error(
        "the tables for {table} in PostgreSQL at {server} have schema {found}, and this oneflight-postgres knows 1: use a newer \
         one; nothing was done"
    )]
    #[non_exhaustive]
    NewerSchema {
        server: Box<str>,
        table: Box<str>,
        found: i32,
    },
    /// A table of that name has other columns.
    #[error(
        "{table} in PostgreSQL at {server} is not as oneflight made it ({cause}): choose another `table` or `schema`"
    )]
    #[non_exhaustive]
    ForeignTable {
        server: Box<str>,
        table: Box<str>,
        cause: Cause,
    },
    /// The user may not do what a store must do.
    #[error(
        "PostgreSQL at {server} does not allow this user something that a store needs ({cause}): grant SELECT, INSERT, UPDATE, \
         DELETE on its tables, or for `migrate` CREATE on the schema"
    )]
    #[non_exhaustive]
    Forbidden { server: Box<str>, cause: Cause },
    /// The server is a standby.
    #[error("PostgreSQL at {server} takes no writes ({cause}): give the address of the primary")]
    #[non_exhaustive]
    ReadOnly { server: Box<str>, cause: Cause },
    /// The server has no connection left.
    #[error(
        "PostgreSQL at {server} has too many connections ({cause}): lower `pool_size`, raise max_connections, or use pgBouncer"
    )]
    #[non_exhaustive]
    TooManyConnections { server: Box<str>, cause: Cause },
    /// The server's disk is full, or its memory.
    #[error("PostgreSQL at {server} has no room left ({cause}): make some; nothing was written")]
    #[non_exhaustive]
    Full { server: Box<str>, cause: Cause },
    /// The record is none that this program can read. It was left as it is.
    #[error("the record of {key:?} in {table} of PostgreSQL at {server} was left as it is")]
    #[non_exhaustive]
    Record {
        server: Box<str>,
        table: Box<str>,
        key: Box<str>,
        #[source]
        cause: RecordError,
    },
    /// The lease was not ours any more.
    #[error("the lease on {key:?} in PostgreSQL at {server} was lost: it ended before it was renewed")]
    #[non_exhaustive]
    LeaseLost { server: Box<str>, key: Box<str> },
    /// Anything else the server said.
    #[error("PostgreSQL at {server} refuses what a store needs ({cause})")]
    #[non_exhaustive]
    Refused { server: Box<str>, cause: Cause },
}

impl From<PostgresStoreError> for StoreError {
    fn from(error: PostgresStoreError) -> Self {
        let what = match &error {
            PostgresStoreError::Record { cause, .. } => format!("{error}: {cause}"),
            _ => error.to_string(),
        };
        Self::new(what).because(error)
    }
}

/// What the server or the system said.
#[derive(Clone)]
pub struct Cause(Box<str>);

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

impl Cause {
    /// The detail of an error may repeat a row, so it is left out.
    fn of(error: &Error) -> Self {
        let text = match error.as_db_error() {
            Some(said) => format!("{} {}", said.code().code(), said.message()),
            None => match error.source() {
                Some(source) => source.to_string(),
                None => error.to_string(),
            },
        };
        Self(text.into())
    }
}

/// Whether the connection is of no more use.
pub(crate) fn is_over(error: &Error) -> bool {
    let Some(code) = error.code() else {
        return true;
    };
    // Ended by the administrator or a crash; or a primary that became a standby: behind the name there may be another now.
    error.is_closed()
        || code.code().starts_with("57P")
        || code.code().starts_with("08")
        || code.code() == "25006"
}

/// Whether the same may be asked again over another connection.
pub(crate) fn is_lost(error: &Error) -> bool {
    error.is_closed()
        || error
            .code()
            .map_or(source_io(error).is_some(), |code| code.code() == "57P01")
}

fn source_io(error: &Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

/// Finds the words for what the client said.
pub(crate) fn explain(server: &str, table: &str, error: &Error) -> PostgresStoreError {
    let (server, table, cause) = (Box::from(server), Box::from(table), Cause::of(error));
    let Some(said) = error.as_db_error() else {
        return match () {
            () if error.is_closed() => PostgresStoreError::Lost { server, cause },
            () if error.to_string().contains("TLS") => PostgresStoreError::Tls { server, cause },
            () if cause.0.contains("password") => PostgresStoreError::WrongPassword { server, cause },
            () if error.to_string().contains("connecting") => {
                PostgresStoreError::Unreachable { server, cause }
            }
            () if source_io(error).is_some() => PostgresStoreError::Lost { server, cause },
            () => PostgresStoreError::Refused { server, cause },
        };
    };
    match said.code().code() {
        _ if said.message().contains("no encryption") || said.message().contains("SSL required") => {
            PostgresStoreError::Tls { server, cause }
        }
        "28P01" | "28000" => PostgresStoreError::WrongPassword { server, cause },
        // What pgBouncer says of a password has the code of a broken protocol.
        "08P01" if said.message().contains("auth") => PostgresStoreError::WrongPassword { server, cause },
        "3D000" => PostgresStoreError::NoDatabase { server, cause },
        "42P01" | "3F000" => PostgresStoreError::NoTables { server, table },
        "42703" | "42804" | "42883" | "42P10" => PostgresStoreError::ForeignTable { server, table, cause },
        "42501" => PostgresStoreError::Forbidden { server, cause },
        "25006" => PostgresStoreError::ReadOnly { server, cause },
        "53300" => PostgresStoreError::TooManyConnections { server, cause },
        "53100" | "53200" => PostgresStoreError::Full { server, cause },
        "57P03" => PostgresStoreError::Unreachable { server, cause },
        code if code.starts_with("57P") || code.starts_with("08") => {
            PostgresStoreError::Lost { server, cause }
        }
        _ => PostgresStoreError::Refused { server, cause },
    }
}
