//! Single secret values of the whole installation.

use crate::db::{DbError, Tx};
use crate::params;

/// Keeps `value` as the secret `name` unless there is one already.
pub fn insert_if_missing(tx: &mut Tx<'_>, name: &str, value: &[u8; 32]) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        params![name, value],
    )?;
    Ok(())
}

/// The secret `name`.
pub fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<[u8; 32]>, DbError> {
    let row: Option<([u8; 32],)> =
        tx.row("SELECT value FROM secrets WHERE name = $1", params![name])?;
    Ok(row.map(|(value,)| value))
}
