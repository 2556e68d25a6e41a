//! Rows of counted hits.

use crate::clock::Millis;
use crate::db::{DbError, Tx};
use crate::params;

/// Holds the counter of `subject` until this transaction ends, by a slice without hits.
pub fn hold(tx: &mut Tx<'_>, subject: &[u8; 32], expires_at: Millis) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO limits (subject, slice, hits, expires_at) VALUES ($1, 0, 0, $2) \
         ON CONFLICT (subject, slice) DO UPDATE SET expires_at = excluded.expires_at",
        params![subject, expires_at],
    )?;
    Ok(())
}

/// How many hits `subject` had in slices that began after `after`, and when the first of them began.
pub fn count(
    tx: &mut Tx<'_>,
    subject: &[u8; 32],
    after: Millis,
) -> Result<(i64, Option<Millis>), DbError> {
    tx.one(
        "SELECT CAST(COALESCE(SUM(hits), 0) AS BIGINT), MIN(slice) FROM limits \
         WHERE subject = $1 AND slice > $2",
        params![subject, after],
    )
}

/// Counts a hit in the slice that began at `slice`.
pub fn add(
    tx: &mut Tx<'_>,
    subject: &[u8; 32],
    slice: Millis,
    expires_at: Millis,
) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO limits (subject, slice, hits, expires_at) VALUES ($1, $2, 1, $3) \
         ON CONFLICT (subject, slice) DO UPDATE SET hits = limits.hits + 1",
        params![subject, slice, expires_at],
    )?;
    Ok(())
}

/// Forgets slices that count no more, `limit` at most.
pub fn purge(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM limits WHERE (subject, slice) IN (\
           SELECT subject, slice FROM limits WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        params![now, limit],
    )
}
