//! Events, and the webhooks that are told of them.

use serde::Serialize;
use utoipa::ToSchema;

use super::entries::DeskEntry;
use crate::clock::Millis;
use crate::domain::events::EventKind;
use crate::domain::webhooks::{Delivery, DeliveryState, Webhook};
use crate::web::api::openapi::words::{DeliveryWord, EventWord, Id, TicketReference, Time};

// Written by `crate::hooks::payload`.
/// Something that happened.
#[derive(ToSchema)]
#[schema(as = Event)]
pub struct EventJson {
    /// Its place among all events: grows by one from each to the next.
    #[schema(value_type = Id)]
    pub id: String,
    /// What kind of thing happened.
    #[schema(value_type = EventWord)]
    pub r#type: String,
    /// When it happened.
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
    #[schema(format = "uri", max_length = 2000)]
    pub url: String,
    /// What it is for.
    pub description: String,
    /// The types of events it wants; all if there are none.
    #[schema(value_type = Vec<EventWord>)]
    pub events: Vec<&'static str>,
    /// Whether it is told anything. A target that answers 410 is no longer.
    pub active: bool,
    /// How often in a row it failed.
    #[schema(minimum = 0)]
    pub failures: i64,
    /// When it was made.
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
    #[schema(pattern = "^whsec_[A-Za-z0-9+/]+=*$")]
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
    #[schema(min_length = 1)]
    pub webhook_id: String,
    /// How far it is.
    #[schema(value_type = DeliveryWord)]
    pub state: &'static str,
    /// When it was made.
    #[schema(value_type = Time)]
    pub created_at: String,
    /// When it is tried next.
    #[schema(value_type = Option<Time>, required)]
    pub next_attempt_at: Option<String>,
    /// How many attempts failed.
    #[schema(minimum = 0)]
    pub failures: i64,
    /// When it was delivered or given up.
    #[schema(value_type = Option<Time>, required)]
    pub settled_at: Option<String>,
    /// The HTTP status of the last answer.
    #[schema(required, minimum = 100, maximum = 999)]
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
