//! Events: what happened, in one order for everybody, for programs that follow along.
//!
//! An event is written by the transaction that causes it, and numbered later by [`number`], one
//! process at a time. A number is given only to what is committed, so a reader who asks for what
//! comes after a number never skips anything that is committed later with a smaller one.

use serde_json::{Map, Value, json};

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::customers::Customer;
use crate::domain::entries::{Entry, Kind};
use crate::domain::page::{self, Page};
use crate::domain::tickets::Ticket;
use crate::domain::{Actor, webhooks};
use crate::error::Error;
use crate::ids::Reference;
use crate::{ids, store};

/// Events numbered in one transaction at most, so that other writers get their turn.
const BATCH: i64 = 200;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A ticket was created.
    TicketCreated,
    /// Its status changed, other than by being resolved.
    TicketStatusChanged,
    /// It was resolved.
    TicketResolved,
    /// Its customer replied.
    TicketReplied,
    /// Staff or a program wrote a note.
    TicketNoteAdded,
    /// It was assigned or unassigned.
    TicketAssigned,
    /// Its subject, priority or category changed.
    TicketChanged,
    /// A customer was added.
    CustomerCreated,
    /// Something about a customer changed.
    CustomerChanged,
    /// A customer was erased: whoever keeps a copy of what they were told should forget it, too.
    CustomerErased,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::TicketCreated,
        Self::TicketStatusChanged,
        Self::TicketResolved,
        Self::TicketReplied,
        Self::TicketNoteAdded,
        Self::TicketAssigned,
        Self::TicketChanged,
        Self::CustomerCreated,
        Self::CustomerChanged,
        Self::CustomerErased,
    ];

    /// The word for it in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TicketCreated => "ticket.created",
            Self::TicketStatusChanged => "ticket.status_changed",
            Self::TicketResolved => "ticket.resolved",
            Self::TicketReplied => "ticket.replied",
            Self::TicketNoteAdded => "ticket.note_added",
            Self::TicketAssigned => "ticket.assigned",
            Self::TicketChanged => "ticket.changed",
            Self::CustomerCreated => "customer.created",
            Self::CustomerChanged => "customer.changed",
            Self::CustomerErased => "customer.erased",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    fn of_entry(kind: Kind) -> Self {
        match kind {
            Kind::Created => Self::TicketCreated,
            Kind::StatusChanged => Self::TicketStatusChanged,
            Kind::Note => Self::TicketNoteAdded,
            Kind::Reply => Self::TicketReplied,
            Kind::Resolution => Self::TicketResolved,
            Kind::Assigned => Self::TicketAssigned,
        }
    }
}

/// One thing that happened, as programs read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place: 1, 2, 3, … without a gap.
    pub number: i64,
    /// What kind of thing.
    pub kind: EventKind,
    /// When.
    pub at: Millis,
    /// The ticket it happened to.
    pub ticket: Option<Reference>,
    /// The customer it happened to, or whose ticket it is.
    pub customer_id: i64,
    /// Whose hand it is from, if they have a name.
    pub author: Option<String>,
    /// The timeline entry that it is.
    pub entry: Option<Entry>,
    /// What changed: JSON, `{"priority": {"from": "low", "to": "high"}}`.
    pub changes: Option<Value>,
}

/// An event before it has a number.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Grows along what happens to one subject.
    pub id: i64,
    /// The ticket, or else the customer.
    pub subject_id: i64,
    /// What kind of thing.
    pub kind: EventKind,
    /// When.
    pub at: Millis,
    /// The ticket it happened to.
    pub ticket_id: Option<i64>,
    /// The timeline entry that it is.
    pub entry_id: Option<i64>,
    /// The customer.
    pub customer_id: i64,
    /// Whose hand it is from.
    pub author: Option<String>,
    /// What changed, as JSON.
    pub changes: Option<String>,
}

/// What changed about something: only what is not as it was.
#[derive(Debug, Default)]
pub(in crate::domain) struct Changes(Map<String, Value>);

impl Changes {
    /// Notes a field, if it changed.
    pub(in crate::domain) fn note<T: Into<Value> + PartialEq>(
        &mut self,
        field: &str,
        from: T,
        to: T,
    ) {
        if from != to {
            self.0.insert(field.to_owned(), json!({ "from": from.into(), "to": to.into() }));
        }
    }

    /// Whether nothing did.
    pub(in crate::domain) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each field that changed, with `from` and `to`.
    pub(in crate::domain) fn map(&self) -> &Map<String, Value> {
        &self.0
    }

    fn text(self) -> String {
        Value::Object(self.0).to_string()
    }
}

