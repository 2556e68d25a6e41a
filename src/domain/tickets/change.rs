//! A ticket changes by the hand of staff or a program.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::email::Email;
use crate::domain::entries::{self, Draft, Kind};
use crate::domain::events::{self, Changes};
use crate::domain::tickets::create::{check_category, index};
use crate::domain::tickets::{Person, Priority, Standing, Status, Ticket, find, save};
use crate::domain::{Actor, Rules, mails, search, staff};
use crate::error::{Error, FieldCode, FieldError, both};
use crate::ids::Reference;

/// What is to change; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The status. To resolve takes a text: see [`resolve`].
    pub status: Option<Status>,
    /// How much it matters.
    pub priority: Option<Priority>,
    /// The category; `Some(None)` takes it away.
    pub category: Option<Option<String>>,
    /// Who works on it; `Some(None)` unassigns.
    pub assignee: Option<Option<Email>>,
    /// What it is about, read with [`crate::domain::text::parse_line`].
    pub subject: Option<String>,
    /// Whether anybody is mailed.
    pub notify: bool,
}

/// Changes a ticket. What is asked for and already so is no change: no entry, no mail.
///
/// # Errors
/// [`Error::NotFound`], [`Error::TransitionRefused`], [`Error::Invalid`] naming `status` (it takes
/// a resolution), `category` or `assignee`. Then nothing was changed.
pub fn change(
    tx: &mut Tx<'_>,
    rules: &Rules,
    actor: &Actor,
    reference: &Reference,
    change: &Change,
    now: Millis,
) -> Result<Ticket, Error> {
    let mut ticket = find::take(tx, actor, reference)?;
    let (before, standing) = (ticket.status, Standing::of(&ticket));
    let technician = check(tx, rules, &ticket, change)?;
    change_fields(tx, &mut ticket, actor, change, now)?;
    let assigned = change_assignee(tx, &mut ticket, actor, technician, now)?;
    if let Some(status) = change.status.filter(|&status| status != before) {
        move_to(tx, &mut ticket, actor, status, now)?;
    }
    save(tx, standing, &ticket)?;
    if change.notify && assigned {
        mails::ticket_assigned(tx, rules, &ticket, actor, now)?;
    }
    if change.notify && ticket.status != before {
        mails::status_changed(tx, rules, &ticket, before, now)?;
    }
    Ok(ticket)
}

/// Resolves a ticket with the text that tells how.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::TransitionRefused`] if it is resolved or closed.
pub fn resolve(
    tx: &mut Tx<'_>,
    rules: &Rules,
    actor: &Actor,
    reference: &Reference,
    resolution: &str,
    notify: bool,
    now: Millis,
) -> Result<Ticket, Error> {
    let mut ticket = find::take(tx, actor, reference)?;
    let before = Standing::of(&ticket);
    let draft = settle(&mut ticket, resolution, now)?;
    entries::record(tx, &mut ticket, actor, draft, now)?;
    save(tx, before, &ticket)?;
    if notify {
        mails::ticket_resolved(tx, rules, &ticket, resolution, now)?;
    }
    Ok(ticket)
}

/// Moves a ticket to a status that needs no text, with its entry. The caller saves the ticket.
pub(in crate::domain) fn move_to(
    tx: &mut Tx<'_>,
    ticket: &mut Ticket,
    actor: &Actor,
    to: Status,
    now: Millis,
) -> Result<(), Error> {
    let draft = turn(ticket, to)?;
    entries::record(tx, ticket, actor, draft, now)?;
    Ok(())
}

/// What a status that needs no text means for a ticket, and the entry that tells of it.
pub(in crate::domain) fn turn(ticket: &mut Ticket, to: Status) -> Result<Draft, Error> {
    let from = ticket.status;
    if !from.may_become(to) {
        return Err(Error::TransitionRefused { from, to });
    }
    ticket.status = to;
    ticket.resolved_at = None;
    if to != Status::Closed {
        // Reopened: the old resolution stays in the timeline.
        ticket.resolution = None;
    }
    Ok(Draft { from: Some(from), to: Some(to), ..Draft::new(Kind::StatusChanged) })
}

/// What a resolution means for a ticket, and the entry that tells of it.
pub(in crate::domain) fn settle(
    ticket: &mut Ticket,
    resolution: &str,
    now: Millis,
) -> Result<Draft, Error> {
    let (from, to) = (ticket.status, Status::Resolved);
    if !from.may_become(to) {
        return Err(Error::TransitionRefused { from, to });
    }
    ticket.status = to;
    ticket.resolution = Some(resolution.to_owned());
    ticket.resolved_at = Some(now);
    let body = Some(resolution.to_owned());
    Ok(Draft { body, from: Some(from), to: Some(to), ..Draft::new(Kind::Resolution) })
}

/// Refuses what cannot be, every field at once, and finds whoever is to be assigned.
fn check(
    tx: &mut Tx<'_>,
    rules: &Rules,
    ticket: &Ticket,
    change: &Change,
) -> Result<Option<Option<Person>>, Error> {
    let category = match &change.category {
        // A category that is no longer offered stays until another is chosen.
        Some(category) if *category != ticket.category => {
            check_category(rules, category.as_deref())
        }
        _ => Ok(()),
    };
    let resolves = change.status == Some(Status::Resolved);
    let status = match resolves && ticket.status.may_become(Status::Resolved) {
        true => Err(resolution_missing().into()),
        false => Ok(()),
    };
    let assignee = change.assignee.as_ref();
    let assignee = assignee.map(|email| staff::find_assignee(tx, email.as_ref())).transpose();
    let (_, assignee) = both(both(status, category), assignee)?;
    Ok(assignee)
}

fn change_fields(
    tx: &mut Tx<'_>,
    ticket: &mut Ticket,
    actor: &Actor,
    change: &Change,
    now: Millis,
) -> Result<(), Error> {
    let mut changes = Changes::default();
    if let Some(priority) = change.priority {
        changes.note("priority", ticket.priority.as_str(), priority.as_str());
        ticket.priority = priority;
    }
    if let Some(category) = &change.category {
        changes.note("category", ticket.category.clone(), category.clone());
        ticket.category.clone_from(category);
    }
    if let Some(subject) = &change.subject {
        changes.note("subject", ticket.subject.as_str(), subject);
        ticket.subject.clone_from(subject);
        index(tx, ticket)?;
        search::rebuild(tx, ticket)?;
    }
    if !changes.is_empty() {
        ticket.version += 1;
        let (subject, details) = (Subject::ticket(ticket), Details::of(&changes));
        audit::record(tx, actor, Action::TicketChanged, &subject, details, now)?;
        events::ticket_changed(tx, ticket, actor, changes, now)?;
    }
    Ok(())
}

/// Returns whether somebody is assigned now who was not before.
fn change_assignee(
    tx: &mut Tx<'_>,
    ticket: &mut Ticket,
    actor: &Actor,
    assignee: Option<Option<Person>>,
    now: Millis,
) -> Result<bool, Error> {
    let Some(technician) = assignee else { return Ok(false) };
    if technician == ticket.assignee {
        return Ok(false);
    }
    ticket.assignee = technician;
    // The entry is internal, but the customer sees who is assigned.
    ticket.version += 1;
    let name = ticket.assignee.as_ref().map(|person| person.name.clone());
    entries::record(tx, ticket, actor, Draft::assigned(name), now)?;
    Ok(ticket.assignee.is_some())
}

fn resolution_missing() -> FieldError {
    FieldError::new(
        "status",
        FieldCode::Required,
        "To resolve a ticket takes a resolution text: send it to the ticket's resolution address.",
    )
}
