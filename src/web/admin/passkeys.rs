//! `/admin/passkeys`: one's passkeys; and signing in with one. What browsers do with passkeys needs
//! the page's script: it asks for a challenge, and sends what comes of it as a form.

use askama::Template;
use axum::Router;
use axum::routing::{get, post};
use serde_json::json;

use super::desk::{Desk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use super::sign_in::{door, enter};
use super::then;
use super::visitor::visitor;
use crate::domain::passkeys::{self, CHALLENGE_TTL, NewPasskey, Passkey};
use crate::domain::text;
use crate::domain::webauthn::{self, ALGORITHMS, Assertion, Creation, Party};
use crate::error::{Error, FieldCode, FieldError};
use crate::web::ctx::{Ctx, Shared};
use crate::web::input::{Fields, Query, Segments};
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};
use crate::web::site::time;

/// The page.
pub const LIST: &str = "/admin/passkeys";

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/sign-in/passkey", post(sign_in))
        .route("/admin/sign-in/passkey/begin", post(begin_sign_in))
        .route("/admin/passkeys", get(list).post(add))
        .route("/admin/passkeys/begin", post(begin_adding))
        .route("/admin/passkeys/{id}/remove", post(remove))
}

/// Who we are to browsers; nobody where the public URL has no name, since browsers know no passkeys
/// for a bare address (Web Authentication §5.1.3, step 7).
pub fn party(ctx: &Ctx) -> Option<Party> {
    let public_url = &ctx.app.config.server.public_url;
    let (id, origin) = (public_url.host().to_owned(), public_url.as_str().to_owned());
    public_url.has_name().then_some(Party { id, origin })
}

fn must_have_party(ctx: &Ctx) -> Result<Party, Problem> {
    party(ctx).ok_or_else(Problem::not_found)
}

async fn list(desk: Desk, Query(mut fields): Query) -> Reply {
    let wanted = fields.optional_string("then").unwrap_or_default();
    let is_offer = !wanted.is_empty();
    let then = if is_offer { then::local(&wanted) } else { "" };
    let form = Filled::with([("name", &desk.visitor().browser), ("then", then)]);
    page(&desk, &form, is_offer).await
}

async fn page(desk: &Desk, form: &Filled, is_offer: bool) -> Reply {
    let staff_id = desk.me.staff.id;
    let passkeys = desk.app.db.read(move |tx| passkeys::list(tx, staff_id)).await?;
    let is_enough = passkeys::is_enough(desk.rules(), &desk.me);
    let page = Passkeys {
        frame: desk.frame(),
        may_add: party(desk).is_some() && (is_enough || passkeys.is_empty()),
        has_party: party(desk).is_some(),
        passkeys: &passkeys,
        form,
        is_offer,
        is_enough,
    };
    form.answer(reply::page(&page)?)
}

async fn begin_adding(desk: Desk, form: Form) -> Reply {
    form.fields().finish()?;
    let party = must_have_party(&desk)?;
    let (me, now) = (desk.me.clone(), desk.now);
    let begun =
        desk.app.decide(move |tx, rules| passkeys::begin_adding(tx, rules, &me, now)).await?;
    let (challenge, had) = begun;
    let known: Vec<String> = had.iter().map(|it| webauthn::text(&it.credential_id)).collect();
    let staff = &desk.me.staff;
    reply::ok(&json!({
        "challenge": challenge,
        "party": { "id": party.id, "name": desk.site.brand.name },
        "user": {
            "id": webauthn::text(&passkeys::user_handle(&desk.app.key, staff.id)),
            "name": staff.email.as_str(),
            "displayName": staff.name,
        },
        "algorithms": ALGORITHMS,
        "known": known,
        "timeout": CHALLENGE_TTL.as_millis() as u64,
    }))
}

/// What a browser made, in base64url.
fn bytes(fields: &mut Fields, name: &str) -> Vec<u8> {
    let read = |name: &str, text: &str| {
        let message = "This is not base64url.";
        webauthn::bytes(text).ok_or_else(|| FieldError::new(name, FieldCode::Malformed, message))
    };
    fields.required(name, read).unwrap_or_default()
}

