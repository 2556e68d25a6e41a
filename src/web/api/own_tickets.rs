//! A customer's own tickets.

use super::json::{List, OwnTicket, Summary};
use super::openapi::params::{BeforeQuery, OwnTicketsQuery, PageQuery, TicketPath};
use super::{judged, reference};
use crate::domain::Tx;
use crate::domain::access;
use crate::domain::text;
use crate::domain::tickets::{self, ListFilter, Status};
use crate::error::Error;
use crate::ids::Reference;
use crate::web::ctx::Ctx;
use crate::web::input::{Fields, Query, Segments};
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};

/// Lists the customer's tickets, the newest update first.
#[utoipa::path(
    get, path = "/api/v1/portal/tickets", tag = "Portal", operation_id = "listOwnTickets",
    params(OwnTicketsQuery, PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<Summary>)),
    security(("portal_token" = [])),
)]
pub async fn list(ctx: Ctx, Query(fields): Query) -> Reply {
    let filter = judged(&ctx, filter(fields)).await?;
    let (token, now) = (ctx.token()?, ctx.now);
    let searches = filter.query.is_some();
    let work = move |tx: &mut Tx<'_>| {
        let viewer = access::viewer(tx, &token, now)?;
        tickets::list_for_customer(tx, &viewer, &filter)
    };
    // A search may visit every ticket of the customer.
    let page = if searches { ctx.app.db.scan(work).await } else { ctx.app.db.read(work).await }?;
    reply::ok(&List::of(page, Summary::from))
}

/// What of their tickets a customer asks for, read from a query string.
pub fn filter(mut fields: Fields) -> Result<ListFilter, Error> {
    let filter = ListFilter {
        status: fields.optional_word("status", &Status::ALL, Status::as_str),
        query: fields.optional_line("q", text::QUERY),
        cursor: fields.optional_string("cursor"),
        limit: fields.limit(),
    };
    fields.finish()?;
    Ok(filter)
}

/// Shows a ticket of the customer's, with the newest entries of its timeline.
#[utoipa::path(
    get, path = "/api/v1/portal/tickets/{reference}", tag = "Portal", operation_id = "showOwnTicket",
    params(TicketPath, BeforeQuery),
    responses((status = 200, description = "The ticket.", body = OwnTicket)),
    security(("portal_token" = [])),
)]
pub async fn show(ctx: Ctx, Segments(segment): Segments<String>, Query(fields): Query) -> Reply {
    let (reference, before) = judged(&ctx, part(&segment, fields)).await?;
    let (token, now) = (ctx.token()?, ctx.now);
    let (viewer, detail) = ctx
        .app
        .db
        .read(move |tx| {
            let viewer = access::viewer(tx, &token, now)?;
            let detail = tickets::detail(tx, &viewer, &reference, before.as_deref())?;
            Ok::<_, Error>((viewer, detail))
        })
        .await?;
    ctx.app.uses.ticket_seen(&viewer, detail.ticket_id, detail.summary.updated_at);
    reply::ok(&OwnTicket::from(detail))
}

/// Which part of which ticket a path and a query string ask for.
fn part(segment: &str, mut fields: Fields) -> Result<(Reference, Option<String>), Problem> {
    let reference = reference(segment)?;
    let before = fields.optional_string("before");
    fields.finish()?;
    Ok((reference, before))
}
