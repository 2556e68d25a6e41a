//! What is written on a ticket: notes, details, status, resolution. Each form says what its page
//! had shown, and is not taken if the ticket is another by now.

use askama::Template;

use super::desk::{Desk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use super::ticket::{DETAILS, Detail, Shown, named, page};
use crate::domain::Tx;
use crate::domain::email::Email;
use crate::domain::entries::Visibility;
use crate::domain::notes::NewNote;
use crate::domain::tickets::{self, Change, Outcome, Priority, Seen, Status, Ticket};
use crate::domain::{Rules, links, mails, text};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;
use crate::mail::{self, Brand, Minted, Rendered};
use crate::web::input::{Fields, Segments};
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};
use crate::web::site::prose;

/// Adds a note; who does not choose otherwise writes for colleagues only.
pub(super) async fn note(desk: Desk, Segments(text): Segments<String>, form: Form) -> Reply {
    let reference = named(&text)?;
    let mut fields = form.fields();
    let seen = seen(&mut fields);
    let body = fields.text("body", text::NOTE);
    let visibility = fields.optional_word("visibility", &Visibility::ALL, Visibility::as_str);
    let visibility = visibility.unwrap_or(Visibility::Internal);
    let notify = fields.boolean("notify", false);
    leave_choice(&mut fields);
    let (note, seen) = match fields.finish_with(|| seen.map(|seen| (body, seen))) {
        Ok((body, seen)) => (NewNote { body, visibility, notify }, seen),
        Err(error) => return again(&desk, &reference, form.refused(error)?, in_note).await,
    };
    let (actor, wanted, now) = (desk.actor(), reference.clone(), desk.now);
    let work = move |tx: &mut Tx<'_>, rules: &Rules| {
        tickets::add_note(tx, rules, &actor, &wanted, &note, seen, now)
    };
    match desk.app.decide(work).await? {
        Outcome::Done => go(&format!("/admin/tickets/{reference}#write")),
        Outcome::ChangedMeanwhile => changed(&desk, &reference, seen, form.typed(), in_note).await,
    }
}

/// Changes those of subject, priority, category and assignee that are not as the page showed them:
/// whoever changes one leaves the others to those who changed them meanwhile.
pub(super) async fn details(desk: Desk, Segments(text): Segments<String>, form: Form) -> Reply {
    let reference = named(&text)?;
    let mut fields = form.fields();
    let seen = seen(&mut fields);
    for Detail { was, .. } in DETAILS {
        fields.optional_string(was);
    }
    let typed = form.typed();
    let asked = |name| DETAILS.iter().any(|it| it.name == name && it.is_touched(&typed));
    let change = Change {
        status: None,
        subject: Some(fields.line("subject", text::SUBJECT)).filter(|_| asked("subject")),
        priority: fields
            .word("priority", &Priority::ALL, Priority::as_str)
            .filter(|_| asked("priority")),
        category: Some(fields.optional_line("category", text::NAME)).filter(|_| asked("category")),
        assignee: Some(fields.optional("assignee", Email::parse)).filter(|_| asked("assignee")),
        notify: true,
    };
    let seen = match fields.finish_with(|| seen) {
        Ok(seen) => seen,
        Err(error) => return again(&desk, &reference, form.refused(error)?, in_details).await,
    };
    match make(&desk, &reference, change, seen).await {
        Ok(Outcome::Done) => go(&format!("/admin/tickets/{reference}")),
        Ok(Outcome::ChangedMeanwhile) => {
            changed(&desk, &reference, seen, form.typed(), in_details).await
        }
        Err(error) => again(&desk, &reference, form.refused(error)?, in_details).await,
    }
}

