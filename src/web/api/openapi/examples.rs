//! What is answered, as examples: a customer with a camera that is dark, and what can go wrong.

use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::tickets::Status;
use crate::error::{Error, FieldCode, FieldError};
use crate::web::problem::{Code, Problem};

/// A request's id.
pub(super) const REQUEST_ID: &str = "k3Vq0s5mTz2nBw8cYx1rLg";
/// A place in a list.
pub(super) const CURSOR: &str = "AAABoqLZJgAFP6xHv0AAAA";

const AT: &str = "2026-11-23T08:15:00.000Z";
const LATER: &str = "2026-11-30T08:15:00.000Z";
const REFERENCE: &str = "TKT-7K3M9Q";
const ADDRESS: &str = "ana@cafe-lumen.example";
const ID: &str = "378211890437750784";

/// A problem of this code, made where the real ones are made.
pub(super) fn problem(code: Code) -> Problem {
    match code {
        Code::MalformedJson => Problem::malformed_json("The body must be a JSON object."),
        Code::Malformed => Problem::unreadable(),
        Code::HttpsOnly => Problem::https_only(),
        Code::LinkExpired => Error::LinkExpired.into(),
        Code::LinkInvalid => Error::LinkInvalid.into(),
        Code::CodeInvalid => Error::CodeInvalid.into(),
        Code::KeyInvalid => Error::KeyInvalid.into(),
        Code::Forbidden => Error::Forbidden.into(),
        Code::NotFound => Problem::not_found(),
        Code::MethodNotAllowed => Problem::method_not_allowed(),
        Code::RequestTimeout => Problem::too_slow(),
        Code::TicketClosed => Error::TicketClosed.into(),
        Code::TransitionRefused => {
            Error::TransitionRefused { from: Status::Closed, to: Status::Resolved }.into()
        }
        Code::TooLarge => Problem::too_large(32 * 1024),
        Code::UnsupportedMediaType => Problem::unsupported_media_type(),
        Code::Invalid => Error::Invalid(vec![unknown()]).into(),
        Code::IdempotencyMismatch => Error::IdempotencyMismatch.into(),
        Code::RateLimited => Error::RateLimited { retry_after: Duration::from_secs(60) }.into(),
        Code::TooManyHeaders => Problem::too_many_headers(),
        Code::MalformedForm => Problem::malformed_form(),
        Code::SignedOut => Problem::signed_out(),
        Code::PasskeyRequired => Problem::passkey_required(),
        Code::CrossSite => Problem::cross_site(),
        Code::Internal => Problem::internal(),
        Code::Unavailable => Problem::unavailable(Duration::from_secs(2)),
    }
}

/// What is sent of a problem.
pub(super) fn document(problem: &Problem) -> Value {
    problem.document(REQUEST_ID).parse().unwrap_or_default()
}

fn unknown() -> FieldError {
    FieldError::new("colour", FieldCode::UnknownField, "This field is not known here.")
}

/// What can be wrong with what this operation takes.
pub(super) fn fields(components: &Value, operation: &Value) -> Vec<FieldError> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let schema = name.map(|name| &components["schemas"][name]);
    let required = schema.and_then(|schema| schema["required"][0].as_str());
    let missing =
        required.map(|name| FieldError::new(name, FieldCode::Required, "This field is required."));
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let has_limit = parameters.into_iter().any(|parameter| parameter["name"] == "limit");
    let limit = has_limit.then(|| {
        let message = "This must be a whole number from 1 to 100.";
        FieldError::new("limit", FieldCode::Malformed, message)
    });
    missing.into_iter().chain(limit).chain([unknown()]).take(2).collect()
}

