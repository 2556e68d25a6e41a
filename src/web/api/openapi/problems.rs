//! The answers that say what went wrong, once for all operations, and which operation can give
//! which. Most follow from an operation's form; the others are named where they are given.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::response::Response;
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

use super::examples;
use super::words::{CodeWord, FieldCodeWord};
use crate::web::problem::Code;

/// What went wrong (RFC 9457).
#[derive(Debug, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Always `about:blank`: the status says what kind of problem it is, and `code` which.
    #[schema(pattern = "^about:blank$")]
    pub r#type: String,
    /// The status in words.
    #[schema(min_length = 1)]
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// Which problem it is: a stable word for programs.
    #[schema(value_type = CodeWord)]
    pub code: String,
    /// What it is, in a sentence for people.
    #[schema(min_length = 1)]
    pub detail: String,
    /// Names the request in the log.
    #[schema(pattern = "^[A-Za-z0-9_-]{22}$")]
    pub request_id: String,
    /// What is wrong with which field, if it is about fields.
    #[schema(nullable = false)]
    pub errors: Option<Vec<FieldProblem>>,
}

/// What is wrong with one field.
#[derive(Debug, ToSchema)]
pub struct FieldProblem {
    /// The field as the request has it, `customer.email` for a nested one.
    pub field: String,
    /// What is wrong with it.
    pub code: FieldCodeWord,
    /// The same, in a sentence for people.
    #[schema(min_length = 1)]
    pub message: String,
}

