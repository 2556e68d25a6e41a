//! `/admin/webhooks/{id}`: one target of events: what it wants, its secret, a test, and what was sent to it.

use std::time::Duration;

use askama::Template;

use super::desk::{AdminDesk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use super::webhooks::{LIST, chosen, target};
use crate::clock::Millis;
use crate::domain::Tx;
use crate::domain::events::EventKind;
use crate::domain::page::Page;
use crate::domain::webhooks::{self, Delivery, DeliveryState, Webhook, WebhookChange};
use crate::error::{Error, FieldCode, FieldError};
use crate::hooks::sign;
use crate::web::input::{Query, Segments};
use crate::web::reply::{self, Reply};
use crate::web::site::time;

/// How many deliveries a page has.
const PAGE: i64 = 25;
/// How long the result of a test is waited for: looked at so often, so long apart.
const LOOKS: usize = 15;
const APART: Duration = Duration::from_millis(200);

fn path(id: i64) -> String {
    format!("{LIST}/{id}")
}

/// What the page shows beside what is stored.
#[derive(Default)]
struct Shown {
    /// What was typed and refused, and the kinds chosen with it.
    form: Filled,
    kinds: Vec<EventKind>,
    /// Where the list of deliveries goes on.
    cursor: Option<String>,
    /// The test call whose result is wanted.
    tested: Option<i64>,
    /// A secret, this once.
    secret: Option<String>,
    /// What was just done.
    said: Option<&'static str>,
}

pub(super) async fn show(
    desk: AdminDesk,
    Segments(id): Segments<i64>,
    Query(mut fields): Query,
) -> Reply {
    let cursor = fields.optional_string("cursor");
    let tested = fields.optional_string("tested").and_then(|tested| tested.parse().ok());
    let said = match fields.optional_string("said").as_deref() {
        Some("saved") => Some("What you changed is saved."),
        Some("queued") => Some("The call is sent again."),
        Some("newer") => Some(
            "A new secret was made from this page already, and shown then. Is it lost? Make another one.",
        ),
        _ => None,
    };
    page(&desk, id, Shown { cursor, tested, said, ..Shown::default() }).await
}

/// The page with a secret, shown this once.
pub(super) async fn with_secret(desk: &AdminDesk, id: i64, secret: String) -> Reply {
    page(desk, id, Shown { secret: Some(secret), ..Shown::default() }).await
}

async fn page(desk: &AdminDesk, id: i64, mut shown: Shown) -> Reply {
    let (cursor, tested) = (shown.cursor.clone(), shown.tested);
    let work = move |tx: &mut Tx<'_>| {
        let webhook = webhooks::find(tx, id)?;
        let log = match webhooks::deliveries(tx, id, cursor.as_deref(), PAGE) {
            // A cursor that was cut off begins at the start.
            Err(Error::Invalid(_)) => webhooks::deliveries(tx, id, None, PAGE)?,
            log => log?,
        };
        let test = match tested {
            Some(test) => webhooks::delivery_of(tx, id, test).ok(),
            None => None,
        };
        Ok::<_, Error>((webhook, log, test))
    };
    let (webhook, log, test) = desk.app.db.read(work).await?;
    if !shown.form.is_refused() {
        let active = if webhook.active { "true" } else { "" };
        let now = [("url", webhook.url.as_str()), ("about", &webhook.about), ("active", active)];
        (shown.form, shown.kinds) = (Filled::with(now), webhook.kinds.clone());
    }
    let view = WebhookPage {
        frame: desk.frame(),
        now: desk.now,
        webhook: &webhook,
        log: &log,
        test: test.as_ref(),
        shown: &shown,
    };
    shown.form.answer(reply::page(&view)?)
}

pub(super) async fn edit(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let (words, rest) = form.several("kind");
    let kinds = chosen(&words).map_err(Error::from)?;
    let mut fields = rest.fields();
    let (url, about) = target(&desk, &mut fields);
    let active = Some(fields.boolean("active", false));
    if let Err(error) = fields.finish() {
        let form = rest.refused(error)?;
        return page(&desk, id, Shown { form, kinds, ..Shown::default() }).await;
    }
    let change = WebhookChange { url, about: Some(about), kinds: Some(kinds), active };
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| webhooks::change(tx, &actor, id, change.clone(), now);
    desk.app.db.write(work).await?;
    go(&format!("{}?said=saved", path(id)))
}

/// Queues a test call and waits a little for what comes of it.
pub(super) async fn test(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    let test = desk.app.db.write(move |tx| webhooks::test(tx, &actor, id, now)).await?.id;
    for _ in 0..LOOKS {
        tokio::time::sleep(APART).await;
        let seen = desk.app.db.read(move |tx| webhooks::delivery_of(tx, id, test)).await?;
        if seen.state != DeliveryState::Queued || seen.failures > 0 {
            break;
        }
    }
    go(&format!("{}?tested={test}", path(id)))
}

pub(super) async fn rotate(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let mut fields = form.fields();
    let saw = fields.optional("old_until", moment);
    fields.finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>| webhooks::rotate_once(tx, &actor, id, saw, now);
    match desk.app.db.write(work).await? {
        Some((_, secret)) => with_secret(&desk, id, sign::show(&secret)).await,
        None => go(&format!("{}?said=newer", path(id))),
    }
}

fn moment(name: &str, typed: &str) -> Result<Millis, FieldError> {
    let wrong = || FieldError::new(name, FieldCode::Malformed, "This is no moment.");
    typed.parse().map(Millis).map_err(|_| wrong())
}

pub(super) async fn remove(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    desk.app.db.write(move |tx| webhooks::delete(tx, &actor, id, now)).await?;
    go(LIST)
}

pub(super) async fn retry(
    desk: AdminDesk,
    Segments((id, delivery)): Segments<(i64, i64)>,
    form: Form,
) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    desk.app.db.write(move |tx| webhooks::retry(tx, &actor, (id, delivery), now)).await?;
    go(&format!("{}?said=queued", path(id)))
}

/// The page.
#[derive(Template)]
#[template(path = "admin/webhook.html")]
struct WebhookPage<'a> {
    frame: Frame<'a>,
    now: Millis,
    webhook: &'a Webhook,
    log: &'a Page<Delivery>,
    test: Option<&'a Delivery>,
    shown: &'a Shown,
}

impl WebhookPage<'_> {
    fn is_chosen(&self, kind: &EventKind) -> bool {
        self.shown.kinds.contains(kind)
    }

    /// Until when the secret before the last one signs as well, if it still does.
    fn old_until(&self) -> Option<Millis> {
        self.webhook.old_secret_until.filter(|until| *until > self.now)
    }

    /// What the form for a new secret has seen.
    fn saw(&self) -> String {
        self.webhook.old_secret_until.map(|until| until.0.to_string()).unwrap_or_default()
    }

    fn next(&self) -> Option<String> {
        let next = self.log.next.as_deref()?;
        Some(format!("{}?cursor={next}", path(self.webhook.id)))
    }
}

/// How far a delivery is.
fn state_name(delivery: &Delivery) -> &'static str {
    match delivery.state {
        DeliveryState::Queued if delivery.failures > 0 => "Tried again later",
        DeliveryState::Queued => "On its way",
        DeliveryState::Delivered => "Delivered",
        DeliveryState::Failed => "Given up",
    }
}

/// `Event 17`, or that it was a test.
fn what(delivery: &Delivery) -> String {
    delivery.event_number.map_or("Test call".to_owned(), |number| format!("Event {number}"))
}