/// Moves the ticket to a status that takes no text.
pub(super) async fn status(desk: Desk, Segments(text): Segments<String>, form: Form) -> Reply {
    let reference = named(&text)?;
    let mut fields = form.fields();
    let seen = seen(&mut fields);
    let status = fields.word("status", &Status::ALL, Status::as_str);
    let (status, seen) = fields.finish_with(|| status.zip(seen))?;
    let change = Change { status: Some(status), notify: true, ..Change::default() };
    match make(&desk, &reference, change, seen).await {
        Ok(Outcome::Done) => go(&format!("/admin/tickets/{reference}")),
        Ok(Outcome::ChangedMeanwhile) => {
            changed(&desk, &reference, seen, Filled::default(), |_, _| {}).await
        }
        Err(error @ Error::TransitionRefused { .. }) => {
            let refused = Some(format!("{}.", Problem::from(error).detail.trim_end_matches('.')));
            page(&desk, &reference, Shown { refused, ..Shown::default() }).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn make(
    desk: &Desk,
    reference: &Reference,
    change: Change,
    seen: Seen,
) -> Result<Outcome, Error> {
    let (actor, now) = (desk.actor(), desk.now);
    let reference = reference.clone();
    let work = move |tx: &mut Tx<'_>, rules: &Rules| {
        tickets::change_seen(tx, rules, &actor, &reference, &change, seen, now)
    };
    desk.app.decide(work).await
}

/// Shows what the customer will see and be mailed, and then, on its button, resolves.
pub(super) async fn resolution(desk: Desk, Segments(text): Segments<String>, form: Form) -> Reply {
    let reference = named(&text)?;
    let mut fields = form.fields();
    let seen = seen(&mut fields);
    let text = fields.text("text", text::RESOLUTION);
    let notify = fields.boolean("notify", false);
    leave_choice(&mut fields);
    let step = fields.word("step", &Step::ALL, Step::as_str);
    let (step, seen) = match fields.finish_with(|| step.zip(seen)) {
        Ok(both) => both,
        Err(error) => return again(&desk, &reference, form.refused(error)?, in_resolution).await,
    };
    match step {
        Step::Edit => again(&desk, &reference, form.typed(), in_resolution).await,
        Step::Preview => preview(&desk, &reference, &text, notify, seen).await,
        Step::Resolve => {
            let (actor, wanted, now) = (desk.actor(), reference.clone(), desk.now);
            let work = move |tx: &mut Tx<'_>, rules: &Rules| {
                tickets::resolve_seen(tx, rules, &actor, &wanted, (&text, notify), seen, now)
            };
            match desk.app.decide(work).await? {
                Outcome::Done => go(&format!("/admin/tickets/{reference}")),
                Outcome::ChangedMeanwhile => {
                    changed(&desk, &reference, seen, form.typed(), in_resolution).await
                }
            }
        }
    }
}

/// What the button on the way to a resolution does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Preview,
    Edit,
    Resolve,
}

impl Step {
    const ALL: [Self; 3] = [Self::Preview, Self::Edit, Self::Resolve];

    fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Edit => "edit",
            Self::Resolve => "resolve",
        }
    }
}

async fn preview(
    desk: &Desk,
    reference: &Reference,
    text: &str,
    notify: bool,
    seen: Seen,
) -> Reply {
    let (actor, wanted) = (desk.actor(), reference.clone());
    let read = desk.app.db.read(move |tx| {
        let ticket = tickets::find(tx, &actor, &wanted)?;
        let active = crate::domain::customers::find(tx, ticket.customer.id)?.active;
        Ok::<_, Error>((ticket, active))
    });
    let (ticket, active) = read.await?;
    let mailed = notify && active && desk.rules().notices.ticket_resolved;
    let mail = if mailed { Some(letter(desk, &ticket, text)?) } else { None };
    let reopens = desk.rules().reopen_on_reply;
    let frame = desk.frame();
    let view = Preview { frame, ticket: &ticket, text, notify, active, seen, mail, reopens };
    reply::page(&view)
}

/// The mail as it will be, but for the link: that is made when it is sent.
fn letter(desk: &Desk, ticket: &Ticket, text: &str) -> Result<Rendered, Problem> {
    let public_url = desk.app.config.server.public_url.as_str().trim_end_matches('/');
    let minted = Minted {
        link: Some(format!("{public_url}/portal/tickets/{}#token=…", ticket.reference)),
        code: None,
        valid_for: links::in_words_of_time(desk.rules().link_ttl),
    };
    let mail = mails::resolved(ticket, text);
    mail::render(&mail, &Brand::from(&desk.site.brand), desk.rules(), &minted)
        .map_err(|error| Problem::internal().because(error))
}

/// What the customer will see and be mailed.
#[derive(Template)]
#[template(path = "admin/preview.html")]
struct Preview<'a> {
    frame: Frame<'a>,
    ticket: &'a Ticket,
    text: &'a str,
    notify: bool,
    active: bool,
    seen: Seen,
    mail: Option<Rendered>,
    reopens: bool,
}

/// A saved answer that was chosen and not put into the text: only its own button does that.
fn leave_choice(fields: &mut Fields) {
    fields.optional_string("answer");
}

/// Reads which state of the ticket the form was written on.
pub(super) fn seen(fields: &mut Fields) -> Option<Seen> {
    fields.required("seen", |name, typed| {
        let message = "This page is damaged. Please load it again.";
        Seen::parse(typed).ok_or_else(|| FieldError::new(name, FieldCode::Malformed, message))
    })
}

fn in_note(shown: &mut Shown, form: Filled) {
    shown.note = form;
}

fn in_details(shown: &mut Shown, form: Filled) {
    shown.details = Some(form);
}

fn in_resolution(shown: &mut Shown, form: Filled) {
    shown.resolution = form;
}

/// The page with the form as it was typed.
async fn again(
    desk: &Desk,
    reference: &Reference,
    form: Filled,
    place: impl FnOnce(&mut Shown, Filled),
) -> Reply {
    let mut shown = Shown::default();
    place(&mut shown, form);
    page(desk, reference, shown).await
}

/// The same, with what changed meanwhile.
async fn changed(
    desk: &Desk,
    reference: &Reference,
    seen: Seen,
    form: Filled,
    place: impl FnOnce(&mut Shown, Filled),
) -> Reply {
    let mut shown = Shown { changed_since: Some(seen), ..Shown::default() };
    place(&mut shown, form);
    page(desk, reference, shown).await
}
