//! `/admin/tickets.csv`: the list as a table to take away, of any length and never whole in memory.

use std::sync::Arc;

use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get;
use tokio::sync::Semaphore;

use super::desk::Desk;
use super::download::{self, Sender, Stop};
use super::ticket_query::Asked;
use super::tickets::{self, Told};
use crate::app::App;
use crate::domain::Tx;
use crate::domain::tickets::{DeskQuery, export, list};
use crate::error::Error;
use crate::web::ctx::Shared;
use crate::web::problem::{Problem, ROOM_RETRY};
use crate::web::reply::Reply;

/// Tables that are made at once: each holds a moment of the database for as long as it takes.
const AT_ONCE: usize = 4;

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
    let (sender, parts) = download::pipe();
    let app = Arc::clone(&desk.app);
    tokio::spawn(async move {
        let made = write(&app, asked.query, sender.clone()).await;
        sender.end(made, "a table of tickets");
        drop(place);
    });
    let name = format!("tickets-{}.csv", &desk.now.rfc3339()[..10]);
    download::answer(parts, &name, "text/csv; charset=utf-8; header=present")
}

/// Writes the table, as fast as it is read.
async fn write(app: &App, query: DeskQuery, sender: Sender) -> Result<(), Stop> {
    let made = app.db.survey(move |tx| export(tx, &query, |part| sender.send(part)));
    made.await.map(|_| ())
}
