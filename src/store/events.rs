//! Rows of events, before and after they have a number.

use crate::db::{DbError, FromRow, Row, Tx, Value};
use crate::domain::events::{Event, EventKind, NewEvent};
use crate::domain::live::{News, Subject};
use crate::params;

fn kind(word: &str) -> Result<EventKind, DbError> {
    EventKind::parse(word).ok_or_else(|| super::unknown("events.kind", word))
}

impl FromRow for NewEvent {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get(0)?,
            subject_id: row.get(1)?,
            kind: row.word(2, kind)?,
            at: row.get(3)?,
            ticket_id: row.get(4)?,
            entry_id: row.get(5)?,
            customer_id: row.get(6)?,
            author: row.get(7)?,
            changes: row.get(8)?,
        })
    }
}

impl FromRow for Event {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let ticket: Option<String> = row.get(3)?;
        let changes: Option<String> = row.get(6)?;
        let entry: Option<i64> = row.get(7)?;
        Ok(Self {
            number: row.get(0)?,
            kind: row.word(1, kind)?,
            at: row.get(2)?,
            ticket: ticket.as_deref().map(super::tickets::reference).transpose()?,
            customer_id: row.get(4)?,
            author: row.get(5)?,
            changes: changes.map(|text| parse(&text)).transpose()?,
            entry: entry.map(|_| super::entries::read(row, 7)).transpose()?,
        })
    }
}

impl FromRow for News {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let kind = row.word(1, kind)?;
        let ticket: Option<i64> = row.get(2)?;
        let is_public: Option<bool> = row.get(5)?;
        let subject = |id| {
            let reference: String = row.get(3)?;
            let reference = super::tickets::reference(&reference)?;
            Ok::<_, DbError>(Subject { id, reference, version: row.get(4)? })
        };
        Ok(Self {
            number: row.get(0)?,
            kind,
            ticket: ticket.map(subject).transpose()?,
            customer_id: row.get(6)?,
            // Who is assigned is on the customer's page; the entry that says since when is not.
            for_customer: kind == EventKind::TicketAssigned || is_public != Some(false),
            customer_active: row.get(7)?,
        })
    }
}

fn parse(text: &str) -> Result<serde_json::Value, DbError> {
    serde_json::from_str(text).map_err(|error| DbError::Bug(format!("events.changes: {error}")))
}

const INSERT: &str = "INSERT INTO event_inbox (id, subject_id, kind, at, ticket_id, entry_id, customer_id, \
     author, changes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

fn values(event: &NewEvent) -> [Value<'_>; 9] {
    [
        event.id.into(),
        event.subject_id.into(),
        event.kind.as_str().into(),
        event.at.into(),
        event.ticket_id.into(),
        event.entry_id.into(),
        event.customer_id.into(),
        event.author.as_deref().into(),
        event.changes.as_deref().into(),
    ]
}

/// Adds an event that waits for its number.
pub fn insert(tx: &mut Tx<'_>, event: &NewEvent) -> Result<(), DbError> {
    tx.run(INSERT, &values(event))?;
    Ok(())
}

/// The same, unless there is one of its id, subject and kind. Returns whether it was added.
pub fn insert_if_free(tx: &mut Tx<'_>, event: &NewEvent) -> Result<bool, DbError> {
    let sql = format!("{INSERT} ON CONFLICT (id, subject_id, kind) DO NOTHING");
    Ok(tx.run(&sql, &values(event))? == 1)
}

/// Events that wait for their number, in the order in which they get it.
pub fn waiting(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<NewEvent>, DbError> {
    tx.rows(
        "SELECT id, subject_id, kind, at, ticket_id, entry_id, customer_id, author, changes \
         FROM event_inbox ORDER BY id, subject_id, kind LIMIT $1",
        params![limit],
    )
}

/// The last number given; nobody else gives one until this transaction ends.
pub fn take_last_number(tx: &mut Tx<'_>) -> Result<i64, DbError> {
    let lock = tx.dialect().for_update();
    let (last,): (i64,) =
        tx.one(&format!("SELECT last FROM event_numbers WHERE id = 1{lock}"), params![])?;
    Ok(last)
}

/// The last number given so far.
pub fn last_number(tx: &mut Tx<'_>) -> Result<i64, DbError> {
    let (last,): (i64,) = tx.one("SELECT last FROM event_numbers WHERE id = 1", params![])?;
    Ok(last)
}

/// Remembers the last number given.
pub fn set_last_number(tx: &mut Tx<'_>, last: i64) -> Result<(), DbError> {
    tx.run("UPDATE event_numbers SET last = $1 WHERE id = 1", params![last])?;
    Ok(())
}

/// Adds an event under its number.
pub fn append(tx: &mut Tx<'_>, number: i64, event: &NewEvent) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO events (number, kind, at, ticket_id, entry_id, customer_id, author, changes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![
            number,
            event.kind.as_str(),
            event.at,
            event.ticket_id,
            event.entry_id,
            event.customer_id,
            &event.author,
            &event.changes
        ],
    )?;
    Ok(())
}

/// Takes an event away that has got its number.
pub fn remove_waiting(tx: &mut Tx<'_>, event: &NewEvent) -> Result<(), DbError> {
    tx.run(
        "DELETE FROM event_inbox WHERE id = $1 AND subject_id = $2 AND kind = $3",
        params![event.id, event.subject_id, event.kind.as_str()],
    )?;
    Ok(())
}

/// Events with numbers above `number`, oldest first.
pub fn after(tx: &mut Tx<'_>, number: i64, limit: i64) -> Result<Vec<Event>, DbError> {
    tx.rows(
        "SELECT e.number, e.kind, e.at, t.reference, e.customer_id, e.author, e.changes, \
           n.id, n.kind, n.is_public, n.at, n.by_kind, n.author, n.body, n.from_status, n.to_status \
         FROM events e LEFT JOIN tickets t ON t.id = e.ticket_id \
         LEFT JOIN entries n ON n.ticket_id = e.ticket_id AND n.id = e.entry_id \
         WHERE e.number > $1 ORDER BY e.number LIMIT $2",
        params![number, limit],
    )
}

/// What happened after the event of this number, oldest first, as open pages are told of it.
pub fn news_after(tx: &mut Tx<'_>, number: i64, limit: i64) -> Result<Vec<News>, DbError> {
    tx.rows(
        "SELECT e.number, e.kind, e.ticket_id, t.reference, t.version, n.is_public, \
           e.customer_id, c.active FROM events e JOIN customers c ON c.id = e.customer_id \
         LEFT JOIN tickets t ON t.id = e.ticket_id \
         LEFT JOIN entries n ON n.ticket_id = e.ticket_id AND n.id = e.entry_id \
         WHERE e.number > $1 ORDER BY e.number LIMIT $2",
        params![number, limit],
    )
}
