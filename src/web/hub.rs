//! The front door, and what a page says when something went wrong.

use askama::Template;

use crate::web::ctx::Ctx;
use crate::web::reply::{self, Reply};
use crate::web::site::Site;

/// `GET /`.
pub async fn show(ctx: Ctx) -> Reply {
    reply::page(&Hub { site: &ctx.site })
}

/// `/`: where would you like to go.
#[derive(Template)]
#[template(path = "hub.html")]
pub struct Hub<'a> {
    /// Brand and assets.
    pub site: &'a Site,
}

/// A whole page for a plain navigation that cannot be answered.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    site: &'a Site,
    status: u16,
    heading: &'static str,
    words: &'static str,
    href: &'static str,
    action: &'static str,
    request_id: Option<&'a str>,
}

impl<'a> ErrorPage<'a> {
    /// The page for an HTTP status. `request_id` is shown only where we are at fault.
    pub fn new(site: &'a Site, status: u16, request_id: Option<&'a str>) -> Self {
        let (heading, words) = say(status);
        let (href, action) = ("/", "To the Start Page");
        let request_id = request_id.filter(|_| status == 500);
        Self { site, status, heading, words, href, action, request_id }
    }
}

fn say(status: u16) -> (&'static str, &'static str) {
    match status {
        404 => {
            ("There is no such page", "The address may have a slip in it, or the page has moved.")
        }
        403 => (
            "This was not done",
            "It did not come from one of our own pages, so nothing was changed. Open the page itself \
             and try again there.",
        ),
        405 => ("This cannot be done here", "The page exists, but not for this kind of request."),
        413 => {
            ("This is too much at once", "What was sent is larger than we take. Please shorten it.")
        }
        429 => ("One moment, please", "There were too many requests. Try again in a few minutes."),
        503 => (
            "We will be right back",
            "We cannot answer at the moment. Please try again in a minute.",
        ),
        400..=499 => {
            ("We did not understand this", "Something in the request was not as it should be.")
        }
        _ => (
            "Something went wrong on our side",
            "It was not your doing. Nothing was changed. Please try again.",
        ),
    }
}
