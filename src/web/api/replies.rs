//! A customer replies.

use axum::http::StatusCode;

use super::json::OwnEntry;
use super::openapi::TicketClosed;
use super::openapi::bodies::ReplyRequest;
use super::openapi::params::{Once, TicketPath};
use super::{reference, viewer};
use crate::domain::idempotency::Key;
use crate::domain::replies::{self, NewReply};
use crate::domain::{access, text};
use crate::web::ctx::Ctx;
use crate::web::input::{Body, Segments};
use crate::web::reply::{self, Reply};

/// Replies. A reply to a resolved ticket may reopen it.
#[utoipa::path(
    post, path = "/api/v1/portal/tickets/{reference}/replies", tag = "Portal", operation_id = "reply",
    params(TicketPath, Once),
    request_body = ReplyRequest,
    responses((status = 201, description = "The reply.", body = OwnEntry), TicketClosed),
    security(("portal_token" = [])),
)]
pub async fn add(ctx: Ctx, Segments(segment): Segments<String>, body: Body) -> Reply {
    let viewer = viewer(&ctx).await?;
    let reference = reference(&segment)?;
    let key = ctx.idempotency_key()?;
    let mut fields = body.json()?;
    let text = fields.text("body", text::REPLY);
    fields.finish()?;
    let key = key.map(|key| {
        Key::new(&viewer.actor(), key, &[b"reply", reference.as_str().as_bytes(), text.as_bytes()])
    });
    let reply = NewReply { body: text, notify: true };
    let (token, now) = (ctx.token()?, ctx.now);
    let entry = ctx
        .app
        .decide(move |tx, rules| {
            let viewer = access::viewer(tx, &token, now)?;
            replies::add(tx, rules, &viewer, &reference, &reply, key.as_ref(), now)
        })
        .await?;
    reply::json(StatusCode::CREATED, &OwnEntry::from(entry))
}
