//! One line by itself: what its values may be, in the words of the same fields elsewhere.

use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::lines::{CustomerLine, StaffLine, TicketLine};
use super::{ID, SOURCE};
use crate::clock::Millis;
use crate::domain::customers::NewCustomer;
use crate::domain::email::Email;
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

pub(super) type Wrong = Vec<FieldError>;

/// Gathers what is wrong, so that all of it is told at once.
#[derive(Default)]
pub(super) struct Checks(Wrong);

impl Checks {
    pub(super) fn take<T>(&mut self, read: Result<T, FieldError>) -> Option<T> {
        read.map_err(|error| self.0.push(error)).ok()
    }

    pub(super) fn line(
        &mut self,
        field: &str,
        typed: &str,
        length: RangeInclusive<usize>,
    ) -> Option<String> {
        self.take(text::parse_line(field, typed, length))
    }

    /// A text that may be left out: nothing wrong is `Some(None)`.
    pub(super) fn optional<T>(
        &mut self,
        typed: Option<&str>,
        read: impl FnOnce(&str) -> Result<T, FieldError>,
    ) -> Option<Option<T>> {
        self.take(typed.map(read).transpose())
    }

    pub(super) fn refuse(&mut self, field: &str, code: FieldCode, message: impl Into<String>) {
        self.0.push(FieldError::new(field, code, message));
    }

    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Wrong> {
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

pub(super) fn word<T>(
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

pub(super) fn status(field: &str, typed: &str) -> Result<Status, FieldError> {
    word(field, typed, Status::parse, &Status::ALL.map(Status::as_str))
}

fn reference(typed: &str) -> Result<Reference, FieldError> {
    Reference::parse(typed).ok_or_else(|| {
        let message = "This is not a ticket's reference, such as TKT-7K3M9Q. Leave it out, and one \
             is drawn.";
        FieldError::new("reference", FieldCode::Malformed, message)
    })
}

pub(super) fn time(field: &str, typed: &str) -> Result<Millis, FieldError> {
    let error = |message| FieldError::new(field, FieldCode::Malformed, message);
    let read: Timestamp = typed
        .parse()
        .map_err(|_| error("This is not a time such as 2026-11-12T09:14:00.000Z (RFC 3339)."))?;
    match read.as_millisecond() {
        at @ 0..LAST_TIME => Ok(Millis(at)),
        _ => Err(error("Only times from 1970 to 2089 are kept.")),
    }
}
