//! Rows of tables of customers that were uploaded: what was seen in each, and what is still to be taken.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::customer_uploads::{State, Upload};
use crate::params;

const COLUMNS: &str = "id, staff_id, file_name, state, good, fresh, bad_lines, bad, added, existing, \
     created_at, expires_at, ended_at";

impl FromRow for Upload {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let state: String = row.get(3)?;
        let bad: String = row.get(7)?;
        Ok(Self {
            id: row.get(0)?,
            staff_id: row.get(1)?,
            file_name: row.get(2)?,
            state: State::parse(&state)
                .ok_or_else(|| super::unknown("customer_uploads.state", &state))?,
            good: row.get(4)?,
            fresh: row.get(5)?,
            bad_lines: row.get(6)?,
            bad: serde_json::from_str(&bad)
                .map_err(|error| DbError::Bug(format!("customer_uploads.bad: {error}")))?,
            added: row.get(8)?,
            existing: row.get(9)?,
            created_at: row.get(10)?,
            expires_at: row.get(11)?,
            ended_at: row.get(12)?,
        })
    }
}

/// Adds a row; `bad` is its mistakes as JSON.
pub fn insert(tx: &mut Tx<'_>, upload: &Upload, bad: &str) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO customer_uploads (id, staff_id, file_name, state, good, fresh, bad_lines, bad, \
           added, existing, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9, $10)",
        params![
            upload.id,
            upload.staff_id,
            &upload.file_name,
            upload.state.as_str(),
            upload.good,
            upload.fresh,
            upload.bad_lines,
            bad,
            upload.created_at,
            upload.expires_at
        ],
    )?;
    Ok(())
}

/// One by id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Upload>, DbError> {
    tx.row(&format!("SELECT {COLUMNS} FROM customer_uploads WHERE id = $1"), params![id])
}

/// One by id, kept from changing by others until this transaction ends.
pub fn take(tx: &mut Tx<'_>, id: i64) -> Result<Option<Upload>, DbError> {
    let lock = tx.dialect().for_update();
    tx.row(&format!("SELECT {COLUMNS} FROM customer_uploads WHERE id = $1{lock}"), params![id])
}

/// The first that is to be taken in and that nobody else works at.
pub fn take_confirmed(tx: &mut Tx<'_>) -> Result<Option<Upload>, DbError> {
    let lock = tx.dialect().skip_locked();
    tx.row(
        &format!(
            "SELECT {COLUMNS} FROM customer_uploads WHERE state = 'confirmed' AND ended_at IS NULL \
             ORDER BY id LIMIT 1{lock}"
        ),
        params![],
    )
}

/// Writes how far it is.
pub fn update(tx: &mut Tx<'_>, upload: &Upload) -> Result<(), DbError> {
    tx.run(
        "UPDATE customer_uploads SET staff_id = $2, state = $3, good = $4, added = $5, existing = $6, \
           expires_at = $7, ended_at = $8 WHERE id = $1",
        params![
            upload.id,
            upload.staff_id,
            upload.state.as_str(),
            upload.good,
            upload.added,
            upload.existing,
            upload.expires_at,
            upload.ended_at
        ],
    )?;
    Ok(())
}

/// Some that nobody needs any more.
pub fn expired(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<Vec<i64>, DbError> {
    tx.rows(
        "SELECT id FROM customer_uploads WHERE expires_at <= $1 AND state <> 'confirmed' \
         ORDER BY expires_at LIMIT $2",
        params![now, limit],
    )
}

/// All that are kept, whatever became of them, the newest first.
pub fn all(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<i64>, DbError> {
    tx.rows("SELECT id FROM customer_uploads ORDER BY id DESC LIMIT $1", params![limit])
}

/// Writes over what is wrong with the lines of one, as JSON.
pub fn set_bad(tx: &mut Tx<'_>, id: i64, bad: &str) -> Result<(), DbError> {
    tx.run("UPDATE customer_uploads SET bad = $2 WHERE id = $1", params![id, bad])?;
    Ok(())
}

/// Removes one with all its parts.
pub fn remove(tx: &mut Tx<'_>, id: i64) -> Result<(), DbError> {
    tx.run("DELETE FROM customer_upload_parts WHERE upload_id = $1", params![id])?;
    tx.run("DELETE FROM customer_uploads WHERE id = $1", params![id])?;
    Ok(())
}

/// Keeps a part: customers as JSON. One of the same number is replaced.
pub fn put_part(tx: &mut Tx<'_>, id: i64, number: i64, customers: &str) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO customer_upload_parts (upload_id, number, customers) VALUES ($1, $2, $3) \
         ON CONFLICT (upload_id, number) DO UPDATE SET customers = excluded.customers",
        params![id, number, customers],
    )?;
    Ok(())
}

/// The first part after `number`.
pub fn next_part(tx: &mut Tx<'_>, id: i64, number: i64) -> Result<Option<(i64, String)>, DbError> {
    tx.row(
        "SELECT number, customers FROM customer_upload_parts WHERE upload_id = $1 AND number > $2 \
         ORDER BY number LIMIT 1",
        params![id, number],
    )
}

/// Removes a part that was taken.
pub fn remove_part(tx: &mut Tx<'_>, id: i64, number: i64) -> Result<(), DbError> {
    tx.run(
        "DELETE FROM customer_upload_parts WHERE upload_id = $1 AND number = $2",
        params![id, number],
    )?;
    Ok(())
}
