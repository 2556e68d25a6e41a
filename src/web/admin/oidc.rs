//! `/admin/sign-in/oidc`: signing in at the OpenID Connect provider. The button's POST sends the browser
//! there, and the provider sends it back with a code. What binds the two is a secret in a cookie: an answer
//! that another browser asked for is nobody's (RFC 9700 §4.7).
//!
//! The way there is a page that leads on by itself, not a redirect: a browser holds every redirect after a
//! form against `form-action`, those of the provider to others, too.

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};

use super::form::Form;
use super::sign_in::{enter, form_path};
use super::then;
use super::visitor::visitor;
use crate::domain::email::Email;
use crate::domain::oidc::{self, Attempt, TTL};
use crate::hooks::oidc::{Answer, Provider, REDIRECT_PATH, Trouble};
use crate::ids::Token;
use crate::web::cookies::Cookie;
use crate::web::ctx::{Ctx, Shared};
use crate::web::input::{Fields, Query};
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};
use crate::web::site::Site;

/// How many attempts a browser remembers: somebody may begin in several tabs.
const BEGUN_MOST: usize = 5;

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/sign-in/oidc", post(begin))
        .route("/admin/sign-in/oidc/callback", get(callback))
}

fn must_have_provider(ctx: &Ctx) -> Result<&Provider, Problem> {
    ctx.app.oidc.as_ref().ok_or_else(Problem::not_found)
}

async fn begin(ctx: Ctx, form: Form) -> Reply {
    let provider = must_have_provider(&ctx)?;
    let mut fields = form.fields();
    let wanted = fields.optional_string("then").unwrap_or_default();
    fields.finish()?;
    let then = then::local(&wanted).to_owned();
    let (key, now, network) = (ctx.app.key, ctx.now, ctx.network.as_bytes().to_vec());
    let next = then.clone();
    let begun = ctx.app.decide(move |tx, rules| oidc::begin(tx, rules, &key, &next, &network, now));
    let secret = begun.await?;
    let url = provider.begin(&Attempt::of(&key, &secret), &redirect_uri(&ctx), now).await;
    let url = match url {
        Ok(url) => url,
        Err(trouble) => return refuse(&ctx, provider, why(&trouble), &then),
    };
    let mut response = reply::page(&Go { site: &ctx.site, name: provider.name(), url: &url })?;
    let begun = [vec![secret], begun_here(&ctx)].concat();
    let begun: Vec<String> = begun.iter().take(BEGUN_MOST).map(Token::reveal).collect();
    Cookie::Oidc.set(response.headers_mut(), ctx.is_https(), &begun.join("."), TTL);
    Ok(response)
}

fn redirect_uri(ctx: &Ctx) -> String {
    format!("{}{REDIRECT_PATH}", ctx.app.config.server.public_url)
}

/// The secrets of what this browser began, the newest first.
fn begun_here(ctx: &Ctx) -> Vec<Token> {
    let secrets = ctx.cookie(Cookie::Oidc).unwrap_or_default().split('.');
    secrets.take(BEGUN_MOST).filter_map(Token::parse).collect()
}

async fn callback(ctx: Ctx, Query(mut fields): Query) -> Reply {
    let provider = must_have_provider(&ctx)?;
    let state = fields.optional_string("state").unwrap_or_default();
    let (key, now) = (ctx.app.key, ctx.now);
    let begun = begun_here(&ctx).into_iter().map(|secret| (Attempt::of(&key, &secret), secret));
    let Some((attempt, secret)) = begun.into_iter().find(|(attempt, _)| attempt.is_for(&state))
    else {
        return refuse(&ctx, provider, Why::OtherBrowser, then::HOME);
    };
    let taken = ctx.app.db.write(move |tx| oidc::take(tx, &secret, now)).await?;
    let Some(next_path) = taken else { return refuse(&ctx, provider, Why::Over, then::HOME) };
    let email = match email(&ctx, provider, &mut fields, &attempt).await {
        Ok(email) => email,
        Err(why) => return refuse(&ctx, provider, why, &next_path),
    };
    let visitor = visitor(&ctx);
    let signed_in = ctx.app.db.write(move |tx| oidc::sign_in(tx, &email, &visitor, now)).await?;
    let Some(token) = signed_in else {
        tracing::warn!("the provider vouched for an address that nobody at the desk has");
        return refuse(&ctx, provider, Why::Stranger, &next_path);
    };
    let mut response = enter(&ctx, &token, &next_path)?;
    Cookie::Oidc.remove(response.headers_mut(), ctx.is_https());
    Ok(response)
}

/// Whom the provider vouches for, in what the browser brings back.
async fn email(
    ctx: &Ctx,
    provider: &Provider,
    fields: &mut Fields,
    attempt: &Attempt,
) -> Result<Email, Why> {
    let [code, issuer, error] = ["code", "iss", "error"].map(|name| fields.optional_string(name));
    let Some(code) = code.filter(|_| error.is_none()) else {
        tracing::info!("the provider signed nobody in");
        return Err(Why::Declined);
    };
    let answer = Answer { code: &code, issuer: issuer.as_deref() };
    let found = provider.finish(&answer, attempt, &redirect_uri(ctx), ctx.now).await;
    found.map_err(|trouble| why(&trouble))
}

/// What to tell people of a trouble; the log is told all of it.
fn why(trouble: &Trouble) -> Why {
    tracing::warn!(reason = %trouble, "a sign-in with OpenID Connect came to nothing");
    match trouble {
        Trouble::Provider(_) => Why::Down,
        Trouble::Answer(_) | Trouble::Token(_) => Why::Doubtful,
        Trouble::Unverified => Why::Unverified,
    }
}

fn refuse(ctx: &Ctx, provider: &Provider, why: Why, then: &str) -> Reply {
    let again = form_path(then::local(then));
    let page = Refused { site: &ctx.site, why, name: provider.name(), again: &again };
    let mut response = reply::page(&page)?;
    *response.status_mut() = match why {
        Why::Over => StatusCode::GONE,
        Why::Down => StatusCode::BAD_GATEWAY,
        _ => StatusCode::FORBIDDEN,
    };
    Ok(response)
}

/// Leads on to the provider by itself.
#[derive(Template)]
#[template(path = "admin/sign_in_oidc_go.html")]
pub struct Go<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// What people call the provider.
    pub name: &'a str,
    /// Where.
    pub url: &'a str,
}

/// Why nobody was signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// This browser did not begin it, or long ago.
    OtherBrowser,
    /// It was used, or its time is over.
    Over,
    /// The provider signed nobody in.
    Declined,
    /// What came back is not to be trusted.
    Doubtful,
    /// The provider does not vouch for the address.
    Unverified,
    /// Nobody at the desk has the address, or they are disabled.
    Stranger,
    /// The provider cannot be asked.
    Down,
}

#[cfg(test)]
impl Why {
    pub(super) const ALL: [Self; 7] = [
        Self::OtherBrowser,
        Self::Over,
        Self::Declined,
        Self::Doubtful,
        Self::Unverified,
        Self::Stranger,
        Self::Down,
    ];
}

/// Nobody was signed in.
#[derive(Template)]
#[template(path = "admin/sign_in_oidc.html")]
pub struct Refused<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// Why.
    pub why: Why,
    /// What people call the provider.
    pub name: &'a str,
    /// Where to begin again.
    pub again: &'a str,
}
