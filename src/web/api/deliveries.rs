//! Events on their way to webhooks, for programs of the company.

use axum::http::StatusCode;

use super::json::{DeliveryJson, List};
use super::openapi::params::{DeliveryPath, PageQuery, WebhookPath};
use super::{id, program};
use crate::domain::staff::Role;
use crate::domain::{Tx, webhooks};
use crate::web::ctx::Ctx;
use crate::web::input::{Query, Segments};
use crate::web::reply::{self, Reply};

/// Lists deliveries to a webhook, the newest first. Settled ones are kept for 14 days.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{webhook}/deliveries", tag = "Webhooks",
    operation_id = "listDeliveries",
    params(WebhookPath, PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<DeliveryJson>)),
    security(("api_key" = ["admin"])),
)]
pub async fn list(
    ctx: Ctx,
    Segments(segment): Segments<String>,
    Query(mut fields): Query,
) -> Reply {
    program(&ctx, Role::Admin).await?;
    let id = id(&segment)?;
    let cursor = fields.optional_string("cursor");
    let limit = fields.limit();
    fields.finish()?;
    let work = move |tx: &mut Tx<'_>| webhooks::deliveries(tx, id, cursor.as_deref(), limit);
    let page = ctx.app.db.read(work).await?;
    reply::ok(&List::of(page, DeliveryJson::from))
}

/// Calls a webhook with an event of the type `webhook.test`, in a moment. The list of deliveries
/// tells how it went.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhook}/test", tag = "Webhooks", operation_id = "testWebhook",
    params(WebhookPath),
    responses((status = 202, description = "The delivery as it is queued.", body = DeliveryJson)),
    security(("api_key" = ["admin"])),
)]
pub async fn test(ctx: Ctx, Segments(segment): Segments<String>, Query(fields): Query) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let id = id(&segment)?;
    fields.finish()?;
    let now = ctx.now;
    let delivery = ctx.app.db.write(move |tx| webhooks::test(tx, &actor, id, now)).await?;
    reply::json(StatusCode::ACCEPTED, &DeliveryJson::from(delivery))
}

/// Sends a delivery again, under the same `webhook-id`.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhook}/deliveries/{delivery}/retry", tag = "Webhooks",
    operation_id = "retryDelivery",
    params(WebhookPath, DeliveryPath),
    responses((status = 202, description = "The delivery as it is queued.", body = DeliveryJson)),
    security(("api_key" = ["admin"])),
)]
pub async fn retry(
    ctx: Ctx,
    Segments((webhook, delivery)): Segments<(String, String)>,
    Query(fields): Query,
) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let (webhook, delivery, now) = (id(&webhook)?, id(&delivery)?, ctx.now);
    fields.finish()?;
    let again =
        ctx.app.db.write(move |tx| webhooks::retry(tx, &actor, (webhook, delivery), now)).await?;
    reply::json(StatusCode::ACCEPTED, &DeliveryJson::from(again))
}
