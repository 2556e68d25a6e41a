//! Targets that are told of events, for programs of the company.

use axum::http::StatusCode;

use super::json::{List, NewWebhookJson, WebhookJson};
use super::openapi::bodies::{WebhookChangeRequest, WebhookRequest};
use super::openapi::params::WebhookPath;
use super::{id, program};
use crate::domain::events::EventKind;
use crate::domain::staff::Role;
use crate::domain::webhooks::{self, NewWebhook, WebhookChange};
use crate::domain::{Tx, text};
use crate::hooks::sign;
use crate::web::ctx::Ctx;
use crate::web::input::{Body, Query, Segments};
use crate::web::reply::{self, Reply};

/// Lists webhooks, in the order in which they were made, on one page.
#[utoipa::path(
    get, path = "/api/v1/webhooks", tag = "Webhooks", operation_id = "listWebhooks",
    responses((status = 200, description = "All of them.", body = List<WebhookJson>)),
    security(("api_key" = ["admin"])),
)]
pub async fn list(ctx: Ctx, Query(fields): Query) -> Reply {
    program(&ctx, Role::Admin).await?;
    fields.finish()?;
    let webhooks = ctx.app.db.read(webhooks::list).await?;
    reply::ok(&List::whole(webhooks, WebhookJson::from))
}

/// Makes a webhook. The answer is the only time its secret is shown.
#[utoipa::path(
    post, path = "/api/v1/webhooks", tag = "Webhooks", operation_id = "addWebhook",
    request_body = WebhookRequest,
    responses((
        status = 201, description = "The webhook and its secret.", body = NewWebhookJson,
        headers(("Location" = String, description = "The path of the webhook.")),
    )),
    security(("api_key" = ["admin"])),
)]
pub async fn add(ctx: Ctx, body: Body) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let mut fields = body.json()?;
    let allow = &ctx.app.config.webhooks.allow;
    let url = fields.required("url", |name, typed| webhooks::parse_url(name, typed, allow));
    let about = fields.optional_line("description", text::NAME).unwrap_or_default();
    let kinds =
        fields.optional_words("events", &EventKind::ALL, EventKind::as_str).unwrap_or_default();
    let new = fields.finish_with(|| url.map(|url| NewWebhook { url, about, kinds }))?;
    let now = ctx.now;
    let made = ctx.app.db.write(move |tx| webhooks::create(tx, &actor, &new, now)).await?;
    let made = shown(made);
    reply::created(&format!("/api/v1/webhooks/{}", made.webhook.id), &made)
}

fn shown((webhook, secret): (webhooks::Webhook, webhooks::Secret)) -> NewWebhookJson {
    NewWebhookJson { secret: sign::show(&secret), webhook: webhook.into() }
}

/// Shows a webhook, without its secret.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{webhook}", tag = "Webhooks", operation_id = "showWebhook",
    params(WebhookPath),
    responses((status = 200, description = "The webhook.", body = WebhookJson)),
    security(("api_key" = ["admin"])),
)]
pub async fn show(ctx: Ctx, Segments(segment): Segments<String>, Query(fields): Query) -> Reply {
    program(&ctx, Role::Admin).await?;
    let id = id(&segment)?;
    fields.finish()?;
    let webhook = ctx.app.db.read(move |tx| webhooks::find(tx, id)).await?;
    reply::ok(&WebhookJson::from(webhook))
}

/// Changes a webhook. What waits for it is tried at once, at the new URL if that changed.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/{webhook}", tag = "Webhooks", operation_id = "changeWebhook",
    params(WebhookPath),
    request_body = WebhookChangeRequest,
    responses((status = 200, description = "The webhook as it is now.", body = WebhookJson)),
    security(("api_key" = ["admin"])),
)]
pub async fn change(ctx: Ctx, Segments(segment): Segments<String>, body: Body) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let id = id(&segment)?;
    let mut fields = body.json()?;
    fields.refuse_null(&["url", "description", "events", "active"]);
    let allow = &ctx.app.config.webhooks.allow;
    let change = WebhookChange {
        url: fields.optional("url", |name, typed| webhooks::parse_url(name, typed, allow)),
        about: fields.optional_line("description", text::NAME),
        kinds: fields.optional_words("events", &EventKind::ALL, EventKind::as_str),
        active: fields.optional_boolean("active"),
    };
    fields.finish()?;
    let now = ctx.now;
    let work = move |tx: &mut Tx<'_>| webhooks::change(tx, &actor, id, change.clone(), now);
    let webhook = ctx.app.db.write(work).await?;
    reply::ok(&WebhookJson::from(webhook))
}

/// Removes a webhook and everything that was on its way to it.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{webhook}", tag = "Webhooks", operation_id = "deleteWebhook",
    params(WebhookPath),
    responses((status = 204, description = "It is told nothing any more.")),
    security(("api_key" = ["admin"])),
)]
pub async fn delete(ctx: Ctx, Segments(segment): Segments<String>, Query(fields): Query) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let (id, now) = (id(&segment)?, ctx.now);
    fields.finish()?;
    ctx.app.db.write(move |tx| webhooks::delete(tx, &actor, id, now)).await?;
    reply::no_content()
}

/// Makes a new secret. For a day calls are signed with the old one as well, so that the receiver
/// can change over. The answer is the only time the new one is shown.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhook}/secret", tag = "Webhooks", operation_id = "rotateSecret",
    params(WebhookPath),
    responses((status = 201, description = "The webhook and its new secret.", body = NewWebhookJson)),
    security(("api_key" = ["admin"])),
)]
pub async fn rotate(ctx: Ctx, Segments(segment): Segments<String>, Query(fields): Query) -> Reply {
    let actor = program(&ctx, Role::Admin).await?;
    let id = id(&segment)?;
    fields.finish()?;
    let now = ctx.now;
    let made = ctx.app.db.write(move |tx| webhooks::rotate(tx, &actor, id, now)).await?;
    reply::json(StatusCode::CREATED, &shown(made))
}
