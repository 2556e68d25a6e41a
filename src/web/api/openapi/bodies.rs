//! The bodies of requests, as they are described. They are read field by field, strictly, with an
//! error for each that is wrong; what the readers take is compared with this by a test.

use utoipa::ToSchema;

use super::words::{
    Address, Category, CodeDigits, CustomerNotes, Description, EventWord, Name, NoteText, Phone,
    PriorityWord, ReplyText, ResolutionText, StatusWord, Subject, Target, TypedReference,
    VisibilityWord,
};

/// Whom a link is for.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"email": "ana@cafe-lumen.example", "ticket": "TKT-7K3M9Q"}))]
pub struct LinkRequest {
    /// The customer's address.
    pub email: Address,
    /// The ticket that the link shall open.
    pub ticket: Option<TypedReference>,
}

/// The code from the mail.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"request_id": "k3Vq0s5mTz2nBw8cYx1rLg", "code": "204 816"}))]
pub struct CodeRequest {
    /// The `request_id` of the answer to the request for a link.
    #[schema(min_length = 1, max_length = 64)]
    pub request_id: String,
    /// Six digits; white space between them does not matter.
    #[schema(value_type = CodeDigits)]
    pub code: String,
}

/// A customer's reply.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"body": "The cover is closed and the beep has stopped. Thank you!"}))]
pub struct ReplyRequest {
    /// What they say.
    pub body: ReplyText,
}

/// A ticket to be created.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "customer": {"email": "ana@cafe-lumen.example", "name": "Ana Costa"},
    "subject": "Alarm keeps beeping after the battery was changed",
    "description": "Zone 4 beeps every minute since this morning.",
    "priority": "high",
}))]
pub struct TicketRequest {
    /// Whose it is. Who is not known yet becomes a customer.
    pub customer: TicketCustomerRequest,
    /// What it is about, on one line.
    pub subject: Subject,
    /// What the customer says.
    pub description: Description,
    /// `medium` if left out.
    pub priority: Option<PriorityWord>,
    /// One of the configured list.
    pub category: Option<Category>,
    /// The address of the member of staff who works on it.
    pub assignee: Option<Address>,
    /// Whether anybody is mailed; yes if left out.
    pub notify: Option<bool>,
}

/// The customer of a ticket to be created. What is known of a customer already stays.
#[derive(Debug, ToSchema)]
pub struct TicketCustomerRequest {
    /// Their address.
    pub email: Address,
    /// Their name.
    pub name: Option<Name>,
    /// Their telephone number.
    pub phone: Option<Phone>,
    /// Their company.
    pub company: Option<Name>,
}

/// What is to change of a ticket; what is left out stays.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"status": "in_progress", "category": null}))]
pub struct TicketChange {
    /// `resolved` takes a text: see `resolution`.
    #[schema(nullable = false)]
    pub status: Option<StatusWord>,
    /// How much it matters.
    #[schema(nullable = false)]
    pub priority: Option<PriorityWord>,
    /// One of the configured list; null takes it away.
    pub category: Option<Category>,
    /// The address of a member of staff; null unassigns.
    pub assignee: Option<Address>,
    /// What it is about, on one line.
    #[schema(nullable = false)]
    pub subject: Option<Subject>,
    /// Whether anybody is mailed; yes if left out.
    #[schema(nullable = false)]
    pub notify: Option<bool>,
}

/// A note on a ticket.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "body": "The sensor at the back door lost its cover again.", "visibility": "internal",
}))]
pub struct NoteRequest {
    /// What it says.
    pub body: NoteText,
    /// Whether the customer sees it.
    pub visibility: VisibilityWord,
    /// Whether the customer is mailed a public one; yes if left out.
    pub notify: Option<bool>,
}

/// How a ticket was resolved.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"text": "We replaced the sensor of zone 4."}))]
pub struct ResolutionRequest {
    /// What the customer reads.
    pub text: ResolutionText,
    /// Whether the customer is mailed; yes if left out.
    pub notify: Option<bool>,
}

/// A customer to be added.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "email": "sam@harbour-bikes.example", "name": "Sam Whitfield", "company": "Harbour Bikes",
}))]
pub struct CustomerRequest {
    /// Their address, which nobody else has and which cannot be changed.
    pub email: Address,
    /// Their name.
    pub name: Option<Name>,
    /// Their telephone number.
    pub phone: Option<Phone>,
    /// Their company.
    pub company: Option<Name>,
    /// What staff want to know about them. Customers never see it.
    pub notes: Option<CustomerNotes>,
}

/// What is to change of a customer; what is left out stays.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"phone": "613 555 0177", "active": true}))]
pub struct CustomerChangeRequest {
    /// Their name.
    #[schema(nullable = false)]
    pub name: Option<Name>,
    /// Their telephone number.
    #[schema(nullable = false)]
    pub phone: Option<Phone>,
    /// Their company.
    #[schema(nullable = false)]
    pub company: Option<Name>,
    /// What staff want to know about them.
    #[schema(nullable = false)]
    pub notes: Option<CustomerNotes>,
    /// Without it, they get no links and theirs do not work.
    #[schema(nullable = false)]
    pub active: Option<bool>,
}

/// Which link is to be made.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"ticket": "TKT-7K3M9Q"}))]
pub struct LinkIssue {
    /// The ticket that the link opens; the list of all if left out.
    pub ticket: Option<TypedReference>,
}

/// A target of events.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "url": "https://example.com/doorkey", "events": ["ticket.created", "ticket.replied"],
}))]
pub struct WebhookRequest {
    /// Where events are posted to.
    pub url: Target,
    /// What it is for, on one line.
    pub description: Option<Name>,
    /// The types of events it wants; all if left out or empty.
    pub events: Option<Vec<EventWord>>,
}

/// What is to change of a webhook; what is left out stays.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"active": false}))]
pub struct WebhookChangeRequest {
    /// Where events are posted to.
    #[schema(nullable = false)]
    pub url: Option<Target>,
    /// What it is for, on one line.
    #[schema(nullable = false)]
    pub description: Option<Name>,
    /// The types of events it wants; all if empty.
    #[schema(nullable = false)]
    pub events: Option<Vec<EventWord>>,
    /// Whether it is told anything.
    #[schema(nullable = false)]
    pub active: Option<bool>,
}
