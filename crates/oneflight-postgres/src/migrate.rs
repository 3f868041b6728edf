//! The tables: whether they are there, and making them.

use std::time::Duration;

use crate::error::PostgresStoreError;
use crate::wire::{Repeat, Wire};

/// The schema that this version knows.
const SCHEMA: i32 = 1;

/// Making tables may have to wait for other processes that do the same.
const MIGRATE_MAX: Duration = Duration::from_secs(60);

/// Sees that the tables are there and of our schema.
pub(crate) async fn check(wire: &Wire) -> Result<(), PostgresStoreError> {
    let rows = wire.ask(Repeat::Harmless, &wire.tables.version, &[]).await?;
    let no_tables = || PostgresStoreError::NoTables {
        server: wire.server.clone(),
        table: wire.tables.shown().into(),
    };
    let row = rows.first().ok_or_else(no_tables)?;
    let found: i32 = row.try_get(0).map_err(|error| wire.explain(&error))?;
    if found == SCHEMA {
        return Ok(());
    }
    Err(PostgresStoreError::NewerSchema {
        server: wire.server.clone(),
        table: wire.tables.shown().into(),
        found,
    })
}

/// Makes what is missing, in one transaction. Others who do the same wait for each other.
pub(crate) async fn run(wire: &Wire) -> Result<(), PostgresStoreError> {
    match check(wire).await {
        Err(PostgresStoreError::NoTables { .. }) => {}
        there => return there,
    }
    wire.batch(&wire.tables.migration, MIGRATE_MAX).await?;
    check(wire).await
}
