//! `/admin/answers`: saved answers, and putting one into what is being written on a ticket.

use askama::Template;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};

use super::desk::{Desk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use super::ticket::{Shown, named, page};
use crate::domain::answers::{self, Answer, Placeholder};
use crate::domain::customers::Customer;
use crate::domain::tickets::{self, Ticket};
use crate::domain::{Actor, Tx, customers, text};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;
use crate::web::ctx::Shared;
use crate::web::input::Segments;
use crate::web::reply::{self, Reply};
use crate::web::site::time;

const LIST: &str = "/admin/answers";

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/answers", get(list).post(add))
        .route("/admin/answers/{id}", get(show).post(change))
        .route("/admin/answers/{id}/remove", post(remove))
        .route("/admin/tickets/{reference}/answers", post(insert))
        .route("/admin/tickets/{reference}/answers/{id}", get(filled))
}

async fn list(desk: Desk) -> Reply {
    listed(&desk, Filled::default()).await
}

async fn listed(desk: &Desk, form: Filled) -> Reply {
    let answers = desk.app.db.read(answers::list).await?;
    form.answer(reply::page(&Answers { frame: desk.frame(), answers: &answers, form: &form })?)
}

async fn add(desk: Desk, form: Form) -> Reply {
    let (name, body) = match read(&form) {
        Ok(both) => both,
        Err(error) => return listed(&desk, form.refused(error)?).await,
    };
    let (actor, now) = (desk.actor(), desk.now);
    match desk.app.db.write(move |tx| answers::add(tx, &actor, (&name, &body), now)).await {
        Ok(_) => go(LIST),
        Err(error) => listed(&desk, form.refused(error)?).await,
    }
}

async fn show(desk: Desk, Segments(id): Segments<i64>) -> Reply {
    let answer = desk.app.db.read(move |tx| answers::find(tx, id)).await?;
    let form = Filled::with([("name", &*answer.name), ("body", &*answer.body)]);
    one(&desk, id, &form)
}

fn one(desk: &Desk, id: i64, form: &Filled) -> Reply {
    form.answer(reply::page(&OneAnswer { frame: desk.frame(), id, form })?)
}

async fn change(desk: Desk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let (name, body) = match read(&form) {
        Ok(both) => both,
        Err(error) => return one(&desk, id, &form.refused(error)?),
    };
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| answers::change(tx, &actor, id, (&name, &body), now);
    match desk.app.db.write(work).await {
        Ok(_) => go(LIST),
        Err(error) => one(&desk, id, &form.refused(error)?),
    }
}

async fn remove(desk: Desk, Segments(id): Segments<i64>, form: Form) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    desk.app.db.write(move |tx| answers::remove(tx, &actor, id, now)).await?;
    go(LIST)
}

fn read(form: &Form) -> Result<(String, String), Error> {
    let mut fields = form.fields();
    let name = fields.line("name", text::REQUIRED_NAME);
    let body = fields.required("body", answers::parse);
    fields.finish_with(|| body.map(|body| (name, body)))
}

/// What an answer says on a ticket, for the page's script to put where the caret is.
async fn filled(desk: Desk, Segments((reference, id)): Segments<(String, i64)>) -> Reply {
    let reference = named(&reference)?;
    let text = on_ticket(&desk, &reference, id).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// The ticket's page with an answer below what was written so far. Nothing is saved.
async fn insert(desk: Desk, Segments(text): Segments<String>, form: Form) -> Reply {
    let reference = named(&text)?;
    let typed = form.typed();
    let place = Place::of(typed.value("into"));
    let said = match typed.value("answer") {
        "" => Ok(String::new()),
        id => match id.parse() {
            Ok(id) => on_ticket(&desk, &reference, id).await,
            Err(_) => Err(not_there()),
        },
    };
    let (text, typed) = match said {
        Ok(text) => (text, typed),
        Err(error) => (String::new(), form.refused(error)?),
    };
    let field = place.field();
    let before = typed.value(field).trim_end().to_owned();
    let between = if before.is_empty() || text.is_empty() { "" } else { "\n\n" };
    let form = typed.and(field, &format!("{before}{between}{text}"));
    let mut shown = Shown::default();
    match place {
        Place::Note => shown.note = form,
        Place::Resolution => shown.resolution = form,
    }
    page(&desk, &reference, shown).await
}

/// Where on a ticket's page an answer goes.
#[derive(Clone, Copy)]
enum Place {
    Note,
    Resolution,
}

impl Place {
    fn of(word: &str) -> Self {
        if word == "resolution" { Self::Resolution } else { Self::Note }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Note => "body",
            Self::Resolution => "text",
        }
    }
}

fn not_there() -> Error {
    let message = "This saved answer is not there any more.";
    FieldError::new("answer", FieldCode::UnknownValue, message).into()
}

async fn on_ticket(desk: &Desk, reference: &Reference, id: i64) -> Result<String, Error> {
    let (actor, wanted) = (desk.actor(), reference.clone());
    let me = desk.me.staff.name.clone();
    desk.app.db.read(move |tx| say(tx, &actor, &wanted, &me, id)).await
}

fn say(
    tx: &mut Tx<'_>,
    actor: &Actor,
    reference: &Reference,
    me: &str,
    id: i64,
) -> Result<String, Error> {
    let Ticket { customer, reference, subject, .. } = tickets::find(tx, actor, reference)?;
    let Customer { name, email, company, .. } = customers::find(tx, customer.id)?;
    let answer = answers::find(tx, id).map_err(|error| match error {
        Error::NotFound => not_there(),
        other => other,
    })?;
    Ok(answers::fill(&answer.body, |place| match place {
        Placeholder::Customer if name.is_empty() => email.as_str(),
        Placeholder::Customer => &name,
        Placeholder::Company => &company,
        Placeholder::Reference => reference.as_str(),
        Placeholder::Subject => &subject,
        Placeholder::Technician => me,
    }))
}

/// All saved answers, and a form for one more.
#[derive(Template)]
#[template(path = "admin/answers.html")]
struct Answers<'a> {
    frame: Frame<'a>,
    answers: &'a [Answer],
    form: &'a Filled,
}

/// One, to be written anew or removed.
#[derive(Template)]
#[template(path = "admin/answer.html")]
struct OneAnswer<'a> {
    frame: Frame<'a>,
    id: i64,
    form: &'a Filled,
}
