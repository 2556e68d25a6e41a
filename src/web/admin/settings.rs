//! `/admin/settings`: what admins set. A page for each [`Section`], one form a page; what the operator has
//! set is shown with its place and not asked for.

mod logo;
mod page;
mod preview;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};

use super::desk::{AdminDesk, go};
use super::form::{Filled, Form};
use crate::domain::settings::{self, Change, InForce, Outcome, Section, Seen};
use crate::error::{Error, FieldError};
use crate::web::ctx::Shared;
use crate::web::input::{Fields, Query};
use crate::web::reply::Reply;
use page::{CARD, News, cards_shown};

/// Cards that are read at most.
const CARDS_MOST: usize = 12;

/// Their addresses.
pub fn routes() -> Router<Shared> {
    use Section::{Brand, Mails, StartPage, Tickets};
    Router::new()
        .route(
            "/admin/settings",
            get(|desk: AdminDesk, query: Query| show(desk, query, Brand))
                .post(|desk: AdminDesk, form: Form| send(desk, form, Brand)),
        )
        .route("/admin/settings/logo", post(logo::send))
        .route(
            "/admin/settings/start-page",
            get(|desk: AdminDesk, query: Query| show(desk, query, StartPage))
                .post(|desk: AdminDesk, form: Form| send(desk, form, StartPage)),
        )
        .route(
            "/admin/settings/tickets",
            get(|desk: AdminDesk, query: Query| show(desk, query, Tickets))
                .post(|desk: AdminDesk, form: Form| send(desk, form, Tickets)),
        )
        .route(
            "/admin/settings/mails",
            get(|desk: AdminDesk, query: Query| show(desk, query, Mails))
                .post(|desk: AdminDesk, form: Form| send(desk, form, Mails)),
        )
}

async fn show(desk: AdminDesk, Query(mut fields): Query, section: Section) -> Reply {
    let is_saved = fields.optional_boolean("saved").unwrap_or_default();
    fields.finish()?;
    let news = if is_saved { News::Saved } else { News::None };
    page::answer(&desk, section, &page::as_it_is(desk.settings(), section), news)
}

/// Saves what was typed, or shows what it would look like.
async fn send(desk: AdminDesk, form: Form, section: Section) -> Reply {
    let mut fields = form.fields();
    let step = fields.optional_string("step").unwrap_or_default();
    let seen = Seen::parse(&fields.string("seen"));
    if let Some(card) = step.strip_prefix("up_").and_then(|number| number.parse().ok()) {
        return page::answer(&desk, section, &moved_up(&form.typed(), card), News::None);
    }
    let changes = read(desk.settings(), section, &mut fields);
    if let Err(error) = fields.finish() {
        return page::answer(&desk, section, &form.refused(error)?, News::None);
    }
    if let Some(preview) = preview::Preview::parse(&step) {
        return preview::show(&desk, preview, &desk.imagine(&changes));
    }
    match save(&desk, section, seen, changes).await {
        Ok(Outcome::Done) => go(&format!("{}?saved=true", page::path(section))),
        Ok(Outcome::ChangedMeanwhile) => {
            let mut response = page::answer(&desk, section, &form.typed(), News::ChangedMeanwhile)?;
            *response.status_mut() = StatusCode::CONFLICT;
            Ok(response)
        }
        Err(error) => page::answer(&desk, section, &form.refused(error)?, News::None),
    }
}

async fn save(
    desk: &AdminDesk,
    section: Section,
    seen: Seen,
    changes: Vec<Change>,
) -> Result<Outcome, Error> {
    let (keeper, actor, now) = (desk.app.settings.clone(), desk.actor(), desk.now);
    let work = desk.app.db.write(move |tx| {
        settings::save(tx, &keeper, &actor, (section, &seen), (&changes, None), now)
    });
    let outcome = work.await;
    desk.app.settings_changed();
    outcome
}

/// What a form says of the settings in its section. What is the operator's is read as well if an old page
/// sends it, so that it can be refused by name.
fn read(holds: &InForce, section: Section, fields: &mut Fields) -> Vec<Change> {
    let mut changes = Vec::new();
    for name in section.names() {
        let read = match *name {
            "brand.cards" => read_cards(fields),
            name => read_one(holds, name, fields).map_err(|error| vec![error]),
        };
        match read {
            Ok(Some(value)) => changes.push(Change { name, value }),
            Ok(None) => {}
            Err(errors) => errors
                .iter()
                .for_each(|error| fields.wrong(&error.field, error.code, &error.message)),
        }
    }
    changes
}

fn read_one(
    holds: &InForce,
    name: &str,
    fields: &mut Fields,
) -> Result<Option<String>, FieldError> {
    let field = page::field(name);
    let typed = fields.optional_string(field);
    if typed.is_none() && holds.config.operators_place(name).is_some() {
        return Ok(None);
    }
    // A box that is not ticked is not sent.
    let nothing = if page::is_switch(name) { "false" } else { "" };
    settings::read(name, field, typed.as_deref().unwrap_or(nothing)).map(Some)
}

/// Nothing if no card was asked for: they are the operator's.
fn read_cards(fields: &mut Fields) -> Result<Option<String>, Vec<FieldError>> {
    let asked = fields.optional_string("cards").is_some();
    let cards: Vec<[String; 3]> = (1..=CARDS_MOST)
        .map(|card| {
            CARD.map(|part| {
                fields.optional_string(&page::card_field(card, part)).unwrap_or_default()
            })
        })
        .collect();
    let typed: Vec<settings::Typed<'_>> =
        cards.iter().map(|[title, text, url]| (&**title, &**text, &**url)).collect();
    if asked { settings::cards(&typed).map(Some) } else { Ok(None) }
}

/// The form with this card before the one above it.
fn moved_up(typed: &Filled, card: usize) -> Filled {
    if card < 2 || card > cards_shown(typed) {
        return typed.clone();
    }
    CARD.iter().fold(typed.clone(), |form, part| {
        let (this, above) = (page::card_field(card, part), page::card_field(card - 1, part));
        form.and(&this, typed.value(&above)).and(&above, typed.value(&this))
    })
}
