//! A ticket of another system becomes one of ours, or grows. Counters, times, the version and
//! what a search finds come from its entries, as if they had happened here.

use super::What;
use super::assemble::Whole;
use super::entry::EntryItem;
use super::import::Importing;
use super::parse::TicketItem;
use crate::clock::Millis;
use crate::domain::entries::{self, By, Entry, Kind, Visibility};
use crate::domain::tickets::{
    Person, Standing, Status, Ticket, count_new, index, insert_named, save, take,
};
use crate::domain::{Actor, search};
use crate::error::{Error, FieldCode, FieldError, LineError};
use crate::ids::{self, Reference};
use crate::store;
use crate::store::imports::{Imported, Stand};

/// What is to be done with a ticket.
pub(super) enum Verdict {
    /// It is not here yet. Whether its reference is free.
    New {
        /// Whether it keeps the reference it brought.
        is_free: bool,
    },
    /// It is here, and there is nothing new.
    Known,
    /// It changed in the source, but was worked on here since.
    Kept(Reference),
    /// It is here and as it was imported, and there is something new: entries from this one on.
    Grown {
        /// The ticket here.
        ticket: Box<Ticket>,
        /// The first entry that is new, as an index.
        from: usize,
    },
    /// It does not fit what was imported before.
    Refused(LineError),
}

/// Looks what is to be done, and changes nothing.
pub(super) fn judge(
    importing: &mut Importing<'_, '_>,
    line: u64,
    whole: &Whole,
) -> Result<Verdict, Error> {
    let (tx, item) = (&mut *importing.tx, &whole.ticket);
    let imported = store::imports::find(tx, importing.source, What::Ticket, &item.id)?;
    let Some(Imported { row_id, ticket: Some(stand) }) = imported else {
        return judge_stranger(importing, item);
    };
    let Some(ticket) = store::tickets::find(tx, row_id)? else {
        return judge_stranger(importing, item);
    };
    let Some(from) = first_new(&stand, &whole.entries) else {
        let message = "Its last entry that was imported before is no longer there, so what is new \
             cannot be told.";
        let error = FieldError::new("id", FieldCode::UnknownValue, message);
        return Ok(Verdict::Refused(LineError { line, error }));
    };
    if from == whole.entries.len() && stand.line_hash == item.hash {
        return Ok(Verdict::Known);
    }
    if (stand.last_entry, stand.version) != (ticket.last_entry, ticket.version) {
        return Ok(Verdict::Kept(ticket.reference));
    }
    Ok(Verdict::Grown { ticket: Box::new(ticket), from })
}

/// A ticket under the same reference of the same customer from the same moment is the same one: a
/// database may be given its own export.
fn judge_stranger(importing: &mut Importing<'_, '_>, item: &TicketItem) -> Result<Verdict, Error> {
    let Some(reference) = &item.reference else { return Ok(Verdict::New { is_free: true }) };
    let Some(other) = store::tickets::find_by_reference(importing.tx, reference)? else {
        return Ok(Verdict::New { is_free: true });
    };
    let customer = importing.customer(&item.customer)?;
    let is_same = customer.is_some_and(|customer| customer.id == other.customer.id)
        && other.created_at == item.created_at;
    Ok(if is_same { Verdict::Known } else { Verdict::New { is_free: false } })
}

fn first_new(stand: &Stand, entries: &[EntryItem]) -> Option<usize> {
    match &stand.source_entry {
        None => Some(0),
        Some(last) => entries.iter().position(|entry| entry.id == *last).map(|at| at + 1),
    }
}

/// Adds a ticket that is new, and answers what it is called.
pub(super) fn add(importing: &mut Importing<'_, '_>, whole: &Whole) -> Result<Reference, Error> {
    let item = &whole.ticket;
    let mut ticket = begin(importing, item)?;
    insert_named(importing.tx, &mut ticket)?;
    index(importing.tx, &ticket)?;
    if whole.entries.first().is_none_or(|first| first.kind != Kind::Created) {
        by_itself(importing, &mut ticket, Kind::Created, None, None, item.created_at)?;
    }
    for entry in &whole.entries {
        append(importing, &mut ticket, entry)?;
    }
    settle(importing, &mut ticket, whole)?;
    store::tickets::update(importing.tx, &ticket)?;
    count_new(importing.tx, &ticket)?;
    keep(importing, &ticket, whole)?;
    Ok(ticket.reference)
}

/// Adds what is new of a ticket that was imported before.
pub(super) fn grow(
    importing: &mut Importing<'_, '_>,
    ticket: &Ticket,
    whole: &Whole,
    from: usize,
) -> Result<(), Error> {
    let item = &whole.ticket;
    let mut ticket = take(importing.tx, &Actor::System, &ticket.reference)?;
    let before = Standing::of(&ticket);
    let assignee = assignee(importing, item)?;
    if ticket.subject != item.subject {
        ticket.subject.clone_from(&item.subject);
        index(importing.tx, &ticket)?;
    }
    ticket.priority = item.priority;
    ticket.category.clone_from(&item.category);
    ticket.assignee = assignee;
    ticket.version += 1;
    for entry in &whole.entries[from..] {
        append(importing, &mut ticket, entry)?;
    }
    settle(importing, &mut ticket, whole)?;
    save(importing.tx, before, &ticket)?;
    keep(importing, &ticket, whole)
}

