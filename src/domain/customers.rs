//! Customers: the people whose tickets these are.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::email::Email;
use crate::domain::events::{self, Changes};
use crate::domain::page::{self, Page};
use crate::domain::{Actor, links, search, text};
use crate::error::{Error, FieldCode, FieldError};
use crate::{ids, store};

/// A customer. Text that was never given is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The row.
    pub id: i64,
    /// Unique without regard to case; cannot be changed once created.
    pub email: Email,
    /// What they are called.
    pub name: String,
    /// Where they can be called.
    pub phone: String,
    /// Whom they work for.
    pub company: String,
    /// What staff wrote about them. Only staff see it.
    pub notes: String,
    /// An inactive customer gets no link, and their links stop working at once.
    pub active: bool,
    /// When they were added.
    pub created_at: Millis,
    /// Since when nothing here tells any more who they were.
    pub erased_at: Option<Millis>,
}

impl Customer {
    /// What they are called on a page: their name, or else their address.
    pub fn called(&self) -> &str {
        match self {
            Self { erased_at: Some(_), .. } => "Erased customer",
            Self { name, email, .. } if name.is_empty() => email.as_str(),
            Self { name, .. } => name,
        }
    }

    /// The name as a search compares it.
    pub fn name_key(&self) -> String {
        text::fold(self.name.trim())
    }

    /// What a search finds it by, folded.
    pub fn search_text(&self) -> String {
        let Self { email, name, phone, company, .. } = self;
        text::fold(&format!("{email}\n{name}\n{company}\n{phone}"))
    }
}

/// A customer to add, texts read with [`text::parse_line`]; empty where nothing was given.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    /// Unique without regard to case.
    pub email: Email,
    /// What they are called.
    pub name: String,
    /// Where they can be called.
    pub phone: String,
    /// Whom they work for.
    pub company: String,
    /// What staff know about them.
    pub notes: String,
}

impl NewCustomer {
    /// A customer of whom nothing but the address is known.
    pub fn with_email(email: Email) -> Self {
        let nothing = String::new;
        Self { email, name: nothing(), phone: nothing(), company: nothing(), notes: nothing() }
    }
}

/// What is to change about a customer; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct CustomerChange {
    /// What they are called.
    pub name: Option<String>,
    /// Where they can be called.
    pub phone: Option<String>,
    /// Whom they work for.
    pub company: Option<String>,
    /// What staff know about them.
    pub notes: Option<String>,
    /// Whether they may come in. Taking it away stops all their links at once.
    pub active: Option<bool>,
}

/// Adds a customer.
///
/// # Errors
/// [`Error::Invalid`] naming `email` if the address has a customer already.
pub fn add(
    tx: &mut Tx<'_>,
    actor: &Actor,
    new: &NewCustomer,
    now: Millis,
) -> Result<Customer, Error> {
    let customer = row(new, now);
    if store::customers::insert(tx, &customer)? {
        tell_added(tx, actor, &customer, Details::none(), now)?;
        events::customer_created(tx, &customer)?;
        return Ok(customer);
    }
    let message = "A customer with this e-mail address exists already.";
    Err(FieldError::new("email", FieldCode::Taken, message).into())
}

/// Tells the audit log of a new customer.
pub(in crate::domain) fn tell_added(
    tx: &mut Tx<'_>,
    actor: &Actor,
    customer: &Customer,
    details: Details,
    now: Millis,
) -> Result<(), Error> {
    let subject = Subject::customer(customer);
    audit::record(tx, actor, Action::CustomerAdded, &subject, details, now)
}

/// Adds many at once, as they are.
///
/// # Errors
/// [`crate::db::DbError::Unique`] if an address or an id is taken.
pub fn add_many(tx: &mut Tx<'_>, customers: &[Customer]) -> Result<(), Error> {
    Ok(store::bulk::customers(tx, customers)?)
}

/// How many there are. Counts them all.
pub fn count(tx: &mut Tx<'_>) -> Result<u64, Error> {
    Ok(u64::try_from(store::bulk::count_customers(tx)?).unwrap_or(0))
}

