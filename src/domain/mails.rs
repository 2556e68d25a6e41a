//! Who is mailed what: one action sends one mail to one person at most.
//!
//! What is sent at all is a setting ([`crate::domain::Notices`]), but for who asks for a way in.
//!
//! Mails are put into the outbox by the transaction that causes them, and get their link and code
//! only when they are handed over.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::customers::Customer;
use crate::domain::email::Email;
use crate::domain::links::{self, Reason};
use crate::domain::outbox::MailState;
use crate::domain::staff::Staff;
use crate::domain::tickets::{Person, Status, Ticket};
use crate::domain::{Actor, Rules, codes, staff_sign_ins};
use crate::error::Error;
use crate::ids::{HashKey, Reference, Token};
use crate::mail::outbox::{self, Claimed, For};
use crate::mail::{Mail, PORTAL_LINK, STAFF_LINK};
use crate::store;
pub use crate::store::outbox::Backlog;

/// To the customer who asked for a way in: at the portal's door, or somebody of staff for them.
pub(in crate::domain) fn portal_link(
    tx: &mut Tx<'_>,
    customer: &Customer,
    reference: Option<&Reference>,
    request_id: Option<i64>,
    now: Millis,
) -> Result<(), Error> {
    // A ticket of somebody else is not mentioned: the mail leads to the list.
    let ticket = match reference {
        Some(reference) => store::tickets::find_of_customer(tx, customer.id, reference)?,
        None => None,
    };
    let mail = Mail::PortalLink {
        customer_name: customer.name.clone(),
        ticket: ticket.as_ref().map(|ticket| ticket.reference.to_string()),
    };
    let about = For {
        customer_id: Some(customer.id),
        ticket_id: ticket.map(|ticket| ticket.id),
        request_id,
    };
    outbox::put(tx, &customer.email, &mail, about, now)?;
    Ok(())
}

/// To a member of staff who asked for a way in.
pub(in crate::domain) fn staff_sign_in(
    tx: &mut Tx<'_>,
    staff: &Staff,
    sign_in_id: i64,
    now: Millis,
) -> Result<(), Error> {
    let mail = Mail::StaffSignIn { name: staff.name.clone() };
    let about = For { customer_id: None, ticket_id: None, request_id: Some(sign_in_id) };
    outbox::put(tx, &staff.email, &mail, about, now)?;
    Ok(())
}

/// To a member of staff whom an admin lets in.
pub(in crate::domain) fn staff_link(
    tx: &mut Tx<'_>,
    actor: &Actor,
    staff: &Staff,
    sign_in_id: i64,
    now: Millis,
) -> Result<(), Error> {
    let mail = Mail::StaffLink { name: staff.name.clone(), sent_by: staff_name(actor) };
    let about = For { customer_id: None, ticket_id: None, request_id: Some(sign_in_id) };
    outbox::put(tx, &staff.email, &mail, about, now)?;
    Ok(())
}

/// To the customer of a new ticket.
pub(in crate::domain) fn ticket_created(
    tx: &mut Tx<'_>,
    rules: &Rules,
    ticket: &Ticket,
    now: Millis,
) -> Result<(), Error> {
    if !rules.notices.ticket_created {
        return Ok(());
    }
    let mail = Mail::TicketCreated {
        customer_name: ticket.customer.name.clone(),
        reference: ticket.reference.to_string(),
        subject: ticket.subject.clone(),
    };
    to_customer(tx, ticket, &mail, now)
}

/// To the customer: a note they may read. A program's name stays with staff.
pub(in crate::domain) fn note_added(
    tx: &mut Tx<'_>,
    rules: &Rules,
    ticket: &Ticket,
    actor: &Actor,
    note: &str,
    now: Millis,
) -> Result<(), Error> {
    if !rules.notices.note_added {
        return Ok(());
    }
    let mail = Mail::NoteAdded {
        customer_name: ticket.customer.name.clone(),
        reference: ticket.reference.to_string(),
        subject: ticket.subject.clone(),
        author: staff_name(actor),
        note: note.to_owned(),
    };
    to_customer(tx, ticket, &mail, now)
}

/// To the customer: another status.
pub(in crate::domain) fn status_changed(
    tx: &mut Tx<'_>,
    rules: &Rules,
    ticket: &Ticket,
    from: Status,
    now: Millis,
) -> Result<(), Error> {
    if !rules.notices.status_changed {
        return Ok(());
    }
    let mail = Mail::StatusChanged {
        customer_name: ticket.customer.name.clone(),
        reference: ticket.reference.to_string(),
        subject: ticket.subject.clone(),
        from: from.label().to_owned(),
        to: ticket.status.label().to_owned(),
    };
    to_customer(tx, ticket, &mail, now)
}

