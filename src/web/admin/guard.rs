//! What stands before every address below `/admin`, whoever wrote its handler.
//!
//! 1. An unsafe request must come from a page of ours ([`comes_from_us`]).
//! 2. Whoever asks for anything but the sign-in pages must be signed in. Nobody is told what there
//!    is: an unknown page asks an anonymous visitor to sign in, too.
//! 3. Where admins need a passkey, one who came by mail alone can do no more than add their first.
//! 4. A problem that is the asker's is told in the desk's frame.

use askama::Template as _;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;

use super::desk::{DeskError, go};
use super::form::{is_form, pairs};
use super::frame::{Frame, Told};
use super::live;
use super::sign_in::{SignedOut, form_path};
use super::then;
use crate::config::PublicUrl;
use crate::domain::sessions::{self, SignedIn};
use crate::domain::{Tx, live as events, passkeys};
use crate::error::Error;
use crate::ids::Token;
use crate::web::cookies::Cookie;
use crate::web::ctx::{Ctx, Shared};
use crate::web::layers;
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};

/// Pages for who is not signed in.
const OPEN: &str = "/admin/sign-in";

/// More than any form of ours sends, in bytes.
const MOST_TYPED: usize = 1024 * 1024;

/// What an admin who needs a passkey may do without one: add their first, or leave.
const WITHOUT_PASSKEY: [&str; 5] = [
    "/admin/passkeys",
    "/admin/passkeys/begin",
    "/admin/sign-out",
    "/admin/sessions",
    "/admin/sessions/end-all",
];

/// Guards the desk; everything else passes.
pub async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path != "/admin" && !path.starts_with("/admin/") {
        return next.run(request).await;
    }
    let mut response = match admit(&shared, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    // With `no-referrer` browsers send `Origin: null` with our own forms (Fetch §3.2).
    let headers = response.headers_mut();
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static(layers::DESK_PERMISSIONS));
    response
}

async fn admit(shared: &Shared, request: Request, next: Next) -> Reply {
    let public_url = &shared.app.config.server.public_url;
    if !request.method().is_safe() && !comes_from_us(request.headers(), public_url) {
        return Err(Problem::cross_site());
    }
    let path = request.uri().path();
    if path == OPEN || path.starts_with(&format!("{OPEN}/")) {
        return Ok(next.run(request).await);
    }
    // A stream cannot be led to a page.
    let for_program = layers::is_program(&request) || path == live::PATH;
    let path = path.to_owned();
    let (mut parts, body) = request.into_parts();
    let ctx = Ctx::from_request_parts(&mut parts, shared).await?;
    let Some((signed_in, told)) = find(&ctx).await? else {
        let asked = Asked { method: &parts.method, headers: &parts.headers };
        let wanted = parts.uri.path_and_query().map_or("", |it| it.as_str());
        return turn_away(&ctx, asked, wanted, body, for_program).await;
    };
    if path != live::PATH && ctx.header(live::BY_ITSELF).is_none() {
        ctx.app.uses.session_used(&signed_in.session, ctx.now);
    }
    if !passkeys::is_enough(ctx.rules(), &signed_in) && !WITHOUT_PASSKEY.contains(&&*path) {
        return want_passkey(for_program);
    }
    parts.extensions.insert(signed_in.clone());
    parts.extensions.insert(told);
    let response = next.run(Request::from_parts(parts, body)).await;
    Ok(if for_program { response } else { frame(&ctx, &signed_in, told, &path, response) })
}

fn want_passkey(for_program: bool) -> Reply {
    if !for_program {
        return go("/admin/passkeys");
    }
    Err(Problem::passkey_required())
}

/// Whether a page of ours sent this unsafe request (ASVS 3.5.1). Browsers say where a request comes
/// from in `Sec-Fetch-Site`; one that does not know that header says it in `Origin`. A form is
/// never sent from the address bar, so `none` is not ours either. Neither header: no browser that
/// we could protect.
pub fn comes_from_us(headers: &HeaderMap, public_url: &PublicUrl) -> bool {
    let only = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let first = values.next();
        first.map(|value| if values.next().is_none() { value.as_bytes() } else { b"several" })
    };
    match (only("sec-fetch-site"), only(ORIGIN.as_str())) {
        (Some(site), _) => site == b"same-origin",
        (None, Some(origin)) => origin == public_url.as_str().as_bytes(),
        (None, None) => false,
    }
}

