//! Rows of sign-ins with OpenID Connect that have begun.

use crate::clock::Millis;
use crate::db::{DbError, Tx};
use crate::ids::TokenHash;
use crate::params;

/// Keeps the hash of what the browser holds, and where to go then.
pub fn insert(
    tx: &mut Tx<'_>,
    secret: TokenHash,
    next_path: &str,
    expires_at: Millis,
) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO oidc_sign_ins (hash, next_path, expires_at) VALUES ($1, $2, $3)",
        params![&secret.0, next_path, expires_at],
    )?;
    Ok(())
}

/// Takes one away, so that it ends once: where to go then, and until when it works.
pub fn take(tx: &mut Tx<'_>, secret: TokenHash) -> Result<Option<(String, Millis)>, DbError> {
    tx.row(
        "DELETE FROM oidc_sign_ins WHERE hash = $1 RETURNING next_path, expires_at",
        params![&secret.0],
    )
}

/// Forgets those whose time is over, `limit` at most.
pub fn purge(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM oidc_sign_ins WHERE hash IN (\
           SELECT hash FROM oidc_sign_ins WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        params![now, limit],
    )
}

/// Forgets every one.
pub fn forget_all(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.run("DELETE FROM oidc_sign_ins", params![])?;
    Ok(())
}
