//! The captured mailbox: what would have been sent, readable while no mail server is set.

use askama::Template;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use linkify::{LinkFinder, LinkKind};

use crate::clock::Millis;
use crate::config::PublicUrl;
use crate::error::Error;
use crate::mail::Transport;
use crate::mail::capture::{Capture, Captured};
use crate::web::ctx::{Ctx, Shared};
use crate::web::input::Segments;
use crate::web::reply::{self, Reply};
use crate::web::site::{Site, time};

/// The mailbox's addresses. Whoever reads them can open every portal, so they are served only
/// while mail is captured and the public address is the machine's own.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/dev/mailbox", get(list))
        .route("/dev/mailbox/{id}", get(show))
        .route("/dev/mailbox/{id}/html", get(show_html))
}

/// The mailbox, if there is one: otherwise its addresses are not there. It holds usable links, so
/// it is for this machine alone.
fn capture(ctx: &Ctx) -> Result<&Capture, Error> {
    let config = &ctx.app.config;
    let listens_here = config.server.is_local() || config.mail.show_captured;
    let private = listens_here && config.server.public_url.is_loopback();
    match &ctx.app.post.transport {
        Transport::Capture(capture) if private && asks_this_machine(ctx.header("host")) => {
            Ok(capture)
        }
        _ => Err(Error::NotFound),
    }
}

/// Whether a request was meant for this machine. A page of another site whose name was made to lead here reads
/// what it likes of its own origin (DNS rebinding); but its browser says that site's name.
fn asks_this_machine(host: Option<&str>) -> bool {
    // Over plain HTTP a public URL is one of this machine, or none.
    host.is_none_or(|host| PublicUrl::parse(&format!("http://{host}")).is_ok())
}

fn find(ctx: &Ctx, id: &str) -> Result<Mail, Error> {
    capture(ctx)?.find(id).map(Mail::from).ok_or(Error::NotFound)
}

async fn list(ctx: Ctx) -> Reply {
    let mails: Vec<Mail> = capture(&ctx)?.list().into_iter().map(Mail::from).collect();
    reply::page(&Mailbox { site: &ctx.site, mails: &mails })
}

async fn show(ctx: Ctx, Segments(id): Segments<String>) -> Reply {
    let mail = find(&ctx, &id)?;
    let public_url = ctx.app.config.server.public_url.as_str();
    let mut page = reply::page(&MailPage { site: &ctx.site, mail: &mail, public_url })?;
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, FRAMING);
    Ok(page)
}

/// The one page that shows another in a frame. It has no script and no form.
const FRAMING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; \
     form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
);

/// The HTML part as a mail program would show it: with its own styles, without script, in a
/// sandbox that is no part of this site. Its links open beside the frame that it stands in.
async fn show_html(ctx: Ctx, Segments(id): Segments<String>) -> Reply {
    const POLICY: HeaderValue = HeaderValue::from_static(
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
         style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'",
    );
    let mail = find(&ctx, &id)?;
    let html = mail.html.replacen("<head>", "<head><base target=\"_blank\">", 1);
    Ok(([(CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response())
}

/// A captured mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Its name in the mailbox.
    pub id: String,
    /// Who sends.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// When it was handed over.
    pub at: Millis,
    /// Its text part.
    pub text: String,
    /// Its HTML part.
    pub html: String,
}

impl From<Captured> for Mail {
    fn from(captured: Captured) -> Self {
        let mut headers = captured.headers.into_iter();
        let from = headers.find(|(name, _)| name.eq_ignore_ascii_case("from"));
        Self {
            id: captured.id,
            from: from.map(|(_, value)| value).unwrap_or_default(),
            to: captured.to,
            subject: captured.subject,
            at: Millis(captured.at),
            text: captured.text,
            html: captured.html,
        }
    }
}

/// `/dev/mailbox`: all of them, newest first.
#[derive(Template)]
#[template(path = "dev/mailbox.html")]
pub struct Mailbox<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// The mails.
    pub mails: &'a [Mail],
}

/// `/dev/mailbox/{id}`: one mail.
#[derive(Template)]
#[template(path = "dev/mail.html")]
pub struct MailPage<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// The mail.
    pub mail: &'a Mail,
    /// Where this site is: only links to it are offered, not those that people wrote.
    pub public_url: &'a str,
}

impl MailPage<'_> {
    fn links(&self) -> Vec<&str> {
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]);
        let mut links: Vec<&str> =
            finder.links(&self.mail.text).map(|link| link.as_str()).collect();
        links.retain(|link| leads_to(self.public_url, link));
        links.dedup();
        links
    }
}

/// Whether `link` stays on the site at `base`. What merely begins alike may be another host or port.
fn leads_to(base: &str, link: &str) -> bool {
    link.strip_prefix(base.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_this_site_are_offered() {
        let base = "http://localhost:8080";
        for link in ["", "/", "/portal#token=A", "?a=1", "#a"] {
            assert!(leads_to(base, &format!("{base}{link}")), "{link}");
            assert!(leads_to("http://localhost:8080/", &format!("{base}{link}")), "{link}");
        }
        for link in [
            "https://example.com/http://localhost:8080/",
            "http://localhost:80801/portal",
            "http://localhost:8080.example.com/",
            "http://localhost:8080@example.com/",
            "https://localhost:8080/portal",
        ] {
            assert!(!leads_to(base, link), "{link}");
        }
    }
}
