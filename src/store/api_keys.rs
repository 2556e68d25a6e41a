//! Rows of API keys: hashes, never keys.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::api_keys::ApiKey;
use crate::domain::staff::Role;
use crate::ids::TokenHash;
use crate::params;

impl FromRow for ApiKey {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let role: String = row.get(2)?;
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            role: Role::parse(&role).ok_or_else(|| super::unknown("api_keys.role", &role))?,
            created_at: row.get(3)?,
            revoked_at: row.get(4)?,
            last_used_at: row.get(5)?,
        })
    }
}

/// Adds a row, unless a key in use has the name; `name_key` is the name, folded. `false` if so.
pub fn insert(
    tx: &mut Tx<'_>,
    key: &ApiKey,
    name_key: &str,
    hash: TokenHash,
) -> Result<bool, DbError> {
    let added = tx.run(
        "INSERT INTO api_keys (id, name, name_key, role, key_hash, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name_key) WHERE revoked_at IS NULL DO NOTHING",
        params![key.id, &key.name, name_key, key.role.as_str(), &hash.0, key.created_at],
    )?;
    Ok(added == 1)
}

/// The key with this hash, revoked or not.
pub fn find_by_hash(tx: &mut Tx<'_>, hash: TokenHash) -> Result<Option<ApiKey>, DbError> {
    tx.row(
        "SELECT id, name, role, created_at, revoked_at, last_used_at FROM api_keys WHERE key_hash = $1",
        params![&hash.0],
    )
}

/// All of them, oldest first.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<ApiKey>, DbError> {
    tx.rows(
        "SELECT id, name, role, created_at, revoked_at, last_used_at FROM api_keys ORDER BY id",
        params![],
    )
}

/// One by id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<ApiKey>, DbError> {
    tx.row(
        "SELECT id, name, role, created_at, revoked_at, last_used_at FROM api_keys WHERE id = $1",
        params![id],
    )
}

/// Notes that a key was used at `at`.
pub fn set_used(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE api_keys SET last_used_at = $2 \
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        params![id, at],
    )?;
    Ok(())
}

/// Revokes one. `false` if there is none, or it was revoked before.
pub fn revoke(tx: &mut Tx<'_>, id: i64, now: Millis) -> Result<bool, DbError> {
    let changed = tx.run(
        "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        params![id, now],
    )?;
    Ok(changed == 1)
}
