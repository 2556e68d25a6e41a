//! What the JSON API answers with. Ids are text: a JSON number holds 53 bits, an id 63.

use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::words::{
    Address, Cursor, DeliveryWord, EventWord, Id, KindWord, PriorityWord, ReasonWord, RoleWord,
    StatusWord, TicketReference, Time, VisibilityWord,
};
use crate::clock::Millis;
use crate::domain::customers::Customer;
use crate::domain::entries::{Entry, Visibility};
use crate::domain::events::EventKind;
use crate::domain::links::Link;
use crate::domain::page::Page;
use crate::domain::staff::Staff;
use crate::domain::tickets::{self, Detail, Person, Ticket};
use crate::domain::webhooks::{Delivery, DeliveryState, Webhook};

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
    /// `TKT-7K3M9Q`.
    #[schema(value_type = TicketReference)]
    pub reference: String,
    /// What it is about.
    pub subject: String,
    /// `open`, `in_progress`, `resolved`, `closed`.
    #[schema(value_type = StatusWord)]
    pub status: &'static str,
    /// The technician's name.
    #[schema(required)]
    pub assigned_to: Option<String>,
    /// RFC 3339.
    #[schema(value_type = Time)]
    pub created_at: String,
    /// RFC 3339: the last thing the customer can see.
    #[schema(value_type = Time)]
    pub updated_at: String,
    /// Public notes and replies.
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
    /// `low`, `medium`, `high`, `urgent`.
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

/// A timeline entry as the customer sees it.
#[derive(Serialize, ToSchema)]
pub struct OwnEntry {
    /// Grows along the timeline.
    #[schema(value_type = Id)]
    pub id: String,
    /// `created`, `status_changed`, `note`, `reply`, `resolution`, and for programs `assigned`.
    #[schema(value_type = KindWord)]
    pub kind: &'static str,
    /// RFC 3339.
    #[schema(value_type = Time)]
    pub at: String,
    /// Whose hand it is from, if they have a name the reader may know.
    #[schema(required)]
    pub author: Option<String>,
    /// What they wrote.
    #[schema(required)]
    pub body: Option<String>,
    /// The status before.
    #[schema(value_type = Option<StatusWord>, required)]
    pub from: Option<&'static str>,
    /// The status after.
    #[schema(value_type = Option<StatusWord>, required)]
    pub to: Option<&'static str>,
}

impl From<Entry> for OwnEntry {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id.to_string(),
            kind: entry.kind.as_str(),
            at: entry.at.rfc3339(),
            author: entry.author,
            body: entry.body,
            from: entry.from.map(tickets::Status::as_str),
            to: entry.to.map(tickets::Status::as_str),
        }
    }
}

/// A timeline entry as staff and programs see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Entry)]
pub struct DeskEntry {
    /// What the customer sees of it, if they see it.
    #[serde(flatten)]
    pub entry: OwnEntry,
    /// `public` or `internal`.
    #[schema(value_type = VisibilityWord)]
    pub visibility: &'static str,
}

impl From<Entry> for DeskEntry {
    fn from(entry: Entry) -> Self {
        let visibility = Visibility::as_str(entry.visibility);
        Self { entry: entry.into(), visibility }
    }
}

/// A ticket as staff and programs see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
pub struct DeskTicket {
    /// `TKT-7K3M9Q`.
    #[schema(value_type = TicketReference)]
    pub reference: String,
    /// What it is about.
    pub subject: String,
    /// What the customer said at first.
    pub description: String,
    /// `open`, `in_progress`, `resolved`, `closed`.
    #[schema(value_type = StatusWord)]
    pub status: &'static str,
    /// `low`, `medium`, `high`, `urgent`.
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
    /// RFC 3339.
    #[schema(value_type = Time)]
    pub created_at: String,
    /// RFC 3339: the last thing the customer can see.
    #[schema(value_type = Time)]
    pub updated_at: String,
    /// Public notes and replies.
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
    /// RFC 3339.
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
    /// `requested`, `ticket_mail`, `staff`, `api`.
    #[schema(value_type = ReasonWord)]
    pub reason: &'static str,
    /// RFC 3339.
    #[schema(value_type = Time)]
    pub issued_at: String,
    /// RFC 3339.
    #[schema(value_type = Time)]
    pub expires_at: String,
    /// RFC 3339.
    #[schema(value_type = Option<Time>, required)]
    pub last_used_at: Option<String>,
    /// How often the portal was opened with it.
    pub use_count: i64,
    /// RFC 3339.
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
    pub url: String,
    /// RFC 3339.
    #[schema(value_type = Time)]
    pub expires_at: String,
}

