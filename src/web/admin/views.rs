//! `/admin/tickets/views`: lists of tickets that somebody keeps under a name.

use axum::Router;
use axum::routing::{get, post};

use super::desk::{Desk, go};
use super::form::Form;
use super::ticket_query::{Asked, LIST, address, canonical};
use super::tickets::{self, Told};
use crate::domain::{saved_views, text};
use crate::error::Error;
use crate::web::ctx::Shared;
use crate::web::reply::Reply;

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/tickets/views", get(|| async { go(LIST) }).post(keep))
        .route("/admin/tickets/views/remove", post(remove))
}

async fn keep(desk: Desk, form: Form) -> Reply {
    let mut fields = form.fields();
    let name = fields.line("name", text::REQUIRED_NAME);
    let query = canonical(&fields.optional_string("query").unwrap_or_default(), &desk);
    if let Err(error) = fields.finish() {
        return refused(&desk, &query, &form, error).await;
    }
    let (staff_id, now, asked) = (desk.me.staff.id, desk.now, query.clone());
    let kept =
        desk.app.db.write(move |tx| saved_views::keep(tx, staff_id, &name, &asked, now)).await;
    match kept {
        Ok(_) => go(&address(LIST, &query)),
        Err(error) => refused(&desk, &query, &form, error).await,
    }
}

async fn refused(desk: &Desk, query: &str, form: &Form, error: Error) -> Reply {
    let told = Told { view: form.refused(error)?, ..Told::default() };
    tickets::page(desk, Asked::read(query, desk), told).await
}

async fn remove(desk: Desk, form: Form) -> Reply {
    let mut fields = form.fields();
    let name = fields.string("name");
    fields.finish()?;
    let staff_id = desk.me.staff.id;
    desk.app.db.write(move |tx| saved_views::remove(tx, staff_id, &name)).await?;
    go(LIST)
}
