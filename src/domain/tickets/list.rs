//! Lists of a customer's own tickets.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::access::Viewer;
use crate::domain::page::{self, Page};
use crate::domain::text;
use crate::domain::tickets::{Counts, Status, Summary};
use crate::error::{Error, FieldError};
use crate::ids::Reference;
use crate::store;
use crate::store::ticket_lists::OwnFilter;

/// What of their own tickets a customer wants to see.
#[derive(Clone, Debug, Hash)]
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
