//! What the JSON API answers with. Ids are text: a JSON number holds 53 bits, an id 63.

mod entries;
mod webhooks;

use serde::Serialize;
use utoipa::ToSchema;

pub use entries::{DeskEntry, OwnEntry};
pub use webhooks::{DeliveryJson, EventJson, NewWebhookJson, ValueChange, WebhookJson};

use super::openapi::words::{
    Address, Cursor, Id, PriorityWord, ReasonWord, RoleWord, StatusWord, TicketReference, Time,
};
use crate::clock::Millis;
use crate::domain::customers::Customer;
use crate::domain::links::Link;
use crate::domain::page::Page;
use crate::domain::staff::Staff;
use crate::domain::tickets::{self, Detail, Person, Ticket};

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// What `?cursor=` takes for the next page.
    #[schema(value_type = Option<Cursor>, required)]
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// The page as JSON, each item made by `item`.
    pub fn of<R>(page: Page<R>, item: impl Fn(R) -> T) -> Self {
        Self { items: page.items.into_iter().map(item).collect(), next_cursor: page.next }
    }

    /// A list that fits on one page.
    pub fn whole<R>(rows: Vec<R>, item: impl Fn(R) -> T) -> Self {
        Self { items: rows.into_iter().map(item).collect(), next_cursor: None }
    }
}

/// A ticket in its customer's list.
#[derive(Serialize, ToSchema)]
pub struct Summary {
    /// The ticket's name.
    #[schema(value_type = TicketReference)]
    pub reference: String,
    /// What it is about.
    pub subject: String,
    /// How far it is.
    #[schema(value_type = StatusWord)]
    pub status: &'static str,
    /// The technician's name.
    #[schema(required)]
    pub assigned_to: Option<String>,
    /// When it was made.
    #[schema(value_type = Time)]
    pub created_at: String,
    /// The last thing the customer can see.
    #[schema(value_type = Time)]
    pub updated_at: String,
    /// Public notes and replies.
    #[schema(minimum = 0)]
    pub note_count: i64,
    /// Whether staff did something visible since the customer last opened it.
    pub unread: bool,
}

impl From<tickets::Summary> for Summary {
    fn from(ticket: tickets::Summary) -> Self {
        Self {
            reference: ticket.reference.to_string(),
            subject: ticket.subject,
            status: ticket.status.as_str(),
            assigned_to: ticket.assigned_to,
            created_at: ticket.created_at.rfc3339(),
            updated_at: ticket.updated_at.rfc3339(),
            note_count: ticket.note_count,
            unread: ticket.unread,
        }
    }
}

/// A ticket as its customer sees it whole.
#[derive(Serialize, ToSchema)]
pub struct OwnTicket {
    /// What the list shows.
    #[serde(flatten)]
    pub summary: Summary,
    /// What the customer said at first.
    pub description: String,
    /// How much it matters.
    #[schema(value_type = PriorityWord)]
    pub priority: &'static str,
    /// One of the configured list.
    #[schema(required)]
    pub category: Option<String>,
    /// How it was resolved.
    #[schema(required)]
    pub resolution: Option<String>,
    /// Whether a reply is taken.
    pub can_reply: bool,
    /// The newest entries, oldest first.
    pub timeline: Vec<OwnEntry>,
    /// What `?before=` takes for the entries before these.
    #[schema(value_type = Option<Cursor>, required)]
    pub earlier: Option<String>,
}

impl From<Detail> for OwnTicket {
    fn from(ticket: Detail) -> Self {
        Self {
            can_reply: ticket.can_reply(),
            description: ticket.description,
            priority: ticket.priority.as_str(),
            category: ticket.category,
            resolution: ticket.resolution,
            timeline: ticket.timeline.into_iter().map(OwnEntry::from).collect(),
            earlier: ticket.earlier,
            summary: ticket.summary.into(),
        }
    }
}

/// A ticket as staff and programs see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
pub struct DeskTicket {
    /// The ticket's name.
    #[schema(value_type = TicketReference)]
    pub reference: String,
    /// What it is about.
    pub subject: String,
    /// What the customer said at first.
    pub description: String,
    /// How far it is.
    #[schema(value_type = StatusWord)]
    pub status: &'static str,
    /// How much it matters.
    #[schema(value_type = PriorityWord)]
    pub priority: &'static str,
    /// One of the configured list.
    #[schema(required)]
    pub category: Option<String>,
    /// Whose it is.
    pub customer: TicketCustomer,
    /// Who works on it.
    #[schema(required)]
    pub assignee: Option<TicketAssignee>,
    /// How it was resolved.
    #[schema(required)]
    pub resolution: Option<String>,
    /// When it was made.
    #[schema(value_type = Time)]
    pub created_at: String,
    /// The last thing the customer can see.
    #[schema(value_type = Time)]
    pub updated_at: String,
    /// Public notes and replies.
    #[schema(minimum = 0)]
    pub note_count: i64,
}

/// The customer of a ticket.
#[derive(Serialize, ToSchema)]
pub struct TicketCustomer {
    /// The customer's id.
    #[schema(value_type = Id)]
    pub id: String,
    /// Their address.
    #[schema(value_type = Address)]
    pub email: String,
    /// Their name, empty if unknown.
    pub name: String,
}

/// The technician of a ticket.
#[derive(Serialize, ToSchema)]
pub struct TicketAssignee {
    /// Their address.
    #[schema(value_type = Address)]
    pub email: String,
    /// Their name.
    pub name: String,
}

