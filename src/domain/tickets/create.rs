//! A ticket comes into being.

use crate::clock::Millis;
use crate::db::{DbError, Tx};
use crate::domain::audit::Details;
use crate::domain::customers::{self, NewCustomer};
use crate::domain::email::Email;
use crate::domain::entries::{self, Draft, Kind};
use crate::domain::idempotency::{self, Key};
use crate::domain::tickets::{Person, Priority, Status, Ticket, count_new};
use crate::domain::{Actor, Rules, mails, search, staff, text};
use crate::error::{Error, FieldCode, FieldError, both};
use crate::ids::{self, Reference};
use crate::store;

/// A ticket to create. Texts were read with [`text::parse`].
#[derive(Clone, Debug)]
pub struct NewTicket {
    /// Whose; an unknown address creates the customer.
    pub customer: NewCustomer,
    /// What it is about.
    pub subject: String,
    /// What the customer said.
    pub description: String,
    /// How much it matters.
    pub priority: Priority,
    /// One of the configured categories.
    pub category: Option<String>,
    /// Who is to work on it.
    pub assignee: Option<Email>,
    /// Whether anybody is mailed.
    pub notify: bool,
}

/// Creates a ticket, and its customer if the address is new. With the same `key` again, returns
/// the ticket that was created the first time.
///
/// # Errors
/// [`Error::Invalid`] naming `category` or `assignee`; [`Error::IdempotencyMismatch`].
pub fn create(
    tx: &mut Tx<'_>,
    rules: &Rules,
    actor: &Actor,
    new: &NewTicket,
    key: Option<&Key>,
    now: Millis,
) -> Result<Ticket, Error> {
    let id = ids::new_id(now);
    if let Some(first) = idempotency::reserve(tx, key, id, now)? {
        return store::tickets::find(tx, first)?.ok_or(Error::NotFound);
    }
    let category = check_category(rules, new.category.as_deref());
    let ((), assignee) = both(category, staff::find_assignee(tx, new.assignee.as_ref()))?;
    let (customer, is_new) = customers::find_or_create(tx, &new.customer, now)?;
    let whose =
        Person { id: customer.id, email: customer.email.clone(), name: customer.name.clone() };
    let mut ticket = insert(tx, id, new, whose, assignee, now)?;
    if is_new {
        // The timeline tells of the ticket, and nothing else of its customer.
        let details = Details::none().with("ticket", ticket.reference.as_str());
        customers::tell_added(tx, actor, &customer, details, now)?;
    }
    index(tx, &ticket)?;
    search::rebuild(tx, &ticket)?;
    entries::record(tx, &mut ticket, actor, Draft::new(Kind::Created), now)?;
    if let Some(technician) = ticket.assignee.clone() {
        entries::record(tx, &mut ticket, actor, Draft::assigned(Some(technician.name)), now)?;
    }
    store::tickets::update(tx, &ticket)?;
    count_new(tx, &ticket)?;
    if new.notify {
        mails::ticket_created(tx, rules, &ticket, now)?;
        mails::ticket_assigned(tx, rules, &ticket, actor, now)?;
    }
    Ok(ticket)
}

fn insert(
    tx: &mut Tx<'_>,
    id: i64,
    new: &NewTicket,
    customer: Person,
    assignee: Option<Person>,
    now: Millis,
) -> Result<Ticket, Error> {
    let mut ticket = begin(id, Reference::random(), new, customer, assignee, now);
    insert_named(tx, &mut ticket)?;
    Ok(ticket)
}

/// Adds the row of a ticket under the reference it has or, if that is taken, under another.
pub(in crate::domain) fn insert_named(tx: &mut Tx<'_>, ticket: &mut Ticket) -> Result<(), Error> {
    // One in a billion is taken per ticket there is: drawing again is enough.
    for _ in 0..20 {
        if store::tickets::insert(tx, ticket)? {
            return Ok(());
        }
        ticket.reference = Reference::random();
    }
    Err(DbError::Bug("no free reference was drawn in 20 tries".into()).into())
}

/// A ticket in whose timeline nothing stands yet.
pub(in crate::domain) fn begin(
    id: i64,
    reference: Reference,
    new: &NewTicket,
    customer: Person,
    assignee: Option<Person>,
    now: Millis,
) -> Ticket {
    Ticket {
        id,
        reference,
        subject: new.subject.clone(),
        description: new.description.clone(),
        status: Status::Open,
        priority: new.priority,
        category: new.category.clone(),
        customer,
        assignee,
        resolution: None,
        resolved_at: None,
        note_count: 0,
        created_at: now,
        updated_at: now,
        staff_at: now,
        customer_last: true,
        last_entry: 0,
        version: 1,
    }
}

/// Keeps what a ticket is found by, beside its entries.
pub(in crate::domain) fn index(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<(), Error> {
    store::search::put(tx, ticket.customer.id, ticket.id, 0, true, &search_text(ticket))?;
    Ok(())
}

/// What a ticket is found by, folded: reference, subject and description.
pub(in crate::domain) fn search_text(ticket: &Ticket) -> String {
    let Ticket { reference, subject, description, .. } = ticket;
    text::fold(&format!("{reference}\n{subject}\n{description}"))
}

/// Refuses a category that is not configured.
pub(super) fn check_category(rules: &Rules, category: Option<&str>) -> Result<(), Error> {
    match category {
        Some(name) if !rules.categories.iter().any(|known| known == name) => {
            let known = rules.categories.join(", ");
            let message = format!("This category is not one of: {known}.");
            Err(FieldError::new("category", FieldCode::UnknownValue, message).into())
        }
        _ => Ok(()),
    }
}
