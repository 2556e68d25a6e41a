//! Notes and the whole timeline, for programs of the company.

use axum::http::StatusCode;

use super::json::{DeskEntry, List};
use super::openapi::bodies::NoteRequest;
use super::openapi::params::{Once, PageQuery, TicketPath};
use super::{program, reference};
use crate::domain::entries::Visibility;
use crate::domain::idempotency::Key;
use crate::domain::notes::{self, NewNote};
use crate::domain::staff::Role;
use crate::domain::{text, tickets};
use crate::web::ctx::Ctx;
use crate::web::input::{Body, Query, Segments};
use crate::web::reply::{self, Reply};

/// Lists what happened to a ticket, oldest first, internal entries included.
#[utoipa::path(
    get, path = "/api/v1/tickets/{reference}/timeline", tag = "Tickets", operation_id = "showTimeline",
    params(TicketPath, PageQuery),
    responses((status = 200, description = "A page of the timeline.", body = List<DeskEntry>)),
    security(("api_key" = ["technician"])),
)]
pub async fn timeline(
    ctx: Ctx,
    Segments(segment): Segments<String>,
    Query(mut fields): Query,
) -> Reply {
    program(&ctx, Role::Technician).await?;
    let reference = reference(&segment)?;
    let cursor = fields.optional_string("cursor");
    let limit = fields.limit();
    fields.finish()?;
    let page = ctx
        .app
        .db
        .read(move |tx| tickets::timeline(tx, &reference, cursor.as_deref(), limit))
        .await?;
    reply::ok(&List::of(page, DeskEntry::from))
}

/// Adds a note to a ticket.
#[utoipa::path(
    post, path = "/api/v1/tickets/{reference}/notes", tag = "Tickets", operation_id = "addNote",
    params(TicketPath, Once),
    request_body = NoteRequest,
    responses((status = 201, description = "The note.", body = DeskEntry)),
    security(("api_key" = ["technician"])),
)]
pub async fn add(ctx: Ctx, Segments(segment): Segments<String>, body: Body) -> Reply {
    let actor = program(&ctx, Role::Technician).await?;
    let reference = reference(&segment)?;
    let key = ctx.idempotency_key()?;
    let mut fields = body.json()?;
    let text = fields.text("body", text::NOTE);
    let visibility = fields.word("visibility", &Visibility::ALL, Visibility::as_str);
    let notify = fields.boolean("notify", true);
    let note = fields
        .finish_with(|| visibility.map(|visibility| NewNote { body: text, visibility, notify }))?;
    let key = key
        .map(|key| Key::new(&actor, key, &[b"note", reference.as_str().as_bytes(), body.bytes()]));
    let now = ctx.now;
    let entry = ctx
        .app
        .decide(move |tx, rules| {
            notes::add(tx, rules, &actor, &reference, &note, key.as_ref(), now)
        })
        .await?;
    reply::json(StatusCode::CREATED, &DeskEntry::from(entry))
}
