//! `/admin/sign-in`: how staff get in. A link that was mailed is opened by GET, which only shows a
//! button, because mail scanners open links; the button's POST signs in.

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::desk::go;
use super::form::{Filled, Form};
use super::visitor::visitor;
use super::{passkeys, then};
use crate::domain::Tx;
use crate::domain::email::Email;
use crate::domain::passkeys::is_to_be_offered as offer;
use crate::domain::sessions::{LIFETIME, SignedIn};
use crate::domain::staff_sign_ins::{self, LinkLook, Outcome};
use crate::error::{Error, FieldCode, FieldError};
use crate::hooks::oidc::Provider;
use crate::ids::Token;
use crate::web::cookies::Cookie;
use crate::web::ctx::{Ctx, Shared};
use crate::web::input::{Query, Segments};
use crate::web::reply::{self, Reply};
use crate::web::site::Site;

/// How long a browser remembers what it asked for: a mail is tried for an hour, and works for 15
/// minutes from then.
const ASKED_FOR: Duration = Duration::from_secs(75 * 60);

/// How many requests a browser remembers: who presses twice gets one mail, and it may answer either.
const ASKED_MOST: usize = 5;

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/sign-in", get(show).post(ask))
        .route("/admin/sign-in/sent", get(sent))
        .route("/admin/sign-in/code", post(code))
        .route("/admin/sign-in/link/{token}", get(look).post(open))
}

/// The address of the form that leads to `then`.
pub fn form_path(then: &str) -> String {
    if then == then::HOME {
        return "/admin/sign-in".to_owned();
    }
    format!("/admin/sign-in?then={}", utf8_percent_encode(then, NON_ALPHANUMERIC))
}

async fn show(ctx: Ctx, Query(mut fields): Query) -> Reply {
    let wanted = fields.optional_string("then").unwrap_or_default();
    let is_out = fields.optional_boolean("out").unwrap_or_default();
    let then = then::local(&wanted);
    door(&ctx, &Filled::with([("then", then)]), is_out)
}

/// The form for an address, and the button for a passkey.
pub fn door(ctx: &Ctx, form: &Filled, is_out: bool) -> Reply {
    let has_passkeys = passkeys::party(ctx).is_some();
    let provider = ctx.app.oidc.as_ref().map(Provider::name);
    form.answer(reply::page(&Door { site: &ctx.site, form, is_out, has_passkeys, provider })?)
}

/// Queues the work and says the same to everybody.
async fn ask(ctx: Ctx, form: Form) -> Reply {
    let mut fields = form.fields();
    let email = fields.required("email", Email::parse);
    let wanted = fields.optional_string("then").unwrap_or_default();
    let email = match fields.finish_with(|| email) {
        Ok(email) => email,
        Err(error) => return door(&ctx, &form.refused(error)?, false),
    };
    let (key, now) = (ctx.app.key, ctx.now);
    let (network, then) = (ctx.network.as_bytes().to_vec(), then::local(&wanted).to_owned());
    let request = ctx.app.decide(move |tx, rules| {
        staff_sign_ins::request(tx, rules, &key, &email, &then, &network, now)
    });
    let request_id = request.await?;
    let mut response = go("/admin/sign-in/sent")?;
    let asked = [vec![request_id], asked(&ctx)].concat();
    let value = asked[..asked.len().min(ASKED_MOST)].join(".");
    Cookie::Asked.set(response.headers_mut(), ctx.is_https(), &value, ASKED_FOR);
    Ok(response)
}

/// The ids of what this browser asked for, the newest first.
fn asked(ctx: &Ctx) -> Vec<String> {
    let ids = ctx.cookie(Cookie::Asked).unwrap_or_default().split('.');
    ids.filter(|id| !id.is_empty()).take(ASKED_MOST).map(str::to_owned).collect()
}

async fn sent(ctx: Ctx) -> Reply {
    match ctx.cookie(Cookie::Asked) {
        Some(_) => answer(&ctx, &Filled::default()),
        None => go("/admin/sign-in"),
    }
}

fn answer(ctx: &Ctx, form: &Filled) -> Reply {
    form.answer(reply::page(&Sent { site: &ctx.site, form })?)
}

async fn code(ctx: Ctx, form: Form) -> Reply {
    let mut fields = form.fields();
    let typed = fields.required("code", digits);
    let typed = match fields.finish_with(|| typed) {
        Ok(typed) => typed,
        Err(error) => return answer(&ctx, &form.refused(error)?),
    };
    let requests = asked(&ctx);
    let (key, now) = (ctx.app.key, ctx.now);
    let (visitor, network) = (visitor(&ctx), ctx.network.as_bytes().to_vec());
    let outcome = ctx.app.decide(move |tx, rules| {
        let (asked, from) = ((&*requests, &*typed), (&visitor, &*network));
        staff_sign_ins::open_code(tx, rules, &key, asked, from, now)
    });
    match outcome.await? {
        Outcome::In { signed_in, token, next_path } => {
            let_in(&ctx, signed_in, &token, &next_path).await
        }
        Outcome::Refused(_) => answer(&ctx, &form.refused(wrong_code())?),
    }
}

/// Six digits, with spaces or without, as the mail shows them.
fn digits(field: &str, typed: &str) -> Result<String, FieldError> {
    let digits: String = typed.chars().filter(|letter| !letter.is_whitespace()).collect();
    if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(digits);
    }
    let message = "Please enter the six digits from the mail.";
    Err(FieldError::new(field, FieldCode::Malformed, message))
}

