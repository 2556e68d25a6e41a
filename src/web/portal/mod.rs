//! The customer's pages. The address answers a plain navigation with a shell that is the same for
//! everybody; with a token in the `Authorization` header it answers with the content to show in it.

mod help;
pub mod kept;
pub mod list;
mod live;
pub mod ticket;

#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash, Hasher as _};

use askama::Template;
use axum::Router;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::clock::Millis;
use crate::domain::access::Viewer;
use crate::error::Error;
use crate::web::ctx::{Ctx, Shared};
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};
use crate::web::site::Site;
use kept::Kept;

/// The customer's addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/portal", get(list::show))
        .route("/portal/help", get(help::show))
        .route("/portal/tickets/{reference}", get(ticket::show))
        .route("/portal/tickets/{reference}/live", get(live::listen))
        .route("/portal/", get(to_list))
        .route("/portal/tickets", get(to_list))
        .route("/portal/tickets/", get(to_list))
}

/// What is left of a ticket's address when its end is cut off by hand leads to the list.
async fn to_list() -> Redirect {
    Redirect::permanent("/portal")
}

/// Who reads a page, as the page names them.
#[derive(Clone, Debug, Hash)]
pub struct Reader {
    /// Their address.
    pub email: String,
    /// Their name; empty if they never gave one.
    pub name: String,
    /// When their link ends.
    pub expires_at: Millis,
}

impl From<Viewer> for Reader {
    fn from(viewer: Viewer) -> Self {
        Self { email: viewer.email.to_string(), name: viewer.name, expires_at: viewer.expires_at }
    }
}

impl Reader {
    /// What to greet them with.
    pub fn first_name(&self) -> Option<&str> {
        self.name.split_whitespace().next()
    }
}

/// What every address of the portal answers before it knows who asks.
#[derive(Template)]
#[template(path = "portal/shell.html")]
pub struct Shell<'a> {
    /// Brand and assets.
    pub site: &'a Site,
}

/// A link that opens nothing (any more), with the form for a new one.
#[derive(Template)]
#[template(path = "portal/refused.html")]
pub struct Refused<'a> {
    /// Brand: where to call instead.
    pub site: &'a Site,
    /// Whether it was good once.
    pub expired: bool,
}

impl Refused<'_> {
    fn heading(&self) -> &'static str {
        if self.expired { "This link has expired" } else { "This link is not valid" }
    }
}

/// A ticket that is not there, or not theirs: the same words for both.
#[derive(Template)]
#[template(path = "portal/missing.html")]
pub struct Missing;

/// The shell, for a plain navigation. It may be kept, but is asked for again each time: it names
/// the script and stylesheet of this version.
fn shell(ctx: &Ctx) -> Reply {
    let mut response = reply::page(&Shell { site: &ctx.site })?;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, VARIES);
    Ok(response)
}

/// One address has two answers: which one depends on these.
const VARIES: HeaderValue = HeaderValue::from_static("authorization, accept");

/// A fragment as it is sent, with the tag by which a later request can ask whether it is still the same.
fn fragment(template: &impl Template, tag: HeaderValue) -> Result<Kept, Problem> {
    let html = template.render().map_err(|error| Problem::internal().because(error))?;
    Ok(Kept { kind: "text/html; charset=utf-8", tag: Some(tag), body: html.into(), seen: None })
}

/// Nothing new since the tag that the request names.
fn unchanged(tag: HeaderValue) -> Response {
    (StatusCode::NOT_MODIFIED, [(ETAG, tag), (VARY, VARIES)]).into_response()
}

/// Whether the request holds what `tag` names already (RFC 9110 §13.1.2).
fn holds(ctx: &Ctx, tag: &HeaderValue) -> bool {
    let name: HeaderName = IF_NONE_MATCH;
    ctx.header(name.as_str()).is_some_and(|held| held.as_bytes() == tag.as_bytes())
}

/// A tag over what the page is made of, and how it looks. A browser holds one page for a tag at a
/// time, so 64 bits tell them apart; two processes of one version give the same.
fn tag(site: &Site, parts: &impl Hash) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    (&site.look, parts).hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// What of an error is a fragment of its own: a refused link and a ticket that is not found.
fn explain(ctx: &Ctx, error: Error) -> Reply {
    let (status, mut response) = match error {
        Error::LinkExpired => {
            (StatusCode::UNAUTHORIZED, reply::page(&Refused { site: &ctx.site, expired: true })?)
        }
        Error::LinkInvalid => {
            (StatusCode::UNAUTHORIZED, reply::page(&Refused { site: &ctx.site, expired: false })?)
        }
        Error::NotFound => (StatusCode::NOT_FOUND, reply::page(&Missing)?),
        other => return Err(other.into()),
    };
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response.headers_mut().insert(VARY, VARIES);
    Ok(response)
}
