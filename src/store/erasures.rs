//! What of a person is taken out of the database, table by table, and how far that is.
//!
//! A ticket keeps its reference, times, status, priority, category and counts; every text of it goes.

use crate::db::{DbError, FromRow, Row, Tx, Value};
use crate::domain::customers::Customer;
use crate::domain::erasures::{Erasure, Step};
use crate::params;

impl FromRow for Erasure {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let step: String = row.get(1)?;
        Ok(Self {
            customer_id: row.get(0)?,
            step: Step::parse(&step).ok_or_else(|| super::unknown("erasures.step", &step))?,
            place: row.get(2)?,
            asked_at: row.get(3)?,
            ended_at: row.get(4)?,
        })
    }
}

const COLUMNS: &str = "customer_id, step, place, asked_at, ended_at";

/// Notes that a customer is to be erased.
pub fn insert(tx: &mut Tx<'_>, erasure: &Erasure) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO erasures (customer_id, step, place, asked_at) VALUES ($1, $2, $3, $4)",
        params![erasure.customer_id, erasure.step.as_str(), erasure.place, erasure.asked_at],
    )?;
    Ok(())
}

/// How far the erasure of a customer is.
pub fn find(tx: &mut Tx<'_>, customer_id: i64) -> Result<Option<Erasure>, DbError> {
    tx.row(&format!("SELECT {COLUMNS} FROM erasures WHERE customer_id = $1"), params![customer_id])
}

/// One that is not done and that nobody else works at.
pub fn take_unfinished(tx: &mut Tx<'_>) -> Result<Option<Erasure>, DbError> {
    let lock = tx.dialect().skip_locked();
    tx.row(
        &format!(
            "SELECT {COLUMNS} FROM erasures WHERE ended_at IS NULL \
             ORDER BY customer_id LIMIT 1{lock}"
        ),
        params![],
    )
}

/// Writes how far it is.
pub fn update(tx: &mut Tx<'_>, erasure: &Erasure) -> Result<(), DbError> {
    tx.run(
        "UPDATE erasures SET step = $2, place = $3, ended_at = $4 WHERE customer_id = $1",
        params![erasure.customer_id, erasure.step.as_str(), erasure.place, erasure.ended_at],
    )?;
    Ok(())
}

/// Writes over everything about a customer, their address included.
pub fn write_over_customer(tx: &mut Tx<'_>, customer: &Customer) -> Result<(), DbError> {
    tx.run(
        "UPDATE customers SET email = $2, email_key = $3, name = $4, name_key = $5, phone = $6, \
           company = $7, notes = $8, active = $9, search = $10, erased_at = $11 WHERE id = $1",
        params![
            customer.id,
            customer.email.as_str(),
            &customer.email.key(),
            &customer.name,
            &customer.name_key(),
            &customer.phone,
            &customer.company,
            &customer.notes,
            customer.active,
            &customer.search_text(),
            customer.erased_at
        ],
    )?;
    Ok(())
}

/// Removes requests for a link: the customer's, and those of their address that nobody looked at yet.
pub fn remove_link_requests(tx: &mut Tx<'_>, customer_id: i64, email: &str) -> Result<(), DbError> {
    tx.run("DELETE FROM link_requests WHERE customer_id = $1", params![customer_id])?;
    tx.run(
        "DELETE FROM link_requests WHERE worked_at IS NULL AND lower(email) = lower($1)",
        params![email],
    )?;
    Ok(())
}

/// Removes what remembers which requests of a customer were made.
pub fn remove_keys(tx: &mut Tx<'_>, scope: &str) -> Result<(), DbError> {
    tx.run("DELETE FROM idempotency WHERE scope = $1", params![scope])?;
    Ok(())
}

/// Forgets what a customer was called in the system they were imported from.
pub fn remove_import(tx: &mut Tx<'_>, customer_id: i64) -> Result<(), DbError> {
    tx.run("DELETE FROM imports WHERE kind = 'customer' AND row_id = $1", params![customer_id])?;
    Ok(())
}

/// Removes the lists that members of staff keep and that ask for one of these texts; each is small,
/// and there are few.
pub fn remove_views(tx: &mut Tx<'_>, texts: &[String]) -> Result<(), DbError> {
    for text in texts {
        tx.run(
            "DELETE FROM saved_views WHERE lower(query) LIKE $1 ESCAPE '\\' \
               OR name_key LIKE $1 ESCAPE '\\'",
            params![&super::containing(text)],
        )?;
    }
    Ok(())
}

/// Writes over the texts of a ticket.
pub fn write_over_ticket(tx: &mut Tx<'_>, ticket_id: i64, with: &str) -> Result<(), DbError> {
    tx.run(
        "UPDATE tickets SET subject = $2, description = $2, version = version + 1, \
           resolution = CASE WHEN resolution IS NULL THEN NULL ELSE $2 END WHERE id = $1",
        params![ticket_id, with],
    )?;
    Ok(())
}

