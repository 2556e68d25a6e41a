//! Rows of staff.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::email::Email;
use crate::domain::staff::{Colleague, Role, Staff};
use crate::params;

impl FromRow for Staff {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let role: String = row.get(3)?;
        Ok(Self {
            id: row.get(0)?,
            email: Email::from_store(row.get(1)?),
            name: row.get(2)?,
            role: Role::parse(&role).ok_or_else(|| super::unknown("staff.role", &role))?,
            active: row.get(4)?,
            created_at: row.get(5)?,
        })
    }
}

/// Adds a row. A clash on the address is [`DbError::Unique`].
pub fn insert(tx: &mut Tx<'_>, staff: &Staff) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO staff (id, email, email_key, name, role, active, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            staff.id,
            staff.email.as_str(),
            &staff.email.key(),
            &staff.name,
            staff.role.as_str(),
            staff.active,
            staff.created_at
        ],
    )?;
    Ok(())
}

/// One by address.
pub fn find_by_email(tx: &mut Tx<'_>, email: &Email) -> Result<Option<Staff>, DbError> {
    tx.row(
        "SELECT id, email, name, role, active, created_at FROM staff WHERE email_key = $1",
        params![&email.key()],
    )
}

/// The same, and holds the row: who is being disabled at this moment is not let in.
pub fn take_by_email(tx: &mut Tx<'_>, email: &Email) -> Result<Option<Staff>, DbError> {
    let lock = tx.dialect().for_update();
    tx.row(
        &format!(
            "SELECT id, email, name, role, active, created_at FROM staff WHERE email_key = $1{lock}"
        ),
        params![&email.key()],
    )
}

/// One by id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Staff>, DbError> {
    tx.row("SELECT id, email, name, role, active, created_at FROM staff WHERE id = $1", params![id])
}

/// Everybody, in the order in which they were added.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Staff>, DbError> {
    tx.rows("SELECT id, email, name, role, active, created_at FROM staff ORDER BY id", params![])
}

/// A member of staff and how they come and go, for admins.
impl FromRow for Colleague {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let staff = Staff::from_row(row)?;
        Ok(Self { staff, last_seen: row.get(6)?, sessions: row.get(7)?, passkeys: row.get(8)? })
    }
}

/// Everybody, the active first, by name; sessions count that were used after `idle_since` and whose
/// time is not over at `now`.
pub fn colleagues(
    tx: &mut Tx<'_>,
    idle_since: Millis,
    now: Millis,
) -> Result<Vec<Colleague>, DbError> {
    tx.rows(
        "SELECT f.id, f.email, f.name, f.role, f.active, f.created_at, \
           (SELECT MAX(s.last_used_at) FROM sessions s WHERE s.staff_id = f.id), \
           (SELECT COUNT(*) FROM sessions s WHERE s.staff_id = f.id AND s.revoked_at IS NULL \
             AND s.last_used_at > $1 AND s.expires_at > $2), \
           (SELECT COUNT(*) FROM passkeys p WHERE p.staff_id = f.id) \
         FROM staff f ORDER BY f.active DESC, f.name, f.id",
        params![idle_since, now],
    )
}

/// The active admins, held until the transaction ends, so that two do not disable each other.
pub fn lock_admins(tx: &mut Tx<'_>) -> Result<Vec<i64>, DbError> {
    let lock = tx.dialect().for_update();
    let sql = format!("SELECT id FROM staff WHERE role = 'admin' AND active ORDER BY id{lock}");
    let rows: Vec<(i64,)> = tx.rows(&sql, params![])?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Writes what can be edited.
pub fn update(tx: &mut Tx<'_>, staff: &Staff) -> Result<(), DbError> {
    tx.run(
        "UPDATE staff SET name = $2, role = $3 WHERE id = $1",
        params![staff.id, &staff.name, staff.role.as_str()],
    )?;
    Ok(())
}

/// Lets one in or keeps one out.
pub fn set_active(tx: &mut Tx<'_>, id: i64, active: bool) -> Result<(), DbError> {
    tx.run("UPDATE staff SET active = $2 WHERE id = $1", params![id, active])?;
    Ok(())
}