/// To the customer: how it was resolved.
pub(in crate::domain) fn ticket_resolved(
    tx: &mut Tx<'_>,
    rules: &Rules,
    ticket: &Ticket,
    resolution: &str,
    now: Millis,
) -> Result<(), Error> {
    if !rules.notices.ticket_resolved {
        return Ok(());
    }
    to_customer(tx, ticket, &resolved(ticket, resolution), now)
}

/// What the customer of `ticket` is mailed when it is resolved: also for a look at it before.
pub fn resolved(ticket: &Ticket, resolution: &str) -> Mail {
    Mail::TicketResolved {
        customer_name: ticket.customer.name.clone(),
        reference: ticket.reference.to_string(),
        subject: ticket.subject.clone(),
        resolution: resolution.to_owned(),
        note: None,
    }
}

/// To the assigned technician, or to the staff's inbox.
pub(in crate::domain) fn customer_replied(
    tx: &mut Tx<'_>,
    rules: &Rules,
    ticket: &Ticket,
    reply: &str,
    now: Millis,
) -> Result<(), Error> {
    if !rules.notices.customer_replied {
        return Ok(());
    }
    let technician = match &ticket.assignee {
        Some(person) => store::staff::find(tx, person.id)?.filter(|staff| staff.active),
        None => None,
    };
    let inbox = rules.staff_inbox.clone();
    let Some(recipient) = technician.map(|staff| staff.email).or(inbox) else { return Ok(()) };
    let mail = Mail::CustomerReplied {
        reference: ticket.reference.to_string(),
        subject: ticket.subject.clone(),
        customer_name: ticket.customer.name.clone(),
        customer_email: ticket.customer.email.to_string(),
        reply: reply.to_owned(),
    };
    to_staff(tx, &recipient, ticket, &mail, now)
}

/// To the assigned technician, unless they did it themselves.
pub(in crate::domain) fn ticket_assigned(
    tx: &mut Tx<'_>,
    rules: &Rules,
    ticket: &Ticket,
    actor: &Actor,
    now: Millis,
) -> Result<(), Error> {
    if !rules.notices.ticket_assigned {
        return Ok(());
    }
    let Some(Person { id, email, name }) = &ticket.assignee else { return Ok(()) };
    if matches!(actor, Actor::Staff { id: own, .. } if own == id) {
        return Ok(());
    }
    let mail = Mail::TicketAssigned {
        reference: ticket.reference.to_string(),
        subject: ticket.subject.clone(),
        technician_name: name.clone(),
        assigned_by: staff_name(actor),
    };
    to_staff(tx, email, ticket, &mail, now)
}

fn staff_name(actor: &Actor) -> Option<String> {
    match actor {
        Actor::Staff { name, .. } => Some(name.clone()),
        _ => None,
    }
}

fn to_customer(tx: &mut Tx<'_>, ticket: &Ticket, mail: &Mail, now: Millis) -> Result<(), Error> {
    // An inactive customer gets no link, and every mail to a customer carries one.
    let customer = store::customers::find(tx, ticket.customer.id)?;
    if customer.is_some_and(|customer| customer.active) {
        let about = For {
            customer_id: Some(ticket.customer.id),
            ticket_id: Some(ticket.id),
            request_id: None,
        };
        outbox::put(tx, &ticket.customer.email, mail, about, now)?;
    }
    Ok(())
}

fn to_staff(
    tx: &mut Tx<'_>,
    recipient: &Email,
    ticket: &Ticket,
    mail: &Mail,
    now: Millis,
) -> Result<(), Error> {
    let about = For { customer_id: None, ticket_id: Some(ticket.id), request_id: None };
    outbox::put(tx, recipient, mail, about, now)?;
    Ok(())
}

/// What an attempt at a mail carries, made for it alone.
pub struct HandOver {
    /// The claimed mail.
    pub claimed: Claimed,
    /// The ticket it leads to.
    pub reference: Option<Reference>,
    /// Where its link leads, and what opens that.
    pub door: Door,
    /// Six digits for another device.
    pub code: Option<String>,
}

