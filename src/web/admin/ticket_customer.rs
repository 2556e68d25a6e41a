//! `/admin/tickets/{reference}/customer`: the ticket was written down for the wrong customer. Who is
//! the right one is looked for, shown, and confirmed: what is public becomes theirs to read.

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use super::desk::{Desk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use super::ticket::named;
use super::ticket_forms::seen;
use super::tickets::called;
use crate::domain::customers::{self, Customer};
use crate::domain::email::Email;
use crate::domain::tickets::{self, Outcome, Seen, Ticket};
use crate::domain::{Actor, Tx};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;
use crate::web::ctx::Shared;
use crate::web::input::Segments;
use crate::web::reply::{self, Reply};

/// Customers that are offered at once.
const OFFERED: i64 = 8;

/// Its address.
pub fn routes() -> Router<Shared> {
    Router::new().route("/admin/tickets/{reference}/customer", get(show).post(send))
}

async fn show(desk: Desk, Segments(text): Segments<String>) -> Reply {
    page(
        &desk,
        &named(&text)?,
        Asked { form: Filled::with([("notify", "true")]), ..Asked::default() },
    )
    .await
}

/// What the page shows.
#[derive(Default)]
struct Asked {
    form: Filled,
    /// By what customers are looked for.
    words: Option<String>,
    /// The address of whom the ticket is to go to, to be confirmed.
    to: Option<Email>,
    /// Whether the ticket changed while the form was filled in.
    changed: bool,
}

/// What the button does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Find,
    Look,
    Move,
}

impl Step {
    const ALL: [Self; 3] = [Self::Find, Self::Look, Self::Move];

    fn as_str(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Look => "look",
            Self::Move => "move",
        }
    }
}

async fn send(desk: Desk, Segments(text): Segments<String>, form: Form) -> Reply {
    let reference = named(&text)?;
    let mut fields = form.fields();
    let seen = seen(&mut fields);
    let picked = fields.optional_string("pick");
    let step = fields.optional_word("step", &Step::ALL, Step::as_str).unwrap_or(Step::Look);
    let typed = fields.optional_string("customer");
    let notify = fields.boolean("notify", false);
    let typed = picked.or(typed).unwrap_or_default();
    let form_typed = form.typed().and("customer", &typed);
    let seen = match fields.finish_with(|| seen) {
        Ok(seen) => seen,
        Err(error) => {
            let asked = Asked { form: form.refused(error)?, ..Asked::default() };
            return page(&desk, &reference, asked).await;
        }
    };
    if step == Step::Find || !(typed.contains('@') || typed.trim().is_empty()) {
        let asked = Asked { form: form_typed, words: Some(typed), ..Asked::default() };
        return page(&desk, &reference, asked).await;
    }
    let to = match Email::parse("customer", &typed) {
        Ok(to) => to,
        Err(error) => return again(&desk, &reference, form_typed.but(vec![error])).await,
    };
    if step == Step::Look {
        let asked = Asked { form: form_typed, to: Some(to), ..Asked::default() };
        return page(&desk, &reference, asked).await;
    }
    match give(&desk, &reference, to.clone(), notify, seen).await {
        Ok(Outcome::Done) => go(&format!("/admin/tickets/{reference}?said=moved")),
        Ok(Outcome::ChangedMeanwhile) => {
            let asked = Asked { form: form_typed, to: Some(to), changed: true, ..Asked::default() };
            page(&desk, &reference, asked).await
        }
        Err(Error::Invalid(problems)) => again(&desk, &reference, form_typed.but(problems)).await,
        Err(error) => Err(error.into()),
    }
}

async fn give(
    desk: &Desk,
    reference: &Reference,
    to: Email,
    notify: bool,
    seen: Seen,
) -> Result<Outcome, Error> {
    let (actor, wanted, now) = (desk.actor(), reference.clone(), desk.now);
    let work = move |tx: &mut Tx<'_>| tickets::give(tx, &actor, &wanted, (&to, notify), seen, now);
    desk.app.db.write(work).await
}

async fn again(desk: &Desk, reference: &Reference, form: Filled) -> Reply {
    page(desk, reference, Asked { form, ..Asked::default() }).await
}

/// What is read at one moment.
struct Read {
    ticket: Ticket,
    found: Vec<Customer>,
    to: Option<Customer>,
    problems: Vec<FieldError>,
}

async fn page(desk: &Desk, reference: &Reference, asked: Asked) -> Reply {
    let (actor, wanted) = (desk.actor(), reference.clone());
    let (words, to) = (asked.words.clone(), asked.to.clone());
    let work = move |tx: &mut Tx<'_>| read(tx, &actor, &wanted, words.as_deref(), to.as_ref());
    let Read { ticket, found, to, problems } = desk.app.db.scan(work).await?;
    let form = asked.form.but(problems);
    let status = match (asked.changed, form.is_refused()) {
        (true, _) => StatusCode::CONFLICT,
        (_, true) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let view = TicketCustomerPage {
        frame: desk.frame(),
        seen: Seen::of(&ticket),
        ticket: &ticket,
        form: &form,
        found: &found,
        looked_for: asked.words.as_deref(),
        to: to.as_ref(),
        changed: asked.changed,
    };
    let mut response = reply::page(&view)?;
    *response.status_mut() = status;
    Ok(response)
}

fn read(
    tx: &mut Tx<'_>,
    actor: &Actor,
    reference: &Reference,
    words: Option<&str>,
    to: Option<&Email>,
) -> Result<Read, Error> {
    let ticket = tickets::find(tx, actor, reference)?;
    let mut found = match words.filter(|words| !words.trim().is_empty()) {
        Some(words) => customers::list(tx, words, None, OFFERED)?.items,
        None => Vec::new(),
    };
    found.retain(|one| one.erased_at.is_none() && one.id != ticket.customer.id);
    let (to, problems) = match to.map(|email| tickets::receiver(tx, email)) {
        Some(Ok(to)) if to.id == ticket.customer.id => {
            let message = "The ticket is this customer’s already.";
            (None, vec![FieldError::new("customer", FieldCode::UnknownValue, message)])
        }
        Some(Ok(to)) => (Some(to), Vec::new()),
        Some(Err(Error::Invalid(problems))) => (None, problems),
        Some(Err(error)) => return Err(error),
        None => (None, Vec::new()),
    };
    Ok(Read { ticket, found, to, problems })
}

/// The page.
#[derive(Template)]
#[template(path = "admin/ticket_customer.html")]
struct TicketCustomerPage<'a> {
    frame: Frame<'a>,
    ticket: &'a Ticket,
    seen: Seen,
    form: &'a Filled,
    /// Customers to choose from.
    found: &'a [Customer],
    /// By what they were looked for, if they were.
    looked_for: Option<&'a str>,
    /// Whom the ticket is to go to, to be confirmed.
    to: Option<&'a Customer>,
    changed: bool,
}
