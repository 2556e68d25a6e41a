//! JSON for programs: the customer's page script with a portal token, and the company's programs
//! with an API key. Each handler takes its input, calls one domain function and answers.

pub mod codes;
pub mod customer_links;
pub mod customers;
pub mod json;
pub mod links;
pub mod notes;
pub mod own_tickets;
pub mod replies;
pub mod session;
pub mod tickets;

use axum::Router;
use axum::routing::{delete, get, post};

use super::ctx::{Ctx, Shared};
use super::problem::Problem;
use crate::domain::access::{self, Viewer};
use crate::domain::api_keys;
use crate::domain::staff::Role;
use crate::domain::{Actor, email::Email};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;

/// Every URL below `/api/v1`.
pub fn routes() -> Router<Shared> {
    Router::new().merge(portal_routes()).merge(company_routes())
}

/// As the customer.
fn portal_routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/portal/links", post(links::request))
        .route("/api/v1/portal/codes", post(codes::redeem))
        .route("/api/v1/portal/session", get(session::show).delete(session::end))
        .route("/api/v1/portal/tickets", get(own_tickets::list))
        .route("/api/v1/portal/tickets/{reference}", get(own_tickets::show))
        .route("/api/v1/portal/tickets/{reference}/replies", post(replies::add))
}

/// As a program of the company.
fn company_routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/tickets", get(tickets::list).post(tickets::create))
        .route("/api/v1/tickets/{reference}", get(tickets::show).patch(tickets::change))
        .route("/api/v1/tickets/{reference}/timeline", get(notes::timeline))
        .route("/api/v1/tickets/{reference}/notes", post(notes::add))
        .route("/api/v1/tickets/{reference}/resolution", post(tickets::resolve))
        .route("/api/v1/customers", get(customers::list).post(customers::add))
        .route("/api/v1/customers/{id}", get(customers::show).patch(customers::change))
        .route(
            "/api/v1/customers/{id}/links",
            get(customer_links::list)
                .post(customer_links::issue)
                .delete(customer_links::revoke_all),
        )
        .route("/api/v1/customers/{id}/links/{link}", delete(customer_links::revoke))
}

/// Who came with a link, before anything they sent is judged. What they do asks again, in its own
/// transaction.
async fn viewer(ctx: &Ctx) -> Result<Viewer, Error> {
    let (token, now) = (ctx.token()?, ctx.now);
    ctx.app.db.read(move |tx| access::viewer(tx, &token, now)).await
}

/// Which program calls, if its key's role is `least` or more.
async fn program(ctx: &Ctx, least: Role) -> Result<Actor, Error> {
    let hash = ctx.api_key()?;
    let actor = ctx.app.db.read(move |tx| api_keys::open(tx, hash)).await?;
    match (&actor, least) {
        (Actor::Program { role: Role::Admin, .. }, _) | (_, Role::Technician) => Ok(actor),
        _ => Err(Error::Forbidden),
    }
}

/// The ticket a path names. What can be no reference is not found.
fn reference(segment: &str) -> Result<Reference, Problem> {
    Reference::parse(segment).ok_or_else(Problem::not_found)
}

/// The row a path names. What can be no id is not found.
fn id(segment: &str) -> Result<i64, Problem> {
    let plain = segment.bytes().all(|byte| byte.is_ascii_digit());
    segment.parse().ok().filter(|_| plain).ok_or_else(Problem::not_found)
}

/// Reads a field that names a ticket.
fn reference_field(field: &str, typed: &str) -> Result<Reference, FieldError> {
    Reference::parse(typed.trim()).ok_or_else(|| {
        let message = "A reference looks like TKT-7K3M9Q.";
        FieldError::new(field, FieldCode::Malformed, message)
    })
}

/// Reads a field that holds an address.
fn email_field(field: &str, typed: &str) -> Result<Email, FieldError> {
    Email::parse(field, typed)
}
