//! JSON for programs: the customer's page script with a portal token, and the company's programs
//! with an API key. Each handler takes its input, calls one domain function and answers.

pub mod codes;
pub mod customer_links;
pub mod customers;
pub mod deliveries;
mod docs;
pub mod events;
pub mod json;
pub mod links;
pub mod notes;
pub mod openapi;
pub mod own_tickets;
pub mod replies;
pub mod session;
pub mod staff;
pub mod tickets;
pub mod webhooks;

use axum::Router;
use axum::routing::get;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ctx::{Ctx, Shared};
use super::problem::Problem;
use crate::domain::access::{self, Viewer};
use crate::domain::api_keys;
use crate::domain::staff::Role;
use crate::domain::{Actor, email::Email};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;

/// Every URL below `/api`.
pub fn routes() -> Router<Shared> {
    Router::from(described()).route("/api/docs", get(docs::show))
}

/// The same with their descriptions, one path a line.
fn described() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::Frame::openapi())
        .merge(portal_routes())
        .merge(company_routes())
        .routes(routes!(openapi::show))
}

/// As the customer.
fn portal_routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(links::request))
        .routes(routes!(codes::redeem))
        .routes(routes!(session::show, session::end))
        .routes(routes!(own_tickets::list))
        .routes(routes!(own_tickets::show))
        .routes(routes!(replies::add))
}

/// As a program of the company.
fn company_routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(tickets::list, tickets::create))
        .routes(routes!(tickets::show, tickets::change))
        .routes(routes!(notes::timeline))
        .routes(routes!(notes::add))
        .routes(routes!(tickets::resolve))
        .routes(routes!(customers::list, customers::add))
        .routes(routes!(customers::show, customers::change))
        .routes(routes!(customer_links::list, customer_links::issue, customer_links::revoke_all))
        .routes(routes!(customer_links::revoke))
        .routes(routes!(staff::list))
        .routes(routes!(events::list))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::show, webhooks::change, webhooks::delete))
        .routes(routes!(webhooks::rotate))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::test))
        .routes(routes!(deliveries::retry))
}

/// Who came with a link, before anything they sent is judged. What they do asks again, in its own
/// transaction.
async fn viewer(ctx: &Ctx) -> Result<Viewer, Error> {
    let (token, now) = (ctx.token()?, ctx.now);
    ctx.app.db.read(move |tx| access::viewer(tx, &token, now)).await
}

/// What a customer asks for, read already. What is wrong with it is told to nobody but customers, so
/// only then it is asked who they are: what they do asks anyway.
async fn judged<T, E>(ctx: &Ctx, asked: Result<T, E>) -> Result<T, Problem>
where
    Problem: From<E>,
{
    match asked {
        Ok(asked) => Ok(asked),
        Err(problem) => {
            viewer(ctx).await?;
            Err(problem.into())
        }
    }
}

/// Which program calls, if its key's role is `least` or more.
async fn program(ctx: &Ctx, least: Role) -> Result<Actor, Error> {
    let hash = ctx.api_key()?;
    let actor = ctx.app.db.read(move |tx| api_keys::open(tx, hash)).await?;
    if let Actor::Program { id, .. } = actor {
        ctx.app.uses.key_used(id, ctx.now);
    }
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
