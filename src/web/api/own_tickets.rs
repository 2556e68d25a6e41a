//! A customer's own tickets.

use std::sync::Arc;

use super::json::{List, OwnTicket, Summary};
use super::openapi::params::{BeforeQuery, OwnTicketsQuery, PageQuery, TicketPath};
use super::{judged, reference};
use crate::domain::Tx;
use crate::domain::access;
use crate::domain::page::Page;
use crate::domain::text;
use crate::domain::tickets::{self, ListFilter, Status};
use crate::error::Error;
use crate::ids::Reference;
use crate::web::ctx::Ctx;
use crate::web::input::{Fields, Query, Segments};
use crate::web::portal::kept::{Kept, Key, View};
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
    let is_first = filter.query.is_none() && filter.cursor.is_none();
    let view = is_first.then_some(View::Rows(filter.status, filter.limit));
    let (pages, edition) = (Arc::clone(&ctx.pages), ctx.site.edition);
    let work = move |tx: &mut Tx<'_>| {
        let viewer = access::viewer(tx, &token, now)?;
        let key = view.clone().map(|view| Key::new(&viewer, edition, view));
        if let Some(kept) = key.as_ref().and_then(|key| pages.find(key)) {
            return Ok(Found::Kept(kept));
        }
        let page = tickets::list_for_customer(tx, &viewer, &filter)?;
        Ok::<_, Error>(Found::Read(key, page))
    };
    // A search may visit every ticket of the customer.
    let found = if searches { ctx.app.db.scan(work).await } else { ctx.app.db.read(work).await }?;
    match found {
        Found::Kept(kept) => kept.answer(&ctx),
        Found::Read(key, page) => {
            let body = reply::written(&List::of(page, Summary::from))?.into();
            let kept = Arc::new(Kept { kind: reply::JSON, tag: None, body, seen: None });
            if let Some(key) = key {
                ctx.pages.keep(key, &kept);
            }
            kept.answer(&ctx)
        }
    }
}

/// A page of the list: one that was made before, or what is to be said.
enum Found {
    Kept(Arc<Kept>),
    Read(Option<Key>, Page<tickets::Summary>),
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
