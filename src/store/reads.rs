//! When customers last opened their tickets.

use crate::clock::Millis;
use crate::db::{DbError, Tx};
use crate::params;

/// When its customer last opened a ticket.
pub fn find(tx: &mut Tx<'_>, customer_id: i64, ticket_id: i64) -> Result<Option<Millis>, DbError> {
    tx.row(
        "SELECT read_at FROM ticket_reads WHERE customer_id = $1 AND ticket_id = $2",
        params![customer_id, ticket_id],
    )
}

/// Forgets when a customer opened a ticket.
pub fn forget(tx: &mut Tx<'_>, customer_id: i64, ticket_id: i64) -> Result<(), DbError> {
    tx.run(
        "DELETE FROM ticket_reads WHERE customer_id = $1 AND ticket_id = $2",
        params![customer_id, ticket_id],
    )?;
    Ok(())
}

/// Notes that a ticket was opened; an earlier time never replaces a later one.
pub fn put(tx: &mut Tx<'_>, customer_id: i64, ticket_id: i64, at: Millis) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO ticket_reads (customer_id, ticket_id, read_at) VALUES ($1, $2, $3) \
         ON CONFLICT (customer_id, ticket_id) DO UPDATE SET read_at = excluded.read_at \
         WHERE ticket_reads.read_at < excluded.read_at",
        params![customer_id, ticket_id, at],
    )?;
    Ok(())
}
