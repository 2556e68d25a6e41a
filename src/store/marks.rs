//! When something last happened to the installation as a whole.

use crate::clock::Millis;
use crate::db::{DbError, Tx};
use crate::params;

/// Notes that `name` happened; an earlier time never replaces a later one.
pub fn set(tx: &mut Tx<'_>, name: &str, at: Millis) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO marks (name, at) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE marks.at < excluded.at",
        params![name, at],
    )?;
    Ok(())
}

/// When `name` last happened.
pub fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<Millis>, DbError> {
    tx.row("SELECT at FROM marks WHERE name = $1", params![name])
}
