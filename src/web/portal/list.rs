//! The list of a customer's tickets: what the page says and where its links lead.

use askama::Template;
use axum::http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Reader, explain, fragment, holds, shell, tag, unchanged};
use crate::domain::Tx;
use crate::domain::access;
use crate::domain::page::Page;
use crate::domain::tickets::{self, Counts, ListFilter, Status, Summary};
use crate::error::Error;
use crate::web::ctx::Ctx;
use crate::web::input::Query;
use crate::web::reply::Reply;
use crate::web::site::{Site, time};

/// How many tickets a page has.
const PAGE: i64 = 20;
/// Longest search, in characters; what is longer is cut, because a page has no field to blame.
const SEARCH_MAX: usize = 200;

/// `/portal`
pub async fn show(ctx: Ctx, Query(mut fields): Query) -> Reply {
    if !ctx.has_authorization() {
        return shell(&ctx);
    }
    let filter = ListFilter {
        status: fields.optional_string("status").as_deref().and_then(Status::parse),
        query: fields.optional_string("q").map(|query| query.chars().take(SEARCH_MAX).collect()),
        cursor: fields.optional_string("cursor").filter(|cursor| tickets::is_own_cursor(cursor)),
        limit: PAGE,
    };
    match read(&ctx, filter.clone()).await {
        Ok(read) => answer(&ctx, &filter, &read),
        Err(error) => explain(error),
    }
}

/// What the page shows, read at one moment.
type Read = (Reader, Counts, Page<Summary>);

async fn read(ctx: &Ctx, filter: ListFilter) -> Result<Read, Error> {
    let (token, now) = (ctx.token()?, ctx.now);
    let searches = filter.query.is_some();
    let work = move |tx: &mut Tx<'_>| {
        let viewer = access::viewer(tx, &token, now)?;
        let counts = tickets::counts(tx, &viewer)?;
        let page = tickets::list_for_customer(tx, &viewer, &filter)?;
        Ok::<_, Error>((viewer.into(), counts, page))
    };
    // A search may visit every ticket of the customer.
    if searches { ctx.app.db.scan(work).await } else { ctx.app.db.read(work).await }
}

fn answer(ctx: &Ctx, filter: &ListFilter, (reader, counts, page): &Read) -> Reply {
    let list = List {
        site: &ctx.site,
        reader,
        counts: *counts,
        status: filter.status,
        query: filter.query.as_deref().unwrap_or_default(),
        tickets: &page.items,
        next: page.next.as_deref(),
    };
    let tag: HeaderValue = tag(ctx, &[&format!("{reader:?} {counts:?} {filter:?} {page:?}")]);
    if holds(ctx, &tag) { Ok(unchanged(tag)) } else { fragment(&list, &tag) }
}

/// The list as a fragment.
#[derive(Template)]
#[template(path = "portal/list.html")]
pub struct List<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// Who reads.
    pub reader: &'a Reader,
    /// How many there are, by status.
    pub counts: Counts,
    /// The tab.
    pub status: Option<Status>,
    /// What was searched for; empty without.
    pub query: &'a str,
    /// This page's tickets.
    pub tickets: &'a [Summary],
    /// Where the next page begins.
    pub next: Option<&'a str>,
}

/// A status tab.
pub struct Tab {
    word: &'static str,
    label: &'static str,
    count: i64,
    href: String,
    current: bool,
}

impl List<'_> {
    fn lead(&self) -> String {
        match (self.counts.in_progress, self.counts.open, self.counts.all()) {
            (0, 0, 0) => "There is nothing here yet.".into(),
            (0, 0, _) => "Nothing is waiting: all your tickets are done.".into(),
            (0, 1, _) => "One ticket is open.".into(),
            (0, open, _) => format!("{open} tickets are open."),
            (1, _, _) => "One ticket is being worked on.".into(),
            (busy, _, _) => format!("{busy} tickets are being worked on."),
        }
    }

    fn tabs(&self) -> Vec<Tab> {
        let all = self.tab(None, "All", self.counts.all());
        let each = Status::ALL.map(|it| self.tab(Some(it), it.label(), self.counts.of(it)));
        std::iter::once(all).chain(each).collect()
    }

    fn tab(&self, status: Option<Status>, label: &'static str, count: i64) -> Tab {
        Tab {
            word: status.map_or("all", Status::as_str),
            label,
            count,
            href: href(status, self.query, None),
            current: status == self.status,
        }
    }

    fn more(&self) -> Option<String> {
        self.next.map(|cursor| href(self.status, self.query, Some(cursor)))
    }
}

/// The address of a list.
fn href(status: Option<Status>, query: &str, cursor: Option<&str>) -> String {
    let parts = [
        ("status", status.map(Status::as_str)),
        ("q", Some(query).filter(|query| !query.is_empty())),
        ("cursor", cursor),
    ];
    let pairs: Vec<String> = parts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    if pairs.is_empty() { "/portal".into() } else { format!("/portal?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_carry_what_is_set_and_nothing_else() {
        assert_eq!(href(None, "", None), "/portal");
        assert_eq!(
            href(Some(Status::InProgress), "a&b é", Some("x_1")),
            "/portal?status=in%5Fprogress&q=a%26b%20%C3%A9&cursor=x%5F1"
        );
    }
}
