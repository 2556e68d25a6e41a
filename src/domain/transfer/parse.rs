//! One line by itself: what its values may be, in the words of the same fields elsewhere.

use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::lines::{CustomerLine, EntryLine, StaffLine, TicketLine};
use super::{ID, SOURCE};
use crate::clock::Millis;
use crate::domain::customers::NewCustomer;
use crate::domain::email::Email;
use crate::domain::entries::{By, Kind, Visibility};
use crate::domain::staff::{NewStaff, Role};
use crate::domain::text;
use crate::domain::tickets::{Priority, Status};
use crate::error::{FieldCode, FieldError};
use crate::ids::{self, Reference};

/// 2090-01-01T00:00:00Z: ids hold times until 2093.
const LAST_TIME: i64 = 3_786_912_000_000;

/// A member of staff of the other system.
#[derive(Clone, Debug)]
pub(super) struct StaffItem {
    pub(super) id: String,
    pub(super) staff: NewStaff,
    pub(super) active: bool,
    pub(super) created_at: Option<Millis>,
}

/// A customer of the other system.
#[derive(Clone, Debug)]
pub(super) struct CustomerItem {
    pub(super) id: String,
    pub(super) customer: NewCustomer,
    pub(super) active: bool,
    pub(super) created_at: Option<Millis>,
}

/// A ticket of the other system.
#[derive(Clone, Debug)]
pub(super) struct TicketItem {
    pub(super) id: String,
    pub(super) reference: Option<Reference>,
    pub(super) customer: String,
    pub(super) assignee: Option<String>,
    pub(super) subject: String,
    pub(super) description: String,
    pub(super) priority: Priority,
    pub(super) category: Option<String>,
    pub(super) status: Status,
    pub(super) resolution: Option<String>,
    pub(super) status_at: Option<Millis>,
    pub(super) created_at: Millis,
    /// SHA-256 of the line: tells whether it changed.
    pub(super) hash: [u8; 32],
}

/// An entry of the other system.
#[derive(Clone, Debug)]
pub(super) struct EntryItem {
    pub(super) line: u64,
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) visibility: Visibility,
    pub(super) at: Millis,
    pub(super) by: By,
    pub(super) staff: Option<String>,
    pub(super) author: Option<String>,
    pub(super) body: Option<String>,
    pub(super) from: Option<Status>,
    pub(super) to: Option<Status>,
}

type Wrong = Vec<FieldError>;

/// Gathers what is wrong, so that all of it is told at once.
#[derive(Default)]
struct Checks(Wrong);

impl Checks {
    fn take<T>(&mut self, read: Result<T, FieldError>) -> Option<T> {
        read.map_err(|error| self.0.push(error)).ok()
    }

    fn line(&mut self, field: &str, typed: &str, length: RangeInclusive<usize>) -> Option<String> {
        self.take(text::parse_line(field, typed, length))
    }

    /// A text that may be left out: nothing wrong is `Some(None)`.
    fn optional<T>(
        &mut self,
        typed: Option<&str>,
        read: impl FnOnce(&str) -> Result<T, FieldError>,
    ) -> Option<Option<T>> {
        self.take(typed.map(read).transpose())
    }

    fn refuse(&mut self, field: &str, code: FieldCode, message: impl Into<String>) {
        self.0.push(FieldError::new(field, code, message));
    }

    fn finish<T>(self, value: Option<T>) -> Result<T, Wrong> {
        value.filter(|_| self.0.is_empty()).ok_or(self.0)
    }
}

/// The name of a source.
pub(super) fn source(named: Option<&str>) -> Result<String, FieldError> {
    text::parse_line("source", named.unwrap_or(SOURCE), ID)
}

pub(super) fn staff(line: &StaffLine) -> Result<StaffItem, Wrong> {
    let mut checks = Checks::default();
    let id = checks.line("id", &line.id, ID);
    let email = checks.take(Email::parse("email", &line.email));
    let name = checks.line("name", &line.name, text::REQUIRED_NAME);
    let role = checks.take(word("role", &line.role, Role::parse, &Role::ALL.map(Role::as_str)));
    let created_at = checks.optional(line.created_at.as_deref(), |typed| time("created_at", typed));
    let read = || {
        let staff = NewStaff { email: email?, name: name?, role: role? };
        Some(StaffItem { id: id?, staff, active: line.active, created_at: created_at? })
    };
    checks.finish(read())
}

