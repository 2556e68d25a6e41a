//! A list of tickets as a table for spreadsheets (RFC 4180), page by page, so that it may have any
//! length.

use crate::db::Tx;
use crate::domain::table;
use crate::domain::tickets::{DeskQuery, Ticket, desk};
use crate::error::Error;

/// Tickets read at once.
const AT_ONCE: i64 = 100;

const COLUMNS: [&str; 14] = [
    "reference",
    "subject",
    "status",
    "priority",
    "category",
    "customer_email",
    "customer_name",
    "assignee_email",
    "assignee_name",
    "last_word",
    "notes",
    "created_at",
    "updated_at",
    "resolved_at",
];

/// Hands the tickets that `query` asks for to `write`, as lines of a table with its head: some
/// lines at a time, each whole, in UTF-8. Where `query` begins and how many it wants does not
/// matter. Answers how many tickets there were.
///
/// A cell that a spreadsheet would take for a formula begins with an apostrophe.
///
/// # Errors
/// As [`desk::list`], and what `write` answers: then it is over.
pub fn export<E: From<Error>>(
    tx: &mut Tx<'_>,
    query: &DeskQuery,
    write: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut query = DeskQuery { cursor: None, limit: AT_ONCE, ..query.clone() };
    let page = |cursor| {
        query.cursor = cursor;
        desk::list(tx, &query)
    };
    table::write(COLUMNS, row, page, write)
}

fn row(ticket: &Ticket) -> [String; COLUMNS.len()] {
    let assignee = ticket.assignee.as_ref();
    [
        ticket.reference.to_string(),
        ticket.subject.clone(),
        ticket.status.as_str().to_owned(),
        ticket.priority.as_str().to_owned(),
        ticket.category.clone().unwrap_or_default(),
        ticket.customer.email.to_string(),
        ticket.customer.name.clone(),
        assignee.map(|person| person.email.to_string()).unwrap_or_default(),
        assignee.map(|person| person.name.clone()).unwrap_or_default(),
        if ticket.customer_last { "customer" } else { "staff" }.to_owned(),
        ticket.note_count.to_string(),
        ticket.created_at.rfc3339(),
        ticket.updated_at.rfc3339(),
        ticket.resolved_at.map(crate::clock::Millis::rfc3339).unwrap_or_default(),
    ]
}
