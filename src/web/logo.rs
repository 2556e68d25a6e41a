//! The company's logo. Its address is named by its content, so a browser may keep it for ever and every
//! process has it.

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse as _;

use super::ctx::Ctx;
use super::input::Segments;
use super::reply::Reply;
use crate::domain::logos;

/// A picture that somebody opens by itself is no part of this site: it runs nothing and loads nothing.
/// A drawing may have its own styles.
const POLICY: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
);

/// `GET /logo/{hash}`.
pub async fn show(ctx: Ctx, Segments(hash): Segments<String>) -> Reply {
    let logo = ctx.app.db.read(move |tx| logos::find(tx, &hash)).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(logo.kind.as_str())),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    Ok((headers, logo.image).into_response())
}
