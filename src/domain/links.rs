//! Links: how a customer gets in without a password.

use std::time::Duration;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::access::Viewer;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::customers::Customer;
use crate::domain::email::Email;
use crate::domain::page::{self, Page};
use crate::domain::{Actor, Rules, customers, limits, mails, tickets};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::{self, HashKey, Reference, Token};
use crate::store;

/// How long an expired link is remembered, so that the answer is *expired* and not *unknown*.
pub const REMEMBERED: Duration = Duration::from_secs(90 * 86_400);
/// Requests a worker looks at in one transaction.
const REQUESTS_AT_ONCE: i64 = 50;

/// How a link came to be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The customer asked for it.
    Requested,
    /// It stood in a mail about a ticket.
    TicketMail,
    /// Staff made it.
    Staff,
    /// A program made it.
    Api,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Requested, Self::TicketMail, Self::Staff, Self::Api];

    /// The word for it in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::TicketMail => "ticket_mail",
            Self::Staff => "staff",
            Self::Api => "api",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// A link, without its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The row.
    pub id: i64,
    /// Whose portal it opens.
    pub customer_id: i64,
    /// The ticket it leads to.
    pub ticket_id: Option<i64>,
    /// How it came to be issued.
    pub reason: Reason,
    /// Who made it by hand, in words.
    pub issued_by: Option<String>,
    /// When.
    pub issued_at: Millis,
    /// Until when it works.
    pub expires_at: Millis,
    /// When the portal was last opened with it.
    pub last_used_at: Option<Millis>,
    /// How often the portal was opened with it.
    pub use_count: i64,
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
    /// Who revoked it, in words.
    pub revoked_by: Option<String>,
}

/// A link of a customer, as staff see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerLink {
    /// The link.
    pub link: Link,
    /// The ticket it leads to.
    pub reference: Option<Reference>,
}

/// The address of the portal, or of a ticket in it, opened by `token`. The token stands in the
/// fragment, which no browser sends to a server (RFC 9110 §4.2.4).
pub fn url(public_url: &str, reference: Option<&Reference>, token: &Token) -> String {
    let base = public_url.trim_end_matches('/');
    match reference {
        Some(reference) => format!("{base}/portal/tickets/{reference}#token={}", token.reveal()),
        None => format!("{base}/portal#token={}", token.reveal()),
    }
}

/// Issues a link. The token is returned and kept nowhere.
pub(in crate::domain) fn issue(
    tx: &mut Tx<'_>,
    rules: &Rules,
    customer_id: i64,
    ticket_id: Option<i64>,
    (reason, issued_by): (Reason, Option<String>),
    now: Millis,
) -> Result<(Link, Token), Error> {
    let token = Token::random();
    let link = Link {
        id: ids::new_id(now),
        customer_id,
        ticket_id,
        reason,
        issued_by,
        issued_at: now,
        expires_at: now.plus(rules.link_ttl),
        last_used_at: None,
        use_count: 0,
        revoked_at: None,
        revoked_by: None,
    };
    store::links::insert(tx, &link, token.hash())?;
    Ok((link, token))
}

/// Issues a link by hand: for a program, or for staff on the telephone.
///
/// # Errors
/// [`Error::NotFound`] for an unknown customer; [`Error::Invalid`] naming `customer` if they are
/// inactive, or `ticket` if it is not theirs.
pub fn issue_by_hand(
    tx: &mut Tx<'_>,
    rules: &Rules,
    actor: &Actor,
    (customer_id, reference): (i64, Option<&Reference>),
    reason: Reason,
    now: Millis,
) -> Result<(Link, Token), Error> {
    let customer = active(tx, customer_id)?;
    let ticket_id = match reference {
        Some(reference) => Some(ticket_of(tx, customer_id, reference)?),
        None => None,
    };
    audit::record(
        tx,
        actor,
        Action::LinkMade,
        &Subject::customer(&customer),
        about(reference),
        now,
    )?;
    issue(tx, rules, customer_id, ticket_id, (reason, Some(in_words(actor))), now)
}

fn about(reference: Option<&Reference>) -> Details {
    match reference {
        Some(reference) => Details::none().with("ticket", reference.as_str()),
        None => Details::none(),
    }
}