fn begin(importing: &mut Importing<'_, '_>, item: &TicketItem) -> Result<Ticket, Error> {
    let customer = importing.customer(&item.customer)?.ok_or(Error::NotFound)?;
    let assignee = assignee(importing, item)?;
    Ok(Ticket {
        id: ids::new_id(importing.now),
        reference: item.reference.clone().unwrap_or_else(Reference::random),
        subject: item.subject.clone(),
        description: item.description.clone(),
        status: Status::Open,
        priority: item.priority,
        category: item.category.clone(),
        customer: Person { id: customer.id, email: customer.email, name: customer.name },
        assignee,
        resolution: None,
        resolved_at: None,
        note_count: 0,
        created_at: item.created_at,
        updated_at: item.created_at,
        staff_at: item.created_at,
        customer_last: true,
        last_entry: 0,
        version: 1,
    })
}

fn assignee(importing: &mut Importing<'_, '_>, item: &TicketItem) -> Result<Option<Person>, Error> {
    let Some(id) = &item.assignee else { return Ok(None) };
    let staff = importing.staff(id)?;
    Ok(staff.map(|staff| Person { id: staff.id, email: staff.email, name: staff.name }))
}

/// Keeps how the ticket stands. What was imported is no news to the customer.
fn keep(importing: &mut Importing<'_, '_>, ticket: &Ticket, whole: &Whole) -> Result<(), Error> {
    search::rebuild(importing.tx, ticket)?;
    store::reads::put(importing.tx, ticket.customer.id, ticket.id, ticket.updated_at)?;
    let stand = Stand {
        line_hash: whole.ticket.hash,
        source_entry: whole.entries.last().map(|entry| entry.id.clone()),
        last_entry: ticket.last_entry,
        version: ticket.version,
    };
    let imported = Imported { row_id: ticket.id, ticket: Some(stand) };
    let id = &whole.ticket.id;
    Ok(store::imports::put(importing.tx, importing.source, What::Ticket, id, &imported)?)
}

/// Records one entry as it happened there.
fn append(
    importing: &mut Importing<'_, '_>,
    ticket: &mut Ticket,
    item: &EntryItem,
) -> Result<(), Error> {
    let staff = match &item.staff {
        Some(id) => importing.staff(id)?,
        None => None,
    };
    let by_id = match item.by {
        By::Customer => Some(ticket.customer.id),
        By::Staff => staff.as_ref().map(|staff| staff.id),
        By::Program | By::System => None,
    };
    let entry = Entry {
        id: ids::entry_id(item.at, ticket.last_entry),
        kind: item.kind,
        at: item.at,
        by: item.by,
        author: item.author.clone().or_else(|| staff.map(|staff| staff.name)),
        body: item.body.clone(),
        from: item.from,
        to: item.to,
        visibility: item.visibility,
    };
    move_along(ticket, &entry);
    entries::keep(importing.tx, ticket, &entry, by_id)
}

/// What an entry means for the ticket's status.
fn move_along(ticket: &mut Ticket, entry: &Entry) {
    let Some(to) = entry.to else { return };
    ticket.status = to;
    ticket.resolved_at = (to == Status::Resolved).then_some(entry.at);
    match to {
        Status::Resolved => ticket.resolution.clone_from(&entry.body),
        // A closed ticket keeps how it was resolved.
        Status::Closed => {}
        // Reopened: the old resolution stays in the timeline.
        Status::Open | Status::InProgress => ticket.resolution = None,
    }
}

/// Adds the changes of status that no entry tells, so that the timeline ends where the ticket is.
fn settle(
    importing: &mut Importing<'_, '_>,
    ticket: &mut Ticket,
    whole: &Whole,
) -> Result<(), Error> {
    let item = &whole.ticket;
    if ticket.status == item.status {
        return Ok(());
    }
    let at = item.status_at.unwrap_or(ticket.updated_at).max(ticket.created_at);
    if let Some(text) = resolution(ticket, whole) {
        if ticket.status == Status::Closed {
            by_itself(importing, ticket, Kind::StatusChanged, None, Some(Status::Open), at)?;
        }
        if ticket.status != Status::Resolved {
            let to = Some(Status::Resolved);
            by_itself(importing, ticket, Kind::Resolution, Some(text), to, at)?;
        }
    }
    if ticket.status != item.status {
        by_itself(importing, ticket, Kind::StatusChanged, None, Some(item.status), at)?;
    }
    Ok(())
}

/// The text with which a ticket reaches its status, if it was resolved: what its line says or, to
/// be resolved without one, what was said before.
fn resolution(ticket: &Ticket, whole: &Whole) -> Option<String> {
    let item = &whole.ticket;
    let said = item.resolution.clone();
    match item.status {
        Status::Closed => said,
        Status::Resolved => said.or_else(|| ticket.resolution.clone()).or_else(|| {
            let mut earlier = whole.entries.iter().rev();
            earlier.find(|entry| entry.kind == Kind::Resolution).and_then(|it| it.body.clone())
        }),
        Status::Open | Status::InProgress => None,
    }
}

/// Records something that nobody of the source is known to have done.
fn by_itself(
    importing: &mut Importing<'_, '_>,
    ticket: &mut Ticket,
    kind: Kind,
    body: Option<String>,
    to: Option<Status>,
    at: Millis,
) -> Result<(), Error> {
    let entry = Entry {
        id: ids::entry_id(at, ticket.last_entry),
        kind,
        at,
        by: By::System,
        author: None,
        body,
        from: to.map(|_| ticket.status),
        to,
        visibility: Visibility::Public,
    };
    move_along(ticket, &entry);
    entries::keep(importing.tx, ticket, &entry, None)
}
