//! Whether Doorkey is alive, and whether it can do its work; for whoever starts and watches it.

use axum::http::StatusCode;
use serde::Serialize;

use super::ctx::Ctx;
use super::reply::{self, Reply};

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
}

/// `GET /readyz`: 200 when requests can be served, else 503.
pub async fn ready(ctx: Ctx) -> Reply {
    let readiness = match ctx.app.db.pending_migrations().await {
        Ok(pending) => {
            Readiness { ready: pending.is_empty(), database: "ok", pending_migrations: pending }
        }
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            Readiness { ready: false, database: "unavailable", pending_migrations: Vec::new() }
        }
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply::json(status, &readiness)
}
