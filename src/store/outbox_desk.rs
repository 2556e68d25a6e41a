//! What operators see of the outbox and do with it: mails by their state, whoever they are for.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::email::Email;
use crate::domain::outbox::{MailState, StoredMail, TicketMail};
use crate::params;

const COLUMNS: &str = "o.id, o.lane, o.kind, o.recipient, t.reference, o.state, o.created_at, o.due_at, \
     o.settled_at, o.attempt, o.error, o.content IS NOT NULL";
const TABLES: &str = "outbox o LEFT JOIN tickets t ON t.id = o.ticket_id";

impl FromRow for StoredMail {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let state: String = row.get(5)?;
        let reference: Option<String> = row.get(4)?;
        Ok(Self {
            id: row.get(0)?,
            is_sign_in: row.get::<i64>(1)? == 0,
            kind: row.get(2)?,
            recipient: Email::from_store(row.get(3)?),
            reference: reference.as_deref().map(super::tickets::reference).transpose()?,
            state: MailState::parse(&state)
                .ok_or_else(|| super::unknown("outbox.state", &state))?,
            created_at: row.get(6)?,
            due_at: row.get(7)?,
            settled_at: row.get(8)?,
            attempts: row.get(9)?,
            error: row.get(10)?,
            has_text: row.get(11)?,
        })
    }
}

/// Mails in a state, the newest first, before `before`.
pub fn list(
    tx: &mut Tx<'_>,
    state: MailState,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<StoredMail>, DbError> {
    tx.rows(
        &format!(
            "SELECT {COLUMNS} FROM {TABLES} WHERE o.state = $1 AND o.id < $2 \
             ORDER BY o.id DESC LIMIT $3"
        ),
        params![state.as_str(), before.unwrap_or(i64::MAX), limit],
    )
}

impl FromRow for TicketMail {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self { mail: StoredMail::from_row(row)?, opened_at: row.get(12)? })
    }
}

/// The mails about a ticket, the newest first, each with when the link in it was last used.
pub fn of_ticket(tx: &mut Tx<'_>, ticket_id: i64, limit: i64) -> Result<Vec<TicketMail>, DbError> {
    tx.rows(
        &format!(
            "SELECT {COLUMNS}, l.last_used_at FROM {TABLES} LEFT JOIN links l ON l.id = o.link_id \
             WHERE o.ticket_id = $1 ORDER BY o.id DESC LIMIT $2"
        ),
        params![ticket_id, limit],
    )
}

/// The mails for a customer, the newest first, before `before`.
pub fn of_customer(
    tx: &mut Tx<'_>,
    customer_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<TicketMail>, DbError> {
    tx.rows(
        &format!(
            "SELECT {COLUMNS}, l.last_used_at FROM {TABLES} LEFT JOIN links l ON l.id = o.link_id \
             WHERE o.customer_id = $1 AND o.id < $2 ORDER BY o.id DESC LIMIT $3"
        ),
        params![customer_id, before.unwrap_or(i64::MAX), limit],
    )
}

/// One mail.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<StoredMail>, DbError> {
    tx.row(&format!("SELECT {COLUMNS} FROM {TABLES} WHERE o.id = $1"), params![id])
}

/// Queues a mail again that is held or failed and whose text is there. `false` if it is not, or
/// not any more.
pub fn retry(tx: &mut Tx<'_>, id: i64, now: Millis, give_up_at: Millis) -> Result<bool, DbError> {
    let changed = tx.run(
        "UPDATE outbox SET state = 'queued', due_at = $2, give_up_at = $3, failures = 0, \
           settled_at = NULL, error = NULL \
         WHERE id = $1 AND state IN ('held', 'failed') AND content IS NOT NULL",
        params![id, now, give_up_at],
    )?;
    Ok(changed == 1)
}

/// Queues again up to `limit` mails that failed and whose text is there; a sign-in mail is not sent late.
/// Returns how many.
pub fn retry_failed(
    tx: &mut Tx<'_>,
    now: Millis,
    give_up_at: Millis,
    limit: i64,
) -> Result<u64, DbError> {
    tx.run(
        "UPDATE outbox SET state = 'queued', due_at = $1, give_up_at = $2, failures = 0, \
           settled_at = NULL, error = NULL \
         WHERE state = 'failed' AND id IN (\
           SELECT id FROM outbox WHERE state = 'failed' AND content IS NOT NULL AND lane > 0 \
           ORDER BY settled_at, id LIMIT $3)",
        params![now, give_up_at, limit],
    )
}

/// Gives up a mail that is held or queued. `false` if it is not, or not any more.
pub fn give_up(tx: &mut Tx<'_>, id: i64, reason: &str, now: Millis) -> Result<bool, DbError> {
    let changed = tx.run(
        "UPDATE outbox SET state = 'failed', settled_at = $2, error = $3 \
         WHERE id = $1 AND state IN ('held', 'queued')",
        params![id, now, reason],
    )?;
    Ok(changed == 1)
}

/// Gives up every mail that is held. Returns how many.
pub fn give_up_held(tx: &mut Tx<'_>, reason: &str, now: Millis) -> Result<u64, DbError> {
    tx.run(
        "UPDATE outbox SET state = 'failed', settled_at = $1, error = $2 WHERE state = 'held'",
        params![now, reason],
    )
}

/// Holds every mail that is queued. Returns how many.
pub fn hold_queued(tx: &mut Tx<'_>, reason: &str) -> Result<u64, DbError> {
    tx.run("UPDATE outbox SET state = 'held', error = $1 WHERE state = 'queued'", params![reason])
}

/// Forgets what mails said that failed before `before`, `limit` at most.
pub fn forget_texts(tx: &mut Tx<'_>, before: Millis, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "UPDATE outbox SET content = NULL WHERE id IN (\
           SELECT id FROM outbox WHERE state = 'failed' AND content IS NOT NULL AND settled_at < $1 \
           ORDER BY settled_at LIMIT $2)",
        params![before, limit],
    )
}
