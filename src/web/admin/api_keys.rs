//! `/admin/api-keys`: the programs that get in, making a key and revoking one.
//!
//! A key is shown on the page that answers the form, and nowhere else: not in an address, which browsers
//! and proxies remember, and not in the database. The form carries an id that was drawn with its
//! page, so that loading that page again makes no second key.

use askama::Template;
use axum::Router;
use axum::routing::{get, post};

use super::desk::{AdminDesk, go};
use super::form::{Filled, Form};
use super::frame::Frame;
use super::staff::role_name;
use crate::domain::Tx;
use crate::domain::api_keys::{self, ApiKey};
use crate::domain::staff::Role;
use crate::error::{FieldCode, FieldError};
use crate::ids;
use crate::web::ctx::Shared;
use crate::web::input::Segments;
use crate::web::reply::{self, Reply};
use crate::web::site::time;

const LIST: &str = "/admin/api-keys";
/// Revoked keys that are still shown.
const REVOKED_SHOWN: usize = 20;

/// Their addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/api-keys", get(list).post(make))
        .route("/admin/api-keys/{id}/revoke", post(revoke))
}

async fn list(desk: AdminDesk) -> Reply {
    page(&desk, Filled::default(), None).await
}

/// A key that was just made.
struct Made {
    name: String,
    secret: String,
}

async fn page(desk: &AdminDesk, form: Filled, made: Option<Made>) -> Reply {
    let (mut revoked, in_use): (Vec<ApiKey>, Vec<ApiKey>) = desk
        .app
        .db
        .read(api_keys::list)
        .await?
        .into_iter()
        .partition(|key| key.revoked_at.is_some());
    revoked.sort_by_key(|key| std::cmp::Reverse(key.revoked_at));
    revoked.truncate(REVOKED_SHOWN);
    let id = match form.value("id") {
        "" => ids::new_id(desk.now).to_string(),
        sent => sent.to_owned(),
    };
    let view = ApiKeys {
        frame: desk.frame(),
        form: &form.clone().and("id", &id),
        in_use: &in_use,
        revoked: &revoked,
        made: made.as_ref(),
    };
    form.answer(reply::page(&view)?)
}

async fn make(desk: AdminDesk, form: Form) -> Reply {
    let mut fields = form.fields();
    let name = fields.required("name", api_keys::parse_name);
    let role = fields.word("role", &Role::ALL, Role::as_str);
    let id = fields.required("id", drawn_id);
    let (name, role, id) = match fields.finish_with(|| Some((name?, role?, id?))) {
        Ok(read) => read,
        Err(error) => return page(&desk, form.refused(error)?, None).await,
    };
    let (actor, now, called) = (desk.actor(), desk.now, name.clone());
    let work = move |tx: &mut Tx<'_>| api_keys::create_once(tx, &actor, id, (&called, role), now);
    match desk.app.db.write(work).await {
        Ok(Some((_, secret))) => page(&desk, Filled::default(), Some(Made { name, secret })).await,
        // The page was loaded again: the key is there, and was shown.
        Ok(None) => go(LIST),
        Err(error) => page(&desk, form.refused(error)?, None).await,
    }
}

/// Reads the id that a page drew for what is made on it.
pub(super) fn drawn_id(name: &str, typed: &str) -> Result<i64, FieldError> {
    typed.parse().ok().filter(|id| *id > 0).ok_or_else(|| {
        let message = "Load the page again; what is sent has a slip in it.";
        FieldError::new(name, FieldCode::Malformed, message)
    })
}

async fn revoke(desk: AdminDesk, Segments(id): Segments<i64>, form: Form) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    desk.app.db.write(move |tx| api_keys::revoke(tx, &actor, id, now)).await?;
    go(LIST)
}

/// The page.
#[derive(Template)]
#[template(path = "admin/api_keys.html")]
struct ApiKeys<'a> {
    frame: Frame<'a>,
    form: &'a Filled,
    in_use: &'a [ApiKey],
    revoked: &'a [ApiKey],
    made: Option<&'a Made>,
}
