//! `/admin/sessions`: where I am signed in, and how I end that; and signing out.

use askama::Template;
use axum::Router;
use axum::routing::{get, post};

use super::desk::{Desk, go};
use super::form::Form;
use super::frame::Frame;
use crate::domain::Tx;
use crate::domain::sessions::{self, Session};
use crate::web::cookies::Cookie;
use crate::web::ctx::Shared;
use crate::web::input::Segments;
use crate::web::reply::{self, Reply};
use crate::web::site::time;

const LIST: &str = "/admin/sessions";

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/sign-out", post(sign_out))
        .route("/admin/sessions", get(list))
        .route("/admin/sessions/end-all", post(end_all))
        .route("/admin/sessions/{id}/end", post(end))
}

async fn list(desk: Desk) -> Reply {
    let (staff_id, now) = (desk.me.staff.id, desk.now);
    let sessions = desk.app.db.read(move |tx| sessions::list(tx, staff_id, now)).await?;
    reply::page(&Sessions { frame: desk.frame(), sessions: &sessions })
}

async fn end(desk: Desk, Segments(id): Segments<i64>, form: Form) -> Reply {
    form.fields().finish()?;
    let (me, now) = (desk.me.clone(), desk.now);
    desk.app.db.write(move |tx| sessions::revoke(tx, &me, id, now)).await?;
    if id == desk.me.session.id { leave(&desk) } else { go(LIST) }
}

async fn end_all(desk: Desk, form: Form) -> Reply {
    form.fields().finish()?;
    let (me, now) = (desk.me.clone(), desk.now);
    let work = move |tx: &mut Tx<'_>| sessions::revoke_all(tx, &me.actor(), &me.staff, now);
    desk.app.db.write(work).await?;
    leave(&desk)
}

async fn sign_out(desk: Desk, form: Form) -> Reply {
    form.fields().finish()?;
    let (me, now) = (desk.me.clone(), desk.now);
    desk.app.db.write(move |tx| sessions::revoke(tx, &me, me.session.id, now)).await?;
    leave(&desk)
}

/// To the door, without the cookie.
fn leave(desk: &Desk) -> Reply {
    let mut response = go("/admin/sign-in?out=true")?;
    Cookie::Session.remove(response.headers_mut(), desk.is_https());
    Ok(response)
}

/// The list of one's sessions.
#[derive(Template)]
#[template(path = "admin/sessions.html")]
pub struct Sessions<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// The sessions, the newest first.
    pub sessions: &'a [Session],
}

impl Sessions<'_> {
    fn is_this(&self, session: &Session) -> bool {
        session.id == self.frame.me.session.id
    }
}
