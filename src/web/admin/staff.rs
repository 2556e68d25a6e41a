//! `/admin/staff`: who works at the desk, and letting somebody new in.

use askama::Template;
use axum::Router;
use axum::routing::{get, post};

use super::colleague;
use super::desk::{AdminDesk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use crate::domain::Tx;
use crate::domain::email::Email;
use crate::domain::staff::{self, Colleague, NewStaff, Role};
use crate::domain::staff_sign_ins;
use crate::domain::text;
use crate::error::Error;
use crate::mail::Transport;
use crate::web::ctx::Shared;
use crate::web::reply::{self, Reply};
use crate::web::site::time;

/// Where they are.
pub const LIST: &str = "/admin/staff";

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/staff", get(list).post(invite))
        .route("/admin/staff/{id}", get(colleague::show).post(colleague::edit))
        .route("/admin/staff/{id}/active", post(colleague::set_active))
        .route("/admin/staff/{id}/link", post(colleague::link))
        .route("/admin/staff/{id}/sessions/end-all", post(colleague::end_sessions))
        .route("/admin/staff/{id}/passkeys/remove-all", post(colleague::remove_passkeys))
}

/// Whether mails get out of the house; else links are shown, to be handed over by other ways.
pub fn has_mail(desk: &AdminDesk) -> bool {
    matches!(desk.app.post.transport, Transport::Smtp(_))
}

async fn list(desk: AdminDesk) -> Reply {
    page(&desk, Filled::default()).await
}

async fn page(desk: &AdminDesk, form: Filled) -> Reply {
    let now = desk.now;
    let staff = desk.app.db.scan(move |tx| staff::colleagues(tx, now)).await?;
    let view = StaffPage { frame: desk.frame(), staff: &staff, form: &form, mails: has_mail(desk) };
    form.answer(reply::page(&view)?)
}

async fn invite(desk: AdminDesk, form: Form) -> Reply {
    let mut fields = form.fields();
    let email = fields.required("email", Email::parse);
    let name = fields.line("name", text::REQUIRED_NAME);
    let role = fields.word("role", &Role::ALL, Role::as_str);
    let new = fields.finish_with(|| Some(NewStaff { email: email?, name, role: role? }));
    let new = match new {
        Ok(new) => new,
        Err(error) => return page(&desk, form.refused(error)?).await,
    };
    let (actor, now, mails) = (desk.actor(), desk.now, has_mail(&desk));
    let work = move |tx: &mut Tx<'_>| {
        let staff = staff::add(tx, &actor, &new, now)?;
        let token = match mails {
            true => staff_sign_ins::send_by_hand(tx, &actor, &staff, now).map(|()| None)?,
            false => Some(staff_sign_ins::issue_by_hand(tx, &actor, &staff, now)?.0),
        };
        Ok::<_, Error>((staff, token))
    };
    match desk.app.db.write(work).await {
        Ok((staff, None)) => go(&format!("{LIST}/{}?said=invited", staff.id)),
        // Shown this once, so it cannot be a page to be sent to.
        Ok((staff, Some(token))) => colleague::with_link(&desk, staff.id, &token).await,
        Err(error) => page(&desk, form.refused(error)?).await,
    }
}

/// The page.
#[derive(Template)]
#[template(path = "admin/staff.html")]
struct StaffPage<'a> {
    frame: Frame<'a>,
    staff: &'a [Colleague],
    form: &'a Filled,
    mails: bool,
}

/// What a role is called.
pub fn role_name(role: &Role) -> &'static str {
    match role {
        Role::Technician => "Technician",
        Role::Admin => "Admin",
    }
}

/// `2 passkeys`, `no session`.
pub fn many(count: &i64, what: &str) -> String {
    match count {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
