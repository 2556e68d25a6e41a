//! A ticket as staff work it: everything about it, and changes that are made only if it still is
//! what the page showed.

use std::fmt;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::audit::{self, Line};
use crate::domain::customers::{self, Customer};
use crate::domain::entries::Entry;
use crate::domain::idempotency::{self, Key};
use crate::domain::notes::{self, NewNote};
use crate::domain::outbox::TicketMail;
use crate::domain::page::{self, Page};
use crate::domain::staff::Staff;
use crate::domain::tickets::{Change, Status, Ticket, change, find, resolve, take};
use crate::domain::{Actor, Rules, answers};
use crate::error::Error;
use crate::ids::Reference;
use crate::store;

/// Entries a page shows at once.
const TIMELINE_PAGE: i64 = 100;
/// Mails a page shows, the newest.
const MAILS: i64 = 20;
/// Changes a page shows, the newest.
const CHANGES: i64 = 10;

/// A ticket with all that staff may know.
#[derive(Clone, Debug)]
pub struct Work {
    /// The ticket.
    pub ticket: Ticket,
    /// Whose it is.
    pub customer: Customer,
    /// When they last opened it in the portal.
    pub read_at: Option<Millis>,
    /// The newest entries, internal ones included, oldest first.
    pub timeline: Vec<Entry>,
    /// Where the entries before these begin, if there are any.
    pub earlier: Option<String>,
    /// The newest mails about it, the newest first.
    pub mails: Vec<TicketMail>,
    /// Whom it can be given to.
    pub technicians: Vec<Staff>,
    /// The newest changes of subject, priority and category, the newest first.
    pub changes: Vec<Line>,
    /// Ids and names of the saved answers.
    pub answers: Vec<(i64, String)>,
}

/// What a page showed of a ticket when somebody began to write. Every change moves one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The newest entry, internal ones included.
    pub last_entry: i64,
    /// The version of what the customer can see.
    pub version: i64,
}

impl Seen {
    /// All that there is of `ticket`.
    pub fn of(ticket: &Ticket) -> Self {
        Self { last_entry: ticket.last_entry, version: ticket.version }
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(word: &str) -> Option<Self> {
        let (last_entry, version) = word.split_once('.')?;
        Some(Self { last_entry: last_entry.parse().ok()?, version: version.parse().ok()? })
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.last_entry, self.version)
    }
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is made, now or by the same request before.
    Done,
    /// Somebody changed the ticket meanwhile; nothing was done.
    ChangedMeanwhile,
}

/// The ticket, with its newest 100 entries before `before`.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] naming `before`.
pub fn work(
    tx: &mut Tx<'_>,
    actor: &Actor,
    reference: &Reference,
    before: Option<&str>,
) -> Result<Work, Error> {
    let before = page::place("before", before)?.unwrap_or(i64::MAX);
    let ticket = find(tx, actor, reference)?;
    let newest = store::entries::all_before(tx, ticket.id, before, TIMELINE_PAGE + 1)?;
    let entries = Page::cut(newest, TIMELINE_PAGE, |entry| vec![entry.id], |entry| entry);
    let mut timeline = entries.items;
    timeline.reverse();
    let mut technicians = store::staff::list(tx)?;
    technicians.retain(|staff| staff.active);
    Ok(Work {
        customer: customers::find(tx, ticket.customer.id)?,
        read_at: store::reads::find(tx, ticket.customer.id, ticket.id)?,
        mails: store::outbox_desk::of_ticket(tx, ticket.id, MAILS)?,
        changes: audit::of_ticket(tx, ticket.id, CHANGES)?,
        answers: answers::names(tx)?,
        earlier: entries.next,
        timeline,
        technicians,
        ticket,
    })
}

/// Adds a note to a ticket that is still as it was `seen`. Sent twice it is added once.
///
/// # Errors
/// [`Error::NotFound`].
pub fn add_note(
    tx: &mut Tx<'_>,
    rules: &Rules,
    actor: &Actor,
    reference: &Reference,
    note: &NewNote,
    seen: Seen,
    now: Millis,
) -> Result<Outcome, Error> {
    let ticket = take(tx, actor, reference)?;
    let said = [note.visibility.as_str().as_bytes(), note.body.as_bytes()];
    let key = Key::new(actor, format!("{reference} {seen}"), &said);
    match idempotency::entry_before(tx, Some(&key), ticket.id) {
        Ok(Some(_)) => return Ok(Outcome::Done),
        Ok(None) if Seen::of(&ticket) == seen => {}
        Ok(None) | Err(Error::IdempotencyMismatch) => return Ok(Outcome::ChangedMeanwhile),
        Err(error) => return Err(error),
    }
    notes::add(tx, rules, actor, reference, note, Some(&key), now)?;
    Ok(Outcome::Done)
}

/// Changes a ticket that is still as it was `seen`, or is so already.
///
/// # Errors
/// Those of [`change`].
pub fn change_seen(
    tx: &mut Tx<'_>,
    rules: &Rules,
    actor: &Actor,
    reference: &Reference,
    wanted: &Change,
    seen: Seen,
    now: Millis,
) -> Result<Outcome, Error> {
    let ticket = take(tx, actor, reference)?;
    if Seen::of(&ticket) != seen && !is_so(&ticket, wanted) {
        return Ok(Outcome::ChangedMeanwhile);
    }
    change(tx, rules, actor, reference, wanted, now)?;
    Ok(Outcome::Done)
}

fn is_so(ticket: &Ticket, wanted: &Change) -> bool {
    let assignee = ticket.assignee.as_ref().map(|person| &person.email);
    wanted.status.is_none_or(|status| status == ticket.status)
        && wanted.priority.is_none_or(|priority| priority == ticket.priority)
        && wanted.category.as_ref().is_none_or(|category| *category == ticket.category)
        && wanted.assignee.as_ref().is_none_or(|email| email.as_ref() == assignee)
        && wanted.subject.as_ref().is_none_or(|subject| *subject == ticket.subject)
}

/// Resolves a ticket that is still as it was `seen`, or is resolved with this text already.
///
/// # Errors
/// Those of [`resolve`].
pub fn resolve_seen(
    tx: &mut Tx<'_>,
    rules: &Rules,
    actor: &Actor,
    reference: &Reference,
    (text, notify): (&str, bool),
    seen: Seen,
    now: Millis,
) -> Result<Outcome, Error> {
    let ticket = take(tx, actor, reference)?;
    if ticket.status == Status::Resolved && ticket.resolution.as_deref() == Some(text) {
        return Ok(Outcome::Done);
    }
    if Seen::of(&ticket) != seen {
        return Ok(Outcome::ChangedMeanwhile);
    }
    resolve(tx, rules, actor, reference, text, notify, now)?;
    Ok(Outcome::Done)
}
