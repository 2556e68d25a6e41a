//! One ticket: what the page says of it and of each thing that happened.

use askama::Template;
use axum::http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Reader, explain, fragment, holds, shell, tag, unchanged};
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

/// A request that holds what is current costs one look at the link and one at the version.
async fn answer(
    ctx: &Ctx,
    reference: Option<Reference>,
    before: Option<String>,
) -> Result<Reply, Error> {
    let (viewer, reference, version) = look(ctx, reference).await?;
    let current = name(ctx, &viewer, &reference, before.as_deref(), version);
    if holds(ctx, &current) {
        return Ok(Ok(unchanged(current)));
    }
    let (reader, part) = (viewer.clone(), before.clone());
    let work = move |tx: &mut Tx<'_>| tickets::detail(tx, &reader, &reference, part.as_deref());
    let ticket = ctx.app.db.read(work).await?;
    ctx.app.uses.ticket_seen(&viewer, ticket.ticket_id, ticket.summary.updated_at);
    let found = &ticket.summary.reference;
    let current = name(ctx, &viewer, found, before.as_deref(), ticket.version);
    let reopens = ctx.rules().reopen_on_reply;
    let page = Ticket { site: &ctx.site, reader: &viewer.into(), ticket: &ticket, reopens };
    Ok(fragment(&page, &current))
}

async fn look(ctx: &Ctx, reference: Option<Reference>) -> Result<(Viewer, Reference, i64), Error> {
    let (token, now) = (ctx.token()?, ctx.now);
    let work = move |tx: &mut Tx<'_>| {
        let viewer = access::viewer(tx, &token, now)?;
        let reference = reference.clone().ok_or(Error::NotFound)?;
        let version = tickets::version(tx, &viewer, &reference)?;
        Ok((viewer, reference, version))
    };
    ctx.app.db.read(work).await
}

/// What the page is made of: the ticket, who reads it, and the one rule that it tells.
fn name(
    ctx: &Ctx,
    viewer: &Viewer,
    reference: &Reference,
    before: Option<&str>,
    version: i64,
) -> HeaderValue {
    let page = (reference, before, version, ctx.rules().reopen_on_reply);
    let reader = (viewer.email.as_str(), &viewer.name, viewer.expires_at);
    tag(ctx, &(page, reader))
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
