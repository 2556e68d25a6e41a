//! Rows of saved answers.

use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::answers::Answer;
use crate::params;

impl FromRow for Answer {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self { id: row.get(0)?, name: row.get(1)?, body: row.get(2)?, updated_at: row.get(3)? })
    }
}

/// All of them, by name.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Answer>, DbError> {
    tx.rows("SELECT id, name, body, updated_at FROM answers ORDER BY name_key", params![])
}

/// Their ids and names, by name.
pub fn names(tx: &mut Tx<'_>) -> Result<Vec<(i64, String)>, DbError> {
    tx.rows("SELECT id, name FROM answers ORDER BY name_key", params![])
}

/// One of them.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Answer>, DbError> {
    tx.row("SELECT id, name, body, updated_at FROM answers WHERE id = $1", params![id])
}

/// Adds one. `false` if another has this name; then nothing was written.
pub fn insert(tx: &mut Tx<'_>, answer: &Answer, name_key: &str) -> Result<bool, DbError> {
    let added = tx.run(
        "INSERT INTO answers (id, name_key, name, body, updated_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (name_key) DO NOTHING",
        params![answer.id, name_key, &answer.name, &answer.body, answer.updated_at],
    )?;
    Ok(added == 1)
}

/// Writes one anew. Where another has this name, [`DbError::is_unique`] knows it by [`NAME`].
pub fn update(tx: &mut Tx<'_>, answer: &Answer, name_key: &str) -> Result<(), DbError> {
    tx.run(
        "UPDATE answers SET name_key = $2, name = $3, body = $4, updated_at = $5 WHERE id = $1",
        params![answer.id, name_key, &answer.name, &answer.body, answer.updated_at],
    )?;
    Ok(())
}

/// What makes a saved answer unique, as errors name it.
pub const NAME: &str = "answers.name_key";

/// Removes one.
pub fn remove(tx: &mut Tx<'_>, id: i64) -> Result<(), DbError> {
    tx.run("DELETE FROM answers WHERE id = $1", params![id])?;
    Ok(())
}