async fn add(desk: Desk, form: Form) -> Reply {
    let party = must_have_party(&desk)?;
    let mut fields = form.fields();
    let name = fields.line("name", text::PASSKEY_NAME);
    let wanted = fields.optional_string("then").unwrap_or_default();
    let creation = Creation {
        client_data: bytes(&mut fields, "client_data"),
        authenticator_data: bytes(&mut fields, "authenticator_data"),
        public_key: bytes(&mut fields, "public_key"),
    };
    let added = match fields.finish() {
        Ok(()) => store(&desk, party, NewPasskey { name, creation }).await,
        Err(error) => Err(error),
    };
    match added {
        Ok(token) => enter(&desk, &token, if wanted.is_empty() { LIST } else { &wanted }),
        Err(error) => page(&desk, &form.refused(error)?, false).await,
    }
}

async fn store(desk: &Desk, party: Party, new: NewPasskey) -> Result<crate::ids::Token, Error> {
    let (me, now) = (desk.me.clone(), desk.now);
    let visitor = desk.visitor();
    let added = desk
        .app
        .decide(move |tx, rules| passkeys::add(tx, rules, &party, &me, &new, &visitor, now));
    let message = "This passkey was not taken. Please try again.";
    let refused = || FieldError::new("name", FieldCode::UnknownValue, message).into();
    added.await?.ok_or_else(refused)
}

async fn remove(desk: Desk, Segments(id): Segments<i64>, form: Form) -> Reply {
    form.fields().finish()?;
    let (me, now) = (desk.me.clone(), desk.now);
    desk.app.decide(move |tx, rules| passkeys::remove(tx, rules, &me, id, now)).await?;
    go(LIST)
}

async fn begin_sign_in(ctx: Ctx, form: Form) -> Reply {
    form.fields().finish()?;
    let party = must_have_party(&ctx)?;
    let (key, now) = (ctx.app.key, ctx.now);
    let network = ctx.network.as_bytes().to_vec();
    let challenge =
        ctx.app.decide(move |tx, rules| passkeys::begin_sign_in(tx, rules, &key, &network, now));
    let challenge = challenge.await?;
    let timeout = CHALLENGE_TTL.as_millis() as u64;
    reply::ok(&json!({ "challenge": challenge, "party": { "id": party.id }, "timeout": timeout }))
}

async fn sign_in(ctx: Ctx, form: Form) -> Reply {
    let party = must_have_party(&ctx)?;
    let mut fields = form.fields();
    let wanted = fields.optional_string("then").unwrap_or_default();
    let assertion = Assertion {
        credential_id: bytes(&mut fields, "credential_id"),
        client_data: bytes(&mut fields, "client_data"),
        authenticator_data: bytes(&mut fields, "authenticator_data"),
        signature: bytes(&mut fields, "signature"),
        user_handle: bytes(&mut fields, "user_handle"),
    };
    fields.finish()?;
    let (key, now, visitor) = (ctx.app.key, ctx.now, visitor(&ctx));
    let signed_in =
        ctx.app.db.write(move |tx| passkeys::sign_in(tx, &key, &party, &assertion, &visitor, now));
    match signed_in.await? {
        Some(token) => enter(&ctx, &token, &wanted),
        None => {
            let message = "This passkey was not taken. Try again, or ask for a link.";
            let error = FieldError::new("passkey", FieldCode::UnknownValue, message);
            door(&ctx, &form.refused(error.into())?, false)
        }
    }
}

/// One's passkeys, and the form that adds one.
#[derive(Template)]
#[template(path = "admin/passkeys.html")]
pub struct Passkeys<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// The passkeys, the oldest first.
    pub passkeys: &'a [Passkey],
    /// What stands in the form.
    pub form: &'a Filled,
    /// Whether it is offered after signing in, and can be skipped.
    pub is_offer: bool,
    /// Whether this session may do everything of its reader's role.
    pub is_enough: bool,
    /// Whether another one may be added.
    pub may_add: bool,
    /// Whether browsers know passkeys for this address.
    pub has_party: bool,
}
