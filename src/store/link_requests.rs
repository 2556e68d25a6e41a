//! Rows of requests for a link.

use std::sync::Arc;

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::params;

/// A request the worker has yet to look at.
pub struct Waiting {
    /// The row.
    pub id: i64,
    /// The address as it was typed.
    pub email: String,
    /// The ticket that was wanted.
    pub reference: Option<String>,
    /// The HTTP request that asked.
    pub cause: Option<Arc<str>>,
}

impl FromRow for Waiting {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let cause: Option<String> = row.get(3)?;
        Ok(Self {
            id: row.get(0)?,
            email: row.get(1)?,
            reference: row.get(2)?,
            cause: cause.map(Arc::from),
        })
    }
}

/// What a typed code is checked against.
pub struct CodeState {
    /// The row.
    pub id: i64,
    /// Who gets in with it, by their row; none if the address was nobody's.
    pub holder: Option<i64>,
    /// Keyed hash of the digits.
    pub code_hash: Option<[u8; 32]>,
    /// Until when they count.
    pub expires_at: Option<Millis>,
    /// How often it was tried.
    pub tries: i64,
    /// Whether it was used.
    pub used: bool,
}

impl FromRow for CodeState {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get(0)?,
            holder: row.get(1)?,
            code_hash: row.get(2)?,
            expires_at: row.get(3)?,
            tries: row.get(4)?,
            used: row.get::<Option<Millis>>(5)?.is_some(),
        })
    }
}

/// Adds the one row a request writes.
pub fn insert(
    tx: &mut Tx<'_>,
    id: i64,
    request_hash: &[u8; 32],
    email: &str,
    reference: Option<&str>,
    now: Millis,
) -> Result<(), DbError> {
    let cause = tx.cause();
    tx.run(
        "INSERT INTO link_requests (id, request_hash, email, reference, created_at, code_tries, cause) \
         VALUES ($1, $2, $3, $4, $5, 0, $6)",
        params![id, request_hash, email, reference, now, cause.as_deref()],
    )?;
    Ok(())
}

/// Whether nobody has looked at some request.
pub fn any_waiting(tx: &mut Tx<'_>) -> Result<bool, DbError> {
    let row: Option<(i64,)> =
        tx.row("SELECT id FROM link_requests WHERE worked_at IS NULL LIMIT 1", params![])?;
    Ok(row.is_some())
}

/// Takes requests nobody has looked at, oldest first, so that no other worker takes them too.
pub fn take_waiting(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Waiting>, DbError> {
    let lock = tx.dialect().skip_locked();
    tx.rows(
        &format!(
            "SELECT id, email, reference, cause FROM link_requests WHERE worked_at IS NULL \
             ORDER BY id LIMIT $1{lock}"
        ),
        params![limit],
    )
}

/// Settles one: the address is forgotten, whose it is remains.
pub fn settle(
    tx: &mut Tx<'_>,
    id: i64,
    customer_id: Option<i64>,
    now: Millis,
) -> Result<(), DbError> {
    tx.run(
        "UPDATE link_requests SET email = NULL, customer_id = $2, worked_at = $3 WHERE id = $1",
        params![id, customer_id, now],
    )?;
    Ok(())
}

/// Sets the code that was minted for this request.
pub fn set_code(
    tx: &mut Tx<'_>,
    id: i64,
    code_hash: &[u8; 32],
    expires_at: Millis,
) -> Result<(), DbError> {
    tx.run(
        "UPDATE link_requests SET code_hash = $2, code_expires_at = $3 WHERE id = $1",
        params![id, code_hash, expires_at],
    )?;
    Ok(())
}

/// Finds the request by the hash of its id and holds it, so that tries are counted one by one.
pub fn take_code_state(
    tx: &mut Tx<'_>,
    request_hash: &[u8; 32],
) -> Result<Option<CodeState>, DbError> {
    let lock = tx.dialect().for_update();
    tx.row(
        &format!(
            "SELECT id, customer_id, code_hash, code_expires_at, code_tries, code_used_at \
             FROM link_requests WHERE request_hash = $1{lock}"
        ),
        params![request_hash],
    )
}

/// Counts a try.
pub fn count_try(tx: &mut Tx<'_>, id: i64) -> Result<(), DbError> {
    tx.run("UPDATE link_requests SET code_tries = code_tries + 1 WHERE id = $1", params![id])?;
    Ok(())
}

/// Notes that the code was used: it works once.
pub fn set_used(tx: &mut Tx<'_>, id: i64, now: Millis) -> Result<(), DbError> {
    tx.run("UPDATE link_requests SET code_used_at = $2 WHERE id = $1", params![id, now])?;
    Ok(())
}

/// Forgets requests older than `before`, `limit` at most.
pub fn purge(tx: &mut Tx<'_>, before: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM link_requests WHERE id IN (\
           SELECT id FROM link_requests WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        params![before, limit],
    )
}

/// Forgets every request, and the code with it.
pub fn forget_all(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.run("DELETE FROM link_requests", params![])?;
    Ok(())
}

/// Makes every code of a customer worthless.
pub fn forget_codes(tx: &mut Tx<'_>, customer_id: i64) -> Result<(), DbError> {
    tx.run(
        "UPDATE link_requests SET customer_id = NULL, code_hash = NULL WHERE customer_id = $1",
        params![customer_id],
    )?;
    Ok(())
}
