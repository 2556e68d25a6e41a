//! A person is to be forgotten: everything that tells who they were goes, and what they and staff
//! wrote about them. Tickets keep their skeleton for the figures.
//!
//! What lets them in and what they are called goes at once, in the transaction of whoever asks
//! ([`begin`]). The rest, perhaps ten thousand tickets, goes step by step ([`work`]): each step is a
//! transaction of bounded size that remembers how far it came, so one that is killed is gone on with
//! by any process, and others write in between.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::customers::Customer;
use crate::domain::email::Email;
use crate::domain::tickets::{index, take};
use crate::domain::{Actor, customer_uploads, customers, events, search, text};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;
use crate::store;

/// What stands where a text was.
pub const ERASED: &str = "Erased";
/// Tickets of one transaction.
const TICKETS_AT_ONCE: i64 = 20;
/// Mails and links of one transaction.
const ROWS_AT_ONCE: i64 = 500;
/// Events that one transaction looks at: they are in their own order, not in the customer's.
const EVENTS_AT_ONCE: i64 = 20_000;

/// What is being erased at the moment, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Their tickets, with all that hangs on each.
    Tickets,
    /// What they wrote on tickets that are somebody else's by now.
    Moves,
    /// Mails to them.
    Mails,
    /// Links and what remembers when they looked.
    Links,
    /// What programs are told of.
    Events,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 5] = [Self::Tickets, Self::Moves, Self::Mails, Self::Links, Self::Events];

    /// The word for it in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tickets => "tickets",
            Self::Moves => "moves",
            Self::Mails => "mails",
            Self::Links => "links",
            Self::Events => "events",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == word)
    }

    fn next(self) -> Option<Self> {
        Self::ALL.into_iter().skip_while(|step| *step != self).nth(1)
    }
}

/// How far the erasure of a customer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Who.
    pub customer_id: i64,
    /// What is next.
    pub step: Step,
    /// How far that is: the last ticket or event that is done.
    pub place: i64,
    /// When it was asked for.
    pub asked_at: Millis,
    /// When the last of it was done.
    pub ended_at: Option<Millis>,
}

/// How far the erasure of a customer is, if it was asked for.
pub fn find(tx: &mut Tx<'_>, customer_id: i64) -> Result<Option<Erasure>, Error> {
    Ok(store::erasures::find(tx, customer_id)?)
}

/// Begins to erase a customer, whose address was typed to confirm it. From now on no link lets them
/// in, and nothing says any more what they were called. Asked for again it changes nothing.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] naming `email` if it is not their address.
pub fn begin(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    typed: &Email,
    now: Millis,
) -> Result<(), Error> {
    let customer = store::customers::take(tx, id)?.ok_or(Error::NotFound)?;
    if customer.erased_at.is_some() {
        return Ok(());
    }
    if customer.email.key() != typed.key() {
        let message = "This is not the address of this customer. Nothing was erased.";
        return Err(FieldError::new("email", FieldCode::UnknownValue, message).into());
    }
    let erased = without_a_name(&customer, now)?;
    store::erasures::write_over_customer(tx, &erased)?;
    store::erasures::remove_link_requests(tx, id, customer.email.as_str())?;
    store::erasures::remove_keys(tx, &format!("c{id}"))?;
    store::erasures::remove_import(tx, id)?;
    store::erasures::remove_views(tx, &asked_for_as(&customer.email))?;
    customer_uploads::forget_person(tx, &customer.email)?;
    search::rename(tx, id)?;
    audit::forget_customer(tx, &customer)?;
    let subject = Subject::new("customer", id, "");
    audit::record(tx, actor, Action::CustomerErased, &subject, Details::none(), now)?;
    events::customer_erased(tx, &erased, actor, now)?;
    let (step, place) = (Step::Tickets, 0);
    let erasure = Erasure { customer_id: id, step, place, asked_at: now, ended_at: None };
    Ok(store::erasures::insert(tx, &erasure)?)
}

/// The row that stays. Its address leads nowhere (RFC 2606) and is nobody's.
fn without_a_name(customer: &Customer, now: Millis) -> Result<Customer, Error> {
    let email = Email::parse("email", &format!("erased-{}@erased.invalid", customer.id))?;
    let new = customers::NewCustomer::with_email(email);
    let row = customers::row(&new, customer.created_at);
    Ok(Customer { id: customer.id, active: false, erased_at: Some(now), ..row })
}

/// How a kept list may ask for an address: as it is, and as it stands in the address of a page.
fn asked_for_as(email: &Email) -> Vec<String> {
    let plain = text::fold(email.as_str());
    let mut ways = vec![plain.replace('@', "%40"), email.key().replace('@', "%40"), plain];
    ways.sort_unstable();
    ways.dedup();
    ways
}

