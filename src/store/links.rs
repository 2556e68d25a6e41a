//! Rows of links: hashes of tokens, never tokens.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::email::Email;
use crate::domain::links::{CustomerLink, Link, Reason};
use crate::ids::TokenHash;
use crate::params;

const COLUMNS: &str = "l.id, l.customer_id, l.ticket_id, l.reason, l.issued_at, l.expires_at, \
     l.last_used_at, l.use_count, l.revoked_at, l.revoked_by, l.issued_by";

impl FromRow for Link {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let reason: String = row.get(3)?;
        Ok(Self {
            id: row.get(0)?,
            customer_id: row.get(1)?,
            ticket_id: row.get(2)?,
            reason: Reason::parse(&reason)
                .ok_or_else(|| super::unknown("links.reason", &reason))?,
            issued_at: row.get(4)?,
            expires_at: row.get(5)?,
            last_used_at: row.get(6)?,
            use_count: row.get(7)?,
            revoked_at: row.get(8)?,
            revoked_by: row.get(9)?,
            issued_by: row.get(10)?,
        })
    }
}

impl FromRow for CustomerLink {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let reference: Option<String> = row.get(11)?;
        let reference = reference.as_deref().map(super::tickets::reference).transpose()?;
        Ok(Self { link: Link::from_row(row)?, reference })
    }
}

/// What decides whether a token opens the portal, in one row.
pub struct Opening {
    /// The link.
    pub link_id: i64,
    /// Until when it works.
    pub expires_at: Millis,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether it was noticed before that its time is over.
    pub ended: bool,
    /// Whose it is.
    pub customer_id: i64,
    /// Their address.
    pub email: Email,
    /// Their name.
    pub name: String,
    /// Whether they may come in at all.
    pub active: bool,
    /// Another one when what is theirs has changed.
    pub stamp: i64,
}

impl FromRow for Opening {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            link_id: row.get(0)?,
            expires_at: row.get(1)?,
            revoked: row.get::<Option<Millis>>(2)?.is_some(),
            customer_id: row.get(3)?,
            email: Email::from_store(row.get(4)?),
            name: row.get(5)?,
            active: row.get(6)?,
            ended: row.get::<Option<Millis>>(7)?.is_some(),
            stamp: row.get(8)?,
        })
    }
}

/// Adds a row.
pub fn insert(tx: &mut Tx<'_>, link: &Link, hash: TokenHash) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO links (id, token_hash, customer_id, ticket_id, reason, issued_at, expires_at, use_count, \
           issued_by) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)",
        params![
            link.id,
            &hash.0,
            link.customer_id,
            link.ticket_id,
            link.reason.as_str(),
            link.issued_at,
            link.expires_at,
            link.issued_by.as_deref()
        ],
    )?;
    Ok(())
}

/// The link with exactly this hash, and its customer.
pub fn find_opening(tx: &mut Tx<'_>, hash: TokenHash) -> Result<Option<Opening>, DbError> {
    tx.row(
        "SELECT l.id, l.expires_at, l.revoked_at, c.id, c.email, c.name, c.active, l.ended_at, c.stamp \
         FROM links l JOIN customers c ON c.id = l.customer_id WHERE l.token_hash = $1",
        params![&hash.0],
    )
}

/// A customer's links, the newest first, before `before`.
pub fn of_customer(
    tx: &mut Tx<'_>,
    customer_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Link>, DbError> {
    tx.rows(
        &format!(
            "SELECT {COLUMNS} FROM links l WHERE l.customer_id = $1 AND l.id < $2 \
             ORDER BY l.id DESC LIMIT $3"
        ),
        params![customer_id, before.unwrap_or(i64::MAX), limit],
    )
}

/// The same, each with the reference of the ticket it leads to.
pub fn of_customer_with_tickets(
    tx: &mut Tx<'_>,
    customer_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<CustomerLink>, DbError> {
    tx.rows(
        &format!(
            "SELECT {COLUMNS}, t.reference FROM links l LEFT JOIN tickets t ON t.id = l.ticket_id \
             WHERE l.customer_id = $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3"
        ),
        params![customer_id, before.unwrap_or(i64::MAX), limit],
    )
}

/// Revokes one link of a customer. `false` if they have no such link; one that was revoked before
/// keeps who did it first.
pub fn revoke(
    tx: &mut Tx<'_>,
    customer_id: i64,
    id: i64,
    by: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let changed = tx.run(
        "UPDATE links SET revoked_by = COALESCE(revoked_by, $3), revoked_at = COALESCE(revoked_at, $4) \
         WHERE customer_id = $1 AND id = $2",
        params![customer_id, id, by, now],
    )?;
    Ok(changed == 1)
}

/// Revokes every link of a customer that still works. Returns how many.
pub fn revoke_all(
    tx: &mut Tx<'_>,
    customer_id: i64,
    by: &str,
    now: Millis,
) -> Result<u64, DbError> {
    tx.run(
        "UPDATE links SET revoked_by = $2, revoked_at = $3 \
         WHERE customer_id = $1 AND revoked_at IS NULL AND expires_at > $3",
        params![customer_id, by, now],
    )
}

/// Revokes every link that still works, whoever's it is. Returns how many.
pub fn revoke_everybodys(tx: &mut Tx<'_>, by: &str, now: Millis) -> Result<u64, DbError> {
    tx.run(
        "UPDATE links SET revoked_by = $1, revoked_at = $2 \
         WHERE revoked_at IS NULL AND expires_at > $2",
        params![by, now],
    )
}

/// Adds uses that were counted in memory.
pub fn add_uses(tx: &mut Tx<'_>, id: i64, uses: i64, last: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE links SET use_count = use_count + $2, last_used_at = CASE WHEN last_used_at > $3 THEN last_used_at ELSE $3 END WHERE id = $1",
        params![id, uses, last],
    )?;
    Ok(())
}

/// Notes of links whose time is over by `now` that it is, `limit` at most. Returns how many.
pub fn end_expired(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "UPDATE links SET ended_at = $1 WHERE id IN (\
           SELECT id FROM links WHERE ended_at IS NULL AND expires_at <= $1 \
           ORDER BY expires_at LIMIT $2)",
        params![now, limit],
    )
}

/// Forgets links that expired before `before`, `limit` at most.
pub fn purge(tx: &mut Tx<'_>, before: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM links WHERE id IN (\
           SELECT id FROM links WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        params![before, limit],
    )
}

/// Links that were ended since then, `limit` at most.
pub fn revoked_since(tx: &mut Tx<'_>, since: Millis, limit: i64) -> Result<Vec<i64>, DbError> {
    tx.rows(
        "SELECT id FROM links WHERE revoked_at >= $1 ORDER BY revoked_at, id LIMIT $2",
        params![since, limit],
    )
}
