//! A ticket that was written down for the wrong customer gets the right one.
//!
//! From then on the one does not find it by any door and the other does. Links open a portal, not a
//! ticket, so none of them needs to change; mails about it that still wait are withdrawn.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::customers::Customer;
use crate::domain::email::Email;
use crate::domain::entries::{self, Draft, Kind, Visibility};
use crate::domain::events::{self, Changes};
use crate::domain::tickets::{Outcome, Person, Seen, Standing, Ticket, save, take};
use crate::domain::{Actor, mails, search};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;
use crate::store;

const WITHDRAWN: &str = "the ticket was moved to another customer";

/// Gives a ticket that is still as it was `seen` to the customer with the address `to`, who reads all
/// that is public on it from then on; the one before finds it no more. With `notify` the new one is
/// mailed a link to it. Nothing happens if it is theirs already.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] naming `customer` if nobody has the address, or their data
/// was erased: who sees a ticket is never decided by a slip of the pen.
pub fn give(
    tx: &mut Tx<'_>,
    actor: &Actor,
    reference: &Reference,
    (to, notify): (&Email, bool),
    seen: Seen,
    now: Millis,
) -> Result<Outcome, Error> {
    let mut ticket = take(tx, actor, reference)?;
    let customer = receiver(tx, to)?;
    if customer.id == ticket.customer.id {
        return Ok(Outcome::Done);
    }
    if Seen::of(&ticket) != seen {
        return Ok(Outcome::ChangedMeanwhile);
    }
    let standing = Standing::of(&ticket);
    let from = hand(tx, &mut ticket, &customer, now)?;
    tell(tx, &mut ticket, actor, &from, now)?;
    search::rebuild(tx, &ticket)?;
    save(tx, standing, &ticket)?;
    if notify && customer.active {
        mails::portal_link(tx, &customer, Some(reference), None, now)?;
    }
    Ok(Outcome::Done)
}

/// The customer who is to get a ticket.
///
/// # Errors
/// [`Error::Invalid`] naming `customer`.
pub fn receiver(tx: &mut Tx<'_>, email: &Email) -> Result<Customer, Error> {
    let found = store::customers::find_by_email(tx, email)?;
    found.filter(|customer| customer.erased_at.is_none()).ok_or_else(|| {
        let message = "No customer has this address. Add them first, then move the ticket.";
        FieldError::new("customer", FieldCode::UnknownValue, message).into()
    })
}

/// Moves the ticket with what hangs on it. Returns whose it was.
fn hand(tx: &mut Tx<'_>, ticket: &mut Ticket, to: &Customer, now: Millis) -> Result<Person, Error> {
    let new = Person { id: to.id, email: to.email.clone(), name: to.name.clone() };
    let old = std::mem::replace(&mut ticket.customer, new);
    store::ticket_moves::set_customer(tx, ticket.id, to.id)?;
    store::ticket_moves::move_texts(tx, ticket.id, old.id, to.id)?;
    // Always in the same order, so that two moves between two customers cannot wait for each other.
    let mut counts = [(old.id, -1), (to.id, 1)];
    counts.sort_unstable();
    for (customer_id, change) in counts {
        store::tickets::count(tx, customer_id, ticket.status, change)?;
    }
    store::reads::forget(tx, old.id, ticket.id)?;
    store::ticket_moves::withdraw_mails(tx, ticket.id, old.id, WITHDRAWN, now)?;
    if let Some(mail) = store::ticket_moves::last_mail(tx, ticket.id, old.id)? {
        store::outbox::release_next(tx, mail, now)?;
    }
    Ok(old)
}

/// Writes down that it moved: for colleagues in the timeline, for programs by the customers' ids.
fn tell(
    tx: &mut Tx<'_>,
    ticket: &mut Ticket,
    actor: &Actor,
    from: &Person,
    now: Millis,
) -> Result<(), Error> {
    ticket.version += 1;
    let body = format!("Moved from {} to {}.", named(from), named(&ticket.customer));
    let draft =
        Draft { visibility: Visibility::Internal, body: Some(body), ..Draft::new(Kind::Note) };
    let entry = entries::record(tx, ticket, actor, draft, now)?;
    for customer_id in [from.id, ticket.customer.id] {
        store::ticket_moves::insert(tx, customer_id, ticket.id, entry.id)?;
    }
    let mut changes = Changes::default();
    changes.note("customer", from.id.to_string(), ticket.customer.id.to_string());
    events::ticket_changed(tx, ticket, actor, changes, now)
}

fn named(person: &Person) -> String {
    let Person { email, name, .. } = person;
    if name.is_empty() { email.to_string() } else { format!("{name} ({email})") }
}
