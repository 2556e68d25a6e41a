//! The list of a customer's tickets: what the page says and where its links lead.

use std::sync::Arc;

use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::kept::{Kept, Key, View};
use super::{Reader, explain, fragment, shell, tag};
use crate::domain::Tx;
use crate::domain::access::{self, Viewer};
use crate::domain::page::Page;
use crate::domain::tickets::{self, Counts, ListFilter, Status, Summary};
use crate::error::Error;
use crate::web::ctx::Ctx;
use crate::web::input::Query;
use crate::web::problem::Problem;
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
    match answer(&ctx, filter).await {
        Ok(reply) => reply,
        Err(error) => explain(&ctx, error),
    }
}

async fn answer(ctx: &Ctx, filter: ListFilter) -> Result<Reply, Error> {
    let read = match find(ctx, filter.clone()).await? {
        Found::Kept(kept) => return Ok(kept.answer(ctx)),
        Found::Read(read) => read,
    };
    let key = view(&filter).map(|view| Key::new(&read.viewer, ctx.site.edition, view));
    Ok(render(ctx, &filter, *read).and_then(|kept| {
        let kept = Arc::new(kept);
        if let Some(key) = key {
            ctx.pages.keep(key, &kept);
        }
        kept.answer(ctx)
    }))
}

/// What of the lists may be kept.
fn view(filter: &ListFilter) -> Option<View> {
    let is_first = filter.query.is_none() && filter.cursor.is_none();
    is_first.then_some(View::List(filter.status))
}

enum Found {
    Kept(Arc<Kept>),
    Read(Box<Read>),
}

/// What the page shows, read at one moment.
struct Read {
    viewer: Viewer,
    counts: Counts,
    page: Page<Summary>,
}

async fn find(ctx: &Ctx, filter: ListFilter) -> Result<Found, Error> {
    let (token, now) = (ctx.token()?, ctx.now);
    let (view, searches) = (view(&filter), filter.query.is_some());
    let (pages, edition) = (Arc::clone(&ctx.pages), ctx.site.edition);
    let work = move |tx: &mut Tx<'_>| {
        let viewer = access::viewer(tx, &token, now)?;
        let key = view.clone().map(|view| Key::new(&viewer, edition, view));
        if let Some(kept) = key.and_then(|key| pages.find(&key)) {
            return Ok(Found::Kept(kept));
        }
        let counts = tickets::counts(tx, &viewer)?;
        let page = tickets::list_for_customer(tx, &viewer, &filter)?;
        Ok::<_, Error>(Found::Read(Box::new(Read { viewer, counts, page })))
    };
    // A search may visit every ticket of the customer.
    if searches { ctx.app.db.scan(work).await } else { ctx.app.db.read(work).await }
}

