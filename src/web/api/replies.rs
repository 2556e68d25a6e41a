//! A customer replies.

use axum::http::StatusCode;

use super::json::OwnEntry;
use super::{reference, viewer};
use crate::domain::idempotency::Key;
use crate::domain::replies::{self, NewReply};
use crate::domain::{access, text};
use crate::web::ctx::Ctx;
use crate::web::input::{Body, Segments};
use crate::web::reply::{self, Reply};

/// `POST /api/v1/portal/tickets/{reference}/replies`.
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
    let (rules, token, now) = (ctx.app.rules.clone(), ctx.token()?, ctx.now);
    let entry = ctx
        .app
        .db
        .write(move |tx| {
            let viewer = access::viewer(tx, &token, now)?;
            replies::add(tx, &rules, &viewer, &reference, &reply, key.as_ref(), now)
        })
        .await?;
    reply::json(StatusCode::CREATED, &OwnEntry::from(entry))
}
