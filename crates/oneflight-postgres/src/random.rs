//! Chance, for names that nobody guesses and for times that do not coincide.

use std::time::Duration;

use crate::error::PostgresStoreError;

/// 128 random bits as text: the name of one claim.
pub(crate) fn owner() -> Result<String, PostgresStoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| PostgresStoreError::Setting {
        setting: "the owner of a lease",
        problem: "the system gives no random numbers",
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Some time up to `most`. Without random numbers all of it, which is not wrong either.
pub(crate) fn up_to(most: Duration) -> Duration {
    let mut bytes = [u8::MAX; 2];
    let _ = getrandom::fill(&mut bytes);
    most.mul_f64(f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX))
}