/// Mails a customer a new link to a ticket of theirs, because somebody of staff sends it.
///
/// # Errors
/// [`Error::NotFound`] if there is no such ticket; [`Error::Invalid`] naming `customer` if they
/// are inactive.
pub fn send_by_hand(
    tx: &mut Tx<'_>,
    actor: &Actor,
    reference: &Reference,
    now: Millis,
) -> Result<(), Error> {
    let ticket = tickets::find(tx, actor, reference)?;
    let customer = active(tx, ticket.customer.id)?;
    let (subject, details) = (Subject::customer(&customer), about(Some(reference)));
    audit::record(tx, actor, Action::LinkSent, &subject, details, now)?;
    mails::portal_link(tx, &customer, Some(reference), None, now)
}

/// Mails a customer a new link to their portal, because somebody of staff sends it.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] naming `customer` if they are inactive.
pub fn send_to(tx: &mut Tx<'_>, actor: &Actor, customer_id: i64, now: Millis) -> Result<(), Error> {
    let customer = active(tx, customer_id)?;
    let subject = Subject::customer(&customer);
    audit::record(tx, actor, Action::LinkSent, &subject, about(None), now)?;
    mails::portal_link(tx, &customer, None, None, now)
}

/// The customer, if they may have a link.
fn active(tx: &mut Tx<'_>, customer_id: i64) -> Result<Customer, Error> {
    let customer = customers::find(tx, customer_id)?;
    if customer.active {
        return Ok(customer);
    }
    let message = "This customer is inactive and gets no link.";
    Err(FieldError::new("customer", FieldCode::UnknownValue, message).into())
}

fn ticket_of(tx: &mut Tx<'_>, customer_id: i64, reference: &Reference) -> Result<i64, Error> {
    let ticket = store::tickets::find_of_customer(tx, customer_id, reference)?;
    ticket.map(|ticket| ticket.id).ok_or_else(|| {
        let message = "This customer has no ticket with this reference.";
        FieldError::new("ticket", FieldCode::UnknownValue, message).into()
    })
}

