//! Rows of tickets, one at a time. Lists are in [`super::ticket_lists`].

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::email::Email;
use crate::domain::tickets::{Counts, Person, Priority, Status, Ticket};
use crate::ids::Reference;
use crate::params;

/// What [`Ticket`] is read from, by every statement that reads one.
pub(super) const COLUMNS: &str = "t.id, t.reference, t.subject, t.description, t.status, t.priority, \
     t.category, c.id, c.email, c.name, s.id, s.email, s.name, t.resolution, t.resolved_at, \
     t.note_count, t.created_at, t.updated_at, t.staff_at, t.customer_last, t.last_entry, \
     t.version";
pub(super) const TABLES: &str = "tickets t JOIN customers c ON c.id = t.customer_id \
     LEFT JOIN staff s ON s.id = t.assignee_id";

impl FromRow for Ticket {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let assignee: Option<i64> = row.get(10)?;
        let assignee = match assignee {
            Some(id) => {
                Some(Person { id, email: Email::from_store(row.get(11)?), name: row.get(12)? })
            }
            None => None,
        };
        Ok(Self {
            id: row.get(0)?,
            reference: row.word(1, reference)?,
            subject: row.get(2)?,
            description: row.get(3)?,
            status: row.word(4, status)?,
            priority: priority(row.get(5)?)?,
            category: row.get(6)?,
            customer: Person {
                id: row.get(7)?,
                email: Email::from_store(row.get(8)?),
                name: row.get(9)?,
            },
            assignee,
            resolution: row.get(13)?,
            resolved_at: row.get(14)?,
            note_count: row.get(15)?,
            created_at: row.get(16)?,
            updated_at: row.get(17)?,
            staff_at: row.get(18)?,
            customer_last: row.get(19)?,
            last_entry: row.get(20)?,
            version: row.get(21)?,
        })
    }
}

pub(super) fn reference(word: &str) -> Result<Reference, DbError> {
    Reference::parse(word).ok_or_else(|| super::unknown("tickets.reference", word))
}

pub(super) fn status(word: &str) -> Result<Status, DbError> {
    Status::parse(word).ok_or_else(|| super::unknown("tickets.status", word))
}

fn priority(rank: i64) -> Result<Priority, DbError> {
    Priority::from_rank(rank).ok_or_else(|| super::unknown("tickets.priority", &rank.to_string()))
}