/// Who asks, and the last event before anything of the answer is read.
async fn find(ctx: &Ctx) -> Result<Option<(SignedIn, Told)>, Problem> {
    let Some(token) = ctx.cookie(Cookie::Session).and_then(Token::parse) else { return Ok(None) };
    let (hash, now) = (token.hash(), ctx.now);
    let work = move |tx: &mut Tx<'_>| {
        let Some(signed_in) = sessions::find(tx, hash, now)? else { return Ok(None) };
        Ok::<_, Error>(Some((signed_in, Told(events::last(tx)?))))
    };
    Ok(ctx.app.db.read(work).await?)
}

/// What of a request decides how its sender is asked to sign in.
struct Asked<'a> {
    method: &'a Method,
    headers: &'a HeaderMap,
}

/// Reads what is sent and keeps nothing: a file is chosen again by who has signed in. Its end is
/// waited for, since closing a socket with unread bytes takes the answer back.
async fn drain(mut body: Body) -> Bytes {
    while let Some(Ok(_)) = body.frame().await {}
    Bytes::new()
}

/// Asks to sign in. What was typed into a form is not lost: the page holds it and sends it again.
async fn turn_away(
    ctx: &Ctx,
    asked: Asked<'_>,
    wanted: &str,
    body: Body,
    for_program: bool,
) -> Reply {
    if for_program {
        return Err(Problem::signed_out());
    }
    let path = wanted.split('?').next().unwrap_or_default();
    if asked.method.is_safe() {
        return go(&form_path(then::local(wanted)));
    }
    let bytes = match is_form(asked.headers) {
        true => axum::body::to_bytes(body, MOST_TYPED).await.unwrap_or_default(),
        false => drain(body).await,
    };
    let typed = pairs(asked.headers, &bytes).filter(|typed| !typed.is_empty());
    let typed = typed.filter(|_| asked.method == Method::POST);
    let (Some(typed), true) = (typed, path == then::local(path)) else {
        return go(&form_path(then::HOME));
    };
    let page = SignedOut { site: &ctx.site, action: path, typed: &typed };
    let mut response = reply::page(&page)?;
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    Ok(response)
}

/// Tells a problem of the asker's in the desk's frame. One of ours is left to [`layers`], which
/// logs it.
fn frame(
    ctx: &Ctx,
    signed_in: &SignedIn,
    told: Told,
    path: &str,
    mut response: Response,
) -> Response {
    let problem = response.extensions().get::<Problem>().filter(|it| it.status.is_client_error());
    let Some(problem) = problem else { return response };
    let frame = Frame { site: &ctx.site, me: signed_in, told, path };
    let Ok(page) = DeskError::new(frame, problem).render() else { return response };
    response.extensions_mut().remove::<Problem>();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, page.len().into());
    *response.body_mut() = Body::from(page);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        comes_from_us(&map, &PublicUrl::parse("https://desk.example").expect("a URL"))
    }

    const SITE: &str = "sec-fetch-site";
    const OWN: (&str, &str) = ("origin", "https://desk.example");

    #[test]
    fn what_the_browser_says_of_the_site_decides() {
        assert!(ours(&[(SITE, "same-origin")]));
        assert!(ours(&[(SITE, "same-origin"), ("origin", "null")]));
        for site in ["cross-site", "same-site", "none", "", "Same-Origin", "same-origin, none"] {
            assert!(!ours(&[(SITE, site)]), "{site}");
            assert!(!ours(&[(SITE, site), OWN]), "{site}");
        }
        assert!(!ours(&[(SITE, "same-origin"), (SITE, "same-origin")]));
    }

    #[test]
    fn without_it_the_origin_does() {
        assert!(ours(&[OWN]));
        for origin in [
            "null",
            "",
            "https://desk.example/",
            "https://desk.example:443",
            "http://desk.example",
            "https://evil.desk.example",
            "https://desk.example.evil",
            "https://DESK.example",
        ] {
            assert!(!ours(&[("origin", origin)]), "{origin}");
        }
        assert!(!ours(&[OWN, OWN]));
    }

    #[test]
    fn who_says_neither_is_refused() {
        assert!(!ours(&[]));
        assert!(!ours(&[("referer", "https://desk.example/admin")]));
        assert!(!ours(&[("host", "desk.example"), ("x-requested-with", "XMLHttpRequest")]));
    }
}
