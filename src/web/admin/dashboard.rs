//! `/admin`: the first page of the desk.

use askama::Template;
use axum::Router;
use axum::routing::get;

use super::desk::Desk;
use super::frame::Frame;
use crate::web::ctx::Shared;
use crate::web::reply::{self, Reply};

/// Its addresses.
pub fn routes() -> Router<Shared> {
    Router::new().route("/admin", get(show))
}

async fn show(desk: Desk) -> Reply {
    reply::page(&Dashboard { frame: desk.frame() })
}

/// Who is signed in.
#[derive(Template)]
#[template(path = "admin/dashboard.html")]
pub struct Dashboard<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
}
