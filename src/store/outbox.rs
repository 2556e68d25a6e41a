//! Rows of mails to be sent.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::outbox::MailState;
use crate::params;

/// A mail to put into the outbox.
pub struct NewMail<'a> {
    /// The row.
    pub id: i64,
    /// Lower goes first.
    pub lane: i64,
    /// Which mail it is.
    pub kind: &'a str,
    /// To whom.
    pub recipient: &'a str,
    /// To whom, without case.
    pub recipient_key: &'a str,
    /// The customer it is for.
    pub customer_id: Option<i64>,
    /// The ticket it is about.
    pub ticket_id: Option<i64>,
    /// The link request it answers.
    pub request_id: Option<i64>,
    /// Its Message-ID, the same over all attempts.
    pub message_id: &'a str,
    /// What to say, as JSON.
    pub content: &'a str,
    /// When it was put here, and is due.
    pub now: Millis,
    /// When it is given up.
    pub give_up_at: Millis,
}

/// A mail that was claimed for an attempt.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The row.
    pub id: i64,
    /// The attempt this claim is; whoever settles must name it.
    pub attempt: i64,
    /// Which mail it is.
    pub kind: String,
    /// To whom.
    pub recipient: String,
    /// The customer it is for.
    pub customer_id: Option<i64>,
    /// The ticket it is about.
    pub ticket_id: Option<i64>,
    /// The link request it answers.
    pub request_id: Option<i64>,
    /// Its Message-ID.
    pub message_id: String,
    /// What to say, as JSON.
    pub content: String,
    /// When it was put here.
    pub created_at: Millis,
    /// When it is given up.
    pub give_up_at: Millis,
    /// How many attempts failed by the mail server's doing.
    pub failures: i64,
    /// The HTTP request that led to it, as the log has it.
    pub cause: Option<String>,
}

impl FromRow for Claimed {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get(0)?,
            attempt: row.get(1)?,
            kind: row.get(2)?,
            recipient: row.get(3)?,
            customer_id: row.get(4)?,
            ticket_id: row.get(5)?,
            request_id: row.get(6)?,
            message_id: row.get(7)?,
            content: row.get(8)?,
            created_at: row.get(9)?,
            give_up_at: row.get(10)?,
            failures: row.get(11)?,
            cause: row.get(12)?,
        })
    }
}

/// Puts a mail into the outbox.
pub fn insert(tx: &mut Tx<'_>, mail: &NewMail<'_>) -> Result<(), DbError> {
    let cause = tx.cause();
    tx.run(
        "INSERT INTO outbox (id, lane, kind, recipient, recipient_key, customer_id, ticket_id, request_id, \
           message_id, content, state, created_at, due_at, give_up_at, attempt, failures, cause) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', $11, $11, $12, 0, 0, $13)",
        params![
            mail.id,
            mail.lane,
            mail.kind,
            mail.recipient,
            mail.recipient_key,
            mail.customer_id,
            mail.ticket_id,
            mail.request_id,
            mail.message_id,
            mail.content,
            mail.now,
            mail.give_up_at,
            cause.as_deref()
        ],
    )?;
    Ok(())
}

/// How many due mails one transaction looks at. Behind a recipient whose mail server is away there
/// may be any number; they step aside that many at a time.
const WINDOW: &str = "SELECT id FROM outbox WHERE state = 'queued' AND lane = $1 AND due_at <= $2 \
     ORDER BY due_at, id LIMIT 50";

/// Claims the next mail of `lane` that is due, until `lease_until`. One waits while an earlier one
/// to the same person in the same lane is not settled, so that order is kept. `None` if all that
/// were looked at wait so: see [`step_aside`].
pub fn claim(
    tx: &mut Tx<'_>,
    lane: i64,
    now: Millis,
    lease_until: Millis,
) -> Result<Option<Claimed>, DbError> {
    let lock = tx.dialect().skip_locked();
    tx.row(
        &format!(
            "UPDATE outbox SET due_at = $3, attempt = attempt + 1 WHERE id = (\
               SELECT o.id FROM outbox o WHERE o.id IN ({WINDOW}) \
                 AND o.state = 'queued' AND o.lane = $1 AND o.due_at <= $2 \
                 AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.state = 'queued' \
                   AND e.recipient_key = o.recipient_key AND e.lane = o.lane AND e.id < o.id) \
               ORDER BY o.due_at, o.id LIMIT 1{lock}) \
             RETURNING id, attempt, kind, recipient, customer_id, ticket_id, request_id, message_id, \
               content, created_at, give_up_at, failures, cause"
        ),
        params![lane, now, lease_until],
    )
}

/// Puts mails of `lane` that wait behind an earlier one off until that one is due, so that claims
/// need not walk past them. [`release_next`] brings them back when it is settled.
///
/// The earlier one is locked as well: whoever settles it then does so either before, and nothing
/// is put off behind it, or afterwards, and finds the mail that it brings back.
pub fn step_aside(tx: &mut Tx<'_>, lane: i64, now: Millis) -> Result<u64, DbError> {
    let first = |of: &str, what: &str| {
        format!(
            "(SELECT f.{what} FROM outbox f WHERE f.state = 'queued' AND f.lane = {of}.lane \
               AND f.recipient_key = {of}.recipient_key ORDER BY f.id LIMIT 1)"
        )
    };
    let (due, earlier) = (first("outbox", "due_at"), first("o", "id"));
    let lock = tx.dialect().skip_locked();
    tx.run(
        &format!(
            "UPDATE outbox SET due_at = {due} WHERE id IN (\
               SELECT o.id FROM outbox o, outbox e WHERE o.id IN ({WINDOW}) AND e.id = {earlier} \
                 AND e.state = 'queued' AND e.due_at > $2{lock})"
        ),
        params![lane, now],
    )
}

