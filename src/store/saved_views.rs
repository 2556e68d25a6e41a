//! Rows of the lists that members of staff keep for themselves.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::saved_views::SavedView;
use crate::params;

impl FromRow for SavedView {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self { name: row.get(0)?, query: row.get(1)?, created_at: row.get(2)? })
    }
}

/// Keeps a view; one of the same name is replaced.
pub fn put(
    tx: &mut Tx<'_>,
    staff_id: i64,
    name_key: &str,
    view: &SavedView,
) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO saved_views (staff_id, name_key, name, query, created_at) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (staff_id, name_key) DO UPDATE SET name = excluded.name, query = excluded.query",
        params![staff_id, name_key, &view.name, &view.query, view.created_at],
    )?;
    Ok(())
}

/// Whether there is one of this name.
pub fn exists(tx: &mut Tx<'_>, staff_id: i64, name_key: &str) -> Result<bool, DbError> {
    let found: Option<Millis> = tx.row(
        "SELECT created_at FROM saved_views WHERE staff_id = $1 AND name_key = $2",
        params![staff_id, name_key],
    )?;
    Ok(found.is_some())
}

/// Those of one member of staff, by name.
pub fn list(tx: &mut Tx<'_>, staff_id: i64) -> Result<Vec<SavedView>, DbError> {
    tx.rows(
        "SELECT name, query, created_at FROM saved_views WHERE staff_id = $1 ORDER BY name_key",
        params![staff_id],
    )
}

/// Removes one. `false` if there is none of this name.
pub fn remove(tx: &mut Tx<'_>, staff_id: i64, name_key: &str) -> Result<bool, DbError> {
    let removed = tx.run(
        "DELETE FROM saved_views WHERE staff_id = $1 AND name_key = $2",
        params![staff_id, name_key],
    )?;
    Ok(removed == 1)
}
