//! Everything that is kept about one person, to hand it to them: one JSON object, written piece by
//! piece so that it is never whole in memory. docs/PERSONAL-DATA.md says what is in it.

use serde_json::{Map, Value, json};

use crate::clock::Millis;
use crate::db::{DbError, Tx};
use crate::domain::Actor;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::customers::{self, Customer};
use crate::domain::entries::{Entry, Visibility};
use crate::domain::links::CustomerLink;
use crate::domain::outbox::TicketMail;
use crate::domain::tickets::{Status, Ticket};
use crate::error::Error;
use crate::ids::Reference;
use crate::store;

/// Rows that are read at once.
const AT_ONCE: i64 = 100;

/// Notes that somebody takes away what is kept about a customer. Returns the customer.
///
/// # Errors
/// [`Error::NotFound`], also for one whose data was erased: nothing is kept about nobody.
pub fn ask(tx: &mut Tx<'_>, actor: &Actor, id: i64, now: Millis) -> Result<Customer, Error> {
    let customer = customers::find(tx, id)?;
    if customer.erased_at.is_some() {
        return Err(Error::NotFound);
    }
    let subject = Subject::customer(&customer);
    audit::record(tx, actor, Action::CustomerExported, &subject, Details::none(), now)?;
    Ok(customer)
}

/// Gives what is kept about a customer to `each`, in pieces of one JSON object. Timelines are as the
/// customer can see them, and with `internal` as staff do.
///
/// # Errors
/// What `each` answers; [`Error::NotFound`].
pub fn export<E: From<Error> + From<DbError>>(
    tx: &mut Tx<'_>,
    id: i64,
    internal: bool,
    now: Millis,
    each: &mut dyn FnMut(String) -> Result<(), E>,
) -> Result<(), E> {
    let customer = customers::find(tx, id)?;
    let begin = json!({ "exported_at": now.rfc3339(), "customer": person(&customer) }).to_string();
    each(format!("{},\"tickets\":[", open(&begin)))?;
    tickets(tx, id, internal, each)?;
    each("],\"links\":[".to_owned())?;
    links(tx, id, each)?;
    each("],\"mails\":[".to_owned())?;
    mails(tx, id, each)?;
    each("]}\n".to_owned())
}

fn person(customer: &Customer) -> Value {
    let Customer { email, name, phone, company, notes, active, created_at, .. } = customer;
    json!({
        "email": email.as_str(), "name": name, "phone": phone, "company": company,
        "notes": notes, "active": active, "created_at": created_at.rfc3339(),
    })
}

/// Parts the pieces of a list.
fn part(is_first: &mut bool) -> &'static str {
    if std::mem::replace(is_first, false) { "\n" } else { ",\n" }
}

fn tickets<E: From<Error> + From<DbError>>(
    tx: &mut Tx<'_>,
    customer_id: i64,
    internal: bool,
    each: &mut dyn FnMut(String) -> Result<(), E>,
) -> Result<(), E> {
    let (mut after, mut is_first) = (0, true);
    loop {
        let some = store::ticket_words::tickets_after(tx, customer_id, after, AT_ONCE)?;
        let Some((last, _)) = some.last() else { return Ok(()) };
        after = *last;
        for (_, reference) in &some {
            let reference = Reference::parse(reference);
            let found = match &reference {
                Some(it) => store::tickets::find_of_customer(tx, customer_id, it)?,
                None => None,
            };
            let Some(found) = found else { continue };
            let read_at = store::reads::find(tx, customer_id, found.id)?;
            let head = ticket(&found, read_at).to_string();
            each(format!("{}{},\"timeline\":[", part(&mut is_first), open(&head)))?;
            timeline(tx, found.id, internal, each)?;
            each("]}".to_owned())?;
        }
    }
}

/// An object without its end, so that more can follow.
fn open(object: &str) -> &str {
    object.strip_suffix('}').unwrap_or(object)
}

