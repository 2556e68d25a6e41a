//! An event as JSON: what the feed lists and what a webhook is sent.

use serde_json::{Value, json};

use crate::clock::Millis;
use crate::domain::entries::Entry;
use crate::domain::events::Event;
use crate::domain::tickets::Status;

/// The word for a call that is only a test.
pub const TEST: &str = "webhook.test";

/// An event as programs read it. Ids are text: a JSON number holds 53 bits, an id 63.
pub fn event(event: &Event) -> Value {
    json!({
        "id": event.number.to_string(),
        "type": event.kind.as_str(),
        "at": event.at.rfc3339(),
        "ticket": event.ticket.as_ref().map(ToString::to_string),
        "customer": event.customer_id.to_string(),
        "author": event.author,
        "entry": event.entry.as_ref().map(entry),
        "changes": event.changes,
    })
}

fn entry(entry: &Entry) -> Value {
    json!({
        "id": entry.id.to_string(),
        "kind": entry.kind.as_str(),
        "at": entry.at.rfc3339(),
        "author": entry.author,
        "body": entry.body,
        "from": entry.from.map(Status::as_str),
        "to": entry.to.map(Status::as_str),
        "visibility": entry.visibility.as_str(),
    })
}

/// The body of a call (Standard Webhooks, "Payload structure"): the same over all attempts.
pub fn body(what: Option<&Event>, queued_at: Millis) -> String {
    let (kind, at, data) = match what {
        Some(it) => (it.kind.as_str(), it.at, event(it)),
        None => (TEST, queued_at, json!({ "message": "This is a test." })),
    };
    json!({ "type": kind, "timestamp": at.rfc3339(), "data": data }).to_string()
}