fn wrong_code() -> Error {
    let message = "This code is not valid. Look for the newest mail, or ask for another one.";
    FieldError::new("code", FieldCode::UnknownValue, message).into()
}

async fn look(ctx: Ctx, Segments(token): Segments<String>) -> Reply {
    let look = match Token::parse(&token) {
        Some(token) => {
            let (asked, now) = (asked(&ctx), ctx.now);
            let look = ctx.app.db.read(move |tx| staff_sign_ins::look(tx, &token, &asked, now));
            look.await?
        }
        None => LinkLook::Unknown,
    };
    link(&ctx, look, &token)
}

/// What a link does, on a page. One that opens nothing is no success.
fn link(ctx: &Ctx, look: LinkLook, token: &str) -> Reply {
    let asked = ctx.cookie(Cookie::Asked).is_some();
    let mut response = reply::page(&Link { site: &ctx.site, look, token, asked })?;
    *response.status_mut() = match look {
        LinkLook::Works => StatusCode::OK,
        LinkLook::OtherBrowser => StatusCode::FORBIDDEN,
        LinkLook::Expired | LinkLook::Used | LinkLook::Unknown => StatusCode::GONE,
    };
    Ok(response)
}

async fn open(ctx: Ctx, Segments(typed): Segments<String>, form: Form) -> Reply {
    form.fields().finish()?;
    let Some(token) = Token::parse(&typed) else { return link(&ctx, LinkLook::Unknown, "") };
    let (asked, now) = (asked(&ctx), ctx.now);
    let visitor = visitor(&ctx);
    let outcome =
        ctx.app.db.write(move |tx| staff_sign_ins::open_link(tx, &token, &asked, &visitor, now));
    match outcome.await? {
        Outcome::In { signed_in, token, next_path } => {
            let_in(&ctx, signed_in, &token, &next_path).await
        }
        Outcome::Refused(look) => link(&ctx, look, &typed),
    }
}

/// Lets somebody in who came by mail, past the offer of a passkey at their first time.
async fn let_in(ctx: &Ctx, me: Box<SignedIn>, token: &Token, next_path: &str) -> Reply {
    let can = passkeys::party(ctx).is_some();
    let is_offered = move |tx: &mut Tx<'_>| Ok::<_, Error>(can && offer(tx, &me)?);
    if ctx.app.db.read(is_offered).await? {
        let then = utf8_percent_encode(then::local(next_path), NON_ALPHANUMERIC);
        return with_session(ctx, token, &format!("{}?then={then}", passkeys::LIST));
    }
    enter(ctx, token, next_path)
}

/// Lets somebody in, to where they wanted to be.
pub fn enter(ctx: &Ctx, token: &Token, next_path: &str) -> Reply {
    with_session(ctx, token, then::local(next_path))
}

fn with_session(ctx: &Ctx, token: &Token, path: &str) -> Reply {
    let mut response = go(path)?;
    let headers: &mut HeaderMap = response.headers_mut();
    Cookie::Session.set(headers, ctx.is_https(), &token.reveal(), LIFETIME);
    Cookie::Asked.remove(headers, ctx.is_https());
    Ok(response)
}

/// The form for an address.
#[derive(Template)]
#[template(path = "admin/sign_in.html")]
pub struct Door<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// What stands in it.
    pub form: &'a Filled,
    /// Whether its reader has just signed out.
    pub is_out: bool,
    /// Whether browsers know passkeys for this address.
    pub has_passkeys: bool,
    /// The name of the provider at which they may sign in, if there is one.
    pub provider: Option<&'a str>,
}

/// What everybody is told who asked, with the form for the code.
#[derive(Template)]
#[template(path = "admin/sign_in_sent.html")]
pub struct Sent<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// What stands in the form.
    pub form: &'a Filled,
}

/// A link from a mail, and the button that uses it.
#[derive(Template)]
#[template(path = "admin/sign_in_link.html")]
pub struct Link<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// What the link does.
    pub look: LinkLook,
    /// The token in its address.
    pub token: &'a str,
    /// Whether this browser waits for a mail, so that it can take a code.
    pub asked: bool,
}

impl Link<'_> {
    fn heading(&self) -> &'static str {
        match self.look {
            LinkLook::Works => "Sign in to the desk",
            LinkLook::OtherBrowser => "This link belongs to another browser",
            LinkLook::Expired => "This link has expired",
            LinkLook::Used => "This link was used already",
            LinkLook::Unknown => "This link is not valid",
        }
    }

    fn words(&self) -> &'static str {
        match self.look {
            LinkLook::Works => "One more step, so that nobody but you can use the link.",
            LinkLook::OtherBrowser => {
                "For safety a link works only in the browser in which it was asked for. Open it \
                 there, or type the six digits from the same mail into the page that is still open \
                 there. Or ask for a link here."
            }
            LinkLook::Expired => "A link works for 15 minutes. Ask for another one.",
            LinkLook::Used => "A link works once. If you are not signed in, ask for another one.",
            LinkLook::Unknown => {
                "It may have been cut off on its way, or a newer mail has replaced it. Ask for \
                 another one."
            }
        }
    }
}

/// Somebody sent a form after their session had ended: it is kept, to be sent again.
#[derive(Template)]
#[template(path = "admin/signed_out.html")]
pub struct SignedOut<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// Where the form goes.
    pub action: &'a str,
    /// What was typed.
    pub typed: &'a [(String, String)],
}
