//! What happened, for programs of the company that follow along.

use super::json::{EventJson, List};
use super::openapi::params::PageQuery;
use super::program;
use crate::domain::events;
use crate::domain::staff::Role;
use crate::hooks::payload;
use crate::web::ctx::Ctx;
use crate::web::input::Query;
use crate::web::reply::{self, Reply};

/// Lists what happened, oldest first, internal entries included. `next_cursor` is always there:
/// ask again with it later, and nothing is skipped and nothing comes twice.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "Events", operation_id = "listEvents",
    params(PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<EventJson>)),
    security(("api_key" = ["technician"])),
)]
pub async fn list(ctx: Ctx, Query(mut fields): Query) -> Reply {
    program(&ctx, Role::Technician).await?;
    let cursor = fields.optional_string("cursor");
    let limit = fields.limit();
    fields.finish()?;
    let page = ctx.app.db.read(move |tx| events::list(tx, cursor.as_deref(), limit)).await?;
    // What a webhook is sent, word for word.
    reply::ok(&List::of(page, |event| payload::event(&event)))
}