/// The customer with this address, created if there is none, and whether they are new: the audit log
/// is told by the caller, who knows why. What is known already is not overwritten.
pub fn find_or_create(
    tx: &mut Tx<'_>,
    new: &NewCustomer,
    now: Millis,
) -> Result<(Customer, bool), Error> {
    if let Some(known) = store::customers::find_by_email(tx, &new.email)? {
        return Ok((known, false));
    }
    let customer = row(new, now);
    if store::customers::insert(tx, &customer)? {
        events::customer_created(tx, &customer)?;
        return Ok((customer, true));
    }
    // Another process created it between the two statements.
    let known = store::customers::find_by_email(tx, &new.email)?.ok_or(Error::NotFound)?;
    Ok((known, false))
}

/// The row of a customer who is new at `now`.
pub(in crate::domain) fn row(new: &NewCustomer, now: Millis) -> Customer {
    Customer {
        id: ids::new_id(now),
        email: new.email.clone(),
        name: new.name.clone(),
        phone: new.phone.clone(),
        company: new.company.clone(),
        notes: new.notes.clone(),
        active: true,
        created_at: now,
        erased_at: None,
    }
}

/// The customer with this id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Customer, Error> {
    store::customers::find(tx, id)?.ok_or(Error::NotFound)
}

/// The customer with this address.
pub fn find_by_email(tx: &mut Tx<'_>, email: &Email) -> Result<Customer, Error> {
    store::customers::find_by_email(tx, email)?.ok_or(Error::NotFound)
}

/// Changes a customer. Who becomes inactive loses every link with this transaction, for good: a
/// link that leaked does not come back with its customer.
pub fn change(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    change: CustomerChange,
    now: Millis,
) -> Result<Customer, Error> {
    let mut customer = store::customers::take(tx, id)?.ok_or(Error::NotFound)?;
    if customer.erased_at.is_some() {
        return Err(erased());
    }
    let called = customer.search_text();
    let mut changes = Changes::default();
    let mut replace = |field, old: &mut String, new: Option<String>| {
        if let Some(new) = new {
            changes.note(field, old.as_str(), new.as_str());
            *old = new;
        }
    };
    replace("name", &mut customer.name, change.name);
    replace("phone", &mut customer.phone, change.phone);
    replace("company", &mut customer.company, change.company);
    replace("notes", &mut customer.notes, change.notes);
    if let Some(active) = change.active {
        changes.note("active", customer.active, active);
        customer.active = active;
    }
    if !changes.is_empty() {
        write_down(tx, actor, &customer, &changes, now)?;
        events::customer_changed(tx, &customer, actor, changes, now)?;
    }
    store::customers::update(tx, &customer)?;
    if customer.search_text() != called {
        search::rename(tx, id)?;
    }
    if !customer.active {
        links::end_all(tx, actor, id, now)?;
    }
    Ok(customer)
}

/// Tells the audit log what changed: that they may come in or not is an act of its own.
fn write_down(
    tx: &mut Tx<'_>,
    actor: &Actor,
    customer: &Customer,
    changes: &Changes,
    now: Millis,
) -> Result<(), Error> {
    let (subject, mut details) = (Subject::customer(customer), Details::of(changes));
    if details.0.remove("active").is_some() {
        let action =
            if customer.active { Action::CustomerEnabled } else { Action::CustomerDisabled };
        audit::record(tx, actor, action, &subject, Details::none(), now)?;
    }
    if details.is_empty() {
        return Ok(());
    }
    audit::record(tx, actor, Action::CustomerEdited, &subject, details, now)
}

/// Nothing is known of this customer any more, and nothing new is to be.
fn erased() -> Error {
    let message = "This customer’s data was erased, so nothing about them can be changed.";
    FieldError::new("customer", FieldCode::UnknownValue, message).into()
}

/// Customers, the newest first; those that have all words of `query` in their address, name,
/// company or telephone number.
pub fn list(
    tx: &mut Tx<'_>,
    query: &str,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Page<Customer>, Error> {
    let before = page::place("cursor", cursor)?;
    let rows = store::customers::list(tx, &text::search_words(query), before, limit + 1)?;
    Ok(Page::cut(rows, limit, |customer| vec![customer.id], |customer| customer))
}
