//! Where weaknesses of the site are reported (RFC 9116).

use std::time::Duration;

use super::ctx::Ctx;
use crate::error::Error;

/// For how long what it says may be relied on; §2.5.5 wants less than a year.
const HOLDS: Duration = Duration::from_secs(180 * 86_400);

/// `GET /.well-known/security.txt`, if the operator says whom to write to.
pub async fn show(ctx: Ctx) -> Result<String, super::problem::Problem> {
    let server = &ctx.app.config.server;
    let contact = server.security_contact.as_ref().ok_or(Error::NotFound)?;
    let (site, expires) = (&server.public_url, ctx.now.plus(HOLDS).rfc3339());
    Ok(format!(
        "Contact: {contact}\nExpires: {expires}\nCanonical: {site}/.well-known/security.txt\n"
    ))
}
