//! The answers that say what went wrong, once for all operations, and which operation can give
//! which. Most follow from an operation's form; the others are named where they are given.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::openapi::response::Response;
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

use super::words::FieldCodeWord;
use crate::error::{FieldCode, FieldError};
use crate::web::problem::Problem;

/// What went wrong (RFC 9457).
#[derive(Debug, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Always `about:blank`: the status says what kind of problem it is, and `code` which.
    #[schema(example = "about:blank")]
    pub r#type: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Which problem it is: a stable word for programs.
    pub code: String,
    /// What it is, in a sentence for people.
    pub detail: String,
    /// Names the request in the log.
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
    pub message: String,
}

/// A name, the status, its codes, and when it comes to it.
type Answer = (&'static str, u16, &'static [&'static str], &'static str);

const ANSWERS: &[Answer] = &[
    (
        "Malformed",
        400,
        &["malformed_json", "malformed"],
        "The body is no JSON object, or a name comes twice in it.",
    ),
    (
        "LinkRefused",
        401,
        &["link_expired", "link_invalid"],
        "The link's time is over; or it is unknown, revoked, or its customer no longer active.",
    ),
    ("KeyRefused", 401, &["key_invalid"], "The API key is missing, unknown or revoked."),
    (
        "CodeRefused",
        401,
        &["code_invalid"],
        "The code is wrong, too old, used, or was tried too often.",
    ),
    (
        "Forbidden",
        403,
        &["forbidden"],
        "The API key's role does not allow this; it takes the role `admin`.",
    ),
    (
        "NotFound",
        404,
        &["not_found"],
        "It does not exist, or the caller may not know that it does.",
    ),
    ("TooSlow", 408, &["request_timeout"], "The body did not arrive in time."),
    ("TicketClosed", 409, &["ticket_closed"], "The ticket is closed, so a customer cannot reply."),
    (
        "TransitionRefused",
        409,
        &["transition_refused"],
        "A ticket of this status cannot get that one.",
    ),
    (
        "TooLarge",
        413,
        &["too_large"],
        "The body is larger than 32 KiB, or below `/api/v1/tickets` than 256 KiB.",
    ),
    (
        "UnsupportedMediaType",
        415,
        &["unsupported_media_type"],
        "The body is not sent as `application/json`.",
    ),
    ("Invalid", 422, &["invalid"], "Fields or parameters are wrong; `errors` names each."),
    (
        "InvalidOrMismatch",
        422,
        &["invalid", "idempotency_mismatch"],
        "Fields are wrong, as `errors` says; or the `Idempotency-Key` was used for another request.",
    ),
    (
        "RateLimited",
        429,
        &["rate_limited"],
        "Too many of these came from this network, or from everywhere.",
    ),
    ("TooManyHeaders", 431, &["too_many_headers"], "The request has more than 100 headers."),
    ("Internal", 500, &["internal"], "A bug. The log has the request's id and the cause."),
    (
        "Unavailable",
        503,
        &["unavailable"],
        "Doorkey or its database is busy; the same request may work in a moment.",
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
                named(stringify!($type))
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

fn named(name: &str) -> BTreeMap<String, RefOr<Response>> {
    let answers = ANSWERS.iter().filter(|answer| answer.0 == name);
    answers.map(|answer| (answer.1.to_string(), Ref::from_response_name(name).into())).collect()
}

/// Adds to each operation of `document` the problems that follow from its form, and what they are.
pub fn complete(document: &mut Value) {
    let answers: Map<String, Value> =
        ANSWERS.iter().map(|answer| (answer.0.to_owned(), described(answer))).collect();
    document["components"]["responses"] = answers.into();
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let operations = paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    for operation in operations.filter(|operation| operation["responses"].is_object()) {
        for name in of_form(operation) {
            for (status, answer) in named(name) {
                operation["responses"][status] = json!(answer);
            }
        }
    }
}

/// Says of every body that can be sent that it holds nothing but what is described: an unknown
/// field is an error.
pub fn close_bodies(document: &mut Value) {
    let mut open: Vec<String> = Vec::new();
    let paths = document["paths"].as_object().into_iter().flat_map(Map::values);
    let operations = paths.filter_map(Value::as_object).flat_map(Map::values);
    for operation in operations {
        open.extend(named_in(&operation["requestBody"]));
    }
    let mut closed = BTreeSet::new();
    while let Some(name) = open.pop() {
        let schema = &mut document["components"]["schemas"][&name];
        if schema["properties"].is_object() && closed.insert(name) {
            open.extend(named_in(&schema["properties"]));
            schema["additionalProperties"] = false.into();
        }
    }
}

/// The schemas that something refers to.
fn named_in(value: &Value) -> Vec<String> {
    let text = value.to_string();
    let parts = text.split("\"#/components/schemas/").skip(1);
    parts.filter_map(|part| part.split('"').next()).map(str::to_owned).collect()
}

/// The problems that every operation of this form can end in.
fn of_form(operation: &Value) -> Vec<&'static str> {
    let secret = &operation["security"][0];
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has = |key: &str, value: &str| parameters.iter().any(|parameter| parameter[key] == value);
    let body = !operation["requestBody"].is_null();
    let once = has("name", "Idempotency-Key");
    let known = !secret["portal_token"].is_null() || !secret["api_key"].is_null();
    [
        (body, "Malformed"),
        (!secret["portal_token"].is_null(), "LinkRefused"),
        (!secret["api_key"].is_null(), "KeyRefused"),
        (secret["api_key"][0] == "admin", "Forbidden"),
        (has("in", "path"), "NotFound"),
        (body, "TooSlow"),
        (body, "TooLarge"),
        (body, "UnsupportedMediaType"),
        ((body || known) && !once, "Invalid"),
        (once, "InvalidOrMismatch"),
        (true, "TooManyHeaders"),
        (true, "Internal"),
        (true, "Unavailable"),
    ]
    .into_iter()
    .filter_map(|(given, name)| given.then_some(name))
    .collect()
}

/// An answer as a component of the document.
fn described((_, status, codes, about): &Answer) -> Value {
    let those = json!({"properties": {"status": {"const": status}, "code": {"enum": codes}}});
    let schema = json!({"allOf": [{"$ref": "#/components/schemas/Problem"}, those]});
    let content = json!({"application/problem+json": {"schema": schema, "example": example(*status, codes[0], about)}});
    let mut answer = json!({"description": about, "content": content});
    match status {
        401 => {
            let scheme = json!({"const": "Bearer"});
            answer["headers"] = header("WWW-Authenticate", "The scheme to use.", &scheme);
        }
        429 | 503 => {
            let seconds = json!({"type": "integer", "minimum": 1});
            let about = "Seconds after which it is worth trying again.";
            answer["headers"] = header("Retry-After", about, &seconds);
        }
        _ => {}
    }
    answer
}

fn header(name: &str, about: &str, schema: &Value) -> Value {
    json!({name: {"description": about, "schema": schema}})
}

/// The document that [`crate::web::problem::Problem`] makes of such an answer.
fn example(status: u16, code: &'static str, about: &str) -> Value {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let mut problem = Problem::new(status, code, about);
    if code == "invalid" {
        let message = "Please write something here.";
        problem.errors = vec![FieldError::new("body", FieldCode::Required, message)];
    }
    problem.document("k3Vq0s5mTz2nBw8cYx1rLg").parse().unwrap_or_default()
}
