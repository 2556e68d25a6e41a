//! Rows of requests that may come twice.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::params;

/// What a key was used for.
pub struct Done {
    /// SHA-256 of what was asked.
    pub request_hash: [u8; 32],
    /// The ticket that was created or written to.
    pub ticket_id: i64,
    /// The entry that was written; none if the ticket itself was created.
    pub entry_id: Option<i64>,
}

impl FromRow for Done {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self { request_hash: row.get(0)?, ticket_id: row.get(1)?, entry_id: row.get(2)? })
    }
}

/// What came of the request with this key, if it came before.
pub fn find(tx: &mut Tx<'_>, scope: &str, key: &str) -> Result<Option<Done>, DbError> {
    tx.row(
        "SELECT request_hash, ticket_id, entry_id FROM idempotency WHERE scope = $1 AND key = $2",
        params![scope, key],
    )
}

/// Keeps what came of it. `false` if the key is in use; where another process is using it at this
/// moment, its transaction is waited for.
pub fn insert(
    tx: &mut Tx<'_>,
    scope: &str,
    key: &str,
    done: &Done,
    now: Millis,
) -> Result<bool, DbError> {
    let added = tx.run(
        "INSERT INTO idempotency (scope, key, request_hash, ticket_id, entry_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (scope, key) DO NOTHING",
        params![scope, key, &done.request_hash, done.ticket_id, done.entry_id, now],
    )?;
    Ok(added == 1)
}

/// Forgets keys older than `before`, `limit` at most.
pub fn purge(tx: &mut Tx<'_>, before: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM idempotency WHERE (scope, key) IN (\
           SELECT scope, key FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        params![before, limit],
    )
}
