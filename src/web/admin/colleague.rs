//! `/admin/staff/{id}`: one member of staff: what they may do, how they come in, and keeping them out.

use askama::Template;
use percent_encoding::utf8_percent_encode;

use super::desk::{AdminDesk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use super::staff::{LIST, has_mail, role_name};
use super::ticket_query::{ESCAPED, LIST as TICKETS, address};
use crate::domain::Tx;
use crate::domain::passkeys::{self, Passkey};
use crate::domain::sessions::{self, Session};
use crate::domain::staff::{self, Role, Staff};
use crate::domain::tickets::{self, DeskQuery};
use crate::domain::{staff_sign_ins, text};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Token;
use crate::web::input::{Query, Segments};
use crate::web::reply::{self, Reply};
use crate::web::site::time;

/// What a page tells that was just done, by the word in its address.
const SAID: [(&str, &str); 7] = [
    ("invited", "They are on the staff. A link with which they sign in is on its way."),
    ("sent", "A link with which they sign in is on its way."),
    ("saved", "What you changed is saved."),
    ("disabled", "They are kept out from now on, and their sessions are over."),
    ("enabled", "They may come in again."),
    ("ended", "Their sessions are over."),
    ("removed", "Their passkeys are gone, and their sessions are over."),
];

fn path(id: i64) -> String {
    format!("{LIST}/{id}")
}

fn said(id: i64, word: &str) -> Reply {
    go(&format!("{}?said={word}", path(id)))
}

/// What the page shows beside what is stored.
#[derive(Default)]
struct Shown {
    /// What was typed and refused.
    form: Filled,
    /// What was just done.
    said: Option<&'static str>,
    /// A link, this once.
    link: Option<String>,
}

/// The page.
pub(super) async fn show(
    desk: AdminDesk,
    Segments(id): Segments<i64>,
    Query(mut fields): Query,
) -> Reply {
    let word = fields.optional_string("said").unwrap_or_default();
    let said = SAID.iter().find(|(known, _)| *known == word).map(|(_, words)| *words);
    page(&desk, id, Shown { said, ..Shown::default() }).await
}

/// The page with a link that lets them in, shown this once.
pub(super) async fn with_link(desk: &AdminDesk, id: i64, token: &Token) -> Reply {
    let public_url = desk.app.config.server.public_url.as_str();
    let link = Some(staff_sign_ins::url(public_url, token));
    page(desk, id, Shown { link, ..Shown::default() }).await
}

async fn page(desk: &AdminDesk, id: i64, mut shown: Shown) -> Reply {
    let now = desk.now;
    let work = move |tx: &mut Tx<'_>| {
        let staff = staff::find(tx, id)?;
        let unfinished = unfinished(tx, &staff)?;
        Ok::<_, Error>((staff, unfinished, sessions::list(tx, id, now)?, passkeys::list(tx, id)?))
    };
    let (staff, unfinished, sessions, passkeys) = desk.app.db.scan(work).await?;
    if !shown.form.is_refused() || shown.form.value("role").is_empty() {
        let now = Filled::with([("name", staff.name.as_str()), ("role", staff.role.as_str())]);
        shown.form = now.but(shown.form.problems().to_vec());
    }
    let mails = has_mail(desk);
    let view = ColleaguePage {
        frame: desk.frame(),
        is_me: staff.id == desk.me.staff.id,
        staff: &staff,
        sessions: &sessions,
        passkeys: &passkeys,
        tickets: address(TICKETS, &tickets_of(&staff)),
        unfinished,
        shown: &shown,
        mails,
    };
    shown.form.answer(reply::page(&view)?)
}

/// How many tickets are theirs to finish: a counter that is stored.
fn unfinished(tx: &mut Tx<'_>, staff: &Staff) -> Result<i64, Error> {
    let theirs = DeskQuery { assignee: Some(staff.email.clone()), ..DeskQuery::default() };
    let counts = tickets::desk_counts(tx, &theirs)?;
    Ok(counts.map_or(0, |counts| counts.open + counts.in_progress))
}

/// What the list of these is asked for.
fn tickets_of(staff: &Staff) -> String {
    let assignee = utf8_percent_encode(staff.email.as_str(), ESCAPED);
    format!("status=unfinished&assignee={assignee}")
}

async fn refused(desk: &AdminDesk, id: i64, form: &Form, error: Error) -> Reply {
    page(desk, id, Shown { form: form.refused(error)?, ..Shown::default() }).await
}

pub(super) async fn edit(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let mut fields = form.fields();
    let name = fields.line("name", text::REQUIRED_NAME);
    let role = fields.word("role", &Role::ALL, Role::as_str);
    let role = match fields.finish_with(|| role) {
        Ok(role) => role,
        Err(error) => return refused(&desk, id, &form, error).await,
    };
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| staff::edit(tx, &actor, id, (&name, role), now);
    match desk.app.db.write(work).await {
        // Who made themselves a technician sees this page no longer.
        Ok(staff) if staff.id == desk.me.staff.id && staff.role != Role::Admin => go("/admin"),
        Ok(_) => said(id, "saved"),
        Err(error) => refused(&desk, id, &form, error).await,
    }
}

pub(super) async fn set_active(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let mut fields = form.fields();
    let active = fields.optional_boolean("active");
    let active = fields.finish_with(|| active)?;
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| {
        let email = staff::find(tx, id)?.email;
        staff::set_active(tx, &actor, &email, active, now)
    };
    match desk.app.db.write(work).await {
        Ok(_) => said(id, if active { "enabled" } else { "disabled" }),
        Err(error) => refused(&desk, id, &form, error).await,
    }
}

/// Lets them in: by a mail, or where there is none by a link to hand over.
pub(super) async fn link(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    form.fields().finish()?;
    let (actor, now, mails) = (desk.actor(), desk.now, has_mail(&desk));
    let work = move |tx: &mut Tx<'_>| {
        let staff = staff::find(tx, id)?;
        if mails {
            return staff_sign_ins::send_by_hand(tx, &actor, &staff, now).map(|()| None);
        }
        staff_sign_ins::issue_by_hand(tx, &actor, &staff, now).map(|(token, _)| Some(token))
    };
    match desk.app.db.write(work).await {
        Ok(None) => said(id, "sent"),
        Ok(Some(token)) => with_link(&desk, id, &token).await,
        Err(Error::Invalid(problems)) => {
            let message = problems.first().map_or("", |problem| problem.message.as_str());
            let problem = FieldError::new("link", FieldCode::UnknownValue, message);
            refused(&desk, id, &form, problem.into()).await
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn end_sessions(
    desk: AdminDesk,
    Segments(id): Segments<i64>,
    form: Form,
) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| {
        let staff = staff::find(tx, id)?;
        sessions::revoke_all(tx, &actor, &staff, now)
    };
    desk.app.db.write(work).await?;
    said(id, "ended")
}

pub(super) async fn remove_passkeys(
    desk: AdminDesk,
    Segments(id): Segments<i64>,
    form: Form,
) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| {
        let staff = staff::find(tx, id)?;
        passkeys::remove_all(tx, &actor, &staff, now)
    };
    desk.app.db.write(work).await?;
    said(id, "removed")
}

/// The page.
#[derive(Template)]
#[template(path = "admin/colleague.html")]
struct ColleaguePage<'a> {
    frame: Frame<'a>,
    staff: &'a Staff,
    sessions: &'a [Session],
    passkeys: &'a [Passkey],
    shown: &'a Shown,
    /// Where the tickets are that are theirs to finish, and how many.
    tickets: String,
    unfinished: i64,
    is_me: bool,
    mails: bool,
}
