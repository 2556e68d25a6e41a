//! The lines as they are written: names and types of JSON. What the values may be is checked in
//! [`super::parse`].

use serde::{Deserialize, Deserializer, Serialize, de};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The first line: what this is.
    Doorkey(HeaderLine),
    /// A setting that an admin made.
    Setting(SettingLine),
    /// A member of staff.
    Staff(StaffLine),
    /// A customer.
    Customer(CustomerLine),
    /// A ticket; its entries follow.
    Ticket(TicketLine),
    /// Something that happened to the ticket before it.
    Entry(EntryLine),
    /// The last line: that there are no more and, if its writer knows, how many of each kind there
    /// were.
    End(EndLine),
}

/// The last line, as it is read: a query on another program's database need not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndLine {
    /// Settings that admins made; left out if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<u64>,
    /// Members of staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<u64>,
    /// Customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers: Option<u64>,
    /// Tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tickets: Option<u64>,
    /// Entries of all timelines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
}

impl From<Totals> for EndLine {
    fn from(totals: Totals) -> Self {
        let Totals { settings, staff, customers, tickets, entries } = totals;
        Self {
            settings: Some(settings).filter(|&some| some > 0),
            staff: Some(staff),
            customers: Some(customers),
            tickets: Some(tickets),
            entries: Some(entries),
        }
    }
}

impl EndLine {
    /// What it counts otherwise than `here`, in words; empty if nothing.
    pub fn differences(&self, here: Totals) -> Vec<String> {
        let kinds = [
            ("settings", self.settings, here.settings),
            ("staff", self.staff, here.staff),
            ("customers", self.customers, here.customers),
            ("tickets", self.tickets, here.tickets),
            ("entries", self.entries, here.entries),
        ];
        let differ = kinds.into_iter().filter(|(_, said, here)| said.is_some_and(|it| it != *here));
        differ
            .map(|(kind, said, here)| {
                let said = said.unwrap_or_default();
                format!("{said} lines of {kind} were written, and {here} are here")
            })
            .collect()
    }
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderLine {
    /// The version of the format.
    pub version: u32,
    /// The name of the system it comes from, which keeps its ids apart from those of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A setting that an admin made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingLine {
    /// Its name, `brand.name`.
    pub name: String,
    /// What it is, as text; a logo as a `data:` address.
    pub value: String,
}

/// A member of staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffLine {
    /// What they are called in the source.
    pub id: String,
    /// Where they are mailed.
    pub email: String,
    /// Their name.
    pub name: String,
    /// `technician` or `admin`.
    pub role: String,
    /// Whether they may do anything.
    #[serde(default = "yes", deserialize_with = "truth")]
    pub active: bool,
    /// RFC 3339; the time of the import if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerLine {
    /// What they are called in the source.
    pub id: String,
    /// Where they are mailed.
    pub email: String,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where they can be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Whom they work for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// What staff know about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Whether they may come in.
    #[serde(default = "yes", deserialize_with = "truth")]
    pub active: bool,
    /// RFC 3339; the time of the import if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketLine {
    /// What it is called in the source.
    pub id: String,
    /// `TKT-7K3M9Q`, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The id of its customer.
    pub customer: String,
    /// The id of the member of staff who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// What it is about.
    pub subject: String,
    /// What the customer said at first.
    pub description: String,
    /// `low`, `medium`, `high`, `urgent`; `medium` if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// What kind of problem it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// `open`, `in_progress`, `resolved`, `closed`.
    pub status: String,
    /// How it was resolved, where no entry says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// Since when it has its status, where no entry says so. RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_at: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

/// An entry of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryLine {
    /// The id of its ticket, whose line stands before it.
    pub ticket: String,
    /// What it is called in the source; no other entry of the ticket is.
    pub id: String,
    /// `created`, `note`, `reply`, `status_changed`, `resolution`, `assigned`.
    pub kind: String,
    /// `public` or `internal`; a note must say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<String>,
    /// RFC 3339.
    pub at: String,
    /// `customer`, `staff`, `program`, `system`.
    pub by: String,
    /// The id of the member of staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<String>,
    /// The name of whoever it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What they wrote, or who was assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The status before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The status after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// How many lines of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Settings that admins made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub settings: u64,
    /// Members of staff.
    pub staff: u64,
    /// Customers.
    pub customers: u64,
    /// Tickets.
    pub tickets: u64,
    /// Entries of all tickets.
    pub entries: u64,
}

impl Totals {
    /// Counts a line.
    pub fn count(&mut self, line: &Line) {
        match line {
            Line::Setting(_) => self.settings += 1,
            Line::Staff(_) => self.staff += 1,
            Line::Customer(_) => self.customers += 1,
            Line::Ticket(_) => self.tickets += 1,
            Line::Entry(_) => self.entries += 1,
            Line::Doorkey(_) | Line::End(_) => {}
        }
    }

    /// All of them.
    pub fn all(&self) -> u64 {
        self.settings + self.staff + self.customers + self.tickets + self.entries
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn yes() -> bool {
    true
}

/// Reads `true` and `false`, and 1 and 0, as some databases write them.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Truth(bool),
        Number(u8),
    }
    match Either::deserialize(deserializer) {
        Ok(Either::Truth(truth)) => Ok(truth),
        Ok(Either::Number(number @ (0 | 1))) => Ok(number == 1),
        _ => Err(de::Error::custom("active is true or false")),
    }
}
