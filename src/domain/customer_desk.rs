//! Customers as staff see them: the list, one customer with all that is kept about them, and changes
//! that are made only if the customer still is what the page showed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::customers::{self, Customer, CustomerChange};
use crate::domain::email::Email;
use crate::domain::erasures::Erasure;
use crate::domain::links::CustomerLink;
use crate::domain::outbox::TicketMail;
use crate::domain::page::{self, Page};
use crate::domain::tickets::{self, Counts, DeskQuery, Outcome, Ticket};
use crate::domain::{Actor, erasures, text};
use crate::error::Error;
use crate::{ids, store};

/// Customers that one search looks at, the newest of those that are left. So a page costs the same
/// however many there are, and goes on where it ended.
const LOOKED_AT: i64 = 100_000;
/// Tickets, links and mails that one page shows, of each.
const SHOWN: i64 = 10;

/// Which customers are wanted.
#[derive(Clone, Debug, Default)]
pub struct CustomerQuery {
    /// Only the active ones, or only the others.
    pub active: Option<bool>,
    /// Words that their address, name, company and telephone number hold.
    pub query: String,
    /// Where to go on.
    pub cursor: Option<String>,
    /// How many at most.
    pub limit: i64,
}

/// Customers, the newest first. A page can be shorter than its limit and have a next one all the
/// same: when what is looked for is rare among very many. A whole address is found at once.
///
/// # Errors
/// [`Error::Invalid`] naming `cursor`.
pub fn list(tx: &mut Tx<'_>, query: &CustomerQuery) -> Result<Page<Customer>, Error> {
    let words = text::search_words(&query.query);
    let before = page::place("cursor", query.cursor.as_deref())?;
    let end = before.unwrap_or(i64::MAX);
    let (from, is_all) = if words.is_empty() {
        (0, true)
    } else {
        let (from, seen) = store::customers::window(tx, query.active, end, LOOKED_AT)?;
        (from.unwrap_or(0), seen < LOOKED_AT)
    };
    let limit = query.limit;
    let rows = store::customers::between(tx, &words, query.active, (from, end), limit + 1)?;
    let mut page = Page::cut(rows, limit, |customer| vec![customer.id], |customer| customer);
    if page.next.is_none() && !is_all {
        page.next = Some(page::cursor(&[from]));
    }
    if before.is_none() {
        put_first(tx, query, &mut page.items)?;
    }
    Ok(page)
}

/// Who has exactly the address that was typed comes first, however long they have been there.
fn put_first(
    tx: &mut Tx<'_>,
    query: &CustomerQuery,
    found: &mut Vec<Customer>,
) -> Result<(), Error> {
    let Ok(email) = Email::parse("q", &query.query) else { return Ok(()) };
    let Some(exact) = store::customers::find_by_email(tx, &email)? else { return Ok(()) };
    if query.active.is_none_or(|active| active == exact.active) {
        found.retain(|customer| customer.id != exact.id);
        found.insert(0, exact);
    }
    Ok(())
}

/// Whether `cursor` is one of [`list`], or of the links or mails of [`look`].
pub fn is_cursor(cursor: &str) -> bool {
    page::place("cursor", Some(cursor)).is_ok()
}

/// Where the lists of a customer's page begin; from the newest without.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The tickets.
    pub tickets: Option<String>,
    /// The links.
    pub links: Option<String>,
    /// The mails.
    pub mails: Option<String>,
}

/// A customer with what is kept about them, a page of each.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// The customer.
    pub customer: Customer,
    /// How many tickets they have, by status.
    pub counts: Counts,
    /// Their tickets, the last updated first.
    pub tickets: Page<Ticket>,
    /// Their links, the newest first.
    pub links: Page<CustomerLink>,
    /// Mails to them, the newest first.
    pub mails: Page<TicketMail>,
    /// How far they are erased, if that was asked for.
    pub erasure: Option<Erasure>,
}

/// Everything about a customer.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] naming a cursor.
pub fn look(tx: &mut Tx<'_>, id: i64, places: &Places) -> Result<Dossier, Error> {
    let customer = customers::find(tx, id)?;
    let tickets = tickets::list(tx, &tickets_of(&customer, places.tickets.clone()))?;
    let before = page::place("links", places.links.as_deref())?;
    let links = store::links::of_customer_with_tickets(tx, id, before, SHOWN + 1)?;
    let before = page::place("mails", places.mails.as_deref())?;
    let mails = store::outbox_desk::of_customer(tx, id, before, SHOWN + 1)?;
    Ok(Dossier {
        counts: store::tickets::counts(tx, id)?,
        erasure: erasures::find(tx, id)?,
        tickets,
        links: Page::cut(links, SHOWN, |it| vec![it.link.id], |it| it),
        mails: Page::cut(mails, SHOWN, |it| vec![it.mail.id], |it| it),
        customer,
    })
}

fn tickets_of(customer: &Customer, cursor: Option<String>) -> DeskQuery {
    DeskQuery {
        customer: Some(customer.email.clone()),
        cursor,
        limit: SHOWN,
        ..DeskQuery::default()
    }
}

/// Whether `cursor` is one of the tickets of [`look`].
pub fn is_ticket_cursor(cursor: &str) -> bool {
    tickets::is_desk_cursor(&DeskQuery::default(), cursor)
}

/// Tells apart what a page showed of a customer from what they are by now.
pub fn seen(customer: &Customer) -> String {
    let Customer { name, phone, company, notes, active, .. } = customer;
    let parts = [name, phone, company, notes].map(|part| format!("{}:{part}", part.len()));
    let hash = ids::sha256(format!("{}{active}", parts.concat()).as_bytes());
    URL_SAFE_NO_PAD.encode(&hash[..9])
}

/// Changes a customer who is still as they were `seen`, or is so already.
///
/// # Errors
/// Those of [`customers::change`].
pub fn change_seen(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    change: &CustomerChange,
    seen_before: &str,
    now: Millis,
) -> Result<Outcome, Error> {
    let customer = store::customers::take(tx, id)?.ok_or(Error::NotFound)?;
    let is_so = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
    let is_done = is_so(&change.name, &customer.name)
        && is_so(&change.phone, &customer.phone)
        && is_so(&change.company, &customer.company)
        && is_so(&change.notes, &customer.notes);
    if seen(&customer) != seen_before && !is_done {
        return Ok(Outcome::ChangedMeanwhile);
    }
    customers::change(tx, actor, id, change.clone(), now)?;
    Ok(Outcome::Done)
}
