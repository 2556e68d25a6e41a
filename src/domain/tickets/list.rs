//! Lists of tickets.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::access::Viewer;
use crate::domain::email::Email;
use crate::domain::page::{self, Page};
use crate::domain::text;
use crate::domain::tickets::{Counts, DeskFilter, Priority, Sort, Status, Summary, Ticket};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;
use crate::store;
use crate::store::ticket_lists::OwnFilter;

/// What of their own tickets a customer wants to see.
#[derive(Clone, Debug)]
pub struct ListFilter {
    /// Only of this status.
    pub status: Option<Status>,
    /// Only those in whose reference, subject, description or visible timeline all these words stand.
    pub query: Option<String>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// At most so many, 1–100.
    pub limit: i64,
}

/// A customer's own tickets, the newest update first.
pub fn list_for_customer(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    filter: &ListFilter,
) -> Result<Page<Summary>, Error> {
    let after = filter.cursor.as_deref().map(own_place).transpose()?;
    let query = filter.query.as_deref().unwrap_or_default();
    let reference = Reference::parse_loosely(query);
    let own = OwnFilter {
        customer_id: viewer.customer_id,
        status: filter.status,
        words: &text::search_words(query),
        reference: reference.as_ref(),
        after,
        limit: filter.limit + 1,
    };
    let rows = store::ticket_lists::of_customer(tx, &own)?;
    let key = |row: &store::ticket_lists::Listed| vec![row.summary.updated_at.0, row.id];
    Ok(Page::cut(rows, filter.limit, key, |row| row.summary))
}

/// Whether `cursor` is one of [`list_for_customer`]: a page has no field to blame for another.
pub fn is_own_cursor(cursor: &str) -> bool {
    own_place(cursor).is_ok()
}

fn own_place(cursor: &str) -> Result<(Millis, i64), FieldError> {
    let keys = page::decode("cursor", cursor, 2)?;
    Ok((Millis(keys[0]), keys[1]))
}

/// How many tickets the customer has, by status.
pub fn counts(tx: &mut Tx<'_>, viewer: &Viewer) -> Result<Counts, Error> {
    Ok(store::tickets::counts(tx, viewer.customer_id)?)
}

/// What of everybody's tickets staff or a program wants to see.
#[derive(Clone, Debug, Default)]
pub struct DeskQuery {
    /// Only of this status.
    pub status: Option<Status>,
    /// Only of this priority.
    pub priority: Option<Priority>,
    /// Only of this category.
    pub category: Option<String>,
    /// Only assigned to who has this address.
    pub assignee: Option<Email>,
    /// Only of who has this address.
    pub customer: Option<Email>,
    /// Only those with all these words in their reference, texts, or customer.
    pub query: Option<String>,
    /// In which order.
    pub sort: Sort,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// At most so many, 1–100.
    pub limit: i64,
}

/// Everybody's tickets. For staff and programs.
pub fn list(tx: &mut Tx<'_>, query: &DeskQuery) -> Result<Page<Ticket>, Error> {
    let keys = if query.sort == Sort::Priority { 3 } else { 2 };
    let after = match &query.cursor {
        Some(cursor) => Some(page::decode("cursor", cursor, keys)?),
        None => None,
    };
    let typed = query.query.as_deref().unwrap_or_default();
    let filter = DeskFilter {
        status: query.status,
        priority: query.priority,
        category: query.category.clone(),
        assignee_id: staff_id(tx, query.assignee.as_ref())?,
        customer_id: customer_id(tx, query.customer.as_ref())?,
        words: text::search_words(typed),
        reference: Reference::parse_loosely(typed),
        sort: query.sort,
        after,
        limit: query.limit + 1,
    };
    let rows = store::ticket_lists::of_everybody(tx, &filter)?;
    Ok(Page::cut(rows, query.limit, |ticket| place(ticket, query.sort), |ticket| ticket))
}

fn place(ticket: &Ticket, sort: Sort) -> Vec<i64> {
    match sort {
        Sort::Updated => vec![ticket.updated_at.0, ticket.id],
        Sort::Created => vec![ticket.created_at.0, ticket.id],
        Sort::Priority => vec![ticket.priority.rank(), ticket.updated_at.0, ticket.id],
    }
}

fn staff_id(tx: &mut Tx<'_>, email: Option<&Email>) -> Result<Option<i64>, Error> {
    let Some(email) = email else { return Ok(None) };
    let staff = store::staff::find_by_email(tx, email)?.ok_or_else(|| nobody("assignee"))?;
    Ok(Some(staff.id))
}

fn customer_id(tx: &mut Tx<'_>, email: Option<&Email>) -> Result<Option<i64>, Error> {
    let Some(email) = email else { return Ok(None) };
    let customer = store::customers::find_by_email(tx, email)?.ok_or_else(|| nobody("customer"))?;
    Ok(Some(customer.id))
}

fn nobody(field: &str) -> FieldError {
    FieldError::new(field, FieldCode::UnknownValue, "Nobody with this e-mail address is known.")
}