/// Adds a row. `false` if the reference is taken.
pub fn insert(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<bool, DbError> {
    let added = tx.run(
        "INSERT INTO tickets (id, reference, customer_id, assignee_id, subject, description, priority, \
           category, status, resolution, resolved_at, note_count, created_at, updated_at, staff_at, \
           customer_last, last_entry, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
         ON CONFLICT (reference) DO NOTHING",
        params![
            ticket.id,
            ticket.reference.as_str(),
            ticket.customer.id,
            ticket.assignee.as_ref().map(|person| person.id),
            &ticket.subject,
            &ticket.description,
            ticket.priority.rank(),
            ticket.category.as_deref(),
            ticket.status.as_str(),
            ticket.resolution.as_deref(),
            ticket.resolved_at,
            ticket.note_count,
            ticket.created_at,
            ticket.updated_at,
            ticket.staff_at,
            ticket.customer_last,
            ticket.last_entry,
            ticket.version
        ],
    )?;
    Ok(added == 1)
}

/// Writes everything that can change.
pub fn update(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<(), DbError> {
    tx.run(
        "UPDATE tickets SET assignee_id = $2, subject = $3, priority = $4, category = $5, status = $6, \
           resolution = $7, resolved_at = $8, note_count = $9, updated_at = $10, staff_at = $11, \
           customer_last = $12, last_entry = $13, version = $14 WHERE id = $1",
        params![
            ticket.id,
            ticket.assignee.as_ref().map(|person| person.id),
            &ticket.subject,
            ticket.priority.rank(),
            ticket.category.as_deref(),
            ticket.status.as_str(),
            ticket.resolution.as_deref(),
            ticket.resolved_at,
            ticket.note_count,
            ticket.updated_at,
            ticket.staff_at,
            ticket.customer_last,
            ticket.last_entry,
            ticket.version
        ],
    )?;
    Ok(())
}

/// One by id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Ticket>, DbError> {
    tx.row(&format!("SELECT {COLUMNS} FROM {TABLES} WHERE t.id = $1"), params![id])
}

/// Some of them, those added first, after the row `after`.
pub fn after(tx: &mut Tx<'_>, after: i64, limit: i64) -> Result<Vec<Ticket>, DbError> {
    tx.rows(
        &format!("SELECT {COLUMNS} FROM {TABLES} WHERE t.id > $1 ORDER BY t.id LIMIT $2"),
        params![after, limit],
    )
}

/// One by reference, whoever's it is: for staff and programs.
pub fn find_by_reference(
    tx: &mut Tx<'_>,
    reference: &Reference,
) -> Result<Option<Ticket>, DbError> {
    tx.row(
        &format!("SELECT {COLUMNS} FROM {TABLES} WHERE t.reference = $1"),
        params![reference.as_str()],
    )
}

/// One by reference if it is this customer's.
pub fn find_of_customer(
    tx: &mut Tx<'_>,
    customer_id: i64,
    reference: &Reference,
) -> Result<Option<Ticket>, DbError> {
    tx.row(
        &format!("SELECT {COLUMNS} FROM {TABLES} WHERE t.reference = $1 AND t.customer_id = $2"),
        params![reference.as_str(), customer_id],
    )
}

/// Keeps others from changing the ticket until this transaction ends. Everything that changes a
/// ticket or its timeline begins here.
/// A customer waits only for their own: what is not theirs is not even locked.
pub fn lock(
    tx: &mut Tx<'_>,
    customer_id: Option<i64>,
    reference: &Reference,
) -> Result<(), DbError> {
    let lock = tx.dialect().for_update();
    if lock.is_empty() {
        return Ok(()); // one writer at a time anyway
    }
    let _: Option<(i64,)> = tx.row(
        &format!(
            "SELECT id FROM tickets WHERE reference = $1 \
             AND (CAST($2 AS BIGINT) IS NULL OR customer_id = $2){lock}"
        ),
        params![reference.as_str(), customer_id],
    )?;
    Ok(())
}

/// The version of this customer's ticket: what a conditional request compares.
pub fn version_of_customer(
    tx: &mut Tx<'_>,
    customer_id: i64,
    reference: &Reference,
) -> Result<Option<i64>, DbError> {
    let row: Option<(i64,)> = tx.row(
        "SELECT version FROM tickets WHERE reference = $1 AND customer_id = $2",
        params![reference.as_str(), customer_id],
    )?;
    Ok(row.map(|(version,)| version))
}

/// Tickets that were resolved at or before `before`, the longest ago first.
pub fn resolved_until(
    tx: &mut Tx<'_>,
    before: Millis,
    limit: i64,
) -> Result<Vec<Reference>, DbError> {
    let rows: Vec<(String,)> = tx.rows(
        "SELECT reference FROM tickets WHERE resolved_at <= $1 \
         ORDER BY resolved_at, id LIMIT $2",
        params![before, limit],
    )?;
    rows.into_iter().map(|(word,)| reference(&word)).collect()
}

/// The last update of any ticket.
pub fn newest_update(tx: &mut Tx<'_>) -> Result<Option<Millis>, DbError> {
    let each = Status::ALL.map(|status| {
        format!(
            "SELECT at FROM (SELECT updated_at AS at FROM tickets WHERE status = '{}' \
             ORDER BY updated_at DESC, id DESC LIMIT 1) AS newest",
            status.as_str()
        )
    });
    let sql = format!("SELECT max(at) FROM ({}) AS each_status", each.join(" UNION ALL "));
    tx.one(&sql, params![])
}

/// Adds `change` to how many tickets of `status` the customer has.
pub fn count(
    tx: &mut Tx<'_>,
    customer_id: i64,
    status: Status,
    change: i64,
) -> Result<(), DbError> {
    // An upsert cannot start below zero, so a decrease is a plain update of the row that is there.
    let sql = if change < 0 {
        "UPDATE ticket_counts SET tickets = tickets + $3 WHERE customer_id = $1 AND status = $2"
    } else {
        "INSERT INTO ticket_counts (customer_id, status, tickets) VALUES ($1, $2, $3) \
         ON CONFLICT (customer_id, status) DO UPDATE SET tickets = ticket_counts.tickets + excluded.tickets"
    };
    tx.run(sql, params![customer_id, status.as_str(), change])?;
    Ok(())
}

/// How many tickets a customer has, by status.
pub fn counts(tx: &mut Tx<'_>, customer_id: i64) -> Result<Counts, DbError> {
    let rows: Vec<(String, i64)> = tx.rows(
        "SELECT status, tickets FROM ticket_counts WHERE customer_id = $1 ORDER BY status",
        params![customer_id],
    )?;
    let mut counts = Counts::default();
    for (word, tickets) in rows {
        match status(&word)? {
            Status::Open => counts.open = tickets,
            Status::InProgress => counts.in_progress = tickets,
            Status::Resolved => counts.resolved = tickets,
            Status::Closed => counts.closed = tickets,
        }
    }
    Ok(counts)
}