/// Writes over what stands in the timeline of a ticket, but for who it was assigned to, and takes
/// the customer's name out.
pub fn write_over_entries(tx: &mut Tx<'_>, ticket_id: i64, with: &str) -> Result<(), DbError> {
    tx.run(
        "UPDATE entries SET \
           body = CASE WHEN body IS NULL OR kind = 'assigned' THEN body ELSE $2 END, \
           author = CASE WHEN by_kind = 'customer' THEN NULL ELSE author END \
         WHERE ticket_id = $1",
        params![ticket_id, with],
    )?;
    Ok(())
}

/// Entries of a ticket that one customer wrote.
pub fn entries_by(tx: &mut Tx<'_>, ticket_id: i64, customer_id: i64) -> Result<Vec<i64>, DbError> {
    tx.rows(
        "SELECT id FROM entries WHERE ticket_id = $1 AND by_kind = 'customer' AND by_id = $2 \
         ORDER BY id",
        params![ticket_id, customer_id],
    )
}

/// Writes over one entry, and takes the name of a customer who wrote it out.
pub fn write_over_entry(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    entry_id: i64,
    with: &str,
) -> Result<(), DbError> {
    tx.run(
        "UPDATE entries SET body = CASE WHEN body IS NULL THEN NULL ELSE $3 END, \
           author = CASE WHEN by_kind = 'customer' THEN NULL ELSE author END \
         WHERE ticket_id = $1 AND id = $2",
        params![ticket_id, entry_id, with],
    )?;
    Ok(())
}

/// Removes what the entries of a ticket are found by.
pub fn remove_texts(tx: &mut Tx<'_>, customer_id: i64, ticket_id: i64) -> Result<(), DbError> {
    tx.run(
        "DELETE FROM search_texts WHERE customer_id = $1 AND ticket_id = $2 AND entry_id > 0",
        params![customer_id, ticket_id],
    )?;
    Ok(())
}

/// Mails about a ticket that wait, and whether each is to staff.
pub fn waiting_mails(tx: &mut Tx<'_>, ticket_id: i64) -> Result<Vec<(i64, bool)>, DbError> {
    tx.rows(
        "SELECT id, customer_id IS NULL FROM outbox WHERE ticket_id = $1 AND state = 'queued' \
         ORDER BY id",
        params![ticket_id],
    )
}

/// Removes the mails about a ticket, whoever they were for.
pub fn remove_mails_of_ticket(tx: &mut Tx<'_>, ticket_id: i64) -> Result<(), DbError> {
    tx.run("DELETE FROM outbox WHERE ticket_id = $1", params![ticket_id])?;
    Ok(())
}

/// Removes the mails to staff about a ticket: they tell what its customer wrote.
pub fn remove_mails_to_staff(tx: &mut Tx<'_>, ticket_id: i64) -> Result<(), DbError> {
    tx.run("DELETE FROM outbox WHERE ticket_id = $1 AND customer_id IS NULL", params![ticket_id])?;
    Ok(())
}

/// Removes some mails to a customer. Returns how many.
pub fn remove_mails(tx: &mut Tx<'_>, customer_id: i64, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM outbox WHERE id IN (\
           SELECT id FROM outbox WHERE customer_id = $1 ORDER BY id DESC LIMIT $2)",
        params![customer_id, limit],
    )
}

/// Removes some links of a customer. Returns how many.
pub fn remove_links(tx: &mut Tx<'_>, customer_id: i64, limit: i64) -> Result<u64, DbError> {
    tx.run(
        "DELETE FROM links WHERE id IN (\
           SELECT id FROM links WHERE customer_id = $1 ORDER BY id DESC LIMIT $2)",
        params![customer_id, limit],
    )
}

/// Removes when a customer opened their tickets.
pub fn remove_reads(tx: &mut Tx<'_>, customer_id: i64) -> Result<(), DbError> {
    tx.run("DELETE FROM ticket_reads WHERE customer_id = $1", params![customer_id])?;
    Ok(())
}

/// Which events are about a customer: those of theirs, and those of tickets that are theirs now.
const ABOUT: &str =
    "(customer_id = $1 OR ticket_id IN (SELECT id FROM tickets WHERE customer_id = $1))";
/// What is taken out of each: who did it, and what was what before and after.
const SILENCE: &str = "author = NULL, changes = CASE WHEN changes IS NULL THEN NULL ELSE '{}' END";

/// Takes a person out of the events that wait for their number.
pub fn silence_waiting_events(tx: &mut Tx<'_>, customer_id: i64) -> Result<(), DbError> {
    tx.run(&format!("UPDATE event_inbox SET {SILENCE} WHERE {ABOUT}"), params![customer_id])?;
    Ok(())
}

/// Takes a person out of the events with numbers above `after`, up to `until`.
pub fn silence_events(
    tx: &mut Tx<'_>,
    customer_id: i64,
    after: i64,
    until: i64,
) -> Result<(), DbError> {
    let values: [Value<'_>; 3] = [customer_id.into(), after.into(), until.into()];
    tx.run(
        &format!("UPDATE events SET {SILENCE} WHERE number > $2 AND number <= $3 AND {ABOUT}"),
        &values,
    )?;
    Ok(())
}
