//! Timeline entries: what happened to a ticket, in the order in which it happened.

use crate::clock::Millis;
use crate::domain::tickets::Status;

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
    /// The word for it in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Public, Self::Internal].into_iter().find(|it| it.as_str() == word)
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
