//! Rows of staff's sessions.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::email::Email;
use crate::domain::sessions::{Session, SignedIn, Way};
use crate::domain::staff::{Role, Staff};
use crate::ids::TokenHash;
use crate::params;

impl FromRow for Session {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let way: String = row.get(2)?;
        Ok(Self {
            id: row.get(0)?,
            staff_id: row.get(1)?,
            way: Way::parse(&way).ok_or_else(|| super::unknown("sessions.way", &way))?,
            browser: row.get(3)?,
            network: row.get(4)?,
            created_at: row.get(5)?,
            last_used_at: row.get(6)?,
            expires_at: row.get(7)?,
        })
    }
}

impl FromRow for SignedIn {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let session = Session::from_row(row)?;
        let role: String = row.get(10)?;
        let staff = Staff {
            id: session.staff_id,
            email: Email::from_store(row.get(8)?),
            name: row.get(9)?,
            role: Role::parse(&role).ok_or_else(|| super::unknown("staff.role", &role))?,
            active: row.get(11)?,
            created_at: row.get(12)?,
        };
        Ok(Self { session, staff })
    }
}

/// Adds a row.
pub fn insert(tx: &mut Tx<'_>, session: &Session, token: TokenHash) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO sessions (id, token_hash, staff_id, way, browser, network, created_at, \
           last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            session.id,
            &token.0,
            session.staff_id,
            session.way.as_str(),
            &session.browser,
            &session.network,
            session.created_at,
            session.last_used_at,
            session.expires_at
        ],
    )?;
    Ok(())
}

/// The session of this token and who holds it, unless somebody has ended it or its time was over
/// by `now`. One that was last used at `idle_since` or before is over, too.
pub fn find_open(
    tx: &mut Tx<'_>,
    token: TokenHash,
    idle_since: Millis,
    now: Millis,
) -> Result<Option<SignedIn>, DbError> {
    tx.row(
        "SELECT s.id, s.staff_id, s.way, s.browser, s.network, s.created_at, s.last_used_at, \
           s.expires_at, f.email, f.name, f.role, f.active, f.created_at \
         FROM sessions s JOIN staff f ON f.id = s.staff_id \
         WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.last_used_at > $2 \
           AND s.expires_at > $3",
        params![&token.0, idle_since, now],
    )
}

/// The open sessions of one member of staff, the newest first.
pub fn open_of_staff(
    tx: &mut Tx<'_>,
    staff_id: i64,
    idle_since: Millis,
    now: Millis,
) -> Result<Vec<Session>, DbError> {
    tx.rows(
        "SELECT id, staff_id, way, browser, network, created_at, last_used_at, expires_at \
         FROM sessions WHERE staff_id = $1 AND revoked_at IS NULL AND last_used_at > $2 \
           AND expires_at > $3 ORDER BY id DESC",
        params![staff_id, idle_since, now],
    )
}

/// How many sessions of a member of staff are remembered, open or over.
pub fn count_of_staff(tx: &mut Tx<'_>, staff_id: i64) -> Result<i64, DbError> {
    tx.one("SELECT COUNT(*) FROM sessions WHERE staff_id = $1", params![staff_id])
}

/// Notes that a session was in use at `at`.
pub fn set_used(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2",
        params![id, at],
    )?;
    Ok(())
}

/// Ends one session of a member of staff. `false` if they have no such session.
pub fn revoke(tx: &mut Tx<'_>, staff_id: i64, id: i64, now: Millis) -> Result<bool, DbError> {
    let rows = tx.run(
        "UPDATE sessions SET revoked_at = COALESCE(revoked_at, $3) WHERE id = $2 AND staff_id = $1",
        params![staff_id, id, now],
    )?;
    Ok(rows > 0)
}

/// Ends the session of this token, whoever's it is.
pub fn revoke_by_token(tx: &mut Tx<'_>, token: TokenHash, now: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE sessions SET revoked_at = $2 WHERE token_hash = $1 AND revoked_at IS NULL",
        params![&token.0, now],
    )?;
    Ok(())
}

/// Ends every session of a member of staff.
pub fn revoke_all(tx: &mut Tx<'_>, staff_id: i64, now: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE sessions SET revoked_at = $2 WHERE staff_id = $1 AND revoked_at IS NULL",
        params![staff_id, now],
    )?;
    Ok(())
}

/// Ends sessions that were last used at `idle_since` or before, `limit` at most. Returns how many. One that
/// is over by its age is not used any more, and is among them when it was idle for long enough.
pub fn end_idle(
    tx: &mut Tx<'_>,
    idle_since: Millis,
    now: Millis,
    limit: i64,
) -> Result<u64, DbError> {
    tx.run(
        "UPDATE sessions SET revoked_at = $2 WHERE id IN (\
           SELECT id FROM sessions WHERE revoked_at IS NULL AND last_used_at <= $1 \
           ORDER BY last_used_at LIMIT $3)",
        params![idle_since, now, limit],
    )
}

/// Forgets everybody's sessions. Returns how many there were.
pub fn forget_all(tx: &mut Tx<'_>) -> Result<u64, DbError> {
    tx.run("DELETE FROM sessions", params![])
}

/// Forgets sessions whose time was over before `before`, `limit` at most.
pub fn purge(tx: &mut Tx<'_>, before: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM sessions WHERE id IN (\
           SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        params![before, limit],
    )
}

/// Sessions that were ended since then, `limit` at most.
pub fn revoked_since(tx: &mut Tx<'_>, since: Millis, limit: i64) -> Result<Vec<i64>, DbError> {
    tx.rows(
        "SELECT id FROM sessions WHERE revoked_at >= $1 ORDER BY revoked_at, id LIMIT $2",
        params![since, limit],
    )
}
