//! `/admin/tickets.csv`: the list as a table to take away, of any length and never whole in memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::RawQuery;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use axum::routing::get;
use hyper::body::Frame;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::desk::Desk;
use super::ticket_query::Asked;
use super::tickets::{self, Told};
use crate::app::App;
use crate::db::DbError;
use crate::domain::Tx;
use crate::domain::tickets::{DeskQuery, export, list};
use crate::error::Error;
use crate::web::ctx::Shared;
use crate::web::problem::{Problem, ROOM_RETRY};
use crate::web::reply::Reply;

/// Tables that are made at once: each holds a moment of the database for as long as it takes.
const AT_ONCE: usize = 4;
/// Parts of a table, of 100 tickets, that wait for their reader.
const AHEAD: usize = 4;
/// How long a part waits: whoever takes none for so long is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Its address.
pub fn routes() -> Router<Shared> {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let show = move |desk: Desk, query: RawQuery| show(desk, query, Arc::clone(&room));
    Router::new().route("/admin/tickets.csv", get(show))
}

async fn show(desk: Desk, RawQuery(text): RawQuery, room: Arc<Semaphore>) -> Reply {
    let asked = Asked::read(text.as_deref().unwrap_or_default(), &desk);
    let wanted = DeskQuery { cursor: None, limit: 1, ..asked.query.clone() };
    let is_refused = asked.form.is_refused();
    // Looked at before the first line is sent: then nothing can be refused any more.
    let work = move |tx: &mut Tx<'_>| match list(tx, &wanted) {
        Err(Error::Invalid(_)) => Ok(true),
        other => other.map(|_| false),
    };
    if is_refused || desk.app.db.scan(work).await? {
        return tickets::page(&desk, asked, Told::default()).await;
    }
    let place = room.try_acquire_owned().map_err(|_| Problem::unavailable(ROOM_RETRY))?;
    let (sender, lines) = mpsc::channel(AHEAD);
    let app = Arc::clone(&desk.app);
    tokio::spawn(async move {
        write(&app, asked.query, sender).await;
        drop(place);
    });
    let name = format!("attachment; filename=\"tickets-{}.csv\"", &desk.now.rfc3339()[..10]);
    let name = HeaderValue::from_str(&name).map_err(|error| Problem::internal().because(error))?;
    let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], Body::new(Lines(lines)))
        .into_response())
}

/// Writes the table, as fast as it is read.
async fn write(app: &App, query: DeskQuery, sender: mpsc::Sender<Result<Bytes, CutOff>>) {
    let (parts, runtime) = (sender.clone(), Handle::current());
    let send = move |part: Vec<u8>| {
        let sent = timeout(PATIENCE, parts.send(Ok(Bytes::from(part))));
        if matches!(runtime.block_on(sent), Ok(Ok(()))) { Ok(()) } else { Err(Stop::Gone) }
    };
    let written = app.db.survey(move |tx| export(tx, &query, send)).await;
    let cause = match written {
        Ok(_) => return,
        Err(Stop::Gone) => "its reader went".to_owned(),
        Err(Stop::Failed(error)) => Problem::from(error).chain(),
    };
    tracing::warn!(cause, "a table of tickets was cut off");
    // The browser must not take what it has for all of it.
    let _ = sender.try_send(Err(CutOff));
}

/// Why a table ends before its end.
enum Stop {
    /// Nobody takes it any more.
    Gone,
    /// It cannot be read.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

/// The table ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("the table was cut off")]
struct CutOff;

/// The lines as they come.
struct Lines(mpsc::Receiver<Result<Bytes, CutOff>>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let part = self.get_mut().0.poll_recv(context);
        part.map(|part| part.map(|part| part.map(Frame::data)))
    }
}
