//! Notes: what staff and programs write on a ticket, for the customer or among themselves.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::entries::{self, Draft, Entry, Kind, Visibility};
use crate::domain::idempotency::{self, Key};
use crate::domain::tickets::{Standing, save, take};
use crate::domain::{Actor, Rules, mails};
use crate::error::Error;
use crate::ids::Reference;

/// A note to add; the text was read with [`crate::domain::text::parse`].
#[derive(Clone, Debug)]
pub struct NewNote {
    /// What it says.
    pub body: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether the customer is mailed a public one.
    pub notify: bool,
}

/// Adds a note. An internal one moves neither the ticket's last update nor its note count. With
/// the same `key` again, returns the entry of the first time.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::IdempotencyMismatch`].
pub fn add(
    tx: &mut Tx<'_>,
    rules: &Rules,
    actor: &Actor,
    reference: &Reference,
    note: &NewNote,
    key: Option<&Key>,
    now: Millis,
) -> Result<Entry, Error> {
    let mut ticket = take(tx, actor, reference)?;
    if let Some(first) = idempotency::entry_before(tx, key, ticket.id)? {
        return Ok(first);
    }
    let before = Standing::of(&ticket);
    let draft = Draft {
        visibility: note.visibility,
        body: Some(note.body.clone()),
        ..Draft::new(Kind::Note)
    };
    let entry = entries::record(tx, &mut ticket, actor, draft, now)?;
    save(tx, before, &ticket)?;
    idempotency::keep_entry(tx, key, ticket.id, entry.id, now)?;
    if note.notify && note.visibility == Visibility::Public {
        mails::note_added(tx, rules, &ticket, actor, &note.body, now)?;
    }
    Ok(entry)
}