/// Makes the mail that waited behind the settled mail `id` due.
pub fn release_next(tx: &mut Tx<'_>, id: i64, now: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE outbox SET due_at = $2 WHERE id = (\
           SELECT e.id FROM outbox e, outbox done WHERE done.id = $1 AND e.state = 'queued' \
             AND e.recipient_key = done.recipient_key AND e.lane = done.lane \
           ORDER BY e.id LIMIT 1) \
         AND attempt = 0 AND due_at > $2",
        params![id, now],
    )?;
    Ok(())
}

/// Whether a mail of `lane` is due.
pub fn any_due(tx: &mut Tx<'_>, lane: i64, now: Millis) -> Result<bool, DbError> {
    let row: Option<(i64,)> = tx.row(
        "SELECT id FROM outbox WHERE state = 'queued' AND lane = $1 AND due_at <= $2 LIMIT 1",
        params![lane, now],
    )?;
    Ok(row.is_some())
}

/// Mails of one lane that are not settled; counted up to [`COUNTED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Those that are due.
    pub due: i64,
    /// Those that wait: after a failure, behind another, or being handed over.
    pub later: i64,
    /// Since when the first is due.
    pub oldest: Option<Millis>,
}

/// Mails that are counted: beyond, it is many.
pub const COUNTED: i64 = 10_000;

/// What `lane` has to do at `now`.
pub fn backlog(tx: &mut Tx<'_>, lane: i64, now: Millis) -> Result<Backlog, DbError> {
    let (due, oldest) = tx.one(
        "SELECT count(*), min(due_at) FROM (SELECT due_at FROM outbox \
           WHERE state = 'queued' AND lane = $1 AND due_at <= $2 ORDER BY due_at, id LIMIT $3) AS due",
        params![lane, now, COUNTED],
    )?;
    let (later,) = tx.one(
        "SELECT count(*) FROM (SELECT due_at FROM outbox \
           WHERE state = 'queued' AND lane = $1 AND due_at > $2 ORDER BY due_at, id LIMIT $3) AS later",
        params![lane, now, COUNTED],
    )?;
    Ok(Backlog { due, later, oldest })
}

/// Keeps the lease of `attempt` until `lease_until`. `false` if it is no longer this attempt's.
pub fn renew(tx: &mut Tx<'_>, id: i64, attempt: i64, lease_until: Millis) -> Result<bool, DbError> {
    let changed = tx.run(
        "UPDATE outbox SET due_at = $3 WHERE id = $1 AND attempt = $2 AND state = 'queued'",
        params![id, attempt, lease_until],
    )?;
    Ok(changed == 1)
}

/// Remembers which link an attempt carries.
pub fn set_link(tx: &mut Tx<'_>, id: i64, link_id: i64) -> Result<(), DbError> {
    tx.run("UPDATE outbox SET link_id = $2 WHERE id = $1", params![id, link_id])?;
    Ok(())
}

/// Settles a mail as sent: the envelope stays for the record, the text goes.
pub fn settle_sent(tx: &mut Tx<'_>, id: i64, attempt: i64, now: Millis) -> Result<bool, DbError> {
    let changed = tx.run(
        "UPDATE outbox SET state = 'sent', content = NULL, error = NULL, settled_at = $3 \
         WHERE id = $1 AND attempt = $2 AND state = 'queued'",
        params![id, attempt, now],
    )?;
    Ok(changed == 1)
}

/// Puts a mail off until `due_at` after a failed attempt, with the reason.
pub fn defer(
    tx: &mut Tx<'_>,
    id: i64,
    attempt: i64,
    due_at: Millis,
    reason: &str,
) -> Result<bool, DbError> {
    let changed = tx.run(
        "UPDATE outbox SET due_at = $3, error = $4, failures = failures + 1 \
         WHERE id = $1 AND attempt = $2 AND state = 'queued'",
        params![id, attempt, due_at, reason],
    )?;
    Ok(changed == 1)
}

/// Gives a mail up, with the reason. Its text stays for a while: see [`super::outbox_desk`].
pub fn settle_failed(
    tx: &mut Tx<'_>,
    id: i64,
    attempt: i64,
    now: Millis,
    reason: &str,
) -> Result<bool, DbError> {
    let changed = tx.run(
        "UPDATE outbox SET state = 'failed', settled_at = $3, error = $4 \
         WHERE id = $1 AND attempt = $2 AND state = 'queued'",
        params![id, attempt, now, reason],
    )?;
    Ok(changed == 1)
}

/// How many mails are in a state; counted up to [`COUNTED`].
pub fn count(tx: &mut Tx<'_>, state: MailState) -> Result<i64, DbError> {
    tx.one(
        "SELECT count(*) FROM (SELECT id FROM outbox WHERE state = $1 LIMIT $2) AS counted",
        params![state.as_str(), COUNTED],
    )
}

/// How many mails were given up since `since` and keep what they say, counted up to `most`.
pub fn count_failed_since(tx: &mut Tx<'_>, since: Millis, most: i64) -> Result<i64, DbError> {
    tx.one(
        "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'failed' AND content IS NOT NULL \
           AND settled_at >= $1 LIMIT $2) AS failed",
        params![since, most],
    )
}
