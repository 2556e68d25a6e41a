//! Tickets: what a customer needs, and how far it is.

mod change;
mod close;
mod create;
mod desk;
mod desk_search;
mod export;
mod find;
mod give;
mod list;
mod several;
mod standing;
mod work;

pub use change::{Change, change, resolve};
pub(in crate::domain) use change::{move_to, settle, turn};
pub use close::close_due;
pub use create::{NewTicket, create};
pub(in crate::domain) use create::{begin, index, insert_named, search_text};
pub use desk::{DeskQuery, desk_counts, is_desk_cursor, list};
pub use desk_search::{Shown, show};
pub use export::export;
pub(in crate::domain) use find::take;
pub use find::{detail, find, is_earlier, timeline, version};
pub use give::{give, receiver};
pub use list::{ListFilter, counts, is_own_cursor, list_for_customer};
pub use several::{Became, Was, change_one, put_back};
pub(in crate::domain) use standing::{Standing, Tally, count_new, day, save};
pub use work::{Outcome, Seen, Work, add_note, change_seen, resolve_seen, work};

use crate::clock::Millis;
use crate::domain::email::Email;
use crate::domain::entries::Entry;
use crate::ids::Reference;

/// How far a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nobody has begun.
    Open,
    /// Somebody works on it.
    InProgress,
    /// Done, with a resolution; a reply reopens it.
    Resolved,
    /// Over; only staff can reopen it.
    Closed,
}

impl Status {
    /// Every status, in the order of a ticket's life.
    pub const ALL: [Self; 4] = [Self::Open, Self::InProgress, Self::Resolved, Self::Closed];

    /// The word for it in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InProgress => "in_progress",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }

    /// The word for it on pages and in mails.
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::InProgress => "In Progress",
            Self::Resolved => "Resolved",
            Self::Closed => "Closed",
        }
    }

    /// Reads [`Self::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether staff may change a ticket from `self` to `to`. Resolving also takes a text.
    pub fn may_become(self, to: Self) -> bool {
        match (self, to) {
            (from, to) if from == to => false,
            (Self::Open | Self::InProgress, _) => true,
            (Self::Resolved | Self::Closed, Self::Open | Self::InProgress) => true,
            (Self::Resolved, Self::Closed) => true,
            (_, _) => false,
        }
    }
}

/// How much a ticket matters, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Can wait.
    Low,
    /// The usual.
    #[default]
    Medium,
    /// Before others.
    High,
    /// Now.
    Urgent,
}

impl Priority {
    /// Every priority, least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Urgent];

    /// The word for it in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// The word for it on pages and in mails.
    pub fn label(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Urgent => "Urgent",
        }
    }

    /// Reads [`Self::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == word)
    }

    /// Its place in the order, as the database keeps it: 0 for low to 3 for urgent.
    pub fn rank(self) -> i64 {
        self as i64
    }

    /// Reads [`Self::rank`].
    pub fn from_rank(rank: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.rank() == rank)
    }
}

/// A customer or a member of staff, as a ticket names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The row.
    pub id: i64,
    /// Where they are mailed.
    pub email: Email,
    /// What they are called, empty if unknown.
    pub name: String,
}

/// A ticket as staff and programs see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The row.
    pub id: i64,
    /// Its name.
    pub reference: Reference,
    /// What it is about, 1–200 characters.
    pub subject: String,
    /// What the customer said at first, 1–20,000 characters.
    pub description: String,
    /// How far it is.
    pub status: Status,
    /// How much it matters.
    pub priority: Priority,
    /// One of the configured list, or none.
    pub category: Option<String>,
    /// Whose it is.
    pub customer: Person,
    /// Who works on it.
    pub assignee: Option<Person>,
    /// How it was resolved, while it is resolved or closed.
    pub resolution: Option<String>,
    /// Since when it is resolved, while it is.
    pub resolved_at: Option<Millis>,
    /// Public notes and replies.
    pub note_count: i64,
    /// When it was created.
    pub created_at: Millis,
    /// When the last thing happened that the customer can see.
    pub updated_at: Millis,
    /// When staff last did something the customer can see.
    pub staff_at: Millis,
    /// Whether the last words that the customer can see are their own: nobody has answered yet.
    pub customer_last: bool,
    /// Id of the newest entry, internal ones included.
    pub last_entry: i64,
    /// Grows with everything the customer can see.
    pub version: i64,
}

/// In which order staff and programs list tickets, greatest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By the last update the customer can see.
    #[default]
    Updated,
    /// By creation.
    Created,
    /// By priority, then by update.
    Priority,
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 3] = [Self::Updated, Self::Created, Self::Priority];

    /// The word for it in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Created => "created",
            Self::Priority => "priority",
        }
    }
}

/// A ticket as its customer sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Summary {
    /// Its name.
    pub reference: Reference,
    /// What it is about, 1–200 characters.
    pub subject: String,
    /// How far it is.
    pub status: Status,
    /// The assigned technician's name.
    pub assigned_to: Option<String>,
    /// When it was created.
    pub created_at: Millis,
    /// When the last thing happened that the customer can see.
    pub updated_at: Millis,
    /// Public notes and replies.
    pub note_count: i64,
    /// Whether staff did something visible since the customer last opened it.
    pub unread: bool,
}

/// A ticket as its customer sees it whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The row: for noting that it was opened.
    pub ticket_id: i64,
    /// Grows with everything the customer can see: for conditional requests.
    pub version: i64,
    /// What the list shows.
    pub summary: Summary,
    /// What the customer said at first, 1–20,000 characters.
    pub description: String,
    /// How much it matters.
    pub priority: Priority,
    /// One of the configured list, or none.
    pub category: Option<String>,
    /// How it was resolved, while it is resolved or closed.
    pub resolution: Option<String>,
    /// The newest entries the customer may see, oldest first.
    pub timeline: Vec<Entry>,
    /// Where the entries before these begin, if there are any.
    pub earlier: Option<String>,
}

impl Detail {
    /// Whether the customer may reply: until it is closed.
    pub fn can_reply(&self) -> bool {
        self.summary.status != Status::Closed
    }
}

/// How many tickets a customer has, by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Open.
    pub open: i64,
    /// In progress.
    pub in_progress: i64,
    /// Resolved.
    pub resolved: i64,
    /// Closed.
    pub closed: i64,
}

impl Counts {
    /// All of them.
    pub fn all(&self) -> i64 {
        self.open + self.in_progress + self.resolved + self.closed
    }

    /// Those of one status.
    pub fn of(&self, status: Status) -> i64 {
        match status {
            Status::Open => self.open,
            Status::InProgress => self.in_progress,
            Status::Resolved => self.resolved,
            Status::Closed => self.closed,
        }
    }
}