/// Takes the next step of an erasure. Returns whether there may be more to do.
pub fn work(tx: &mut Tx<'_>, now: Millis) -> Result<bool, Error> {
    let Some(erasure) = store::erasures::take_unfinished(tx)? else { return Ok(false) };
    let further = match erasure.step {
        Step::Tickets => tickets(tx, erasure, now)?,
        Step::Moves => moves(tx, erasure, now)?,
        Step::Mails => rows(store::erasures::remove_mails(tx, erasure.customer_id, ROWS_AT_ONCE)?),
        Step::Links => links(tx, erasure)?,
        Step::Events => events_of(tx, erasure)?,
    };
    let after = match (further, erasure.step.next()) {
        (Some(place), _) => Erasure { place, ..erasure },
        (None, Some(step)) => Erasure { step, place: 0, ..erasure },
        (None, None) => Erasure { ended_at: Some(now), ..erasure },
    };
    store::erasures::update(tx, &after)?;
    Ok(true)
}

/// Erases some tickets. Returns the last of them; none if there are no more.
fn tickets(tx: &mut Tx<'_>, erasure: Erasure, now: Millis) -> Result<Option<i64>, Error> {
    let Erasure { customer_id, place, .. } = erasure;
    let some = store::ticket_words::tickets_after(tx, customer_id, place, TICKETS_AT_ONCE)?;
    for (id, reference) in &some {
        if let Some(reference) = Reference::parse(reference) {
            ticket(tx, customer_id, (*id, &reference), now)?;
        }
    }
    Ok(some.last().map(|(id, _)| *id))
}

fn ticket(
    tx: &mut Tx<'_>,
    customer_id: i64,
    (id, reference): (i64, &Reference),
    now: Millis,
) -> Result<(), Error> {
    // Whoever works on it waits, or goes first.
    if take(tx, &Actor::System, reference)?.customer.id != customer_id {
        return Ok(()); // it was moved to somebody else: what is theirs on it comes later
    }
    store::erasures::write_over_ticket(tx, id, ERASED)?;
    store::erasures::write_over_entries(tx, id, ERASED)?;
    store::erasures::remove_texts(tx, customer_id, id)?;
    let_others_go(tx, id, false, now)?;
    store::erasures::remove_mails_of_ticket(tx, id)?;
    audit::forget_changes(tx, id)?;
    let erased = take(tx, &Actor::System, reference)?;
    index(tx, &erased)?;
    search::rebuild(tx, &erased)
}

/// What waits behind a mail about the ticket must not wait for one that is gone.
fn let_others_go(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    only_staff: bool,
    now: Millis,
) -> Result<(), Error> {
    for (mail, is_to_staff) in store::erasures::waiting_mails(tx, ticket_id)? {
        if is_to_staff || !only_staff {
            store::outbox_desk::give_up(tx, mail, "its customer was erased", now)?;
            store::outbox::release_next(tx, mail, now)?;
        }
    }
    Ok(())
}

/// Erases what they wrote, and who they were, on some tickets that were theirs once.
fn moves(tx: &mut Tx<'_>, erasure: Erasure, now: Millis) -> Result<Option<i64>, Error> {
    let Erasure { customer_id, place, .. } = erasure;
    let some = store::ticket_moves::of_customer(tx, customer_id, place, TICKETS_AT_ONCE)?;
    for (id, reference) in &some {
        let Some(reference) = Reference::parse(reference) else { continue };
        let ticket = take(tx, &Actor::System, &reference)?;
        let mut entries = store::erasures::entries_by(tx, *id, customer_id)?;
        entries.extend(store::ticket_moves::entries(tx, customer_id, *id)?);
        for entry in entries {
            store::erasures::write_over_entry(tx, *id, entry, ERASED)?;
            store::search::write_over(tx, ticket.customer.id, *id, entry, &text::fold(ERASED))?;
        }
        search::rebuild(tx, &ticket)?;
        audit::forget_changes(tx, *id)?;
        let_others_go(tx, *id, true, now)?;
        store::erasures::remove_mails_to_staff(tx, *id)?;
    }
    Ok(some.last().map(|(id, _)| *id))
}

/// Removes some links; with the last of them, when they looked at their tickets.
fn links(tx: &mut Tx<'_>, erasure: Erasure) -> Result<Option<i64>, Error> {
    let more = rows(store::erasures::remove_links(tx, erasure.customer_id, ROWS_AT_ONCE)?);
    if more.is_none() {
        store::erasures::remove_reads(tx, erasure.customer_id)?;
    }
    Ok(more)
}

/// Whether there may be more rows of a kind of which so many went.
fn rows(gone: u64) -> Option<i64> {
    i64::try_from(gone).ok().filter(|&gone| gone >= ROWS_AT_ONCE)
}

/// Takes them out of some of the events.
fn events_of(tx: &mut Tx<'_>, erasure: Erasure) -> Result<Option<i64>, Error> {
    let Erasure { customer_id, place, .. } = erasure;
    // While this is held no event moves from those that wait to those with numbers.
    let last = store::events::take_last_number(tx)?;
    store::erasures::silence_waiting_events(tx, customer_id)?;
    let until = place + EVENTS_AT_ONCE;
    store::erasures::silence_events(tx, customer_id, place, until)?;
    Ok((until < last).then_some(until))
}
