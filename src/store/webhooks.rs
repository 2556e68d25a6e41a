//! Rows of webhooks.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::events::EventKind;
use crate::domain::webhooks::{Secret, Webhook, Work};
use crate::params;

const COLUMNS: &str = "id, url, about, kinds, active, created_at, failures, \
     old_secret_until";

impl FromRow for Webhook {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get(0)?,
            url: row.get(1)?,
            about: row.get(2)?,
            kinds: row.word(3, kinds)?,
            active: row.get(4)?,
            created_at: row.get(5)?,
            failures: row.get(6)?,
            old_secret_until: row.get(7)?,
        })
    }
}

fn kinds(text: &str) -> Result<Vec<EventKind>, DbError> {
    let words: Vec<String> =
        serde_json::from_str(text).map_err(|_| super::unknown("webhooks.kinds", text))?;
    // A kind that only a newer version knows is none that this one sends.
    Ok(words.iter().filter_map(|word| EventKind::parse(word)).collect())
}

fn words(kinds: &[EventKind]) -> String {
    let words: Vec<String> = kinds.iter().map(|kind| format!("\"{}\"", kind.as_str())).collect();
    format!("[{}]", words.join(","))
}

impl FromRow for Work {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let newest: Vec<u8> = row.get(3)?;
        let old: Option<Vec<u8>> = row.get(4)?;
        Ok(Self {
            webhook_id: row.get(0)?,
            attempt: row.get(1)?,
            url: row.get(2)?,
            secrets: [Some(newest), old].into_iter().flatten().map(Secret).collect(),
            failures: row.get(5)?,
            due: Vec::new(),
        })
    }
}

/// Adds a row.
pub fn insert(tx: &mut Tx<'_>, webhook: &Webhook, secret: &[u8]) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO webhooks (id, url, about, kinds, secret, active, created_at, due_at, attempt, \
           failures) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0, 0)",
        params![
            webhook.id,
            &webhook.url,
            &webhook.about,
            &words(&webhook.kinds),
            secret,
            webhook.active,
            webhook.created_at
        ],
    )?;
    Ok(())
}

/// All of them, oldest first.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Webhook>, DbError> {
    tx.rows(&format!("SELECT {COLUMNS} FROM webhooks ORDER BY id"), params![])
}

/// One by id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Webhook>, DbError> {
    tx.row(&format!("SELECT {COLUMNS} FROM webhooks WHERE id = $1"), params![id])
}

/// The same, and holds it.
pub fn take(tx: &mut Tx<'_>, id: i64) -> Result<Option<Webhook>, DbError> {
    let lock = tx.dialect().for_update();
    tx.row(&format!("SELECT {COLUMNS} FROM webhooks WHERE id = $1{lock}"), params![id])
}

/// Writes what can change, and makes it due at `due_at`. A claim under way goes on.
pub fn update(tx: &mut Tx<'_>, webhook: &Webhook, due_at: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE webhooks SET url = $2, about = $3, kinds = $4, active = $5, failures = $6, due_at = $7 \
         WHERE id = $1",
        params![
            webhook.id,
            &webhook.url,
            &webhook.about,
            &words(&webhook.kinds),
            webhook.active,
            webhook.failures,
            due_at
        ],
    )?;
    Ok(())
}

/// Puts a new secret in the place of the old one, which is kept until `until`.
pub fn set_secret(tx: &mut Tx<'_>, id: i64, secret: &[u8], until: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE webhooks SET old_secret = secret, old_secret_until = $3, secret = $2 WHERE id = $1",
        params![id, secret, until],
    )?;
    Ok(())
}

/// Removes a row.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<(), DbError> {
    tx.run("DELETE FROM webhooks WHERE id = $1", params![id])?;
    Ok(())
}

/// Lets a webhook that rests after failures be tried at once.
pub fn wake(tx: &mut Tx<'_>, id: i64, now: Millis) -> Result<(), DbError> {
    tx.run(
        "UPDATE webhooks SET due_at = $2 WHERE id = $1 AND failures > 0 AND due_at > $2",
        params![id, now],
    )?;
    Ok(())
}

/// Active webhooks `w` that are due at `$1` and have a delivery that is.
const CLAIMABLE: &str = "w.active AND w.due_at <= $1 AND EXISTS (SELECT 1 FROM deliveries d \
     WHERE d.webhook_id = w.id AND d.state = 'queued' AND d.due_at <= $1)";

/// Whether there is anything to claim.
pub fn any_due(tx: &mut Tx<'_>, now: Millis) -> Result<bool, DbError> {
    let row: Option<(i64,)> =
        tx.row(&format!("SELECT w.id FROM webhooks w WHERE {CLAIMABLE} LIMIT 1"), params![now])?;
    Ok(row.is_some())
}

/// Claims the webhook that has been due longest, until `lease_until`.
pub fn claim(tx: &mut Tx<'_>, now: Millis, lease_until: Millis) -> Result<Option<Work>, DbError> {
    let lock = tx.dialect().skip_locked();
    tx.row(
        &format!(
            "UPDATE webhooks SET due_at = $2, attempt = attempt + 1 WHERE id = (\
               SELECT w.id FROM webhooks w WHERE {CLAIMABLE} ORDER BY w.due_at, w.id LIMIT 1{lock}) \
             RETURNING id, attempt, url, secret, \
               CASE WHEN old_secret_until > $1 THEN old_secret ELSE NULL END, failures"
        ),
        params![now, lease_until],
    )
}

/// Ends a claim. `false` if another holds the webhook by now.
pub fn settle(
    tx: &mut Tx<'_>,
    id: i64,
    attempt: i64,
    failures: i64,
    due_at: Millis,
) -> Result<bool, DbError> {
    let changed = tx.run(
        "UPDATE webhooks SET due_at = $4, failures = $3 WHERE id = $1 AND attempt = $2",
        params![id, attempt, failures, due_at],
    )?;
    Ok(changed == 1)
}
