//! Folded text to search in, kept together by customer.

use crate::db::{DbError, Tx};
use crate::params;

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
