//! One ticket: what the page says of it and of each thing that happened.

use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::entries::{By, Entry, Kind};
use crate::domain::tickets::{Detail, Status};
use crate::web::portal::Reader;
use crate::web::site::{Site, initials, plain_direction, prose, time};

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
