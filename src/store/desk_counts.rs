//! How many tickets there are, as the desk asks for it: stored, never counted when a page is read.
//!
//! A count is the sum of its slots. A writer takes the first slot that no other transaction holds,
//! and makes one of its own if all are taken: nobody ever waits here, however many write at once
//! and however long. There are as many slots as once wrote at the same time.

use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::tickets::Status;
use crate::params;

/// What a ticket is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// How far it is, as [`Status::as_str`] says it.
    pub status: &'static str,
    /// Whether the last word is the customer's.
    pub customer_last: bool,
    /// Who works on it; 0 for nobody.
    pub assignee_id: i64,
}

/// Adds `change` to the tickets in `place`: in a slot that is free, or else in a new one, `slot`.
pub fn add(tx: &mut Tx<'_>, place: &Place, slot: i64, change: i64) -> Result<(), DbError> {
    let Place { status, customer_last, assignee_id } = *place;
    let customer_last = i64::from(customer_last);
    let free = tx.dialect().skip_locked();
    let key = "status = $1 AND customer_last = $2 AND assignee_id = $3";
    let found = tx.run(
        &format!(
            "UPDATE desk_counts SET tickets = tickets + $4 WHERE {key} AND slot = \
             (SELECT slot FROM desk_counts WHERE {key} ORDER BY slot LIMIT 1{free})"
        ),
        params![status, customer_last, assignee_id, change],
    )?;
    if found == 0 {
        tx.run(
            "INSERT INTO desk_counts (status, customer_last, assignee_id, slot, tickets) \
             VALUES ($1, $2, $3, $4, $5)",
            params![status, customer_last, assignee_id, slot, change],
        )?;
    }
    Ok(())
}

/// Adds `change` to the tickets that are resolved since `day`, in the same way.
pub fn add_resolved(tx: &mut Tx<'_>, day: i64, slot: i64, change: i64) -> Result<(), DbError> {
    let free = tx.dialect().skip_locked();
    let found = tx.run(
        &format!(
            "UPDATE resolved_counts SET tickets = tickets + $2 WHERE day = $1 AND slot = \
             (SELECT slot FROM resolved_counts WHERE day = $1 ORDER BY slot LIMIT 1{free})"
        ),
        params![day, change],
    )?;
    if found == 0 {
        tx.run(
            "INSERT INTO resolved_counts (day, slot, tickets) VALUES ($1, $2, $3)",
            params![day, slot, change],
        )?;
    }
    Ok(())
}

/// Tickets of one status that have, or have not, the customer's word last.
pub struct Share {
    /// How far they are.
    pub status: Status,
    /// Whether the last word is the customer's.
    pub customer_last: bool,
    /// Everybody's.
    pub all: i64,
    /// Those assigned to nobody.
    pub unassigned: i64,
    /// Those assigned to who was asked for.
    pub assigned: i64,
}

impl FromRow for Share {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            status: row.word(0, super::tickets::status)?,
            customer_last: row.get::<i64>(1)? == 1,
            all: row.get(2)?,
            unassigned: row.get(3)?,
            assigned: row.get(4)?,
        })
    }
}

/// All counts, with those of `assignee_id` apart. Reads some rows for each member of staff.
pub fn shares(tx: &mut Tx<'_>, assignee_id: i64) -> Result<Vec<Share>, DbError> {
    tx.rows(
        "SELECT status, customer_last, CAST(sum(tickets) AS BIGINT), \
           CAST(sum(CASE WHEN assignee_id = 0 THEN tickets ELSE 0 END) AS BIGINT), \
           CAST(sum(CASE WHEN assignee_id = $1 THEN tickets ELSE 0 END) AS BIGINT) \
         FROM desk_counts GROUP BY status, customer_last ORDER BY status, customer_last",
        params![assignee_id],
    )
}

/// How many tickets are resolved since `day` or a later one.
pub fn resolved_since(tx: &mut Tx<'_>, day: i64) -> Result<i64, DbError> {
    tx.one(
        "SELECT CAST(COALESCE(sum(tickets), 0) AS BIGINT) FROM resolved_counts WHERE day >= $1",
        params![day],
    )
}
