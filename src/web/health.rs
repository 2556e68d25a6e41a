//! Whether Doorkey is alive, and whether it can do its work; for whoever starts and watches it.

use axum::http::StatusCode;
use serde::Serialize;

use super::ctx::Ctx;
use super::reply::{self, Reply};
use crate::mail::Transport;

/// `GET /healthz`: the process answers. Asks nothing else, so a slow database does not get it
/// killed.
pub async fn alive() -> &'static str {
    "ok"
}

/// What `GET /readyz` tells.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// `ok` or `unavailable`.
    database: &'static str,
    /// Migrations that this version needs and the database lacks.
    pending_migrations: Vec<String>,
    /// `ok`, `captured` (no mail server is set) or `paused`; the log says why. The portal works
    /// on, so this alone does not make it unready.
    mail: &'static str,
}

impl Readiness {
    fn new(ctx: &Ctx, database: &'static str, pending_migrations: Vec<String>) -> Self {
        let post = &ctx.app.post;
        let mail = match (&post.transport, post.health.pause()) {
            (_, Some(_)) => "paused",
            (Transport::Capture(_), None) => "captured",
            (Transport::Smtp(_), None) => "ok",
        };
        let ready = database == "ok" && pending_migrations.is_empty();
        Self { ready, database, pending_migrations, mail }
    }
}

/// `GET /readyz`: 200 when requests can be served, else 503.
pub async fn ready(ctx: Ctx) -> Reply {
    let readiness = match ctx.app.db.pending_migrations().await {
        Ok(pending) => Readiness::new(&ctx, "ok", pending),
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            Readiness::new(&ctx, "unavailable", Vec::new())
        }
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply::json(status, &readiness)
}