/// That a link was asked for.
#[derive(Serialize, ToSchema)]
pub struct LinkRequested {
    /// The same for every address.
    pub message: String,
    /// The code in the mail is redeemed with it.
    pub request_id: String,
}

/// A token for a code.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenJson {
    /// The bearer token.
    pub token: String,
    /// RFC 3339.
    #[schema(value_type = Time)]
    pub expires_at: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// The customer.
    pub customer: SessionCustomer,
    /// RFC 3339: when the link ends.
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
    /// `technician` or `admin`.
    #[schema(value_type = RoleWord)]
    pub role: &'static str,
    /// Whether they may do anything at all.
    pub active: bool,
    /// RFC 3339.
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

/// Something that happened, as [`crate::hooks::payload`] writes it.
#[derive(ToSchema)]
#[schema(as = Event)]
pub struct EventJson {
    /// Its place among all events: grows by one from each to the next.
    #[schema(value_type = Id)]
    pub id: String,
    /// What kind of thing happened.
    #[schema(value_type = EventWord)]
    pub r#type: String,
    /// RFC 3339.
    #[schema(value_type = Time)]
    pub at: String,
    /// The ticket it happened to.
    #[schema(value_type = Option<TicketReference>, required)]
    pub ticket: Option<String>,
    /// The id of the customer it happened to, or whose ticket it is.
    #[schema(value_type = Id)]
    pub customer: String,
    /// Whose hand it is from, if they have a name.
    #[schema(required)]
    pub author: Option<String>,
    /// The timeline entry that it is.
    #[schema(required)]
    pub entry: Option<DeskEntry>,
    /// What changed: for each field, its value before and after.
    #[schema(value_type = Option<std::collections::BTreeMap<String, ValueChange>>, required)]
    pub changes: Option<()>,
}

/// How a value changed.
#[derive(ToSchema)]
pub struct ValueChange {
    /// The value before.
    #[schema(value_type = serde_json::Value)]
    pub from: (),
    /// The value after.
    #[schema(value_type = serde_json::Value)]
    pub to: (),
}

/// A target of events.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookJson {
    /// Its id.
    #[schema(value_type = Id)]
    pub id: String,
    /// Where events are posted to.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// The types of events it wants; all if there are none.
    #[schema(value_type = Vec<EventWord>)]
    pub events: Vec<&'static str>,
    /// Whether it is told anything. A target that answers 410 is no longer.
    pub active: bool,
    /// How often in a row it failed.
    pub failures: i64,
    /// RFC 3339.
    #[schema(value_type = Time)]
    pub created_at: String,
}

impl From<Webhook> for WebhookJson {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            url: webhook.url,
            description: webhook.about,
            events: webhook.kinds.into_iter().map(EventKind::as_str).collect(),
            active: webhook.active,
            failures: webhook.failures,
            created_at: webhook.created_at.rfc3339(),
        }
    }
}

/// A webhook with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = NewWebhook)]
pub struct NewWebhookJson {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookJson,
    /// What signs its calls: `whsec_` and base64, as Standard Webhooks libraries take it.
    pub secret: String,
}

/// An event on its way to a webhook.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryJson {
    /// Its id.
    #[schema(value_type = Id)]
    pub id: String,
    /// The id of the event; none for a test call.
    #[schema(value_type = Option<Id>, required)]
    pub event: Option<String>,
    /// The header `webhook-id` of every attempt.
    pub webhook_id: String,
    /// `queued`, `delivered` or `failed`.
    #[schema(value_type = DeliveryWord)]
    pub state: &'static str,
    /// RFC 3339.
    #[schema(value_type = Time)]
    pub created_at: String,
    /// When it is tried next.
    #[schema(value_type = Option<Time>, required)]
    pub next_attempt_at: Option<String>,
    /// How many attempts failed.
    pub failures: i64,
    /// When it was delivered or given up.
    #[schema(value_type = Option<Time>, required)]
    pub settled_at: Option<String>,
    /// The HTTP status of the last answer.
    #[schema(required)]
    pub status: Option<i64>,
    /// Why the last attempt failed.
    #[schema(required)]
    pub error: Option<String>,
}

impl From<Delivery> for DeliveryJson {
    fn from(delivery: Delivery) -> Self {
        let queued = delivery.state == DeliveryState::Queued;
        Self {
            id: delivery.id.to_string(),
            event: delivery.event_number.map(|number| number.to_string()),
            webhook_id: delivery.message_id,
            state: delivery.state.as_str(),
            created_at: delivery.created_at.rfc3339(),
            next_attempt_at: queued.then(|| delivery.due_at.rfc3339()),
            failures: delivery.failures,
            settled_at: delivery.settled_at.map(Millis::rfc3339),
            status: delivery.status,
            error: delivery.error,
        }
    }
}
