//! A customer's links, for programs of the company.

use axum::http::StatusCode;

use super::json::{IssuedLink, LinkJson, List};
use super::openapi::bodies::LinkIssue;
use super::openapi::params::{CustomerPath, LinkPath, PageQuery};
use super::{id, program, reference_field};
use crate::domain::links::{self, Reason};
use crate::domain::staff::Role;
use crate::web::ctx::Ctx;
use crate::web::input::{Body, Query, Segments};
use crate::web::reply::{self, Reply};

/// Lists a customer's links, the newest first, without their tokens.
#[utoipa::path(
    get, path = "/api/v1/customers/{id}/links", tag = "Links", operation_id = "listLinks",
    params(CustomerPath, PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<LinkJson>)),
    security(("api_key" = ["technician"])),
)]
pub async fn list(
    ctx: Ctx,
    Segments(segment): Segments<String>,
    Query(mut fields): Query,
) -> Reply {
    program(&ctx, Role::Technician).await?;
    let id = id(&segment)?;
    let cursor = fields.optional_string("cursor");
    let limit = fields.limit();
    fields.finish()?;
    let page = ctx.app.db.read(move |tx| links::list(tx, id, cursor.as_deref(), limit)).await?;
    reply::ok(&List::of(page, LinkJson::from))
}

/// Makes a link. The answer is the only time its URL is shown.
#[utoipa::path(
    post, path = "/api/v1/customers/{id}/links", tag = "Links", operation_id = "issueLink",
    params(CustomerPath),
    request_body = LinkIssue,
    responses((status = 201, description = "The link.", body = IssuedLink)),
    security(("api_key" = ["admin"])),
)]
pub async fn issue(ctx: Ctx, Segments(segment): Segments<String>, body: Body) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let id = id(&segment)?;
    let mut fields = body.json()?;
    let reference = fields.optional("ticket", reference_field);
    fields.finish()?;
    let (now, wanted) = (ctx.now, reference.clone());
    let (link, token) = ctx
        .app
        .decide(move |tx, rules| {
            links::issue_by_hand(tx, rules, &actor, (id, wanted.as_ref()), Reason::Api, now)
        })
        .await?;
    let public_url = ctx.app.config.server.public_url.as_str();
    let issued = IssuedLink {
        id: link.id.to_string(),
        url: links::url(public_url, reference.as_ref(), &token),
        expires_at: link.expires_at.rfc3339(),
    };
    reply::json(StatusCode::CREATED, &issued)
}

/// Revokes a link.
#[utoipa::path(
    delete, path = "/api/v1/customers/{id}/links/{link}", tag = "Links", operation_id = "revokeLink",
    params(CustomerPath, LinkPath),
    responses((status = 204, description = "It opens nothing any more.")),
    security(("api_key" = ["admin"])),
)]
pub async fn revoke(
    ctx: Ctx,
    Segments((customer, link)): Segments<(String, String)>,
    Query(fields): Query,
) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let (customer, link, now) = (id(&customer)?, id(&link)?, ctx.now);
    fields.finish()?;
    ctx.app.db.write(move |tx| links::revoke(tx, &actor, customer, link, now)).await?;
    reply::no_content()
}

/// Revokes every link of a customer.
#[utoipa::path(
    delete, path = "/api/v1/customers/{id}/links", tag = "Links", operation_id = "revokeLinks",
    params(CustomerPath),
    responses((status = 204, description = "None opens anything any more.")),
    security(("api_key" = ["admin"])),
)]
pub async fn revoke_all(
    ctx: Ctx,
    Segments(segment): Segments<String>,
    Query(fields): Query,
) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let (id, now) = (id(&segment)?, ctx.now);
    fields.finish()?;
    ctx.app.db.write(move |tx| links::revoke_all(tx, &actor, id, now)).await?;
    reply::no_content()
}
