//! Rows of who is at which ticket, as each process last said.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::presence::{Present, Seat};
use crate::params;

impl FromRow for Present {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            ticket_id: row.get(0)?,
            staff_id: row.get(1)?,
            name: row.get(2)?,
            writing: row.get::<i64>(3)? > 0,
        })
    }
}

/// Says of one person at one ticket what a process knows.
pub fn put(tx: &mut Tx<'_>, process_id: i64, seat: &Seat) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO presences (ticket_id, staff_id, process_id, writing_until, expires_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (ticket_id, staff_id, process_id) \
         DO UPDATE SET writing_until = excluded.writing_until, expires_at = excluded.expires_at",
        params![seat.ticket_id, seat.staff_id, process_id, seat.writing_until, seat.until],
    )?;
    Ok(())
}

/// Takes back what a process said of them.
pub fn remove(
    tx: &mut Tx<'_>,
    process_id: i64,
    ticket_id: i64,
    staff_id: i64,
) -> Result<(), DbError> {
    tx.run(
        "DELETE FROM presences WHERE ticket_id = $1 AND staff_id = $2 AND process_id = $3",
        params![ticket_id, staff_id, process_id],
    )?;
    Ok(())
}

/// Who is at any ticket at `now`, each once, by ticket and then in the order of their accounts.
pub fn list(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<Vec<Present>, DbError> {
    tx.rows(
        "SELECT p.ticket_id, p.staff_id, s.name, MAX(CASE WHEN p.writing_until > $1 THEN 1 ELSE 0 END) \
         FROM presences p JOIN staff s ON s.id = p.staff_id WHERE p.expires_at > $1 \
         GROUP BY p.ticket_id, p.staff_id, s.name ORDER BY p.ticket_id, p.staff_id LIMIT $2",
        params![now, limit],
    )
}

/// Who is at this ticket at `now`, each once.
pub fn of_ticket(tx: &mut Tx<'_>, ticket_id: i64, now: Millis) -> Result<Vec<Present>, DbError> {
    tx.rows(
        "SELECT p.ticket_id, p.staff_id, s.name, MAX(CASE WHEN p.writing_until > $2 THEN 1 ELSE 0 END) \
         FROM presences p JOIN staff s ON s.id = p.staff_id \
         WHERE p.ticket_id = $1 AND p.expires_at > $2 \
         GROUP BY p.ticket_id, p.staff_id, s.name ORDER BY p.staff_id",
        params![ticket_id, now],
    )
}

/// Forgets rows that lapsed by `now`, `limit` at most.
pub fn purge(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM presences WHERE (ticket_id, staff_id, process_id) IN (\
           SELECT ticket_id, staff_id, process_id FROM presences WHERE expires_at <= $1 \
           ORDER BY expires_at LIMIT $2)",
        params![now, limit],
    )
}
