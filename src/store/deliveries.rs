//! Rows of events on their way to webhooks.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::webhooks::{Delivery, DeliveryState};
use crate::params;

const COLUMNS: &str = "id, event_number, message_id, state, created_at, due_at, give_up_at, failures, \
     settled_at, status, error";

impl FromRow for Delivery {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let state: String = row.get(3)?;
        Ok(Self {
            id: row.get(0)?,
            event_number: row.get(1)?,
            message_id: row.get(2)?,
            state: DeliveryState::parse(&state)
                .ok_or_else(|| super::unknown("deliveries.state", &state))?,
            created_at: row.get(4)?,
            due_at: row.get(5)?,
            give_up_at: row.get(6)?,
            failures: row.get(7)?,
            settled_at: row.get(8)?,
            status: row.get(9)?,
            error: row.get(10)?,
        })
    }
}

/// Adds a row.
pub fn insert(tx: &mut Tx<'_>, webhook_id: i64, delivery: &Delivery) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO deliveries (id, webhook_id, event_number, message_id, state, created_at, due_at, \
           give_up_at, failures) VALUES ($1, $2, $3, $4, 'queued', $5, $6, $7, 0)",
        params![
            delivery.id,
            webhook_id,
            delivery.event_number,
            &delivery.message_id,
            delivery.created_at,
            delivery.due_at,
            delivery.give_up_at
        ],
    )?;
    Ok(())
}

/// Deliveries to a webhook that are due, the longest first.
pub fn due(
    tx: &mut Tx<'_>,
    webhook_id: i64,
    now: Millis,
    limit: i64,
) -> Result<Vec<Delivery>, DbError> {
    tx.rows(
        &format!(
            "SELECT {COLUMNS} FROM deliveries WHERE webhook_id = $1 AND state = 'queued' \
             AND due_at <= $2 ORDER BY due_at, id LIMIT $3"
        ),
        params![webhook_id, now, limit],
    )
}

/// Deliveries to a webhook before `before`, the newest first.
pub fn list(
    tx: &mut Tx<'_>,
    webhook_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Delivery>, DbError> {
    tx.rows(
        &format!(
            "SELECT {COLUMNS} FROM deliveries WHERE webhook_id = $1 AND id < $2 \
             ORDER BY id DESC LIMIT $3"
        ),
        params![webhook_id, before.unwrap_or(i64::MAX), limit],
    )
}

/// One delivery to a webhook.
pub fn find(tx: &mut Tx<'_>, webhook_id: i64, id: i64) -> Result<Option<Delivery>, DbError> {
    tx.row(
        &format!("SELECT {COLUMNS} FROM deliveries WHERE webhook_id = $1 AND id = $2"),
        params![webhook_id, id],
    )
}

/// Writes how an attempt ended, unless it was settled before.
pub fn settle(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<(), DbError> {
    tx.run(
        "UPDATE deliveries SET state = $2, due_at = $3, failures = $4, settled_at = $5, status = $6, \
           error = $7 WHERE id = $1 AND state = 'queued'",
        params![
            delivery.id,
            delivery.state.as_str(),
            delivery.due_at,
            delivery.failures,
            delivery.settled_at,
            delivery.status,
            &delivery.error
        ],
    )?;
    Ok(())
}

/// Queues a delivery again.
pub fn put_back(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<(), DbError> {
    tx.run(
        "UPDATE deliveries SET state = 'queued', due_at = $2, give_up_at = $3, settled_at = NULL \
         WHERE id = $1",
        params![delivery.id, delivery.due_at, delivery.give_up_at],
    )?;
    Ok(())
}

/// Removes every delivery to a webhook.
pub fn delete_of(tx: &mut Tx<'_>, webhook_id: i64) -> Result<(), DbError> {
    tx.run("DELETE FROM deliveries WHERE webhook_id = $1", params![webhook_id])?;
    Ok(())
}

/// Forgets deliveries that were settled before `before`, `limit` at most.
pub fn purge(tx: &mut Tx<'_>, before: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM deliveries WHERE id IN (\
           SELECT id FROM deliveries WHERE settled_at < $1 ORDER BY settled_at LIMIT $2)",
        params![before, limit],
    )
}