pub(super) fn customer(line: &CustomerLine) -> Result<CustomerItem, Wrong> {
    let mut checks = Checks::default();
    let id = checks.line("id", &line.id, ID);
    let email = checks.take(Email::parse("email", &line.email));
    let name = checks.line("name", line.name.as_deref().unwrap_or_default(), text::NAME);
    let phone = checks.line("phone", line.phone.as_deref().unwrap_or_default(), text::PHONE);
    let company = checks.line("company", line.company.as_deref().unwrap_or_default(), text::NAME);
    let notes = line.notes.as_deref().unwrap_or_default();
    let notes = checks.take(text::parse("notes", notes, text::CUSTOMER_NOTES));
    let created_at = checks.optional(line.created_at.as_deref(), |typed| time("created_at", typed));
    let read = || {
        let (name, phone, company, notes) = (name?, phone?, company?, notes?);
        let customer = NewCustomer { email: email?, name, phone, company, notes };
        Some(CustomerItem { id: id?, customer, active: line.active, created_at: created_at? })
    };
    checks.finish(read())
}

pub(super) fn ticket(line: &TicketLine, written: &str) -> Result<TicketItem, Wrong> {
    let mut checks = Checks::default();
    let id = checks.line("id", &line.id, ID);
    let reference = checks.optional(line.reference.as_deref(), reference);
    let customer = checks.line("customer", &line.customer, ID);
    let assignee =
        checks.optional(line.assignee.as_deref(), |typed| text::parse_line("assignee", typed, ID));
    let subject = checks.line("subject", &line.subject, text::SUBJECT);
    let description = checks.take(text::parse("description", &line.description, text::DESCRIPTION));
    let priority = checks.optional(line.priority.as_deref(), |typed| {
        word("priority", typed, Priority::parse, &Priority::ALL.map(Priority::as_str))
    });
    let category = checks.optional(line.category.as_deref(), |typed| {
        text::parse_line("category", typed, text::REQUIRED_NAME)
    });
    let status = checks.take(status("status", &line.status));
    let resolution = checks.optional(line.resolution.as_deref(), |typed| {
        text::parse("resolution", typed, text::RESOLUTION)
    });
    let status_at = checks.optional(line.status_at.as_deref(), |typed| time("status_at", typed));
    let created_at = checks.take(time("created_at", &line.created_at));
    let read = || {
        Some(TicketItem {
            id: id?,
            reference: reference?,
            customer: customer?,
            assignee: assignee?,
            subject: subject?,
            description: description?,
            priority: priority?.unwrap_or_default(),
            category: category?,
            status: status?,
            resolution: resolution?,
            status_at: status_at?,
            created_at: created_at?,
            hash: ids::sha256(written.as_bytes()),
        })
    };
    checks.finish(read())
}

/// The entry, apart from its ticket.
pub(super) fn entry(line: &EntryLine, number: u64) -> Result<EntryItem, Wrong> {
    let mut checks = Checks::default();
    let id = checks.line("id", &line.id, ID);
    let kind = checks.take(word("kind", &line.kind, Kind::parse, &Kind::ALL.map(Kind::as_str)));
    let at = checks.take(time("at", &line.at));
    let by = checks.take(word("by", &line.by, By::parse, &BY));
    let staff =
        checks.optional(line.staff.as_deref(), |typed| text::parse_line("staff", typed, ID));
    let author = checks.optional(line.author.as_deref(), |typed| {
        text::parse_line("author", typed, text::REQUIRED_NAME)
    });
    let from = checks.optional(line.from.as_deref(), |typed| status("from", typed));
    let to = checks.optional(line.to.as_deref(), |typed| status("to", typed));
    let visibility = kind.and_then(|kind| visibility(&mut checks, line, kind));
    let body = kind.and_then(|kind| body(&mut checks, line, kind));
    if let (Some(kind), Some(from), Some(to)) = (kind, from, to) {
        check_statuses(&mut checks, kind, from, to);
    }
    if kind == Some(Kind::Reply) && by.is_some_and(|by| by != By::Customer) {
        let message = "A reply is the customer's; what others write is a note.";
        checks.refuse("by", FieldCode::UnknownValue, message);
    }
    if line.staff.is_some() && by.is_some_and(|by| by != By::Staff) {
        checks.refuse("staff", FieldCode::UnknownValue, "This belongs to an entry by staff.");
    }
    let read = || {
        let kind = kind?;
        Some(EntryItem {
            line: number,
            id: id?,
            kind,
            visibility: visibility?,
            at: at?,
            by: by?,
            staff: staff?,
            author: author?,
            body: body?,
            from: from?,
            to: if kind == Kind::Resolution { Some(Status::Resolved) } else { to? },
        })
    };
    checks.finish(read())
}

const BY: [&str; 4] = ["customer", "staff", "program", "system"];

