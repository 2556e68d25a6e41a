//! `/admin/tickets.csv`: the list as a table to take away.

use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get;

use super::csv::{Room, stream};
use super::desk::Desk;
use super::ticket_query::Asked;
use super::tickets::{self, Told};
use crate::domain::Tx;
use crate::domain::audit::Action;
use crate::domain::tickets::{DeskQuery, export, list};
use crate::error::Error;
use crate::web::ctx::Shared;
use crate::web::reply::Reply;

/// Its address.
pub fn routes() -> Router<Shared> {
    let room = Room::new();
    let show = move |desk: Desk, query: RawQuery| show(desk, query, room.clone());
    Router::new().route("/admin/tickets.csv", get(show))
}

async fn show(desk: Desk, RawQuery(text): RawQuery, room: Room) -> Reply {
    let asked = Asked::read(text.as_deref().unwrap_or_default(), &desk);
    let wanted = DeskQuery { cursor: None, limit: 1, ..asked.query.clone() };
    let is_refused = asked.form.is_refused();
    let work = move |tx: &mut Tx<'_>| match list(tx, &wanted) {
        Err(Error::Invalid(_)) => Ok(true),
        other => other.map(|_| false),
    };
    if is_refused || desk.app.db.scan(work).await? {
        return tickets::page(&desk, asked, Told::default()).await;
    }
    let query = asked.query.clone();
    let table = ("tickets", Action::TicketsExported, &*asked.narrowed());
    stream(&desk, &room, table, move |tx, parts| export(tx, &query, |part| parts.send(part))).await
}
