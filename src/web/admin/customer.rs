//! `/admin/customers/{id}`: one customer, with their tickets, links and mails, and what staff do
//! with them.

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};

use super::customers::LIST;
use super::desk::Desk;
use super::form::Filled;
use super::frame::Frame;
use super::ticket::{mail_name, mail_state};
use super::{customer_forms, customer_links};
use crate::clock::Millis;
use crate::domain::Tx;
use crate::domain::customer_desk::{self, Dossier, Places};
use crate::domain::customers::Customer;
use crate::domain::links::{CustomerLink, Link, Reason};
use crate::domain::tickets::Status;
use crate::web::ctx::Shared;
use crate::web::input::{Fields, Query, Segments};
use crate::web::reply::{self, Reply};
use crate::web::site::{plain_direction, time};

/// Its addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/customers/{id}", get(show))
        .route("/admin/customers/{id}/details", post(customer_forms::details))
        .route("/admin/customers/{id}/active", post(customer_forms::active))
        .route("/admin/customers/{id}/links", post(customer_links::issue))
        .route("/admin/customers/{id}/links/revoke", post(customer_links::revoke_all))
        .route("/admin/customers/{id}/links/{link}/revoke", post(customer_links::revoke))
}

async fn show(desk: Desk, Segments(id): Segments<i64>, Query(mut fields): Query) -> Reply {
    let places = places(&mut fields);
    let said = fields.optional_string("said").and_then(|word| said(&word));
    page(&desk, id, Shown { places, said, ..Shown::default() }).await
}

/// Where the lists begin. An address that somebody cut off shows the newest.
fn places(fields: &mut Fields) -> Places {
    let mut cursor = |name| fields.optional_string(name);
    Places {
        tickets: cursor("tickets").filter(|it| customer_desk::is_ticket_cursor(it)),
        links: cursor("links").filter(|it| customer_desk::is_cursor(it)),
        mails: cursor("mails").filter(|it| customer_desk::is_cursor(it)),
    }
}

fn said(word: &str) -> Option<&'static str> {
    match word {
        "added" => Some("The customer was added."),
        "saved" => Some("The details are saved."),
        "link_sent" => Some("A new link is on its way to the customer."),
        "revoked" => Some("The link opens nothing any more."),
        "all_revoked" => Some("None of the links opens anything any more."),
        "active" => Some("The customer is active again and can ask for a link."),
        "inactive" => Some("The customer is inactive: no link of theirs works, and they get none."),
        _ => None,
    }
}

/// What the page shows beside the customer: what was typed, and why it was not taken.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Where the lists begin.
    pub(super) places: Places,
    /// Name, telephone number, company and notes; as they are if nothing was refused.
    pub(super) details: Option<Filled>,
    /// Whether somebody changed the customer while this form was filled in.
    pub(super) changed: bool,
    /// Why what was asked for cannot be.
    pub(super) refused: Option<String>,
    /// A link that was just made: shown this once.
    pub(super) link: Option<String>,
    /// A sentence about what was done.
    pub(super) said: Option<&'static str>,
}

/// The page with `shown` in it.
pub(super) async fn page(desk: &Desk, id: i64, shown: Shown) -> Reply {
    let places = shown.places.clone();
    let found =
        desk.app.db.read(move |tx: &mut Tx<'_>| customer_desk::look(tx, id, &places)).await?;
    let status = match &shown {
        Shown { changed: true, .. } | Shown { refused: Some(_), .. } => StatusCode::CONFLICT,
        Shown { details: Some(form), .. } if form.is_refused() => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let details = shown.details.clone().unwrap_or_else(|| as_it_is(&found.customer));
    let (frame, now) = (desk.frame(), desk.now);
    let view = CustomerPage { frame, it: &found, details: &details, shown: &shown, now };
    let mut response = reply::page(&view)?;
    *response.status_mut() = status;
    Ok(response)
}

fn as_it_is(customer: &Customer) -> Filled {
    let Customer { name, phone, company, notes, .. } = customer;
    Filled::with([("name", name), ("phone", phone), ("company", company), ("notes", notes)])
}

/// The page.
#[derive(Template)]
#[template(path = "admin/customer.html")]
struct CustomerPage<'a> {
    frame: Frame<'a>,
    it: &'a Dossier,
    details: &'a Filled,
    shown: &'a Shown,
    now: Millis,
}

/// A list of the page, and the parameter that says where it begins.
#[derive(Clone, Copy)]
enum List {
    Tickets,
    Links,
    Mails,
}

impl CustomerPage<'_> {
    fn title(&self) -> String {
        plain_direction(self.it.customer.called())
    }

    fn href(&self) -> String {
        format!("{LIST}/{}", self.it.customer.id)
    }

    fn seen(&self) -> String {
        customer_desk::seen(&self.it.customer)
    }

    fn is_erased(&self) -> bool {
        self.it.customer.erased_at.is_some()
    }

    /// Whether the last of them is still to go.
    fn is_being_erased(&self) -> bool {
        self.it.erasure.is_some_and(|erasure| erasure.ended_at.is_none())
    }

    /// What the form's state is, for who changed the customer meanwhile.
    fn now_is(&self) -> [(&'static str, &str); 4] {
        let Customer { name, phone, company, notes, .. } = &self.it.customer;
        [("Name", name), ("Telephone", phone), ("Company", company), ("Notes", notes)]
    }

    /// The page with one list further on; the others stay where they are.
    fn further(&self, list: List) -> Option<String> {
        let Dossier { tickets, links, mails, .. } = self.it;
        let next = match list {
            List::Tickets => &tickets.next,
            List::Links => &links.next,
            List::Mails => &mails.next,
        };
        Some(self.with(list, Some(next.as_deref()?)))
    }

    /// The page with one list from its beginning, if it is further on.
    fn back(&self, list: List) -> Option<String> {
        let Places { tickets, links, mails } = &self.shown.places;
        let place = match list {
            List::Tickets => tickets,
            List::Links => links,
            List::Mails => mails,
        };
        place.as_ref().map(|_| self.with(list, None))
    }

    fn with(&self, list: List, place: Option<&str>) -> String {
        let Places { tickets, links, mails } = &self.shown.places;
        let mut pairs = [
            ("tickets", tickets.as_deref()),
            ("links", links.as_deref()),
            ("mails", mails.as_deref()),
        ];
        pairs[list as usize].1 = place;
        let kept = pairs.iter().filter_map(|(name, place)| Some(format!("{name}={}", (*place)?)));
        let query = kept.collect::<Vec<_>>().join("&");
        let name = pairs[list as usize].0;
        format!("{}?{query}#{name}", self.href())
    }

    /// Whether a link still opens the portal.
    fn works(&self, link: &Link) -> bool {
        link.revoked_at.is_none() && link.expires_at > self.now && self.it.customer.active
    }

    fn any_works(&self) -> bool {
        self.it.links.items.iter().any(|it| self.works(&it.link))
            || self.shown.places.links.is_some()
            || self.it.links.next.is_some()
    }
}

/// What a link was made for, and by whom.
fn origin(it: &CustomerLink) -> String {
    let by = it.link.issued_by.as_deref();
    match (it.link.reason, by) {
        (Reason::Requested, _) => "Asked for by the customer".to_owned(),
        (Reason::TicketMail, _) => "In a mail".to_owned(),
        (_, Some(by)) => format!("Made by {by}"),
        (Reason::Staff, None) => "Mailed by staff".to_owned(),
        (Reason::Api, None) => "Made by a program".to_owned(),
    }
}
