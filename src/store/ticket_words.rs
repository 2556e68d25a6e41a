//! The words that tickets are found by, for staff alone, and the full-text index over them.

use crate::db::{DbError, Tx, Value};
use crate::params;

/// The words of a ticket.
pub fn find(tx: &mut Tx<'_>, ticket_id: i64) -> Result<Option<String>, DbError> {
    tx.row("SELECT words FROM ticket_words WHERE ticket_id = $1", params![ticket_id])
}

/// Keeps the words of a ticket in place of those it had.
pub fn put(tx: &mut Tx<'_>, ticket_id: i64, words: &str) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO ticket_words (ticket_id, words) VALUES ($1, $2) \
         ON CONFLICT (ticket_id) DO UPDATE SET words = excluded.words \
         WHERE ticket_words.words <> excluded.words",
        params![ticket_id, words],
    )?;
    Ok(())
}

/// The folded texts of a ticket and its entries, internal ones included.
pub fn texts(tx: &mut Tx<'_>, customer_id: i64, ticket_id: i64) -> Result<Vec<String>, DbError> {
    tx.rows(
        "SELECT text FROM search_texts WHERE customer_id = $1 AND ticket_id = $2 ORDER BY entry_id",
        params![customer_id, ticket_id],
    )
}

/// The oldest of the `count` newest tickets before `before`; none if there is none.
pub fn window(tx: &mut Tx<'_>, before: i64, count: i64) -> Result<Option<i64>, DbError> {
    tx.one(
        "SELECT min(ticket_id) FROM (SELECT ticket_id FROM ticket_words WHERE ticket_id < $1 \
           ORDER BY ticket_id DESC LIMIT $2) AS newest",
        params![before, count],
    )
}

/// Tickets from `from` on and before `before` whose words fit every one of `patterns`, the newest
/// first. Looks at each ticket between the two.
pub fn holding(
    tx: &mut Tx<'_>,
    patterns: &[String],
    from: i64,
    before: i64,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let mut values: Vec<Value<'_>> = vec![from.into(), before.into(), limit.into()];
    let mut sql =
        String::from("SELECT ticket_id FROM ticket_words WHERE ticket_id >= $1 AND ticket_id < $2");
    push_patterns(&mut sql, &mut values, patterns);
    sql.push_str(" ORDER BY ticket_id DESC LIMIT $3");
    tx.rows(&sql, &values)
}

/// Those of `ids` whose words fit every one of `patterns`, the newest first.
pub fn among(tx: &mut Tx<'_>, ids: &[i64], patterns: &[String]) -> Result<Vec<i64>, DbError> {
    let (places, mut values) = super::places(ids);
    let mut sql = format!("SELECT ticket_id FROM ticket_words WHERE ticket_id IN ({places})");
    push_patterns(&mut sql, &mut values, patterns);
    sql.push_str(" ORDER BY ticket_id DESC");
    tx.rows(&sql, &values)
}

fn push_patterns<'a>(sql: &mut String, values: &mut Vec<Value<'a>>, patterns: &'a [String]) {
    for pattern in patterns {
        values.push(pattern.into());
        sql.push_str(&format!(" AND words LIKE ${} ESCAPE '\\'", values.len()));
    }
}

/// Tickets before `before` that the full-text index finds for these words, some of them the
/// beginning of one; the newest first.
pub fn hits<'a>(
    tx: &mut Tx<'_>,
    words: impl Iterator<Item = (&'a str, bool)>,
    before: i64,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let dialect = tx.dialect();
    let asked = dialect.search_for(words);
    tx.rows(dialect.search_hits(), params![&asked, before, limit])
}

/// Notes that a customer is called otherwise, so that the words of their tickets are looked at.
pub fn rename(tx: &mut Tx<'_>, customer_id: i64) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO renamed_customers (customer_id, done_until) VALUES ($1, 0) \
         ON CONFLICT (customer_id) DO UPDATE SET done_until = 0",
        params![customer_id],
    )?;
    Ok(())
}

/// A customer who was renamed, and the last of their tickets that has followed. Nobody else gets
/// the same until the transaction ends.
pub fn take_renamed(tx: &mut Tx<'_>) -> Result<Option<(i64, i64)>, DbError> {
    let lock = tx.dialect().skip_locked();
    tx.row(
        &format!(
            "SELECT customer_id, done_until FROM renamed_customers ORDER BY customer_id LIMIT 1{lock}"
        ),
        params![],
    )
}

/// The customer's tickets after `after`, by reference, those added first.
pub fn tickets_after(
    tx: &mut Tx<'_>,
    customer_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>, DbError> {
    tx.rows(
        "SELECT x.ticket_id, t.reference FROM search_texts x JOIN tickets t ON t.id = x.ticket_id \
         WHERE x.customer_id = $1 AND x.ticket_id > $2 AND x.entry_id = 0 \
         ORDER BY x.ticket_id LIMIT $3",
        params![customer_id, after, limit],
    )
}

/// Notes that the renamed customer's tickets have followed up to this one.
pub fn set_done(tx: &mut Tx<'_>, customer_id: i64, until: i64) -> Result<(), DbError> {
    tx.run(
        "UPDATE renamed_customers SET done_until = $2 WHERE customer_id = $1",
        params![customer_id, until],
    )?;
    Ok(())
}

/// Notes that all tickets of the renamed customer have followed.
pub fn forget_renamed(tx: &mut Tx<'_>, customer_id: i64) -> Result<(), DbError> {
    tx.run("DELETE FROM renamed_customers WHERE customer_id = $1", params![customer_id])?;
    Ok(())
}