/// A customer's links, the newest first.
pub fn list(
    tx: &mut Tx<'_>,
    customer_id: i64,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Page<Link>, Error> {
    let before = page::place("cursor", cursor)?;
    customers::find(tx, customer_id)?;
    let rows = store::links::of_customer(tx, customer_id, before, limit + 1)?;
    Ok(Page::cut(rows, limit, |link| vec![link.id], |link| link))
}

/// Revokes one link of a customer at once. Revoking it again changes nothing.
///
/// # Errors
/// [`Error::NotFound`] if the customer has no such link.
pub fn revoke(
    tx: &mut Tx<'_>,
    actor: &Actor,
    customer_id: i64,
    id: i64,
    now: Millis,
) -> Result<(), Error> {
    let done = store::links::revoke(tx, customer_id, id, &in_words(actor), now)?;
    if !done {
        return Err(Error::NotFound);
    }
    // A customer who leaves revokes the link they came with: nothing that anybody asks for later.
    if matches!(actor, Actor::Customer { .. }) {
        return Ok(());
    }
    let subject = Subject::customer(&customers::find(tx, customer_id)?);
    audit::record(tx, actor, Action::LinkRevoked, &subject, Details::none(), now)
}

/// Revokes every link of a customer at once, and makes codes that were mailed worthless. Codes go
/// first: one that is being redeemed at this moment is waited for, and its link revoked with the rest.
pub fn revoke_all(
    tx: &mut Tx<'_>,
    actor: &Actor,
    customer_id: i64,
    now: Millis,
) -> Result<(), Error> {
    let customer = customers::find(tx, customer_id)?;
    end_all(tx, actor, customer_id, now)?;
    let subject = Subject::customer(&customer);
    audit::record(tx, actor, Action::LinksRevoked, &subject, Details::none(), now)
}

/// The same as part of something else.
pub(in crate::domain) fn end_all(
    tx: &mut Tx<'_>,
    actor: &Actor,
    customer_id: i64,
    now: Millis,
) -> Result<(), Error> {
    store::link_requests::forget_codes(tx, customer_id)?;
    store::links::revoke_all(tx, customer_id, &in_words(actor), now)?;
    Ok(())
}

/// Revokes the link a customer came with.
pub fn sign_out(tx: &mut Tx<'_>, viewer: &Viewer, now: Millis) -> Result<(), Error> {
    revoke(tx, &viewer.actor(), viewer.customer_id, viewer.link_id, now)
}

fn in_words(actor: &Actor) -> String {
    match actor {
        Actor::Customer { .. } => "the customer".to_owned(),
        Actor::Staff { name, .. } => name.clone(),
        Actor::Program { name, .. } => format!("the program {name}"),
        Actor::System => "the operator".to_owned(),
    }
}

/// Somebody asks for a link. Writes one row that is the same for every address and looks nobody
/// up: neither the answer nor its time can tell who is a customer. Returns the id of the request,
/// which only the page that asked knows; its code is redeemed with it.
///
/// # Errors
/// [`Error::RateLimited`] by network and over all, alike for known and unknown addresses.
pub fn request(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    email: &Email,
    reference: Option<&Reference>,
    network: &[u8],
    now: Millis,
) -> Result<String, Error> {
    if rules.limits {
        let both: [(limits::Limit, &[u8]); 2] =
            [(limits::REQUESTS_OF_NETWORK, network), (limits::REQUESTS_OF_ALL, b"")];
        limits::hit(tx, key, &both, now)?;
    }
    let request_id = ids::word();
    let hash = ids::sha256(request_id.as_bytes());
    let reference = reference.map(Reference::as_str);
    store::link_requests::insert(tx, ids::new_id(now), &hash, email.as_str(), reference, now)?;
    Ok(request_id)
}

/// Whether any request waits to be looked at.
pub fn any_request_waits(tx: &mut Tx<'_>) -> Result<bool, Error> {
    Ok(store::link_requests::any_waiting(tx)?)
}

/// Looks at requests that wait: whose address it is, and whether they may be mailed. Returns
/// whether there may be more.
pub fn work_requests(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    now: Millis,
) -> Result<bool, Error> {
    let waiting = store::link_requests::take_waiting(tx, REQUESTS_AT_ONCE)?;
    for request in &waiting {
        tx.set_cause(request.cause.clone());
        let email = Email::from_store(request.email.clone());
        let customer = match may_be_mailed(tx, rules, key, &email, now)? {
            true => store::customers::find_by_email(tx, &email)?.filter(|found| found.active),
            false => None,
        };
        store::link_requests::settle(tx, request.id, customer.as_ref().map(|it| it.id), now)?;
        if let Some(customer) = customer {
            let reference = request.reference.as_deref().and_then(Reference::parse);
            mails::portal_link(tx, &customer, reference.as_ref(), Some(request.id), now)?;
        }
    }
    Ok(i64::try_from(waiting.len()).is_ok_and(|count| count == REQUESTS_AT_ONCE))
}

/// Counts for known and unknown addresses alike: the limit tells nothing either.
fn may_be_mailed(
    tx: &mut Tx<'_>,
    rules: &Rules,
    key: &HashKey,
    email: &Email,
    now: Millis,
) -> Result<bool, Error> {
    if !rules.limits {
        return Ok(true);
    }
    let address = email.key();
    let both: [(limits::Limit, &[u8]); 2] =
        [(limits::MAILS_A_MINUTE, address.as_bytes()), (limits::MAILS_AN_HOUR, address.as_bytes())];
    limits::has_room(tx, key, &both, now)
}

/// Notes of links whose time is over that it is, so that setting the clock back opens none of them again. Returns
/// how many.
pub fn note_ends(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::links::end_expired(tx, now, limit)?)
}

/// Forgets links that expired long ago. Returns how many.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::links::purge(tx, now.minus(REMEMBERED), limit)?)
}

/// How long links work, in words for people: `7 days`, `1 hour`.
pub fn in_words_of_time(ttl: Duration) -> String {
    let seconds = ttl.as_secs();
    let (count, unit) = match seconds {
        _ if seconds >= 86_400 && seconds.is_multiple_of(86_400) => (seconds / 86_400, "day"),
        _ if seconds >= 3_600 && seconds.is_multiple_of(3_600) => (seconds / 3_600, "hour"),
        _ if seconds >= 60 && seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_read_well() {
        for (seconds, words) in [
            (604_800, "7 days"),
            (86_400, "1 day"),
            (43_200, "12 hours"),
            (900, "15 minutes"),
            (2, "2 seconds"),
            (90, "90 seconds"),
        ] {
            assert_eq!(in_words_of_time(Duration::from_secs(seconds)), words);
        }
    }
}
