//! `/admin/tickets`: everybody's tickets, as tabs, filters and a search ask for them.

use askama::Template;
use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::routing::get;

use super::desk::Desk;
use super::form::Filled;
use super::frame::Frame;
use super::ticket_query::{Asked, LIST, Tab, address, is_everything};
use crate::domain::Tx;
use crate::domain::highlight::{self, Piece, Snippet};
use crate::domain::page::Page;
use crate::domain::saved_views::{self, SavedView};
use crate::domain::staff::{self, Staff};
use crate::domain::tickets::{self, Counts, Person, Priority, Seen, Shown, Sort, Status, Ticket};
use crate::domain::words::{self, Term};
use crate::error::{Error, FieldError};
use crate::web::ctx::Shared;
use crate::web::reply::{self, Reply};
use crate::web::site::time;

/// Its address.
pub fn routes() -> Router<Shared> {
    Router::new().route("/admin/tickets", get(list))
}

/// Views that everybody has.
const VIEWS: [(&str, &str); 4] = [
    ("Waiting for me", "status=unfinished&assignee=me&last=customer"),
    ("Mine", "status=unfinished&assignee=me"),
    ("Unassigned", "status=unfinished&assignee=nobody"),
    ("Customer wrote last", "status=unfinished&last=customer"),
];

async fn list(desk: Desk, RawQuery(text): RawQuery) -> Reply {
    let asked = Asked::read(text.as_deref().unwrap_or_default(), &desk);
    page(&desk, asked, Told::default()).await
}

/// What the page tells beside the list.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What became of several tickets.
    pub(super) news: Option<News>,
    /// The name for a view as it was typed, and why it was not taken.
    pub(super) view: Filled,
}

/// What became of several tickets.
#[derive(Debug, Default)]
pub(super) struct News {
    /// In one sentence.
    pub(super) words: String,
    /// Tickets that could not be changed, and why.
    pub(super) failed: Vec<(String, String)>,
    /// What an undo sends back; nothing if nothing can be undone.
    pub(super) undo: Vec<String>,
    /// Whether what was sent could not be understood.
    pub(super) is_refused: bool,
}

/// What is read at one moment.
struct Read {
    staff: Vec<Staff>,
    views: Vec<SavedView>,
    found: Result<Found, Vec<FieldError>>,
}

/// The tickets of a page.
#[derive(Debug)]
struct Found {
    page: Page<Ticket>,
    /// How each is shown that was searched for.
    shown: Vec<Shown>,
    counts: Option<Counts>,
}

/// The page, with what else there is to tell.
pub(super) async fn page(desk: &Desk, asked: Asked, told: Told) -> Reply {
    let (me, wanted) = (desk.me.staff.id, asked.clone());
    let work = move |tx: &mut Tx<'_>| read(tx, me, &wanted);
    let Read { mut staff, views, found } = desk.app.db.scan(work).await?;
    // Who has left may still have tickets, which somebody is to take over.
    staff.sort_by_key(|one| !one.active);
    let (found, problems) = match found {
        Ok(found) => (found, Vec::new()),
        Err(problems) => (Found { page: Page::empty(), shown: vec![], counts: None }, problems),
    };
    let asked = asked.but(problems);
    let is_refused = asked.form.is_refused()
        || told.view.is_refused()
        || told.news.as_ref().is_some_and(|news| news.is_refused);
    let view = Tickets {
        frame: desk.frame(),
        categories: &desk.rules().categories,
        terms: words::terms(asked.typed()),
        asked: &asked,
        told: &told,
        staff: &staff,
        views: &views,
        found: &found,
    };
    let mut response = reply::page(&view)?;
    if is_refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

fn read(tx: &mut Tx<'_>, me: i64, asked: &Asked) -> Result<Read, Error> {
    let (staff, views) = (staff::list(tx)?, saved_views::list(tx, me)?);
    if asked.form.is_refused() {
        return Ok(Read { staff, views, found: Err(Vec::new()) });
    }
    // Nobody may have the address of a filter: then its field says so.
    let found = match look(tx, asked) {
        Err(Error::Invalid(problems)) => Err(problems),
        other => Ok(other?),
    };
    Ok(Read { staff, views, found })
}

fn look(tx: &mut Tx<'_>, asked: &Asked) -> Result<Found, Error> {
    let page = tickets::list(tx, &asked.query)?;
    let counts = tickets::desk_counts(tx, &asked.query)?;
    let mut shown = Vec::new();
    if !asked.typed().is_empty() {
        for ticket in &page.items {
            shown.push(tickets::show(tx, ticket, asked.typed())?);
        }
    }
    Ok(Found { page, shown, counts })
}

/// The page.
#[derive(Template)]
#[template(path = "admin/tickets.html")]
struct Tickets<'a> {
    frame: Frame<'a>,
    categories: &'a [String],
    asked: &'a Asked,
    told: &'a Told,
    staff: &'a [Staff],
    views: &'a [SavedView],
    found: &'a Found,
    terms: Vec<Term>,
}

/// A link that leads to another list.
struct Way<'a> {
    label: &'a str,
    href: String,
    count: Option<i64>,
    is_here: bool,
}