impl From<Ticket> for DeskTicket {
    fn from(ticket: Ticket) -> Self {
        let Person { id, email, name } = ticket.customer;
        let assignee = ticket
            .assignee
            .map(|person| TicketAssignee { email: person.email.to_string(), name: person.name });
        Self {
            reference: ticket.reference.to_string(),
            subject: ticket.subject,
            description: ticket.description,
            status: ticket.status.as_str(),
            priority: ticket.priority.as_str(),
            category: ticket.category,
            customer: TicketCustomer { id: id.to_string(), email: email.to_string(), name },
            assignee,
            resolution: ticket.resolution,
            created_at: ticket.created_at.rfc3339(),
            updated_at: ticket.updated_at.rfc3339(),
            note_count: ticket.note_count,
        }
    }
}

/// A customer.
#[derive(Serialize, ToSchema)]
#[schema(as = Customer)]
pub struct CustomerJson {
    /// The customer's id.
    #[schema(value_type = Id)]
    pub id: String,
    /// Cannot be changed once created.
    #[schema(value_type = Address)]
    pub email: String,
    /// Empty if unknown.
    pub name: String,
    /// Empty if unknown.
    pub phone: String,
    /// Empty if unknown.
    pub company: String,
    /// What staff wrote about them.
    pub notes: String,
    /// Whether they get links and theirs work.
    pub active: bool,
    /// When it was made.
    #[schema(value_type = Time)]
    pub created_at: String,
}

impl From<Customer> for CustomerJson {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id.to_string(),
            email: customer.email.to_string(),
            name: customer.name,
            phone: customer.phone,
            company: customer.company,
            notes: customer.notes,
            active: customer.active,
            created_at: customer.created_at.rfc3339(),
        }
    }
}

/// A link, without its token.
#[derive(Serialize, ToSchema)]
#[schema(as = Link)]
pub struct LinkJson {
    /// The link's id.
    #[schema(value_type = Id)]
    pub id: String,
    /// Why it was made.
    #[schema(value_type = ReasonWord)]
    pub reason: &'static str,
    /// When it was made.
    #[schema(value_type = Time)]
    pub issued_at: String,
    /// When it ends.
    #[schema(value_type = Time)]
    pub expires_at: String,
    /// When the portal was last opened with it.
    #[schema(value_type = Option<Time>, required)]
    pub last_used_at: Option<String>,
    /// How often the portal was opened with it.
    #[schema(minimum = 0)]
    pub use_count: i64,
    /// When it was revoked.
    #[schema(value_type = Option<Time>, required)]
    pub revoked_at: Option<String>,
    /// Who revoked it, in words.
    #[schema(required)]
    pub revoked_by: Option<String>,
}

impl From<Link> for LinkJson {
    fn from(link: Link) -> Self {
        Self {
            id: link.id.to_string(),
            reason: link.reason.as_str(),
            issued_at: link.issued_at.rfc3339(),
            expires_at: link.expires_at.rfc3339(),
            last_used_at: link.last_used_at.map(Millis::rfc3339),
            use_count: link.use_count,
            revoked_at: link.revoked_at.map(Millis::rfc3339),
            revoked_by: link.revoked_by,
        }
    }
}

/// A new link: the only time its URL is shown.
#[derive(Serialize, ToSchema)]
pub struct IssuedLink {
    /// The link's id.
    #[schema(value_type = Id)]
    pub id: String,
    /// Opens the portal.
    #[schema(format = "uri")]
    pub url: String,
    /// When it ends.
    #[schema(value_type = Time)]
    pub expires_at: String,
}

/// That a link was asked for.
#[derive(Serialize, ToSchema)]
pub struct LinkRequested {
    /// The same for every address.
    pub message: String,
    /// The code in the mail is redeemed with it.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    pub request_id: String,
}

/// A token for a code.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenJson {
    /// The bearer token.
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$")]
    pub token: String,
    /// When it ends.
    #[schema(value_type = Time)]
    pub expires_at: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// The customer.
    pub customer: SessionCustomer,
    /// When the link ends.
    #[schema(value_type = Time)]
    pub expires_at: String,
}

/// The customer of a session.
#[derive(Serialize, ToSchema)]
pub struct SessionCustomer {
    /// Their address.
    #[schema(value_type = Address)]
    pub email: String,
    /// Their name, empty if unknown.
    pub name: String,
}

/// A member of staff.
#[derive(Serialize, ToSchema)]
#[schema(as = Staff)]
pub struct StaffJson {
    /// Their id.
    #[schema(value_type = Id)]
    pub id: String,
    /// Where they are mailed. Customers never see it.
    #[schema(value_type = Address)]
    pub email: String,
    /// Their name, as customers read it.
    pub name: String,
    /// What they may do.
    #[schema(value_type = RoleWord)]
    pub role: &'static str,
    /// Whether they may do anything at all.
    pub active: bool,
    /// When it was made.
    #[schema(value_type = Time)]
    pub created_at: String,
}

impl From<Staff> for StaffJson {
    fn from(staff: Staff) -> Self {
        Self {
            id: staff.id.to_string(),
            email: staff.email.to_string(),
            name: staff.name,
            role: staff.role.as_str(),
            active: staff.active,
            created_at: staff.created_at.rfc3339(),
        }
    }
}
