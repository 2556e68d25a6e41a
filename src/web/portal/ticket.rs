//! One ticket: what the page says of it and of each thing that happened.

use std::sync::Arc;

use askama::Template;
use axum::http::HeaderValue;
use axum::http::header::IF_NONE_MATCH;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::kept::{Kept, Key, View};
use super::{Reader, explain, fragment, shell, tag, unchanged};
use crate::domain::Tx;
use crate::domain::access::{self, Viewer};
use crate::domain::entries::{By, Entry, Kind};
use crate::domain::tickets::{self, Detail, Status};
use crate::error::Error;
use crate::ids::Reference;
use crate::web::ctx::Ctx;
use crate::web::input::{Query, Segments};
use crate::web::reply::Reply;
use crate::web::site::{Site, initials, plain_direction, prose, time};

/// `/portal/tickets/{reference}`
pub async fn show(ctx: Ctx, Segments(text): Segments<String>, Query(mut fields): Query) -> Reply {
    if !ctx.has_authorization() {
        return shell(&ctx);
    }
    // An address that somebody cut off shows the newest entries, as a bad tab shows all tickets.
    let before = fields.optional_string("before").filter(|cursor| tickets::is_earlier(cursor));
    match answer(&ctx, Reference::parse(&text), before).await {
        Ok(reply) => reply,
        Err(error) => explain(&ctx, error),
    }
}

/// A page that was made before costs one look at the link; one that is not kept, but that the request
/// holds, one more at the ticket's version.
async fn answer(
    ctx: &Ctx,
    reference: Option<Reference>,
    before: Option<String>,
) -> Result<Reply, Error> {
    let (viewer, ticket) = match find(ctx, reference, before.clone()).await? {
        Found::Kept(viewer, kept) => return Ok(shown(ctx, &viewer, &kept)),
        Found::Held(tag) => return Ok(Ok(unchanged(tag))),
        Found::Read(viewer, ticket) => (viewer, ticket),
    };
    let reopens = ctx.rules().reopen_on_reply;
    let reader = Reader::from(viewer.clone());
    let page = Ticket { site: &ctx.site, reader: &reader, ticket: &ticket, reopens };
    let reference = &ticket.summary.reference;
    let tag = Name { reopens, reference, before: before.as_deref(), version: ticket.version }
        .tag(&ctx.site, &viewer);
    Ok(fragment(&page, tag).and_then(|page| {
        let seen = Some((ticket.ticket_id, ticket.summary.updated_at));
        let kept = Arc::new(Kept { seen, ..page });
        if before.is_none() {
            let view = View::Ticket(reference.clone());
            ctx.pages.keep(Key::new(&viewer, ctx.site.edition, view), &kept);
        }
        shown(ctx, &viewer, &kept)
    }))
}

/// The page. Who does not hold it yet has seen the ticket now.
fn shown(ctx: &Ctx, viewer: &Viewer, kept: &Kept) -> Reply {
    if let Some((ticket_id, until)) = kept.seen.filter(|_| !kept.is_held(ctx)) {
        ctx.app.uses.ticket_seen(viewer, ticket_id, until);
    }
    kept.answer(ctx)
}

enum Found {
    Kept(Viewer, Arc<Kept>),
    Held(HeaderValue),
    Read(Viewer, Box<Detail>),
}

async fn find(
    ctx: &Ctx,
    reference: Option<Reference>,
    before: Option<String>,
) -> Result<Found, Error> {
    let (token, now, reopens) = (ctx.token()?, ctx.now, ctx.rules().reopen_on_reply);
    let (pages, site) = (Arc::clone(&ctx.pages), Arc::clone(&ctx.site));
    let held = ctx.header(IF_NONE_MATCH.as_str()).map(str::to_owned);
    let work = move |tx: &mut Tx<'_>| {
        let viewer = access::viewer(tx, &token, now)?;
        let reference = reference.as_ref().ok_or(Error::NotFound)?;
        let before = before.as_deref();
        if before.is_none() {
            let key = Key::new(&viewer, site.edition, View::Ticket(reference.clone()));
            if let Some(kept) = pages.find(&key) {
                return Ok(Found::Kept(viewer, kept));
            }
        }
        if let Some(held) = &held {
            let version = tickets::version(tx, &viewer, reference)?;
            let tag = Name { reopens, reference, before, version }.tag(&site, &viewer);
            if tag.as_bytes() == held.as_bytes() {
                return Ok(Found::Held(tag));
            }
        }
        let ticket = tickets::detail(tx, &viewer, reference, before)?;
        Ok::<_, Error>(Found::Read(viewer, Box::new(ticket)))
    };
    ctx.app.db.read(work).await
}

/// What the page is made of, beside who reads it: the ticket and the one rule that it tells.
#[derive(Hash)]
struct Name<'a> {
    reopens: bool,
    reference: &'a Reference,
    before: Option<&'a str>,
    version: i64,
}

impl Name<'_> {
    fn tag(&self, site: &Site, viewer: &Viewer) -> HeaderValue {
        tag(site, &(self, viewer.email.as_str(), &viewer.name, viewer.expires_at))
    }
}

/// The ticket as a fragment.
#[derive(Template)]
#[template(path = "portal/ticket.html")]
pub struct Ticket<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// Who reads.
    pub reader: &'a Reader,
    /// The ticket.
    pub ticket: &'a Detail,
    /// Whether a reply reopens it once it is resolved.
    pub reopens: bool,
}

impl Ticket<'_> {
    fn title(&self) -> String {
        let summary = &self.ticket.summary;
        format!("{} {}", summary.reference, plain_direction(&summary.subject))
    }

    fn href(&self) -> String {
        format!("/portal/tickets/{}", self.ticket.summary.reference)
    }

    fn earlier(&self) -> Option<String> {
        let cursor = self.ticket.earlier.as_deref()?;
        Some(format!("{}?before={}", self.href(), utf8_percent_encode(cursor, NON_ALPHANUMERIC)))
    }

    fn is_mine(&self, entry: &Entry) -> bool {
        entry.by == By::Customer
    }

    /// The customer is "You"; who has no name that a customer may know speaks for the company.
    fn author<'b>(&'b self, entry: &'b Entry) -> &'b str {
        match &entry.author {
            _ if self.is_mine(entry) => "You",
            Some(name) if !name.is_empty() => name,
            _ => &self.site.brand.name,
        }
    }

    fn initials(&self, entry: &Entry) -> String {
        if !self.is_mine(entry) {
            return initials(self.author(entry));
        }
        let own = if self.reader.name.is_empty() { &self.reader.email } else { &self.reader.name };
        initials(own)
    }
}
