//! The API described for programs: an OpenAPI 3.1 document made from the routes themselves, so
//! that neither exists without the other.
//!
//! A handler says what is its own: parameters, body, the answer if all goes well. What follows
//! from its form (who may call it, whether it takes a body) is added by [`complete`].

pub mod bodies;
mod complete;
mod examples;
pub mod params;
mod patterns;
pub mod problems;
pub mod words;

pub use problems::{CodeRefused, RateLimited, TicketClosed, TransitionRefused};

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::described;
use crate::web::input::Query;
use crate::web::problem::Problem;
use crate::web::reply::Reply;

/// What the document says beside its operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Doorkey",
        description = "Support tickets: as their customer, with the token of a portal link; and as a \
            program of the company, with an API key.\n\nTimes are RFC 3339 in UTC. Ids are text. \
            Unknown fields and parameters are errors. Errors are problem documents (RFC 9457) with \
            a stable `code`; every answer has an `X-Request-Id`, which the log has too.\n\nA path \
            that does not take a method answers 405 (`MethodNotAllowed`), a path that is not \
            described 404 (`NotFound`).",
    ),
    components(schemas(problems::ProblemDocument)),
    tags(
        (name = "Portal", description = "What customers do with their own tickets."),
        (name = "Tickets", description = "Every ticket, for programs of the company."),
        (name = "Customers", description = "Customers, for programs of the company."),
        (name = "Links", description = "The links that let customers in."),
        (name = "Staff", description = "Who works the tickets."),
        (name = "Events", description = "What happened, in one order for everybody."),
        (name = "Webhooks", description = "Targets that are told of events as they happen, by the \
            Standard Webhooks specification."),
        (name = "Description", description = "This document."),
    ),
    modifiers(&Secrets),
)]
pub struct Frame;

/// The two ways of saying who calls.
struct Secrets;

impl utoipa::Modify for Secrets {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let schemes = [
            ("portal_token", "The token of a portal link, as its URL has it after `#token=`."),
            (
                "api_key",
                "An API key, `dk_…`, as `doorkey api-key create` shows it once. An operation that needs the role `admin` says so.",
            ),
        ];
        for (name, about) in schemes {
            let mut scheme = Http::new(HttpAuthScheme::Bearer);
            scheme.description = Some(about.to_owned());
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}

/// The document of the routes as they are.
///
/// # Errors
/// Never for routes that compile: only what is no JSON cannot be written as JSON.
pub fn document() -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(described().into_openapi())?;
    complete::complete(&mut document);
    Ok(document)
}

/// An OpenAPI 3.1 document, such as this one.
#[derive(utoipa::ToSchema)]
#[schema(as = OpenApi)]
#[expect(dead_code, reason = "it says what the document looks like and never has a value")]
struct DescriptionJson {
    /// The version of the specification.
    #[schema(pattern = "^3\\.1\\.")]
    openapi: String,
    /// What is described.
    #[schema(value_type = Object)]
    info: (),
    /// The operations.
    #[schema(value_type = Object)]
    paths: (),
}

/// The document, put together once.
static TEXT: LazyLock<Option<Bytes>> =
    LazyLock::new(|| document().ok().map(|document| document.to_string().into()));

/// Describes this API.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "Description", operation_id = "describe",
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = DescriptionJson)),
    security(()),
)]
pub async fn show(Query(fields): Query) -> Reply {
    fields.finish()?;
    let text = TEXT.clone().ok_or_else(Problem::internal)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, text).into_response())
}
