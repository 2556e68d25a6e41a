//! `/admin/outbox`: mails that failed, wait, are held or were sent: why, and trying them again.

use askama::Template;
use axum::Router;
use axum::routing::{get, post};

use super::desk::{AdminDesk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use super::ticket::mail_name;
use crate::domain::Tx;
use crate::domain::mails;
use crate::domain::outbox::{self, AT_ONCE, MailState, StoredMail};
use crate::domain::page::Page;
use crate::error::Error;
use crate::mail::health::Pause;
use crate::web::ctx::Shared;
use crate::web::input::{Query, Segments};
use crate::web::reply::{self, Reply};
use crate::web::site::time;

const LIST: &str = "/admin/outbox";
/// How many mails a page has.
const PAGE: i64 = 25;
/// Mails are counted up to here.
const COUNTED: i64 = 10_000;

/// Its addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/outbox", get(list))
        .route("/admin/outbox/retry-failed", post(retry_failed))
        .route("/admin/outbox/give-up-held", post(give_up_held))
        .route("/admin/outbox/{id}/retry", post(retry))
        .route("/admin/outbox/{id}/give-up", post(give_up))
}

async fn list(desk: AdminDesk, Query(mut fields): Query) -> Reply {
    let state = fields.optional_word("state", &MailState::ALL, MailState::as_str);
    let cursor = fields.optional_string("cursor");
    let said = match fields.optional_string("said").and_then(|said| said.parse::<u64>().ok()) {
        Some(0) => Some("Nothing was left to do.".to_owned()),
        Some(1) => Some("One mail was changed.".to_owned()),
        Some(count) => Some(format!("{count} mails were changed.")),
        None => None,
    };
    page(&desk, state.unwrap_or(MailState::Failed), cursor, said, &Filled::default()).await
}

async fn page(
    desk: &AdminDesk,
    state: MailState,
    cursor: Option<String>,
    said: Option<String>,
    form: &Filled,
) -> Reply {
    let is_further = cursor.is_some();
    let work = move |tx: &mut Tx<'_>| {
        let found = match outbox::list(tx, state, cursor.as_deref(), PAGE) {
            // A cursor that was cut off begins at the start.
            Err(Error::Invalid(_)) => outbox::list(tx, state, None, PAGE)?,
            found => found?,
        };
        let mut counts = Vec::new();
        for state in COUNTS {
            counts.push((state, mails::count(tx, state)?));
        }
        Ok::<_, Error>((found, counts))
    };
    let (found, counts) = desk.app.db.scan(work).await?;
    let view = Outbox {
        frame: desk.frame(),
        pause: desk.app.post.health.pause(),
        state,
        found: &found,
        counts: &counts,
        said: said.as_deref(),
        problem: form.problem("id"),
        is_further,
    };
    form.answer(reply::page(&view)?)
}

/// What is counted: what was sent is too much to count, and nobody has to do anything about it.
const COUNTS: [MailState; 3] = [MailState::Failed, MailState::Queued, MailState::Held];

fn back(state: MailState, count: u64) -> Reply {
    go(&format!("{LIST}?state={}&said={count}", state.as_str()))
}

/// The list that a form stands on.
fn list_of(form: &Form) -> Result<MailState, Error> {
    let mut fields = form.fields();
    let state = fields.word("state", &MailState::ALL, MailState::as_str);
    fields.finish_with(|| state)
}

async fn retry(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let (state, actor, now) = (list_of(&form)?, desk.actor(), desk.now);
    let done = desk.app.db.write(move |tx| outbox::retry(tx, &actor, id, now)).await;
    told(&desk, state, &form, done).await
}

async fn give_up(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let (state, actor, now) = (list_of(&form)?, desk.actor(), desk.now);
    let done = desk.app.db.write(move |tx| outbox::give_up(tx, &actor, id, now)).await;
    told(&desk, state, &form, done).await
}

async fn told(
    desk: &AdminDesk,
    state: MailState,
    form: &Form,
    done: Result<StoredMail, Error>,
) -> Reply {
    match done {
        Ok(_) => back(state, 1),
        Err(error) => page(desk, state, None, None, &form.refused(error)?).await,
    }
}

async fn retry_failed(desk: AdminDesk, form: Form) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| outbox::retry_failed(tx, &actor, now);
    back(MailState::Failed, desk.app.db.write(work).await?)
}

async fn give_up_held(desk: AdminDesk, form: Form) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| outbox::give_up_held(tx, &actor, now);
    back(MailState::Held, desk.app.db.write(work).await?)
}

/// A tab of the page.
struct Tab {
    state: MailState,
    label: &'static str,
    count: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "admin/outbox.html")]
struct Outbox<'a> {
    frame: Frame<'a>,
    /// Why nothing gets out at all.
    pause: Option<Pause>,
    state: MailState,
    found: &'a Page<StoredMail>,
    counts: &'a [(MailState, i64)],
    said: Option<&'a str>,
    problem: &'a str,
    is_further: bool,
}

impl Outbox<'_> {
    fn tabs(&self) -> [Tab; 4] {
        let tab = |state, label| Tab { state, label, count: self.count(state) };
        [
            tab(MailState::Failed, "Failed"),
            tab(MailState::Queued, "Waiting"),
            tab(MailState::Held, "Held"),
            tab(MailState::Sent, "Sent"),
        ]
    }

    fn count(&self, state: MailState) -> Option<String> {
        let (_, count) = self.counts.iter().find(|(counted, _)| *counted == state)?;
        let more = if *count >= COUNTED { "+" } else { "" };
        Some(format!("{count}{more}"))
    }

    fn next(&self) -> Option<String> {
        let next = self.found.next.as_deref()?;
        Some(format!("{LIST}?state={}&cursor={next}", self.state.as_str()))
    }

    /// Why a mail cannot be sent again; empty if it can.
    fn not_again(&self, mail: &StoredMail) -> &'static str {
        outbox::not_again(mail).unwrap_or_default()
    }

    /// Whether all that failed can be queued again.
    fn can_retry_all(&self) -> bool {
        let any = self.found.items.iter().any(|mail| outbox::not_again(mail).is_none());
        self.state == MailState::Failed && any
    }

    fn is_held(&self) -> bool {
        self.state == MailState::Held && !self.found.items.is_empty()
    }

    fn at_once(&self) -> i64 {
        AT_ONCE
    }
}

/// `tried once`, `tried 3 times`.
fn tries(attempts: &i64) -> String {
    match attempts {
        0 => "not tried yet".to_owned(),
        1 => "tried once".to_owned(),
        many => format!("tried {many} times"),
    }
}
