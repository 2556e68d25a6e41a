//! One ticket. What an actor may not see is not found.

use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::access::Viewer;
use crate::domain::entries::{self, Entry};
use crate::domain::page::{self, Page};
use crate::domain::tickets::{Detail, Summary, Ticket};
use crate::error::{Error, FieldError};
use crate::ids::Reference;
use crate::store;

/// Entries a detail page shows at once.
const TIMELINE_PAGE: i64 = 100;

/// The ticket, if `actor` may see it.
pub fn find(tx: &mut Tx<'_>, actor: &Actor, reference: &Reference) -> Result<Ticket, Error> {
    let found = match actor {
        Actor::Customer { id, .. } => store::tickets::find_of_customer(tx, *id, reference)?,
        _ => store::tickets::find_by_reference(tx, reference)?,
    };
    found.ok_or(Error::NotFound)
}

/// As [`find`], kept from changing by others until the transaction ends.
pub(in crate::domain) fn take(
    tx: &mut Tx<'_>,
    actor: &Actor,
    reference: &Reference,
) -> Result<Ticket, Error> {
    let own = match actor {
        Actor::Customer { id, .. } => Some(*id),
        _ => None,
    };
    store::tickets::lock(tx, own, reference)?;
    find(tx, actor, reference)
}

/// The ticket with the newest 100 entries its customer may see before `before`.
pub fn detail(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    reference: &Reference,
    before: Option<&str>,
) -> Result<Detail, Error> {
    let before = match before {
        Some(cursor) => earlier(cursor)?,
        None => i64::MAX,
    };
    let ticket = find(tx, &viewer.actor(), reference)?;
    let newest = store::entries::public_before(tx, ticket.id, before, TIMELINE_PAGE + 1)?;
    let entries = Page::cut(newest, TIMELINE_PAGE, |entry| vec![entry.id], |entry| entry);
    let mut timeline = entries.items;
    timeline.reverse();
    Ok(Detail {
        ticket_id: ticket.id,
        version: ticket.version,
        description: ticket.description,
        priority: ticket.priority,
        category: ticket.category,
        resolution: ticket.resolution,
        timeline,
        earlier: entries.next,
        summary: Summary {
            reference: ticket.reference,
            subject: ticket.subject,
            status: ticket.status,
            assigned_to: ticket.assignee.map(|person| person.name),
            created_at: ticket.created_at,
            updated_at: ticket.updated_at,
            note_count: ticket.note_count,
            unread: false,
        },
    })
}

/// Whether `cursor` is one of [`detail`]: a page has no field to blame for another.
pub fn is_earlier(cursor: &str) -> bool {
    earlier(cursor).is_ok()
}

fn earlier(cursor: &str) -> Result<i64, FieldError> {
    Ok(page::decode("before", cursor, 1)?[0])
}

/// The version of a customer's ticket: grows with everything they can see of it.
pub fn version(tx: &mut Tx<'_>, viewer: &Viewer, reference: &Reference) -> Result<i64, Error> {
    store::tickets::version_of_customer(tx, viewer.customer_id, reference)?.ok_or(Error::NotFound)
}

/// All entries of a ticket, internal ones included, oldest first. For staff and programs.
pub fn timeline(
    tx: &mut Tx<'_>,
    reference: &Reference,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Page<Entry>, Error> {
    let after = match cursor {
        Some(cursor) => page::decode("cursor", cursor, 1)?[0],
        None => 0,
    };
    let ticket = store::tickets::find_by_reference(tx, reference)?.ok_or(Error::NotFound)?;
    let rows = store::entries::all_after(tx, ticket.id, after, limit + 1)?;
    Ok(entries::page(rows, limit))
}