/// A ticket of the list, with what was searched for marked.
struct Row<'a> {
    ticket: &'a Ticket,
    subject: Vec<Piece>,
    reference: Vec<Piece>,
    customer: Vec<Piece>,
    snippet: Option<&'a Snippet>,
    /// Whether the snippet is from an internal note.
    is_internal: bool,
}

impl Tickets<'_> {
    /// The address of this list, wherever the page stands: it is also the answer to a form.
    fn own_address(&self) -> String {
        address(LIST, &self.asked.here())
    }

    fn ways(&self) -> Vec<Way<'_>> {
        let own = self.views.iter().map(|view| (view.name.as_str(), view.query.as_str()));
        let all = VIEWS.into_iter().chain(own);
        let way = |(label, query)| Way {
            label,
            href: address(LIST, query),
            count: None,
            is_here: self.asked.is_kept_as(query),
        };
        all.map(way).collect()
    }

    /// The view that is shown, if it is one that its reader keeps.
    fn kept_view(&self) -> Option<&SavedView> {
        self.views.iter().find(|view| self.asked.is_kept_as(&view.query))
    }

    /// Whether this is what waits for its reader.
    fn is_waiting_list(&self) -> bool {
        self.asked.is_kept_as(VIEWS[0].1)
    }

    fn can_keep(&self) -> bool {
        let kept = self.asked.kept();
        let known = VIEWS.iter().any(|(_, query)| *query == kept);
        !self.asked.form.is_refused() && !is_everything(&kept) && !known
    }

    fn tabs(&self) -> Vec<Way<'_>> {
        let unfinished = Some(Tab::Unfinished).filter(|tab| self.asked.tab == Some(*tab));
        let each = Status::ALL.map(|status| (Some(Tab::Of(status)), status.label()));
        let mut all = vec![(None, "All")];
        // Neither Open nor In Progress alone: dashboard and views ask for both.
        all.extend(unfinished.map(|tab| (Some(tab), "Unfinished")));
        all.extend(each);
        all.into_iter().map(|(tab, label)| self.tab(tab, label)).collect()
    }

    fn tab<'a>(&self, tab: Option<Tab>, label: &'a str) -> Way<'a> {
        let word = tab.map_or("", Tab::as_str);
        let count = self.found.counts.map(|counts| match tab {
            None => counts.all(),
            Some(Tab::Unfinished) => counts.open + counts.in_progress,
            Some(Tab::Of(status)) => counts.of(status),
        });
        Way {
            label,
            href: address(LIST, &self.asked.with(&[("status", word), ("cursor", "")])),
            count,
            is_here: self.asked.tab == tab && self.asked.form.problem("status").is_empty(),
        }
    }

    /// What is wrong that has no field of its own to stand beside.
    fn elsewhere(&self) -> Vec<&FieldError> {
        let here = ["q", "assignee", "priority", "category", "customer", "sort"];
        let problems = self.asked.form.problems().iter();
        problems.filter(|problem| !here.contains(&problem.field.as_str())).collect()
    }

    fn next(&self) -> Option<String> {
        let cursor = self.found.page.next.as_deref()?;
        Some(address(LIST, &self.asked.with(&[("cursor", cursor)])))
    }

    fn first(&self) -> Option<String> {
        self.asked.query.cursor.is_some().then(|| address(LIST, &self.asked.kept()))
    }

    fn table(&self) -> String {
        address("/admin/tickets.csv", &self.asked.kept())
    }

    /// The list with none of its filters.
    fn unfiltered(&self) -> String {
        let taken = ["assignee", "priority", "category", "customer", "last", "resolved", "cursor"];
        address(LIST, &self.asked.with(&taken.map(|name| (name, ""))))
    }

    /// Categories to choose from: the configured ones, and the one that is asked for.
    fn all_categories(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.categories.iter().map(String::as_str).collect();
        let asked = self.asked.form.value("category");
        if !asked.is_empty() && !all.contains(&asked) {
            all.push(asked);
        }
        all
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let rows = self.found.page.items.iter().enumerate();
        rows.map(|(at, ticket)| self.row(ticket, self.found.shown.get(at))).collect()
    }

    fn row<'a>(&self, ticket: &'a Ticket, shown: Option<&'a Shown>) -> Row<'a> {
        let mark = |text: &str| highlight::mark(text, &self.terms);
        Row {
            ticket,
            subject: shown.map_or_else(|| mark(&ticket.subject), |shown| shown.subject.clone()),
            reference: mark(ticket.reference.as_str()),
            customer: mark(called(&ticket.customer)),
            snippet: shown.and_then(|shown| shown.snippet.as_ref()),
            is_internal: shown.is_some_and(|shown| shown.is_internal),
        }
    }
}

/// What a person is called in a list.
pub(super) fn called(person: &Person) -> &str {
    if person.name.is_empty() { person.email.as_str() } else { &person.name }
}

/// The word for an order, on the page.
fn order(sort: &Sort) -> &'static str {
    match sort {
        Sort::Updated => "Last update",
        Sort::Created => "Creation",
        Sort::Priority => "Priority",
    }
}

/// What several tickets can become at once: resolving takes a text of each one's own.
fn choices() -> [Status; 3] {
    [Status::Open, Status::InProgress, Status::Closed]
}
