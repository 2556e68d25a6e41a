//! A customer asks for a link.

use axum::http::StatusCode;

use super::json::LinkRequested;
use super::openapi::RateLimited;
use super::openapi::bodies::LinkRequest;
use super::{email_field, reference_field};
use crate::domain::links;
use crate::error::Error;
use crate::metrics;
use crate::web::ctx::Ctx;
use crate::web::input::Body;
use crate::web::reply::{self, Reply};

/// Asks for a link by mail.
///
/// The same answer for every address, in what it says and in the time it takes. Whose address it
/// is, a job looks up afterwards.
#[utoipa::path(
    post, path = "/api/v1/portal/links", tag = "Portal", operation_id = "requestLink",
    request_body = LinkRequest,
    responses((status = 202, description = "It was asked for.", body = LinkRequested), RateLimited),
    security(()),
)]
pub async fn request(ctx: Ctx, body: Body) -> Reply {
    let mut fields = body.json()?;
    let email = fields.required("email", email_field);
    let reference = fields.optional("ticket", reference_field);
    let email = fields.finish_with(|| email)?;
    let (key, now) = (ctx.app.key, ctx.now);
    let network = ctx.network.clone();
    let request_id = ctx
        .app
        .decide(move |tx, rules| {
            let network = network.as_bytes();
            links::request(tx, rules, &key, &email, reference.as_ref(), network, now)
        })
        .await;
    if matches!(request_id, Ok(_) | Err(Error::RateLimited { .. })) {
        metrics::link_request(request_id.is_err());
    }
    let request_id = request_id?;
    let message = format!(
        "If that address is one of our customers', a link is on its way. It is valid for {}.",
        links::in_words_of_time(ctx.rules().link_ttl)
    );
    reply::json(StatusCode::ACCEPTED, &LinkRequested { message, request_id })
}
