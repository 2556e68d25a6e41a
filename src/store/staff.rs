//! Rows of staff.

use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::email::Email;
use crate::domain::staff::{Role, Staff};
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

/// One by id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Staff>, DbError> {
    tx.row("SELECT id, email, name, role, active, created_at FROM staff WHERE id = $1", params![id])
}

/// Everybody, in the order in which they were added.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Staff>, DbError> {
    tx.rows("SELECT id, email, name, role, active, created_at FROM staff ORDER BY id", params![])
}

/// Lets one in or keeps one out.
pub fn set_active(tx: &mut Tx<'_>, id: i64, active: bool) -> Result<(), DbError> {
    tx.run("UPDATE staff SET active = $2 WHERE id = $1", params![id, active])?;
    Ok(())
}