/// A note says who may see it, lest something becomes public by being forgotten. All other kinds
/// have one visibility, which may be said.
fn visibility(checks: &mut Checks, line: &EntryLine, kind: Kind) -> Option<Visibility> {
    let known = Visibility::ALL.map(Visibility::as_str);
    let said = checks.optional(line.visibility.as_deref(), |typed| {
        word("visibility", typed, Visibility::parse, &known)
    })?;
    let fixed = match kind {
        Kind::Note => None,
        Kind::Assigned => Some(Visibility::Internal),
        _ => Some(Visibility::Public),
    };
    match (fixed, said) {
        (None, None) => {
            let message = "A note is public or internal: please say which.";
            checks.refuse("visibility", FieldCode::Required, message);
            None
        }
        (Some(fixed), Some(said)) if fixed != said => {
            let message = format!("An entry of the kind {} is {}.", kind.as_str(), fixed.as_str());
            checks.refuse("visibility", FieldCode::UnknownValue, message);
            None
        }
        (fixed, said) => fixed.or(said),
    }
}

fn body(checks: &mut Checks, line: &EntryLine, kind: Kind) -> Option<Option<String>> {
    let typed = line.body.as_deref();
    let required = typed.unwrap_or_default();
    match kind {
        // Letters that were mailed are longer than what a form takes here.
        Kind::Note | Kind::Reply => {
            checks.take(text::parse("body", required, text::DESCRIPTION)).map(Some)
        }
        Kind::Resolution => checks.take(text::parse("body", required, text::RESOLUTION)).map(Some),
        Kind::Assigned => {
            checks.optional(typed, |typed| text::parse_line("body", typed, text::REQUIRED_NAME))
        }
        Kind::Created | Kind::StatusChanged => {
            if typed.is_some() {
                let message = format!("An entry of the kind {} has no text.", kind.as_str());
                checks.refuse("body", FieldCode::UnknownValue, message);
            }
            Some(None)
        }
    }
}

fn check_statuses(checks: &mut Checks, kind: Kind, from: Option<Status>, to: Option<Status>) {
    match kind {
        Kind::StatusChanged => {
            let missing = [("from", from), ("to", to)];
            for (field, _) in missing.iter().filter(|(_, status)| status.is_none()) {
                checks.refuse(field, FieldCode::Required, "A change of status has both.");
            }
            if from.is_some() && from == to {
                checks.refuse("to", FieldCode::UnknownValue, "This is no change.");
            }
            if to == Some(Status::Resolved) {
                let message = "To resolve is an entry of the kind resolution, with its text.";
                checks.refuse("to", FieldCode::UnknownValue, message);
            }
        }
        Kind::Resolution => {
            if from.is_none() {
                checks.refuse(
                    "from",
                    FieldCode::Required,
                    "Please say what the status was before.",
                );
            }
            if to.is_some_and(|to| to != Status::Resolved) || from == Some(Status::Resolved) {
                let message = "A resolution leads to resolved, from another status.";
                checks.refuse("to", FieldCode::UnknownValue, message);
            }
        }
        _ => {
            for (field, _) in [("from", from), ("to", to)].iter().filter(|it| it.1.is_some()) {
                let message = format!("An entry of the kind {} has none.", kind.as_str());
                checks.refuse(field, FieldCode::UnknownValue, message);
            }
        }
    }
}

fn word<T>(
    field: &str,
    typed: &str,
    parse: impl Fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<T, FieldError> {
    parse(typed).ok_or_else(|| {
        let message = format!("This is not one of: {}.", known.join(", "));
        FieldError::new(field, FieldCode::UnknownValue, message)
    })
}

fn status(field: &str, typed: &str) -> Result<Status, FieldError> {
    word(field, typed, Status::parse, &Status::ALL.map(Status::as_str))
}

fn reference(typed: &str) -> Result<Reference, FieldError> {
    Reference::parse(typed).ok_or_else(|| {
        let message = "This is not a ticket's reference, such as TKT-7K3M9Q. Leave it out, and one \
             is drawn.";
        FieldError::new("reference", FieldCode::Malformed, message)
    })
}

fn time(field: &str, typed: &str) -> Result<Millis, FieldError> {
    let error = |message| FieldError::new(field, FieldCode::Malformed, message);
    let read: Timestamp = typed
        .parse()
        .map_err(|_| error("This is not a time such as 2026-11-12T09:14:00.000Z (RFC 3339)."))?;
    match read.as_millisecond() {
        at @ 0..LAST_TIME => Ok(Millis(at)),
        _ => Err(error("Only times from 1970 to 2089 are kept.")),
    }
}
