//! Many rows at once, for data that is made and not typed. One function a table.

use crate::clock::Millis;
use crate::db::{DbError, Tx, Value};
use crate::domain::customers::Customer;
use crate::domain::entries::{Entry, Visibility};
use crate::domain::tickets::{Status, Ticket};

/// Counters in one statement: three parameters each, far below what either engine takes.
const COUNTS: usize = 200;

/// Adds customers. A clash on an address or an id is [`DbError::Unique`].
pub fn customers(tx: &mut Tx<'_>, customers: &[Customer]) -> Result<(), DbError> {
    let texts: Vec<(String, String, String)> = customers
        .iter()
        .map(|customer| (customer.email.key(), customer.name_key(), customer.search_text()))
        .collect();
    let mut values: Vec<Value<'_>> = Vec::with_capacity(customers.len() * 11);
    for (customer, (email_key, name_key, search)) in customers.iter().zip(&texts) {
        values.extend_from_slice(&[
            customer.id.into(),
            customer.email.as_str().into(),
            email_key.into(),
            (&customer.name).into(),
            name_key.into(),
            (&customer.phone).into(),
            (&customer.company).into(),
            (&customer.notes).into(),
            customer.active.into(),
            customer.created_at.into(),
            search.into(),
        ]);
    }
    let columns = [
        "id",
        "email",
        "email_key",
        "name",
        "name_key",
        "phone",
        "company",
        "notes",
        "active",
        "created_at",
        "search",
    ];
    tx.load("customers", &columns, &values)?;
    Ok(())
}

/// Adds tickets. A clash on a reference or an id is [`DbError::Unique`].
pub fn tickets<'a>(
    tx: &mut Tx<'_>,
    tickets: impl Iterator<Item = &'a Ticket>,
) -> Result<(), DbError> {
    let mut values: Vec<Value<'a>> = Vec::new();
    for ticket in tickets {
        values.extend_from_slice(&[
            ticket.id.into(),
            ticket.reference.as_str().into(),
            ticket.customer.id.into(),
            ticket.assignee.as_ref().map(|person| person.id).into(),
            (&ticket.subject).into(),
            (&ticket.description).into(),
            ticket.priority.rank().into(),
            ticket.category.as_deref().into(),
            ticket.status.as_str().into(),
            ticket.resolution.as_deref().into(),
            ticket.resolved_at.into(),
            ticket.note_count.into(),
            ticket.created_at.into(),
            ticket.updated_at.into(),
            ticket.staff_at.into(),
            ticket.customer_last.into(),
            ticket.last_entry.into(),
            ticket.version.into(),
        ]);
    }
    let columns = [
        "id",
        "reference",
        "customer_id",
        "assignee_id",
        "subject",
        "description",
        "priority",
        "category",
        "status",
        "resolution",
        "resolved_at",
        "note_count",
        "created_at",
        "updated_at",
        "staff_at",
        "customer_last",
        "last_entry",
        "version",
    ];
    tx.load("tickets", &columns, &values)?;
    Ok(())
}

/// An entry with its ticket and the row of who did it.
pub type EntryRow<'a> = (i64, &'a Entry, Option<i64>);

/// Adds entries.
pub fn entries<'a>(
    tx: &mut Tx<'_>,
    entries: impl Iterator<Item = EntryRow<'a>>,
) -> Result<(), DbError> {
    let mut values: Vec<Value<'a>> = Vec::new();
    for (ticket_id, entry, by_id) in entries {
        values.extend_from_slice(&[
            ticket_id.into(),
            entry.id.into(),
            entry.kind.as_str().into(),
            (entry.visibility == Visibility::Public).into(),
            entry.at.into(),
            entry.by.as_str().into(),
            by_id.into(),
            entry.author.as_deref().into(),
            entry.body.as_deref().into(),
            entry.from.map(Status::as_str).into(),
            entry.to.map(Status::as_str).into(),
        ]);
    }
    let columns = [
        "ticket_id",
        "id",
        "kind",
        "is_public",
        "at",
        "by_kind",
        "by_id",
        "author",
        "body",
        "from_status",
        "to_status",
    ];
    tx.load("entries", &columns, &values)?;
    Ok(())
}

/// Folded text to search in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchText {
    /// Whose ticket it is about.
    pub customer_id: i64,
    /// The ticket.
    pub ticket_id: i64,
    /// The entry, or 0 for the ticket itself.
    pub entry_id: i64,
    /// Whether the customer may see it.
    pub is_public: bool,
    /// The text, folded.
    pub text: String,
}

/// Adds texts to search in.
pub fn search_texts(tx: &mut Tx<'_>, texts: &[SearchText]) -> Result<(), DbError> {
    let mut values: Vec<Value<'_>> = Vec::with_capacity(texts.len() * 5);
    for text in texts {
        values.extend_from_slice(&[
            text.customer_id.into(),
            text.ticket_id.into(),
            text.entry_id.into(),
            text.is_public.into(),
            (&text.text).into(),
        ]);
    }
    let columns = ["customer_id", "ticket_id", "entry_id", "is_public", "text"];
    tx.load("search_texts", &columns, &values)?;
    Ok(())
}

/// Adds the words that tickets are found by.
pub fn ticket_words<'a>(
    tx: &mut Tx<'_>,
    words: impl Iterator<Item = (i64, &'a str)>,
) -> Result<(), DbError> {
    let values: Vec<Value<'a>> =
        words.flat_map(|(ticket_id, words)| [ticket_id.into(), words.into()]).collect();
    tx.load("ticket_words", &["ticket_id", "words"], &values)?;
    Ok(())
}

/// Notes for tickets of these customers until when they have read them.
pub fn reads(tx: &mut Tx<'_>, reads: &[(i64, i64, Millis)]) -> Result<(), DbError> {
    let values: Vec<Value<'_>> = reads
        .iter()
        .flat_map(|&(customer_id, ticket_id, at)| [customer_id.into(), ticket_id.into(), at.into()])
        .collect();
    tx.load("ticket_reads", &["customer_id", "ticket_id", "read_at"], &values)?;
    Ok(())
}

/// Adds to how many tickets customers have in a status. No pair may come twice.
pub fn counts(tx: &mut Tx<'_>, counts: &[(i64, Status, i64)]) -> Result<(), DbError> {
    for some in counts.chunks(COUNTS) {
        let mut values: Vec<Value<'_>> = Vec::with_capacity(some.len() * 3);
        let mut places = Vec::with_capacity(some.len());
        for &(customer_id, status, tickets) in some {
            values.extend_from_slice(&[customer_id.into(), status.as_str().into(), tickets.into()]);
            let last = values.len();
            places.push(format!("(${}, ${}, ${last})", last - 2, last - 1));
        }
        let sql = format!(
            "INSERT INTO ticket_counts (customer_id, status, tickets) VALUES {} \
             ON CONFLICT (customer_id, status) \
             DO UPDATE SET tickets = ticket_counts.tickets + excluded.tickets",
            places.join(", ")
        );
        tx.run(&sql, &values)?;
    }
    Ok(())
}

/// The references that are taken, after `after` in their order, `limit` at most.
pub fn references_after(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<String>, DbError> {
    tx.rows(
        "SELECT reference FROM tickets WHERE reference > $1 ORDER BY reference LIMIT $2",
        &[after.into(), limit.into()],
    )
}

/// How many customers there are. Counts them all.
pub fn count_customers(tx: &mut Tx<'_>) -> Result<i64, DbError> {
    tx.one("SELECT count(*) FROM customers", &[])
}