fn ticket(ticket: &Ticket, read_at: Option<Millis>) -> Value {
    json!({
        "reference": ticket.reference.as_str(), "subject": ticket.subject,
        "description": ticket.description, "status": ticket.status.as_str(),
        "priority": ticket.priority.as_str(), "category": ticket.category,
        "resolution": ticket.resolution, "note_count": ticket.note_count,
        "assigned_to": ticket.assignee.as_ref().map(|person| &person.name),
        "created_at": ticket.created_at.rfc3339(), "updated_at": ticket.updated_at.rfc3339(),
        "seen_until": read_at.map(Millis::rfc3339),
    })
}

fn timeline<E: From<Error> + From<DbError>>(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    internal: bool,
    each: &mut dyn FnMut(String) -> Result<(), E>,
) -> Result<(), E> {
    let (mut after, mut is_first) = (0, true);
    loop {
        let some = match internal {
            true => store::entries::all_after(tx, ticket_id, after, AT_ONCE)?,
            false => store::entries::public_after(tx, ticket_id, after, AT_ONCE)?,
        };
        let Some(last) = some.last() else { return Ok(()) };
        after = last.id;
        for one in &some {
            each(format!("{}{}", part(&mut is_first), entry(one)))?;
        }
    }
}

fn entry(entry: &Entry) -> Value {
    let mut told = Map::new();
    told.insert("at".into(), entry.at.rfc3339().into());
    told.insert("kind".into(), entry.kind.as_str().into());
    told.insert("by".into(), entry.by.as_str().into());
    told.insert("author".into(), entry.author.clone().into());
    told.insert("body".into(), entry.body.clone().into());
    for (name, status) in [("from", entry.from), ("to", entry.to)] {
        if let Some(status) = status {
            told.insert(name.into(), Status::as_str(status).into());
        }
    }
    if entry.visibility == Visibility::Internal {
        told.insert("visibility".into(), "internal".into());
    }
    Value::Object(told)
}

/// Gives rows, read some at a time before the id of the last, as the pieces of a list.
fn parts<T, E: From<DbError>>(
    mut next: impl FnMut(Option<i64>) -> Result<Vec<T>, DbError>,
    id: impl Fn(&T) -> i64,
    told: impl Fn(&T) -> Value,
    each: &mut dyn FnMut(String) -> Result<(), E>,
) -> Result<(), E> {
    let (mut before, mut is_first) = (None, true);
    loop {
        let some = next(before)?;
        let Some(last) = some.last() else { return Ok(()) };
        before = Some(id(last));
        for one in &some {
            each(format!("{}{}", part(&mut is_first), told(one)))?;
        }
    }
}

fn links<E: From<Error> + From<DbError>>(
    tx: &mut Tx<'_>,
    customer_id: i64,
    each: &mut dyn FnMut(String) -> Result<(), E>,
) -> Result<(), E> {
    let next = |before| store::links::of_customer_with_tickets(tx, customer_id, before, AT_ONCE);
    parts(next, |one| one.link.id, link, each)
}

fn link(CustomerLink { link, reference }: &CustomerLink) -> Value {
    json!({
        "reason": link.reason.as_str(), "issued_by": link.issued_by,
        "ticket": reference.as_ref().map(Reference::as_str),
        "issued_at": link.issued_at.rfc3339(), "expires_at": link.expires_at.rfc3339(),
        "last_used_at": link.last_used_at.map(Millis::rfc3339), "use_count": link.use_count,
        "revoked_at": link.revoked_at.map(Millis::rfc3339), "revoked_by": link.revoked_by,
    })
}

fn mails<E: From<Error> + From<DbError>>(
    tx: &mut Tx<'_>,
    customer_id: i64,
    each: &mut dyn FnMut(String) -> Result<(), E>,
) -> Result<(), E> {
    let next = |before| store::outbox_desk::of_customer(tx, customer_id, before, AT_ONCE);
    parts(next, |one| one.mail.id, mail, each)
}

fn mail(TicketMail { mail, .. }: &TicketMail) -> Value {
    json!({
        "kind": mail.kind, "to": mail.recipient.as_str(), "state": mail.state.as_str(),
        "ticket": mail.reference.as_ref().map(Reference::as_str),
        "created_at": mail.created_at.rfc3339(),
        "settled_at": mail.settled_at.map(Millis::rfc3339), "error": mail.error,
    })
}