/// The example of an answer's schema, by its name.
pub(super) fn answer(name: &str) -> Option<Value> {
    Some(match name {
        "Summary" => summary(),
        "OwnTicket" => own_ticket(),
        "OwnEntry" => own_entry(),
        "Entry" => entry(),
        "Ticket" => ticket(),
        "Customer" => customer(),
        "Link" => link(),
        "IssuedLink" => json!({
            "id": ID, "expires_at": LATER,
            "url": format!("https://support.example.com/portal/tickets/{REFERENCE}#token={}", token()),
        }),
        "LinkRequested" => json!({
            "message": "If that address is one of our customers', a link is on its way. It is valid for 7 days.",
            "request_id": REQUEST_ID,
        }),
        "Token" => json!({"token": token(), "expires_at": LATER}),
        "Session" => json!({
            "customer": {"email": ADDRESS, "name": "Ana Costa"}, "expires_at": LATER,
        }),
        "Staff" => json!({
            "id": ID, "email": "dana@example.com", "name": "Dana Reyes", "role": "technician",
            "active": true, "created_at": AT,
        }),
        "Event" => event(),
        "Webhook" => webhook(),
        "NewWebhook" => {
            let mut new = webhook();
            new["secret"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwIUZr0VZzT7k=".into();
            new
        }
        "Delivery" => delivery(),
        _ => return None,
    })
}

/// How the document about the API begins.
pub(super) fn description() -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({"openapi": "3.1.0", "info": {"title": "Doorkey", "version": version}, "paths": {}})
}

fn token() -> String {
    "Xw3".repeat(14) + "A"
}

fn summary() -> Value {
    json!({
        "reference": REFERENCE, "subject": "Camera 3 is black at night", "status": "in_progress",
        "assigned_to": "Dana Reyes", "created_at": AT, "updated_at": AT, "note_count": 1,
        "unread": true,
    })
}

fn own_ticket() -> Value {
    let mut ticket = summary();
    let more = json!({
        "description": "Since the storm.", "priority": "high", "category": "CCTV",
        "resolution": null, "can_reply": true, "timeline": [own_entry()], "earlier": null,
    });
    if let (Some(ticket), Value::Object(more)) = (ticket.as_object_mut(), more) {
        ticket.extend(more);
    }
    ticket
}

fn own_entry() -> Value {
    json!({
        "id": ID, "kind": "note", "at": AT, "author": "Dana Reyes",
        "body": "We come on Thursday.", "from": null, "to": null,
    })
}

fn entry() -> Value {
    let mut entry = own_entry();
    entry["visibility"] = "public".into();
    entry
}

fn ticket() -> Value {
    json!({
        "reference": REFERENCE, "subject": "Camera 3 is black at night",
        "description": "Since the storm.", "status": "in_progress", "priority": "high",
        "category": "CCTV", "customer": {"id": ID, "email": ADDRESS, "name": "Ana Costa"},
        "assignee": {"email": "dana@example.com", "name": "Dana Reyes"}, "resolution": null,
        "created_at": AT, "updated_at": AT, "note_count": 1,
    })
}

fn customer() -> Value {
    json!({
        "id": ID, "email": ADDRESS, "name": "Ana Costa", "phone": "613 555 0142",
        "company": "Café Lumen", "notes": "Closed on Mondays.", "active": true, "created_at": AT,
    })
}

fn link() -> Value {
    json!({
        "id": ID, "reason": "ticket_mail", "issued_at": AT, "expires_at": LATER,
        "last_used_at": AT, "use_count": 2, "revoked_at": null, "revoked_by": null,
    })
}

fn event() -> Value {
    json!({
        "id": "1042", "type": "ticket.note_added", "at": AT, "ticket": REFERENCE, "customer": ID,
        "author": "Dana Reyes", "entry": entry(), "changes": null,
    })
}

fn webhook() -> Value {
    json!({
        "id": ID, "url": "https://example.com/doorkey", "description": "The web shop",
        "events": ["ticket.created", "ticket.replied"], "active": true, "failures": 0,
        "created_at": AT,
    })
}

fn delivery() -> Value {
    json!({
        "id": ID, "event": "1042", "webhook_id": "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        "state": "delivered", "created_at": AT, "next_attempt_at": null, "failures": 1,
        "settled_at": AT, "status": 200, "error": null,
    })
}
