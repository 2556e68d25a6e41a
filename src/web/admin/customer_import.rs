//! `/admin/customers/import`: a table of customers is uploaded, looked through, confirmed, taken, and
//! told about. Which part of that a page shows, the upload itself says; nothing of it needs a script.

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::routing::get;

use super::customers::LIST;
use super::desk::{AdminDesk, go};
use super::form::Form;
use super::frame::Frame;
use crate::domain::Tx;
use crate::domain::customer_import::{self, Checked};
use crate::domain::customer_uploads::{self, LARGEST, State, TOLD};
use crate::error::{Error, LineError};
use crate::web::ctx::Shared;
use crate::web::input::Segments;
use crate::web::reply::{self, Reply};
use crate::web::site::time;
use crate::web::upload::Upload;

/// Its addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/customers/import", get(choose).post(upload))
        // `Upload::read` counts for itself, and says what is wrong in words.
        .layer(DefaultBodyLimit::disable())
        .route("/admin/customers/import/{id}", get(show).post(decide))
}

/// The largest file, in MiB.
fn most() -> usize {
    LARGEST / 1024 / 1024
}

async fn choose(desk: AdminDesk) -> Reply {
    ask(&desk, String::new(), &[])
}

fn ask(desk: &AdminDesk, problem: String, bad: &[LineError]) -> Reply {
    let is_refused = !problem.is_empty();
    let view = Choose { frame: desk.frame(), problem, bad };
    let mut response = reply::page(&view)?;
    if is_refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// What came of looking through a file.
type Looked = Result<(Checked, u64), Vec<LineError>>;

async fn upload(desk: AdminDesk, request: Request) -> Reply {
    let (name, bytes) = match Upload::read(request, &(), LARGEST).await? {
        Upload::File { name, bytes } => (name, bytes),
        Upload::Nothing => return ask(&desk, "Please choose a file.".to_owned(), &[]),
        Upload::TooLarge => {
            let problem = format!(
                "This file has more than {} MiB. Split it, or have an operator import it with \
                 “doorkey customer import”.",
                most()
            );
            return ask(&desk, problem, &[]);
        }
    };
    let looked = desk.app.db.scan(move |tx| look(tx, &bytes)).await?;
    let found = match looked {
        Ok(found) => found,
        Err(bad) => {
            let problem = "This file cannot be read as customers. Nothing was changed.";
            return ask(&desk, problem.to_owned(), &bad);
        }
    };
    let (staff_id, now) = (desk.me.staff.id, desk.now);
    let keep =
        move |tx: &mut Tx<'_>| customer_uploads::add(tx, staff_id, &name, (&found.0, found.1), now);
    let id = desk.app.db.write(keep).await?;
    go(&format!("{LIST}/import/{id}"))
}

fn look(tx: &mut Tx<'_>, bytes: &[u8]) -> Result<Looked, Error> {
    match customer_import::check(bytes) {
        Ok(checked) => {
            let fresh = customer_import::foresee(tx, &checked.good)?.added;
            Ok(Ok((checked, fresh)))
        }
        Err(bad) => Ok(Err(bad)),
    }
}

/// A file is chosen.
#[derive(Template)]
#[template(path = "admin/customer_import.html")]
struct Choose<'a> {
    frame: Frame<'a>,
    problem: String,
    bad: &'a [LineError],
}

async fn show(desk: AdminDesk, Segments(id): Segments<i64>) -> Reply {
    let now = desk.now;
    let upload = desk.app.db.read(move |tx| customer_uploads::find(tx, id, now)).await?;
    reply::page(&UploadPage { frame: desk.frame(), upload: &upload })
}

/// What is to become of an upload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    Take,
    Discard,
}

impl Decision {
    const ALL: [Self; 2] = [Self::Take, Self::Discard];

    fn as_str(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Discard => "discard",
        }
    }
}

async fn decide(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let mut fields = form.fields();
    let decision = fields.word("do", &Decision::ALL, Decision::as_str);
    let decision = fields.finish_with(|| decision)?;
    let (actor, staff_id, now) = (desk.actor(), desk.me.staff.id, desk.now);
    let work = move |tx: &mut Tx<'_>| match decision {
        Decision::Take => customer_uploads::confirm(tx, &actor, staff_id, id, now),
        Decision::Discard => customer_uploads::discard(tx, id),
    };
    desk.app.db.write(work).await?;
    match decision {
        Decision::Take => go(&format!("{LIST}/import/{id}")),
        Decision::Discard => go(&format!("{LIST}/import")),
    }
}

/// What was found in a file, how far it is taken, and what came of it.
#[derive(Template)]
#[template(path = "admin/customer_upload.html")]
struct UploadPage<'a> {
    frame: Frame<'a>,
    upload: &'a customer_uploads::Upload,
}

impl UploadPage<'_> {
    fn title(&self) -> &'static str {
        match self.upload.state {
            State::Seen => "Import these customers?",
            State::Confirmed => "Importing customers",
            State::Done => "The customers are imported",
        }
    }

    /// Addresses that are customers already.
    fn known(&self) -> i64 {
        self.upload.good - self.upload.fresh
    }

    /// Whether more is wrong than is told.
    fn is_cut(&self) -> bool {
        self.upload.bad.len() >= TOLD
    }

    fn line(&self, bad: &customer_uploads::Told) -> String {
        let colon = if bad.column.is_empty() { "" } else { ", " };
        format!("Line {}{colon}{}", bad.line, bad.column)
    }
}

/// A number of customers: `1 customer`, `1,204 customers`.
fn customers(count: &i64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {}", if *count == 1 { "customer" } else { "customers" })
}
