//! `/admin`: the first page of the desk: how much there is to do, and what waits for its reader.

use askama::Template;
use axum::Router;
use axum::routing::get;

use super::desk::Desk;
use super::frame::Frame;
use super::tickets::called;
use crate::domain::Tx;
use crate::domain::dashboard::{self, MAILS_COUNTED};
use crate::domain::tickets::{self, DeskQuery, Status, Ticket};
use crate::error::Error;
use crate::web::ctx::Shared;
use crate::web::reply::{self, Reply};
use crate::web::site::time;

/// How many of the tickets that wait are shown; the list has all of them.
const SHOWN: i64 = 10;

/// Its addresses.
pub fn routes() -> Router<Shared> {
    Router::new().route("/admin", get(show))
}

async fn show(desk: Desk) -> Reply {
    let (me, now) = (desk.me.staff.clone(), desk.now);
    let work = move |tx: &mut Tx<'_>| {
        let figures = dashboard::look(tx, me.id, now)?;
        let query = DeskQuery {
            assignee: Some(me.email.clone()),
            unfinished: true,
            customer_last: true,
            limit: SHOWN,
            ..DeskQuery::default()
        };
        Ok::<_, Error>((figures, tickets::list(tx, &query)?.items))
    };
    let (figures, waiting) = desk.app.db.scan(work).await?;
    reply::page(&Dashboard { frame: desk.frame(), figures, waiting: &waiting })
}

/// Figures, and what waits.
#[derive(Template)]
#[template(path = "admin/dashboard.html")]
pub struct Dashboard<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// How much there is to do.
    pub figures: dashboard::Dashboard,
    /// The tickets that wait for its reader, the latest word first; the first ten.
    pub waiting: &'a [Ticket],
}

/// One figure.
struct Figure {
    count: String,
    is_none: bool,
    label: &'static str,
    about: String,
    /// Where what it counts is listed.
    href: Option<&'static str>,
}

/// Where the mails that failed are listed, for admins.
const FAILED_MAILS: &str = "/admin/outbox?state=failed";

impl Dashboard<'_> {
    fn first_name(&self) -> &str {
        self.frame.me.staff.name.split_whitespace().next().unwrap_or_default()
    }

    fn lead(&self) -> String {
        match self.figures.waiting_for_me {
            0 => "Nothing waits for you.".to_owned(),
            1 => "One ticket waits for your answer.".to_owned(),
            many => format!("{many} tickets wait for your answer."),
        }
    }

    fn figures(&self) -> [Figure; 5] {
        let it = &self.figures;
        let more = if it.failed_mails >= MAILS_COUNTED { "+" } else { "" };
        let mails = match it.failed_mails {
            0 => "in the last 14 days",
            _ if self.frame.me.is_admin() => "in the last 14 days",
            _ => "in the last 14 days; an admin can look at them",
        };
        [
            figure(it.waiting_for_me, "Waiting for me", of(it.mine, "mine"))
                .at("/admin/tickets?status=unfinished&assignee=me&last=customer"),
            figure(it.unassigned, "Unassigned", "nobody works on them yet".into())
                .at("/admin/tickets?status=unfinished&assignee=nobody"),
            figure(it.customer_last, "Customer wrote last", of(it.unfinished, "unfinished"))
                .at("/admin/tickets?status=unfinished&last=customer"),
            figure(it.resolved_this_week, "Resolved this week", "since Monday".into())
                .at("/admin/tickets?status=resolved&resolved=week"),
            Figure {
                count: format!("{}{more}", it.failed_mails),
                href: self.frame.me.is_admin().then_some(FAILED_MAILS),
                ..figure(it.failed_mails, "Mails that failed", mails.into())
            },
        ]
    }

    fn has_more(&self) -> bool {
        self.figures.waiting_for_me > SHOWN
    }
}

/// `of 12 that are mine`
fn of(all: i64, what: &str) -> String {
    match all {
        0 => format!("no ticket is {what}"),
        1 => format!("of 1 that is {what}"),
        _ => format!("of {all} that are {what}"),
    }
}

fn figure(count: i64, label: &'static str, about: String) -> Figure {
    Figure { count: count.to_string(), is_none: count == 0, label, about, href: None }
}

impl Figure {
    fn at(self, href: &'static str) -> Self {
        Self { href: Some(href), ..self }
    }
}
