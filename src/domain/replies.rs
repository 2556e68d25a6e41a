//! Replies: what the customer writes on their ticket.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::access::Viewer;
use crate::domain::entries::{self, Draft, Entry, Kind};
use crate::domain::idempotency::{self, Key};
use crate::domain::tickets::{Standing, Status, move_to, save, take};
use crate::domain::{Rules, mails};
use crate::error::Error;
use crate::ids::Reference;

/// A reply to add; the text was read with [`crate::domain::text::parse`].
#[derive(Clone, Debug)]
pub struct NewReply {
    /// What it says.
    pub body: String,
    /// Whether staff are mailed: always, but for what happened before this database was there.
    pub notify: bool,
}

/// Adds a customer's reply; a resolved ticket is reopened by it if `tickets.reopen_on_reply` is
/// on. With the same `key` again, returns the entry of the first time, even if the ticket was
/// closed meanwhile.
///
/// # Errors
/// [`Error::NotFound`] if it is not theirs; [`Error::TicketClosed`]; [`Error::IdempotencyMismatch`].
pub fn add(
    tx: &mut Tx<'_>,
    rules: &Rules,
    viewer: &Viewer,
    reference: &Reference,
    reply: &NewReply,
    key: Option<&Key>,
    now: Millis,
) -> Result<Entry, Error> {
    let actor = viewer.actor();
    let mut ticket = take(tx, &actor, reference)?;
    if let Some(first) = idempotency::entry_before(tx, key, ticket.id)? {
        return Ok(first);
    }
    if ticket.status == Status::Closed {
        return Err(Error::TicketClosed);
    }
    let before = Standing::of(&ticket);
    let draft = Draft { body: Some(reply.body.clone()), ..Draft::new(Kind::Reply) };
    let entry = entries::record(tx, &mut ticket, &actor, draft, now)?;
    if ticket.status == Status::Resolved && rules.reopen_on_reply {
        move_to(tx, &mut ticket, &actor, Status::Open, now)?;
    }
    save(tx, before, &ticket)?;
    idempotency::keep_entry(tx, key, ticket.id, entry.id, now)?;
    if reply.notify {
        mails::customer_replied(tx, rules, &ticket, &reply.body, now)?;
    }
    Ok(entry)
}
