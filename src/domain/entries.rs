//! Timeline entries: what happened to a ticket, in the order in which it happened.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::page::Page;
use crate::domain::tickets::{Status, Ticket};
use crate::domain::{Actor, events, search, text};
use crate::error::Error;
use crate::{ids, store};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The ticket was created.
    Created,
    /// Its status changed.
    StatusChanged,
    /// Staff or a program wrote a note.
    Note,
    /// The customer replied.
    Reply,
    /// It was resolved, with this text.
    Resolution,
    /// It was assigned or unassigned. Customers do not see these.
    Assigned,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Created,
        Self::StatusChanged,
        Self::Note,
        Self::Reply,
        Self::Resolution,
        Self::Assigned,
    ];

    /// The word for it in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::StatusChanged => "status_changed",
            Self::Note => "note",
            Self::Reply => "reply",
            Self::Resolution => "resolution",
            Self::Assigned => "assigned",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Who may see an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The customer too.
    Public,
    /// Staff and programs only. Never fetched for a customer.
    Internal,
}

impl Visibility {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Public, Self::Internal];

    /// The word for it in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

/// Whose hand an entry is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The ticket's customer.
    Customer,
    /// A member of staff.
    Staff,
    /// A program with an API key.
    Program,
    /// Doorkey itself.
    System,
}

impl By {
    /// The word for it in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Staff => "staff",
            Self::Program => "program",
            Self::System => "system",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Customer, Self::Staff, Self::Program, Self::System]
            .into_iter()
            .find(|by| by.as_str() == word)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Grows along a ticket's timeline. Tells nothing of entries that are not shown.
    pub id: i64,
    /// What happened.
    pub kind: Kind,
    /// When.
    pub at: Millis,
    /// Whose hand it is from.
    pub by: By,
    /// Their name, if they have one that the reader may know.
    pub author: Option<String>,
    /// What they wrote.
    pub body: Option<String>,
    /// The status before.
    pub from: Option<Status>,
    /// The status after.
    pub to: Option<Status>,
    /// Who may see it.
    pub visibility: Visibility,
}

/// An entry before it is recorded.
pub(in crate::domain) struct Draft {
    pub(in crate::domain) kind: Kind,
    pub(in crate::domain) visibility: Visibility,
    pub(in crate::domain) body: Option<String>,
    pub(in crate::domain) from: Option<Status>,
    pub(in crate::domain) to: Option<Status>,
}

impl Draft {
    /// A public entry with nothing in it yet.
    pub(in crate::domain) fn new(kind: Kind) -> Self {
        Self { kind, visibility: Visibility::Public, body: None, from: None, to: None }
    }

    /// An assignment to the technician of this name, or to nobody.
    pub(in crate::domain) fn assigned(name: Option<String>) -> Self {
        Self { visibility: Visibility::Internal, body: name, ..Self::new(Kind::Assigned) }
    }
}

/// Records an entry and what it means for its ticket. The caller holds the ticket's lock and
/// saves it.
pub(in crate::domain) fn record(
    tx: &mut Tx<'_>,
    ticket: &mut Ticket,
    actor: &Actor,
    draft: Draft,
    now: Millis,
) -> Result<Entry, Error> {
    let (entry, by_id) = append(ticket, actor, draft, ids::new_id(now), now);
    write(tx, ticket, &entry, by_id)?;
    if let Some(body) = &entry.body {
        search::append(tx, ticket.id, body)?;
    }
    events::entry_recorded(tx, ticket, &entry)?;
    Ok(entry)
}

/// Keeps an entry of another system and what it means for its ticket. No event tells of it, and the
/// ticket's words are the caller's: one entry after the other would write them many times.
pub(in crate::domain) fn keep(
    tx: &mut Tx<'_>,
    ticket: &mut Ticket,
    entry: &Entry,
    by_id: Option<i64>,
) -> Result<(), Error> {
    advance(ticket, entry);
    write(tx, ticket, entry, by_id)
}

fn write(tx: &mut Tx<'_>, ticket: &Ticket, entry: &Entry, by_id: Option<i64>) -> Result<(), Error> {
    store::entries::insert(tx, ticket.id, entry, by_id)?;
    if let Some(folded) = search_text(entry) {
        let is_public = entry.visibility == Visibility::Public;
        store::search::put(tx, ticket.customer.id, ticket.id, entry.id, is_public, &folded)?;
    }
    Ok(())
}

/// The entry, and what it means for its ticket: an internal one moves neither the last update nor
/// the note count. With it comes the row of who did it.
pub(in crate::domain) fn append(
    ticket: &mut Ticket,
    actor: &Actor,
    draft: Draft,
    id: i64,
    now: Millis,
) -> (Entry, Option<i64>) {
    let (by, by_id) = sign(actor);
    let entry = Entry {
        // Grows along the timeline even if the clock was set back, and tells nothing of what lies between.
        id: id.max(ticket.last_entry + 1),
        kind: draft.kind,
        at: now,
        by,
        author: actor.name(),
        body: draft.body,
        from: draft.from,
        to: draft.to,
        visibility: draft.visibility,
    };
    advance(ticket, &entry);
    (entry, by_id)
}

/// What an entry means for its ticket.
fn advance(ticket: &mut Ticket, entry: &Entry) {
    ticket.last_entry = entry.id;
    if entry.visibility == Visibility::Internal {
        return;
    }
    // Grows with every visible entry, so that what was not seen is newer than what was.
    if entry.kind != Kind::Created {
        ticket.updated_at = Millis(ticket.updated_at.0 + 1).max(entry.at);
    }
    ticket.version += 1;
    ticket.note_count += i64::from(matches!(entry.kind, Kind::Note | Kind::Reply));
    match entry.kind {
        // What a ticket begins with is what the customer said.
        Kind::Created | Kind::Reply => ticket.customer_last = true,
        Kind::Note | Kind::Resolution => ticket.customer_last = false,
        Kind::StatusChanged | Kind::Assigned => {}
    }
    if matches!(entry.by, By::Staff | By::Program) {
        ticket.staff_at = ticket.updated_at;
    }
}

/// What a search finds an entry by, folded; none if nothing was written.
pub(in crate::domain) fn search_text(entry: &Entry) -> Option<String> {
    entry.body.as_deref().map(text::fold)
}

fn sign(actor: &Actor) -> (By, Option<i64>) {
    match actor {
        Actor::Customer { id, .. } => (By::Customer, Some(*id)),
        Actor::Staff { id, .. } => (By::Staff, Some(*id)),
        Actor::Program { id, .. } => (By::Program, Some(*id)),
        Actor::System => (By::System, None),
    }
}

/// Cuts rows, read one beyond `limit`, to a page of a timeline.
pub(in crate::domain) fn page(rows: Vec<Entry>, limit: i64) -> Page<Entry> {
    Page::cut(rows, limit, |entry| vec![entry.id], |entry| entry)
}