/// Where the link of a mail leads.
pub enum Door {
    /// To the portal, opened by the token.
    Portal(Token),
    /// To the desk, where its reader signs in.
    Desk,
    /// Into the desk, by the token of a sign-in.
    SignIn(Token),
}

/// Whether a mail of `lane` is due.
pub fn any_due(tx: &mut Tx<'_>, lane: i64, now: Millis) -> Result<bool, Error> {
    Ok(store::outbox::any_due(tx, lane, now)?)
}

/// What both lanes have to do: sign-in mails, then notices.
///
/// # Errors
/// Those of the database.
pub fn backlog(tx: &mut Tx<'_>, now: Millis) -> Result<[Backlog; 2], Error> {
    Ok([store::outbox::backlog(tx, 0, now)?, store::outbox::backlog(tx, 1, now)?])
}

/// How many mails are in `state`, counted up to 10,000.
///
/// # Errors
/// Those of the database.
pub fn count(tx: &mut Tx<'_>, state: MailState) -> Result<i64, Error> {
    Ok(store::outbox::count(tx, state)?)
}

/// How many mails nobody is to get any more one transaction gives up.
const GIVEN_UP_AT_ONCE: usize = 50;

/// Claims the next mail of `lane` and mints what it carries. One whose time is over, or whose
/// recipient has become inactive, is given up on the way. `None` does not mean that nothing is
/// due: ask [`any_due`].
pub fn hand_over(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    lane: i64,
    now: Millis,
) -> Result<Option<HandOver>, Error> {
    for _ in 0..GIVEN_UP_AT_ONCE {
        let Some(claimed) = outbox::claim(tx, lane, now)? else { return Ok(None) };
        if let Some(reason) = moot(tx, &claimed, now)? {
            outbox::give_up(tx, &claimed, reason, now)?;
            continue;
        }
        let reference = match claimed.ticket_id {
            Some(id) => store::tickets::find(tx, id)?
                // One that was moved to somebody else is not where the mail leads.
                .filter(|it| claimed.customer_id.is_none_or(|id| id == it.customer.id))
                .map(|ticket| ticket.reference),
            None => None,
        };
        let Some(customer_id) = claimed.customer_id else {
            let Some((door, code)) = to_the_desk(tx, key, &claimed, now)? else {
                outbox::give_up(tx, &claimed, "nobody waits for it any more", now)?;
                continue;
            };
            return Ok(Some(HandOver { claimed, reference, door, code }));
        };
        let reason = match claimed.request_id {
            Some(_) => Reason::Requested,
            None if claimed.kind == PORTAL_LINK => Reason::Staff,
            None => Reason::TicketMail,
        };
        let (link, token) =
            links::issue(tx, rules, customer_id, claimed.ticket_id, (reason, None), now)?;
        store::outbox::set_link(tx, claimed.id, link.id)?;
        let code = match claimed.request_id {
            Some(request_id) => Some(codes::mint(tx, key, request_id, now)?),
            None => None,
        };
        return Ok(Some(HandOver { claimed, reference, door: Door::Portal(token), code }));
    }
    Ok(None)
}

/// Where a mail to staff leads. `None` if it was to let somebody in who waits no more.
fn to_the_desk(
    tx: &mut Tx<'_>,
    key: &HashKey,
    claimed: &Claimed,
    now: Millis,
) -> Result<Option<(Door, Option<String>)>, Error> {
    let Some(sign_in_id) = claimed.request_id else { return Ok(Some((Door::Desk, None))) };
    let minted = staff_sign_ins::mint(tx, key, sign_in_id, now)?;
    // A code is for the page that asked, and no page asked for this one.
    let asked = claimed.kind != STAFF_LINK;
    Ok(minted.map(|(token, code)| (Door::SignIn(token), asked.then_some(code))))
}

/// Why a mail is not to be sent any more.
fn moot(tx: &mut Tx<'_>, claimed: &Claimed, now: Millis) -> Result<Option<&'static str>, Error> {
    if now >= claimed.give_up_at {
        return Ok(Some("it could not be delivered in time"));
    }
    let Some(customer_id) = claimed.customer_id else {
        // The staff's inbox is nobody's record and stays.
        let staff = store::staff::find_by_email(tx, &Email::from_store(claimed.recipient.clone()))?;
        return Ok(staff
            .is_some_and(|staff| !staff.active)
            .then_some("the technician is inactive"));
    };
    let customer = store::customers::find(tx, customer_id)?;
    let active = customer.is_some_and(|customer| customer.active);
    Ok((!active).then_some("the customer is inactive"))
}
