//! Whether Doorkey is alive, and whether it can do its work; for whoever starts and watches it.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::Mutex;

use super::ctx::Shared;
use super::reply::{self, Reply};
use crate::app::App;
use crate::db::{Db, DbError};
use crate::mail::Transport;

/// `GET /healthz`: the process answers. Asks nothing else, so a slow database does not get it
/// killed.
pub async fn alive() -> &'static str {
    "ok"
}

/// The database file is not the one that was opened.
const MOVED: &str = "moved";
/// How long a look at the database stands for the next ones.
const FRESH: Duration = Duration::from_millis(500);

/// The last look at the database, shared by all who ask: anybody may, as often as they like, and
/// none of them shall take a connection from a customer.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Option<(Instant, Database)>>);

#[derive(Clone, Debug)]
struct Database {
    /// `ok`, `unavailable` or `moved`.
    state: &'static str,
    pending_migrations: Vec<String>,
}

impl Watch {
    async fn look(&self, app: &App) -> Database {
        let mut last = self.0.lock().await;
        match &*last {
            Some((at, database)) if at.elapsed() < FRESH => database.clone(),
            _ => last.insert((Instant::now(), Database::look(app).await)).1.clone(),
        }
    }
}

impl Database {
    async fn look(app: &App) -> Self {
        if !app.db.is_in_place() {
            tracing::error!(
                "not ready: the database file was removed or replaced while Doorkey runs; what is \
                 written now is lost at its end. Stop it, put the right file in place (a backup, or \
                 what replaced it), and start it again"
            );
            return Self { state: MOVED, pending_migrations: Vec::new() };
        }
        match pending_migrations(&app.db).await {
            Ok(pending_migrations) => Self { state: "ok", pending_migrations },
            Err(error) => {
                tracing::warn!(%error, "not ready: the database does not do its work");
                Self { state: "unavailable", pending_migrations: Vec::new() }
            }
        }
    }
}

/// The migrations that are missing, from a database that takes writes.
async fn pending_migrations(db: &Db) -> Result<Vec<String>, DbError> {
    db.check_writable().await?;
    db.pending_migrations().await
}

/// What `GET /readyz` tells.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// `ok`, `unavailable`, or `moved`: the file was removed or replaced while Doorkey runs.
    database: &'static str,
    /// What to do about it, in words, if there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    /// Migrations that this version needs and the database lacks.
    pending_migrations: Vec<String>,
    /// `ok`, `captured` (no mail server is set) or `paused`; the log says why. The portal works
    /// on, so this alone does not make it unready.
    mail: &'static str,
}

/// `GET /readyz`: 200 when requests can be served, else 503.
pub async fn ready(State(Shared { app, watch, .. }): State<Shared>) -> Reply {
    let Database { state: database, pending_migrations } = watch.look(&app).await;
    let mail = match (&app.post.transport, app.post.health.pause()) {
        (_, Some(_)) => "paused",
        (Transport::Capture(_), None) => "captured",
        (Transport::Smtp(_), None) => "ok",
    };
    let ready = database == "ok" && pending_migrations.is_empty();
    let detail = (database == MOVED).then_some(
        "The database file was removed or replaced while Doorkey runs. Stop Doorkey, put the right \
         file in place, and start it again.",
    );
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply::json(status, &Readiness { ready, database, detail, pending_migrations, mail })
}
