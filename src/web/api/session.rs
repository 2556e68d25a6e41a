//! Who is signed in, and the end of it.

use super::json::{Session, SessionCustomer};
use super::openapi::params::EndQuery;
use super::viewer;
use crate::domain::{access, links};
use crate::web::ctx::Ctx;
use crate::web::input::Query;
use crate::web::reply::{self, Reply};

/// Says who is signed in.
///
/// Asked once when the portal is opened, so it counts as a use of the link.
#[utoipa::path(
    get, path = "/api/v1/portal/session", tag = "Portal", operation_id = "showSession",
    responses((status = 200, description = "Who it is, and until when.", body = Session)),
    security(("portal_token" = [])),
)]
pub async fn show(ctx: Ctx, Query(fields): Query) -> Reply {
    let viewer = viewer(&ctx).await?;
    fields.finish()?;
    ctx.app.uses.portal_opened(&viewer, ctx.now);
    reply::ok(&Session {
        expires_at: viewer.expires_at.rfc3339(),
        customer: SessionCustomer { email: viewer.email.to_string(), name: viewer.name },
    })
}

/// Signs out.
///
/// This link, or with `?all=true` every link of the customer, opens nothing any more.
#[utoipa::path(
    delete, path = "/api/v1/portal/session", tag = "Portal", operation_id = "endSession",
    params(EndQuery),
    responses((status = 204, description = "It is over.")),
    security(("portal_token" = [])),
)]
pub async fn end(ctx: Ctx, Query(mut fields): Query) -> Reply {
    viewer(&ctx).await?;
    let all = fields.boolean("all", false);
    fields.finish()?;
    let (token, now) = (ctx.token()?, ctx.now);
    ctx.app
        .db
        .write(move |tx| {
            let viewer = access::viewer(tx, &token, now)?;
            if all {
                links::revoke_all(tx, &viewer.actor(), viewer.customer_id, now)
            } else {
                links::sign_out(tx, &viewer, now)
            }
        })
        .await?;
    reply::no_content()
}