fn render(ctx: &Ctx, filter: &ListFilter, read: Read) -> Result<Kept, Problem> {
    let Read { viewer, counts, page } = read;
    let reader = Reader::from(viewer);
    let list = List {
        site: &ctx.site,
        reader: &reader,
        counts,
        status: filter.status,
        query: filter.query.as_deref().unwrap_or_default(),
        tickets: &page.items,
        next: page.next.as_deref(),
        is_first: filter.cursor.is_none(),
    };
    fragment(&list, tag(&ctx.site, &(&reader, counts, filter, &page)))
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
    /// Whether this page is the first.
    pub is_first: bool,
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
            (0, open, _) => format!("{} tickets are open.", in_words(open)),
            (1, 0, _) => "One ticket is being worked on.".into(),
            (busy, 0, _) => format!("{} tickets are being worked on.", in_words(busy)),
            (busy, open, _) => format!(
                "{} tickets are with us; {} being worked on.",
                in_words(busy + open),
                if busy == 1 {
                    "one is".into()
                } else {
                    format!("{} are", in_words(busy).to_lowercase())
                }
            ),
        }
    }

    /// How many of the tab's tickets match, as far as this page knows: to count the others would
    /// be to read them all.
    fn found(&self) -> String {
        let all = self.status.map_or_else(|| self.counts.all(), |status| self.counts.of(status));
        let kind = self.status.map(|it| format!("{} ", it.label().to_lowercase()));
        let tickets = format!("{}{}", kind.unwrap_or_default(), plural(all, "ticket"));
        match (self.is_first, self.next, self.tickets.len()) {
            (true, None, 1) => format!("1 of {all} {tickets} contains"),
            (true, None, found) => format!("{found} of {all} {tickets} contain"),
            (true, Some(_), found) => format!("More than {found} of {all} {tickets} contain"),
            (false, _, _) => "Older tickets that contain".into(),
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

/// A number at the beginning of a sentence.
fn in_words(count: i64) -> String {
    const WORDS: [&str; 10] =
        ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];
    let word = usize::try_from(count).ok().and_then(|at| WORDS.get(at));
    word.map_or_else(|| count.to_string(), |&word| word.to_owned())
}

fn plural(count: i64, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
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

    fn list<'a>(
        site: &'a Site,
        reader: &'a Reader,
        counts: Counts,
        found: &'a [Summary],
    ) -> List<'a> {
        let (query, next) = ("camera", None);
        List { site, reader, counts, status: None, query, tickets: found, next, is_first: true }
    }

    fn lead(in_progress: i64, open: i64, closed: i64) -> String {
        let site = Site::new(crate::config::Config::default().brand);
        let now = crate::clock::Millis(0);
        let reader = Reader { email: String::new(), name: String::new(), expires_at: now };
        list(&site, &reader, Counts { open, in_progress, resolved: 0, closed }, &[]).lead()
    }

    #[test]
    fn the_first_sentence_counts_what_is_with_the_company() {
        assert_eq!(lead(0, 0, 0), "There is nothing here yet.");
        assert_eq!(lead(0, 0, 3), "Nothing is waiting: all your tickets are done.");
        assert_eq!(lead(0, 1, 0), "One ticket is open.");
        assert_eq!(lead(0, 12, 0), "12 tickets are open.");
        assert_eq!(lead(1, 0, 1), "One ticket is being worked on.");
        assert_eq!(lead(2, 0, 0), "Two tickets are being worked on.");
        assert_eq!(lead(1, 1, 0), "Two tickets are with us; one is being worked on.");
        assert_eq!(lead(3, 1, 0), "Four tickets are with us; three are being worked on.");
    }

    #[test]
    fn a_search_says_how_many_of_the_tab_s_tickets_match() {
        let site = Site::new(crate::config::Config::default().brand);
        let now = crate::clock::Millis(0);
        let reader = Reader { email: String::new(), name: String::new(), expires_at: now };
        let counts = Counts { open: 1, in_progress: 2, resolved: 20, closed: 28 };
        let ticket = Summary {
            reference: crate::ids::Reference::parse("TKT-7K3M9Q").expect("a reference"),
            subject: "Camera".into(),
            status: Status::Open,
            assigned_to: None,
            created_at: now,
            updated_at: now,
            note_count: 0,
            unread: false,
        };
        let two = [ticket.clone(), ticket];
        let all = list(&site, &reader, counts, &two);
        assert_eq!(all.found(), "2 of 51 tickets contain");
        let more = List { next: Some("x"), ..list(&site, &reader, counts, &two) };
        assert_eq!(more.found(), "More than 2 of 51 tickets contain");
        let status = Some(Status::Open);
        let tab = List { status, ..list(&site, &reader, counts, &two[..1]) };
        assert_eq!(tab.found(), "1 of 1 open ticket contains");
        let later = List { is_first: false, ..list(&site, &reader, counts, &two) };
        assert_eq!(later.found(), "Older tickets that contain");
    }

    #[test]
    fn addresses_carry_what_is_set_and_nothing_else() {
        assert_eq!(href(None, "", None), "/portal");
        assert_eq!(
            href(Some(Status::InProgress), "a&b é", Some("x_1")),
            "/portal?status=in%5Fprogress&q=a%26b%20%C3%A9&cursor=x%5F1"
        );
    }
}
