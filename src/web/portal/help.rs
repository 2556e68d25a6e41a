//! `/portal/help`: how the portal works, for customers; a plain page that needs no link.

use askama::Template;

use crate::domain::links;
use crate::web::ctx::Ctx;
use crate::web::reply::{self, Reply};
use crate::web::site::Site;

/// The page.
pub async fn show(ctx: Ctx) -> Reply {
    let rules = ctx.rules();
    let valid_for = links::in_words_of_time(rules.link_ttl);
    reply::page(&Help { site: &ctx.site, reopens: rules.reopen_on_reply, valid_for })
}

#[derive(Template)]
#[template(path = "portal/help.html")]
struct Help<'a> {
    site: &'a Site,
    reopens: bool,
    valid_for: String,
}
