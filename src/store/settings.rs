//! Rows of settings that admins made, and the stamp that tells one state of them from another.

use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::settings::Stored;
use crate::params;

impl FromRow for Stored {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            name: row.get(0)?,
            value: row.get(1)?,
            changed_at: row.get(2)?,
            changed_by: row.get(3)?,
        })
    }
}

/// The stamp of the settings as they are; none if nobody ever changed one.
pub fn stamp(tx: &mut Tx<'_>) -> Result<Option<String>, DbError> {
    tx.row("SELECT stamp FROM settings_stamp WHERE id = 1", &[])
}

/// Gives the settings another stamp, and keeps others from changing them until the end of the
/// transaction.
pub fn set_stamp(tx: &mut Tx<'_>, stamp: &str) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO settings_stamp (id, stamp) VALUES (1, $1) \
         ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp",
        params![stamp],
    )?;
    Ok(())
}

/// All of them, by name.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Stored>, DbError> {
    tx.rows("SELECT name, value, changed_at, changed_by FROM settings ORDER BY name", &[])
}

/// Keeps a setting in place of what it was.
pub fn put(tx: &mut Tx<'_>, setting: &Stored) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO settings (name, value, changed_at, changed_by) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at, \
         changed_by = excluded.changed_by",
        params![&setting.name, &setting.value, setting.changed_at, &setting.changed_by],
    )?;
    Ok(())
}
