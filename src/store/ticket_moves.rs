//! A ticket moves from one customer to another, with what hangs on it.

use crate::clock::Millis;
use crate::db::{DbError, Tx};
use crate::params;

/// Makes the ticket another customer's.
pub fn set_customer(tx: &mut Tx<'_>, ticket_id: i64, customer_id: i64) -> Result<(), DbError> {
    tx.run("UPDATE tickets SET customer_id = $2 WHERE id = $1", params![ticket_id, customer_id])?;
    Ok(())
}

/// Puts what the ticket is found by among the texts of its new customer.
pub fn move_texts(tx: &mut Tx<'_>, ticket_id: i64, from: i64, to: i64) -> Result<(), DbError> {
    tx.run(
        "UPDATE search_texts SET customer_id = $3 WHERE customer_id = $1 AND ticket_id = $2",
        params![from, ticket_id, to],
    )?;
    Ok(())
}

/// Gives up what waits to be mailed to a customer about a ticket, and forgets what it said. Mails that
/// only let them in stay.
pub fn withdraw_mails(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    customer_id: i64,
    reason: &str,
    now: Millis,
) -> Result<(), DbError> {
    tx.run(
        "UPDATE outbox SET state = 'failed', content = NULL, error = $3, \
           settled_at = COALESCE(settled_at, $4) \
         WHERE ticket_id = $1 AND customer_id = $2 AND content IS NOT NULL AND lane > 0",
        params![ticket_id, customer_id, reason, now],
    )?;
    Ok(())
}

/// The newest mail to a customer about a ticket.
pub fn last_mail(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    customer_id: i64,
) -> Result<Option<i64>, DbError> {
    tx.row(
        "SELECT id FROM outbox WHERE ticket_id = $1 AND customer_id = $2 AND lane > 0 \
         ORDER BY id DESC LIMIT 1",
        params![ticket_id, customer_id],
    )
}

/// Remembers that a ticket was a customer's, or became theirs, and the entry that tells of it.
pub fn insert(
    tx: &mut Tx<'_>,
    customer_id: i64,
    ticket_id: i64,
    entry_id: i64,
) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO ticket_moves (customer_id, ticket_id, entry_id) VALUES ($1, $2, $3) \
         ON CONFLICT (customer_id, ticket_id, entry_id) DO NOTHING",
        params![customer_id, ticket_id, entry_id],
    )?;
    Ok(())
}

/// Tickets after `ticket_id` that a customer gave away or got, with their references.
pub fn of_customer(
    tx: &mut Tx<'_>,
    customer_id: i64,
    ticket_id: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>, DbError> {
    tx.rows(
        "SELECT DISTINCT m.ticket_id, t.reference FROM ticket_moves m \
         JOIN tickets t ON t.id = m.ticket_id WHERE m.customer_id = $1 AND m.ticket_id > $2 \
         ORDER BY m.ticket_id LIMIT $3",
        params![customer_id, ticket_id, limit],
    )
}

/// The entries of a ticket that tell of a customer's moves.
pub fn entries(tx: &mut Tx<'_>, customer_id: i64, ticket_id: i64) -> Result<Vec<i64>, DbError> {
    tx.rows(
        "SELECT entry_id FROM ticket_moves WHERE customer_id = $1 AND ticket_id = $2 \
         ORDER BY entry_id",
        params![customer_id, ticket_id],
    )
}
