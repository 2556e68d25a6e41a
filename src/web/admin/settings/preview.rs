//! What settings would look like, before they are saved: the real pages and a real mail, in a tab of their
//! own. Nothing is changed by a look.

use askama::Template;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse as _};

use crate::clock::Millis;
use crate::domain::entries::{By, Entry, Kind, Visibility};
use crate::domain::links;
use crate::domain::settings::InForce;
use crate::domain::tickets::{Detail, Priority, Status, Summary};
use crate::ids::Reference;
use crate::mail::{self, Brand, Mail, Minted};
use crate::web::admin::desk::AdminDesk;
use crate::web::hub::Hub;
use crate::web::portal::Reader;
use crate::web::portal::ticket::Ticket;
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};
use crate::web::site::Site;

/// A ticket that nobody has: a reference may hold no such letters by chance alone.
const REFERENCE: &str = "TKT-7K3M9Q";
const SUBJECT: &str = "The keypad in the kitchen beeps";
const SOLVED: &str =
    "The contact of the back door was worn. It is new now, and all zones are quiet.";
const HOUR: i64 = 3_600_000;

/// What there is to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preview {
    /// The portal's door, and a ticket in it.
    Portal,
    /// A mail.
    Mail,
    /// The start page.
    StartPage,
}

impl Preview {
    /// What a button asks for; nothing if it is not to look.
    pub(super) fn parse(step: &str) -> Option<Self> {
        match step {
            "portal" => Some(Self::Portal),
            "mail" => Some(Self::Mail),
            "start_page" => Some(Self::StartPage),
            _ => None,
        }
    }
}

/// Shows it with these settings.
pub(super) fn show(desk: &AdminDesk, preview: Preview, settings: &InForce) -> Reply {
    let site = desk.site_of(settings);
    match preview {
        Preview::Portal => portal(desk, &site, settings),
        Preview::Mail => letter(desk, settings),
        Preview::StartPage => reply::page(&Hub { site: &site }),
    }
}

/// The portal in the look of `site`.
pub(super) fn portal(desk: &AdminDesk, site: &Site, settings: &InForce) -> Reply {
    let reader = Reader {
        email: "ana@example.com".to_owned(),
        name: "Ana Costa".to_owned(),
        expires_at: desk.now.plus(settings.rules.link_ttl),
    };
    let sample = sample(desk);
    let reopens = settings.rules.reopen_on_reply;
    let ticket = Ticket { site, reader: &reader, ticket: &sample, reopens };
    let ticket = ticket.render().map_err(|error| Problem::internal().because(error))?;
    reply::page(&PortalPreview { site, ticket })
}

/// The door and a ticket.
#[derive(Template)]
#[template(path = "admin/settings/preview.html")]
struct PortalPreview<'a> {
    site: &'a Site,
    /// The ticket as the portal renders it.
    ticket: String,
}

fn sample(desk: &AdminDesk) -> Detail {
    let now = desk.now.0;
    let own = Some(desk.me.staff.name.clone());
    let entry = |hours: i64, kind, by, author: Option<String>, body: Option<&str>| Entry {
        id: -hours,
        kind,
        at: Millis(now - hours * HOUR),
        by,
        author,
        body: body.map(str::to_owned),
        from: (kind == Kind::Resolution).then_some(Status::InProgress),
        to: (kind == Kind::Resolution).then_some(Status::Resolved),
        visibility: Visibility::Public,
    };
    let asked = "Good morning Ana, is the cover of the sensor at the back door fully closed?";
    let answered = "It is, and the keypad still beeps.";
    let ana = Some("Ana Costa".to_owned());
    let timeline = vec![
        entry(30, Kind::Created, By::Customer, ana.clone(), None),
        entry(26, Kind::Note, By::Staff, own.clone(), Some(asked)),
        entry(25, Kind::Reply, By::Customer, ana, Some(answered)),
        entry(2, Kind::Resolution, By::Staff, own.clone(), Some(SOLVED)),
    ];
    let rules = desk.rules();
    Detail {
        ticket_id: 0,
        version: 0,
        summary: Summary {
            reference: reference(),
            subject: SUBJECT.to_owned(),
            status: Status::Resolved,
            assigned_to: own,
            created_at: Millis(now - 30 * HOUR),
            updated_at: Millis(now - 2 * HOUR),
            note_count: 2,
            unread: false,
        },
        description: "Once a minute since the battery was changed. The display says CHECK ZONE 4."
            .to_owned(),
        priority: Priority::Medium,
        category: rules.categories.first().cloned(),
        resolution: Some(SOLVED.to_owned()),
        timeline,
        earlier: None,
    }
}

fn reference() -> Reference {
    Reference::parse(REFERENCE).unwrap_or_else(|| Reference::of_number(0))
}

/// A mail as a mail program shows it. Its styles stand in it, as mail programs want them, so it is shown in
/// a sandbox that is no part of this site.
fn letter(desk: &AdminDesk, settings: &InForce) -> Reply {
    const POLICY: HeaderValue = HeaderValue::from_static(
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    );
    let public_url = desk.app.config.server.public_url.as_str();
    let minted = Minted {
        link: Some(format!("{public_url}/portal/tickets/{REFERENCE}#token=…")),
        code: None,
        valid_for: links::in_words_of_time(settings.rules.link_ttl),
    };
    let mail = Mail::TicketResolved {
        customer_name: "Ana Costa".to_owned(),
        reference: REFERENCE.to_owned(),
        subject: SUBJECT.to_owned(),
        resolution: SOLVED.to_owned(),
        note: None,
    };
    let brand = Brand::from(&settings.config.brand);
    let rendered = mail::render(&mail, &brand, &settings.rules, &minted)
        .map_err(|error| Problem::internal().because(error))?;
    Ok(([(CONTENT_SECURITY_POLICY, POLICY)], Html(rendered.html)).into_response())
}