/// A name, its codes, and when it comes to it. All codes of one have the same status.
pub(super) type Answer = (&'static str, &'static [Code], &'static str);

/// What an operation can end in.
pub(super) const ANSWERS: &[Answer] = &[
    (
        "Malformed",
        &[Code::MalformedJson, Code::Malformed],
        "The body is no JSON object, or a name comes twice in it; or it broke off.",
    ),
    ("Unreadable", &[Code::Malformed], "A body that nobody asked for broke off."),
    (
        "LinkRefused",
        &[Code::LinkExpired, Code::LinkInvalid],
        "The link's time is over; or it is unknown, revoked, or its customer no longer active.",
    ),
    ("KeyRefused", &[Code::KeyInvalid], "The API key is missing, unknown or revoked."),
    (
        "CodeRefused",
        &[Code::CodeInvalid],
        "The code is wrong, too old, used, or was tried too often.",
    ),
    (
        "Forbidden",
        &[Code::Forbidden],
        "The API key's role does not allow this; it takes the role `admin`.",
    ),
    ("NotFound", &[Code::NotFound], "It does not exist, or the caller may not know that it does."),
    ("TooSlow", &[Code::RequestTimeout], "The body did not arrive in time."),
    ("TicketClosed", &[Code::TicketClosed], "The ticket is closed, so a customer cannot reply."),
    (
        "TransitionRefused",
        &[Code::TransitionRefused],
        "A ticket of this status cannot get that one.",
    ),
    (
        "TooLarge",
        &[Code::TooLarge],
        "The body is larger than 32 KiB, or below `/api/v1/tickets` than 256 KiB.",
    ),
    (
        "UnsupportedMediaType",
        &[Code::UnsupportedMediaType],
        "The body is not sent as `application/json`.",
    ),
    ("Invalid", &[Code::Invalid], "Fields or parameters are wrong; `errors` names each."),
    (
        "InvalidOrMismatch",
        &[Code::Invalid, Code::IdempotencyMismatch],
        "Fields are wrong, as `errors` says; or the `Idempotency-Key` was used for another request.",
    ),
    (
        "RateLimited",
        &[Code::RateLimited],
        "Too many of these came from this network, or from everywhere.",
    ),
    ("TooManyHeaders", &[Code::TooManyHeaders], "The request has more than 100 headers."),
    ("Internal", &[Code::Internal], "A bug. The log has the request's id and the cause."),
    (
        "Unavailable",
        &[Code::Unavailable],
        "Doorkey or its database is busy; the same request may work in a moment.",
    ),
];

/// What is answered before it is clear which operation is meant.
pub(super) const OF_NO_OPERATION: &[Answer] = &[
    (
        "MethodNotAllowed",
        &[Code::MethodNotAllowed],
        "The path does not take this method; `Allow` names those that it takes.",
    ),
    (
        "HttpsOnly",
        &[Code::HttpsOnly],
        "Plain HTTP came to an address at which Doorkey speaks HTTPS itself.",
    ),
];

/// Declares answers that an operation names among its own.
macro_rules! named {
    ($($(#[$about:meta])* $type:ident)*) => {$(
        $(#[$about])*
        #[derive(Debug)]
        pub struct $type;

        impl IntoResponses for $type {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let answers = ANSWERS.iter().filter(|answer| answer.0 == stringify!($type));
                answers.map(|answer| (status(answer), Ref::from_response_name(answer.0).into())).collect()
            }
        }
    )*};
}

named! {
    /// A code was refused.
    CodeRefused
    /// A ticket is closed.
    TicketClosed
    /// A status cannot follow another.
    TransitionRefused
    /// Limits hold for callers who do not say who they are.
    RateLimited
}

pub(super) fn status(answer: &Answer) -> String {
    answer.1[0].status().as_u16().to_string()
}

/// The problems that every operation of this form can end in.
pub(super) fn of_form(operation: &Value) -> impl Iterator<Item = &'static Answer> + use<> {
    let secret = &operation["security"][0];
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has = |key: &str, value: &str| parameters.iter().any(|parameter| parameter[key] == value);
    let body = !operation["requestBody"].is_null();
    let once = has("name", "Idempotency-Key");
    let names = [
        (body, "Malformed"),
        (!body, "Unreadable"),
        (!secret["portal_token"].is_null(), "LinkRefused"),
        (!secret["api_key"].is_null(), "KeyRefused"),
        (secret["api_key"][0] == "admin", "Forbidden"),
        (has("in", "path"), "NotFound"),
        (true, "TooSlow"),
        (true, "TooLarge"),
        (body, "UnsupportedMediaType"),
        (!once, "Invalid"),
        (once, "InvalidOrMismatch"),
        (true, "TooManyHeaders"),
        (true, "Internal"),
        (true, "Unavailable"),
    ];
    let given = names.into_iter().filter_map(|(given, name)| given.then_some(name));
    given.filter_map(|name| ANSWERS.iter().find(|answer| answer.0 == name))
}

/// An answer as a component of the document.
pub(super) fn described(answer: &Answer) -> Value {
    let (_, codes, about) = answer;
    let status = codes[0].status().as_u16();
    let schemas: Vec<Value> = codes.iter().copied().map(schema).collect();
    let schema = if let [one] = &schemas[..] { one.clone() } else { json!({ "oneOf": schemas }) };
    let examples: Value = codes.iter().map(|code| (code.as_str(), example(*code))).collect();
    json!({
        "description": in_words(codes, about),
        "headers": headers(status),
        "content": {"application/problem+json": {"schema": schema, "examples": examples}},
    })
}

/// What it is about, and by which codes it is known.
pub(super) fn in_words(codes: &[Code], about: &str) -> String {
    let codes: Vec<String> = codes.iter().map(|code| format!("`{}`", code.as_str())).collect();
    format!("{}: {about}", codes.join(", "))
}

/// The document with exactly this code.
fn schema(code: Code) -> Value {
    let status = code.status().as_u16();
    let mut own =
        json!({"properties": {"status": {"const": status}, "code": {"const": code.as_str()}}});
    if code == Code::Invalid {
        own["required"] = json!(["errors"]);
        own["properties"]["errors"] = json!({ "minItems": 1 });
    } else {
        own["properties"]["errors"] = false.into();
    }
    json!({ "allOf": [{ "$ref": "#/components/schemas/Problem" }, own] })
}

fn example(code: Code) -> Value {
    json!({ "value": examples::document(&examples::problem(code)) })
}

/// The headers that come with a problem, beside the request's id.
fn headers(status: u16) -> Value {
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    let more = match status {
        401 => Some("WWW-Authenticate"),
        405 => Some("Allow"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    };
    if let Some(name) = more {
        headers[name] = json!({ "$ref": format!("#/components/headers/{name}") });
    }
    headers
}
