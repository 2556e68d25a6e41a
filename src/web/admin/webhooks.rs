//! `/admin/webhooks`: where events are sent, and adding another target.

use askama::Template;
use axum::Router;
use axum::routing::{get, post};

use super::api_keys::drawn_id;
use super::desk::{AdminDesk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use super::webhook;
use crate::domain::Tx;
use crate::domain::events::EventKind;
use crate::domain::text;
use crate::domain::webhooks::{self, MOST, NewWebhook, Webhook};
use crate::error::{Error, FieldCode, FieldError};
use crate::hooks::sign;
use crate::ids;
use crate::web::ctx::Shared;
use crate::web::input::Fields;
use crate::web::reply::{self, Reply};
use crate::web::site::time;

/// Where they are.
pub const LIST: &str = "/admin/webhooks";

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/webhooks", get(list).post(add))
        .route("/admin/webhooks/{id}", get(webhook::show).post(webhook::edit))
        .route("/admin/webhooks/{id}/test", post(webhook::test))
        .route("/admin/webhooks/{id}/secret", post(webhook::rotate))
        .route("/admin/webhooks/{id}/remove", post(webhook::remove))
        .route("/admin/webhooks/{id}/deliveries/{delivery}/retry", post(webhook::retry))
}

async fn list(desk: AdminDesk) -> Reply {
    page(&desk, Filled::default(), &[]).await
}

async fn page(desk: &AdminDesk, form: Filled, kinds: &[EventKind]) -> Reply {
    let all = desk.app.db.read(webhooks::list).await?;
    let id = match form.value("id") {
        "" => ids::new_id(desk.now).to_string(),
        sent => sent.to_owned(),
    };
    let form = form.and("id", &id);
    let view = Webhooks { frame: desk.frame(), all: &all, form: &form, kinds };
    form.answer(reply::page(&view)?)
}

/// What was chosen of the kinds of events; none means all.
pub(super) fn chosen(words: &[String]) -> Result<Vec<EventKind>, FieldError> {
    let read = |word: &String| {
        EventKind::parse(word).ok_or_else(|| {
            let message = "Choose from the kinds that are listed.";
            FieldError::new("kind", FieldCode::UnknownValue, message)
        })
    };
    words.iter().map(read).collect()
}

/// The URL and what it is for, as every form has them.
pub(super) fn target(desk: &AdminDesk, fields: &mut Fields) -> (Option<String>, String) {
    let allow = &desk.app.config.webhooks.allow;
    let url = fields.required("url", |name, typed| webhooks::parse_url(name, typed, allow));
    (url, fields.optional_line("about", text::NAME).unwrap_or_default())
}

async fn add(desk: AdminDesk, form: Form) -> Reply {
    let (words, rest) = form.several("kind");
    let kinds = chosen(&words).map_err(Error::from)?;
    let mut fields = rest.fields();
    let (url, about) = target(&desk, &mut fields);
    let id = fields.required("id", drawn_id);
    let read = fields.finish_with(|| {
        let new = NewWebhook { url: url?, about, kinds: kinds.clone() };
        Some((new, id?))
    });
    let (new, id) = match read {
        Ok(read) => read,
        Err(error) => return page(&desk, rest.refused(error)?, &kinds).await,
    };
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| webhooks::create_once(tx, &actor, id, &new, now);
    match desk.app.db.write(work).await {
        Ok(Some((webhook, secret))) => {
            webhook::with_secret(&desk, webhook.id, sign::show(&secret)).await
        }
        // The page was loaded again: the webhook is there, and its secret was shown.
        Ok(None) => go(&format!("{LIST}/{id}")),
        Err(error @ Error::Invalid(_)) => page(&desk, rest.refused(error)?, &kinds).await,
        Err(error) => Err(error.into()),
    }
}

/// The page.
#[derive(Template)]
#[template(path = "admin/webhooks.html")]
struct Webhooks<'a> {
    frame: Frame<'a>,
    all: &'a [Webhook],
    form: &'a Filled,
    kinds: &'a [EventKind],
}

impl Webhooks<'_> {
    fn has_room(&self) -> bool {
        self.all.len() < MOST
    }

    fn is_chosen(&self, kind: &EventKind) -> bool {
        self.kinds.contains(kind)
    }
}

/// What a kind of event is called.
pub fn kind_name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::TicketCreated => "Ticket created",
        EventKind::TicketStatusChanged => "Status changed",
        EventKind::TicketResolved => "Ticket resolved",
        EventKind::TicketReplied => "Customer replied",
        EventKind::TicketNoteAdded => "Note added",
        EventKind::TicketAssigned => "Ticket assigned",
        EventKind::TicketChanged => "Subject, priority or category changed",
        EventKind::CustomerCreated => "Customer added",
        EventKind::CustomerChanged => "Customer changed",
        EventKind::CustomerErased => "Customer erased",
    }
}

/// The kinds that a webhook wants, in words.
fn wanted(webhook: &Webhook) -> String {
    match webhook.kinds.as_slice() {
        [] => "every kind of event".to_owned(),
        [one] => kind_name(one).to_owned(),
        several => format!("{} kinds of events", several.len()),
    }
}
