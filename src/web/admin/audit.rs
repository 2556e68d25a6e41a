//! `/admin/audit`: who changed what, when and roughly from where; and the same as a table.

use askama::Template;
use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get;

use super::audit_query::{Asked, LIST, TABLE, about};
use super::csv::{Room, stream};
use super::desk::AdminDesk;
use super::frame::Frame;
use crate::domain::Tx;
use crate::domain::api_keys::{self, ApiKey};
use crate::domain::audit::{self, Action, Line, Query};
use crate::domain::page::Page;
use crate::domain::staff::{self, Staff};
use crate::error::{Error, FieldError};
use crate::web::ctx::Shared;
use crate::web::reply::{self, Reply};
use crate::web::site::time;

/// Its addresses.
pub fn routes() -> Router<Shared> {
    let room = Room::new();
    let table = move |desk: AdminDesk, query: RawQuery| table(desk, query, room.clone());
    Router::new().route("/admin/audit", get(list)).route("/admin/audit.csv", get(table))
}

async fn list(desk: AdminDesk, RawQuery(text): RawQuery) -> Reply {
    page(&desk, Asked::read(text.as_deref().unwrap_or_default())).await
}

async fn table(desk: AdminDesk, RawQuery(text): RawQuery, room: Room) -> Reply {
    let asked = Asked::read(text.as_deref().unwrap_or_default());
    if asked.form.is_refused() {
        return page(&desk, asked).await;
    }
    let query = asked.query.clone();
    let table = ("audit", Action::AuditExported, &*asked.narrowed());
    stream(&desk, &room, table, move |tx, parts| audit::export(tx, &query, |part| parts.send(part)))
        .await
}

/// What is read at one moment.
struct Read {
    staff: Vec<Staff>,
    keys: Vec<ApiKey>,
    found: Result<Page<Line>, Vec<FieldError>>,
}

async fn page(desk: &AdminDesk, asked: Asked) -> Reply {
    let query = (!asked.form.is_refused()).then(|| asked.query.clone());
    let work = move |tx: &mut Tx<'_>| {
        let (staff, keys) = (staff::list(tx)?, api_keys::list(tx)?);
        Ok::<_, Error>(Read { staff, keys, found: find(tx, query.as_ref())? })
    };
    let Read { staff, keys, found } = desk.app.db.scan(work).await?;
    let (found, problems) = match found {
        Ok(found) => (found, Vec::new()),
        Err(problems) => (Page::empty(), problems),
    };
    let asked = asked.but(problems);
    let view = Audit { frame: desk.frame(), asked: &asked, staff, keys, found };
    asked.form.answer(reply::page(&view)?)
}

/// The lines; none if nothing can be asked for. A cursor of another list is the asker's mistake.
fn find(
    tx: &mut Tx<'_>,
    query: Option<&Query>,
) -> Result<Result<Page<Line>, Vec<FieldError>>, Error> {
    let Some(query) = query else { return Ok(Ok(Page::empty())) };
    match audit::list(tx, query) {
        Err(Error::Invalid(problems)) => Ok(Err(problems)),
        found => found.map(Ok),
    }
}

/// The page.
#[derive(Template)]
#[template(path = "admin/audit.html")]
struct Audit<'a> {
    frame: Frame<'a>,
    asked: &'a Asked,
    staff: Vec<Staff>,
    keys: Vec<ApiKey>,
    found: Page<Line>,
}

impl Audit<'_> {
    /// Actions to choose from, by what they are about.
    fn areas(&self) -> Vec<(&'static str, Vec<Action>)> {
        let mut areas: Vec<(&'static str, Vec<Action>)> = Vec::new();
        for &action in Action::ALL {
            match areas.last_mut() {
                Some((area, actions)) if *area == action.area() => actions.push(action),
                _ => areas.push((action.area(), vec![action])),
            }
        }
        areas
    }

    fn next(&self) -> Option<String> {
        let next = self.found.next.as_deref()?;
        Some(self.asked.with(LIST, &[("cursor", next)]))
    }

    fn first(&self) -> Option<String> {
        let is_further = self.asked.query.cursor.is_some();
        is_further.then(|| self.asked.with(LIST, &[("cursor", "")]))
    }

    fn table(&self) -> String {
        self.asked.with(TABLE, &[("cursor", "")])
    }

    /// Whether this hand is the one that is asked for.
    fn is_who(&self, kind: &str, id: &i64) -> bool {
        self.asked.form.is("who", &format!("{kind}:{id}"))
    }
}