/// Something happened that is an entry of a ticket's timeline.
pub(in crate::domain) fn entry_recorded(
    tx: &mut Tx<'_>,
    ticket: &Ticket,
    entry: &Entry,
) -> Result<(), Error> {
    let event = NewEvent {
        id: entry.id,
        subject_id: ticket.id,
        kind: EventKind::of_entry(entry.kind),
        at: entry.at,
        ticket_id: Some(ticket.id),
        entry_id: Some(entry.id),
        customer_id: ticket.customer.id,
        author: entry.author.clone(),
        changes: None,
    };
    Ok(store::events::insert(tx, &event)?)
}

/// A ticket's subject, priority or category changed.
pub(in crate::domain) fn ticket_changed(
    tx: &mut Tx<'_>,
    ticket: &Ticket,
    actor: &Actor,
    changes: Changes,
    now: Millis,
) -> Result<(), Error> {
    let mut event = NewEvent {
        // After what the ticket's timeline holds already, even if the clock was set back.
        id: ids::new_id(now).max(ticket.last_entry + 1),
        subject_id: ticket.id,
        kind: EventKind::TicketChanged,
        at: now,
        ticket_id: Some(ticket.id),
        entry_id: None,
        customer_id: ticket.customer.id,
        author: actor.name(),
        changes: Some(changes.text()),
    };
    // Then two changes may want the same place.
    while !store::events::insert_if_free(tx, &event)? {
        event.id += 1;
    }
    Ok(())
}

/// A customer was added.
pub(in crate::domain) fn customer_created(
    tx: &mut Tx<'_>,
    customer: &Customer,
) -> Result<(), Error> {
    let event = of_customer(customer, EventKind::CustomerCreated, customer.created_at);
    Ok(store::events::insert(tx, &event)?)
}

/// Something about a customer changed.
pub(in crate::domain) fn customer_changed(
    tx: &mut Tx<'_>,
    customer: &Customer,
    actor: &Actor,
    changes: Changes,
    now: Millis,
) -> Result<(), Error> {
    let event = NewEvent {
        author: actor.name(),
        changes: Some(changes.text()),
        ..of_customer(customer, EventKind::CustomerChanged, now)
    };
    Ok(store::events::insert(tx, &event)?)
}

/// A customer was erased.
pub(in crate::domain) fn customer_erased(
    tx: &mut Tx<'_>,
    customer: &Customer,
    actor: &Actor,
    now: Millis,
) -> Result<(), Error> {
    let event = of_customer(customer, EventKind::CustomerErased, now);
    Ok(store::events::insert(tx, &NewEvent { author: actor.name(), ..event })?)
}

fn of_customer(customer: &Customer, kind: EventKind, now: Millis) -> NewEvent {
    NewEvent {
        id: ids::new_id(now),
        subject_id: customer.id,
        kind,
        at: now,
        ticket_id: None,
        entry_id: None,
        customer_id: customer.id,
        author: None,
        changes: None,
    }
}

/// Whether an event waits for its number.
pub fn any_waits(tx: &mut Tx<'_>) -> Result<bool, Error> {
    Ok(!store::events::waiting(tx, 1)?.is_empty())
}

/// Gives numbers to events that wait for one, and queues them for the webhooks that want them.
/// Returns whether there may be more.
pub fn number(tx: &mut Tx<'_>, now: Millis) -> Result<bool, Error> {
    // Holds every other process back until this transaction has ended.
    let last = store::events::take_last_number(tx)?;
    let waiting = store::events::waiting(tx, BATCH)?;
    for (number, event) in (last + 1..).zip(&waiting) {
        store::events::append(tx, number, event)?;
        store::events::remove_waiting(tx, event)?;
    }
    let count = i64::try_from(waiting.len()).unwrap_or(BATCH);
    if count > 0 {
        store::events::set_last_number(tx, last + count)?;
        let numbered: Vec<_> = (last + 1..).zip(waiting.iter().map(|event| event.kind)).collect();
        webhooks::queue(tx, &numbered, now)?;
    }
    Ok(count == BATCH)
}

/// What happened after the place that `cursor` names, oldest first; from the beginning without.
/// The page's next cursor is there even if nothing more happened yet: it is where to go on.
pub fn list(tx: &mut Tx<'_>, cursor: Option<&str>, limit: i64) -> Result<Page<Event>, Error> {
    let after = page::place("cursor", cursor)?.unwrap_or(0);
    let events = store::events::after(tx, after, limit)?;
    let place = events.last().map_or(after, |event| event.number);
    Ok(Page { next: Some(page::cursor(&[place])), items: events })
}

/// The event with this number.
pub fn find(tx: &mut Tx<'_>, number: i64) -> Result<Option<Event>, Error> {
    Ok(store::events::after(tx, number - 1, 1)?.into_iter().find(|event| event.number == number))
}
