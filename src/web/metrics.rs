//! What Prometheus asks for, on a listener of its own: never on the one that customers reach.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::Mutex;

use super::layers;
use super::places;
use super::server::{Edge, Limits};
use crate::app::App;
use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::mails::{self, Backlog};
use crate::domain::outbox::MailState;
use crate::error::Error;
use crate::metrics::{self, Snapshot};
use crate::tls::Tls;

/// The text format of Prometheus.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long a look at the outbox stands for the next ones, however many ask.
const FRESH: Duration = Duration::from_secs(5);
/// Connections at a time.
const CONNECTIONS: usize = 100;

struct Watched {
    app: Arc<App>,
    tls: Option<Arc<Tls>>,
    outbox: Mutex<Option<(Instant, Outbox)>>,
}

/// Mails that are to be handed over, by lane, and those that wait for a person.
#[derive(Clone, Copy)]
struct Outbox {
    lanes: [Backlog; 2],
    held: i64,
    failed: i64,
}

impl Outbox {
    fn look(tx: &mut Tx<'_>, now: Millis) -> Result<Self, Error> {
        Ok(Self {
            lanes: mails::backlog(tx, now)?,
            held: mails::count(tx, MailState::Held)?,
            failed: mails::count(tx, MailState::Failed)?,
        })
    }
}

/// What the listener serves.
pub fn edge(app: Arc<App>, tls: Option<Arc<Tls>>, limits: Limits) -> Edge {
    let watched = Arc::new(Watched { app, tls, outbox: Mutex::default() });
    let router = Router::new().route("/metrics", get(show)).with_state(watched);
    let limits = Limits { connections: CONNECTIONS, ..limits };
    let headers = layers::security_headers(false);
    Edge { router, limits, headers, uncounted: places::uncounted(&[]), tls: None, live: None }
}

async fn show(State(watched): State<Arc<Watched>>) -> Response {
    match metrics::text(&watched.snapshot().await) {
        Ok(text) => ([(CONTENT_TYPE, FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written down");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Watched {
    async fn snapshot(&self) -> Snapshot {
        let stats = self.app.db.stats();
        let now = self.app.clock.now();
        let lane = |lane: &Backlog| {
            let age = lane.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
            (lane.due, lane.later, age)
        };
        let outbox = self.outbox().await;
        Snapshot {
            engine: self.app.db.engine().name(),
            commits: stats.commits,
            writes: stats.writes,
            waiting: stats.waiting,
            log_bytes: self.app.db.log_bytes(),
            outbox: outbox.map(|mails| mails.lanes.each_ref().map(lane)),
            stuck: outbox.map(|mails| [("held", mails.held), ("failed", mails.failed)]),
            mail_paused: self.app.post.health.pause().is_some(),
            certificate_end: self.tls.as_ref().and_then(|tls| tls.expires_at()).map(seconds),
            disk: self.disk(),
        }
    }

    async fn outbox(&self) -> Option<Outbox> {
        let mut last = self.outbox.lock().await;
        if let Some((at, mails)) = &*last
            && at.elapsed() < FRESH
        {
            return Some(*mails);
        }
        let now = self.app.clock.now();
        match self.app.db.read(move |tx| Outbox::look(tx, now)).await {
            Ok(mails) => Some(last.insert((Instant::now(), mails)).1),
            Err(error) => {
                tracing::warn!(%error, "metrics: the outbox cannot be looked at");
                None
            }
        }
    }

    fn disk(&self) -> Option<(u64, u64)> {
        let disk = rustix::fs::statvfs(&self.app.config.data_dir).ok()?;
        Some((
            disk.f_bavail.saturating_mul(disk.f_frsize),
            disk.f_blocks.saturating_mul(disk.f_frsize),
        ))
    }
}

fn seconds(at: Millis) -> f64 {
    at.0 as f64 / 1000.0
}
