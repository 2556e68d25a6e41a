//! Rows of passkeys, and of the challenges that browsers answer with them.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::passkeys::{Held, Passkey};
use crate::domain::webauthn::Created;
use crate::params;

impl FromRow for Passkey {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            credential_id: row.get(2)?,
            created_at: row.get(3)?,
            last_used_at: row.get(4)?,
        })
    }
}

impl FromRow for Held {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get(0)?,
            staff_id: row.get(1)?,
            public_key: row.get(2)?,
            counter: row.get(3)?,
        })
    }
}

/// Adds a passkey.
pub fn insert(
    tx: &mut Tx<'_>,
    id: i64,
    staff_id: i64,
    name: &str,
    created: &Created,
    now: Millis,
) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO passkeys (id, staff_id, credential_id, public_key, counter, name, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            id,
            staff_id,
            created.credential_id.as_slice(),
            created.public_key.as_slice(),
            i64::from(created.counter),
            name,
            now
        ],
    )?;
    Ok(())
}

/// Somebody's passkeys, the oldest first.
pub fn of_staff(tx: &mut Tx<'_>, staff_id: i64) -> Result<Vec<Passkey>, DbError> {
    tx.rows(
        "SELECT id, name, credential_id, created_at, last_used_at FROM passkeys \
         WHERE staff_id = $1 ORDER BY id",
        params![staff_id],
    )
}

/// The passkey with this id.
pub fn find(tx: &mut Tx<'_>, credential_id: &[u8]) -> Result<Option<Held>, DbError> {
    tx.row(
        "SELECT id, staff_id, public_key, counter FROM passkeys WHERE credential_id = $1",
        params![credential_id],
    )
}

/// The same, and holds it, so that its counter is compared one by one.
pub fn take(tx: &mut Tx<'_>, credential_id: &[u8]) -> Result<Option<Held>, DbError> {
    let lock = tx.dialect().for_update();
    tx.row(
        &format!(
            "SELECT id, staff_id, public_key, counter FROM passkeys WHERE credential_id = $1{lock}"
        ),
        params![credential_id],
    )
}

/// Notes that somebody signed in with it, and its counter.
pub fn set_used(tx: &mut Tx<'_>, id: i64, counter: i64, now: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE passkeys SET counter = $2, last_used_at = $3 WHERE id = $1",
        params![id, counter, now],
    )?;
    Ok(())
}

/// Removes one of somebody's passkeys. `false` if they have no such one.
pub fn delete(tx: &mut Tx<'_>, staff_id: i64, id: i64) -> Result<bool, DbError> {
    let rows =
        tx.run("DELETE FROM passkeys WHERE id = $1 AND staff_id = $2", params![id, staff_id])?;
    Ok(rows > 0)
}

/// Removes all of somebody's passkeys. Returns how many there were.
pub fn delete_all(tx: &mut Tx<'_>, staff_id: i64) -> Result<u64, DbError> {
    tx.run("DELETE FROM passkeys WHERE staff_id = $1", params![staff_id])
}

/// Keeps the hash of a challenge, and who may answer it; nobody for signing in.
pub fn insert_challenge(
    tx: &mut Tx<'_>,
    hash: &[u8; 32],
    staff_id: Option<i64>,
    expires_at: Millis,
) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO passkey_challenges (hash, staff_id, expires_at) VALUES ($1, $2, $3)",
        params![hash, staff_id, expires_at],
    )?;
    Ok(())
}

/// Takes a challenge away, so that it is answered once: who may answer it, and until when.
pub fn take_challenge(
    tx: &mut Tx<'_>,
    hash: &[u8; 32],
) -> Result<Option<(Option<i64>, Millis)>, DbError> {
    tx.row(
        "DELETE FROM passkey_challenges WHERE hash = $1 RETURNING staff_id, expires_at",
        params![hash],
    )
}

/// Forgets challenges whose time is over, `limit` at most.
pub fn purge_challenges(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM passkey_challenges WHERE hash IN (\
           SELECT hash FROM passkey_challenges WHERE expires_at < $1 \
           ORDER BY expires_at LIMIT $2)",
        params![now, limit],
    )
}

/// Forgets every challenge.
pub fn forget_challenges(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.run("DELETE FROM passkey_challenges", params![])?;
    Ok(())
}
