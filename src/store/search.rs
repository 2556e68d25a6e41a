//! Folded text to search in, kept together by customer.

use crate::db::{DbError, Tx};
use crate::params;

/// Writes over the text of an entry, if there is one.
pub fn write_over(
    tx: &mut Tx<'_>,
    customer_id: i64,
    ticket_id: i64,
    entry_id: i64,
    folded: &str,
) -> Result<(), DbError> {
    tx.run(
        "UPDATE search_texts SET text = $4 WHERE customer_id = $1 AND ticket_id = $2 AND entry_id = $3",
        params![customer_id, ticket_id, entry_id, folded],
    )?;
    Ok(())
}

/// Keeps the text of a ticket (`entry_id` 0) or of one of its entries; an older one is replaced.
pub fn put(
    tx: &mut Tx<'_>,
    customer_id: i64,
    ticket_id: i64,
    entry_id: i64,
    is_public: bool,
    folded: &str,
) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO search_texts (customer_id, ticket_id, entry_id, is_public, text) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (customer_id, ticket_id, entry_id) DO UPDATE SET text = excluded.text",
        params![customer_id, ticket_id, entry_id, is_public, folded],
    )?;
    Ok(())
}
