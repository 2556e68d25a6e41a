//! What a person can ask a company for: a copy of all that is kept about them, and that it is
//! forgotten. Both are for admins, and both are written down.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use super::customers::LIST;
use super::desk::{AdminDesk, go};
use super::download::{self, Stop};
use super::form::{Filled, Form};
use super::frame::Frame;
use crate::app::App;
use crate::clock::Millis;
use crate::domain::customer_desk::{self, Dossier, Places};
use crate::domain::email::Email;
use crate::domain::{Tx, erasures, person};
use crate::error::Error;
use crate::web::ctx::Shared;
use crate::web::input::Segments;
use crate::web::problem::{Problem, ROOM_RETRY};
use crate::web::reply::{self, Reply};

/// Copies that are made at once: each holds a moment of the database for as long as it takes.
const AT_ONCE: usize = 2;
/// Characters that are gathered before they are sent.
const PIECE: usize = 32 * 1024;

/// Their addresses.
pub fn routes() -> Router<Shared> {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let copy = move |desk: AdminDesk, id: Segments<i64>, form: Form| {
        copy(desk, id, form, Arc::clone(&room))
    };
    Router::new()
        .route("/admin/customers/{id}/export", post(copy))
        .route("/admin/customers/{id}/erase", get(ask).post(erase))
}

async fn copy(
    desk: AdminDesk,
    Segments(id): Segments<i64>,
    form: Form,
    room: Arc<Semaphore>,
) -> Reply {
    let mut fields = form.fields();
    let internal = fields.boolean("internal", false);
    fields.finish()?;
    let place = room.try_acquire_owned().map_err(|_| Problem::unavailable(ROOM_RETRY))?;
    let (actor, now) = (desk.actor(), desk.now);
    desk.app.db.write(move |tx| person::ask(tx, &actor, id, now)).await?;
    let (sender, parts) = download::pipe();
    let app = Arc::clone(&desk.app);
    tokio::spawn(async move {
        let made = write(&app, id, internal, now, sender.clone()).await;
        sender.end(made, "a copy of a customer's data");
        drop(place);
    });
    let name = format!("customer-{id}-{}.json", &now.rfc3339()[..10]);
    download::answer(parts, &name, "application/json")
}

async fn write(
    app: &App,
    id: i64,
    internal: bool,
    now: Millis,
    sender: download::Sender,
) -> Result<(), Stop> {
    let work = move |tx: &mut Tx<'_>| {
        let mut gathered = String::new();
        person::export(tx, id, internal, now, &mut |piece: String| {
            gathered.push_str(&piece);
            if gathered.len() < PIECE {
                return Ok(());
            }
            sender.send(std::mem::take(&mut gathered).into_bytes())
        })?;
        sender.send(gathered.into_bytes())
    };
    app.db.survey(work).await
}

async fn ask(desk: AdminDesk, Segments(id): Segments<i64>) -> Reply {
    page(&desk, id, Filled::default()).await
}

async fn erase(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let mut fields = form.fields();
    let typed = fields.required("email", Email::parse);
    let typed = match fields.finish_with(|| typed) {
        Ok(typed) => typed,
        Err(error) => return page(&desk, id, form.refused(error)?).await,
    };
    let (actor, now) = (desk.actor(), desk.now);
    match desk.app.db.write(move |tx| erasures::begin(tx, &actor, id, &typed, now)).await {
        Ok(()) => go(&format!("{LIST}/{id}")),
        Err(error) => page(&desk, id, form.refused(error)?).await,
    }
}

async fn page(desk: &AdminDesk, id: i64, form: Filled) -> Reply {
    let work = move |tx: &mut Tx<'_>| customer_desk::look(tx, id, &Places::default());
    let found: Result<Dossier, Error> = desk.app.db.read(work).await;
    let found = found?;
    if found.customer.erased_at.is_some() {
        return go(&format!("{LIST}/{id}"));
    }
    let view = Erase { frame: desk.frame(), it: &found, form: &form };
    let mut response = reply::page(&view)?;
    if form.is_refused() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// What erasing means, and the question.
#[derive(Template)]
#[template(path = "admin/customer_erase.html")]
struct Erase<'a> {
    frame: Frame<'a>,
    it: &'a Dossier,
    form: &'a Filled,
}
