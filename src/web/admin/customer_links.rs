//! A customer's portal links: made to copy, mailed, revoked.

use super::customer::{Shown, page};
use super::customer_forms::refused;
use super::customers::LIST;
use super::desk::{Desk, go};
use super::form::Form;
use super::ticket_links::Use;
use crate::domain::links::{self, Reason};
use crate::domain::{Rules, Tx};
use crate::error::Error;
use crate::web::input::Segments;
use crate::web::reply::Reply;

/// Makes a link to the customer's portal, and shows it once or has it mailed.
pub(super) async fn issue(desk: Desk, Segments(id): Segments<i64>, form: Form) -> Reply {
    let mut fields = form.fields();
    let what = fields.word("do", &Use::ALL, Use::as_str);
    let what = fields.finish_with(|| what)?;
    let link = match what {
        Use::Copy => copy(&desk, id).await.map(Some),
        Use::Send => send(&desk, id).await.map(|()| None),
    };
    match link {
        // Shown this once, so it cannot be a page to be sent to.
        Ok(Some(link)) => page(&desk, id, Shown { link: Some(link), ..Shown::default() }).await,
        Ok(None) => go(&format!("{LIST}/{id}?said=link_sent")),
        Err(error) => refused(&desk, id, error).await,
    }
}

async fn copy(desk: &Desk, id: i64) -> Result<String, Error> {
    let (actor, now) = (desk.actor(), desk.now);
    let work = move |tx: &mut Tx<'_>, rules: &Rules| {
        links::issue_by_hand(tx, rules, &actor, (id, None), Reason::Staff, now)
    };
    let (_, token) = desk.app.decide(work).await?;
    Ok(links::url(desk.app.config.server.public_url.as_str(), None, &token))
}

async fn send(desk: &Desk, id: i64) -> Result<(), Error> {
    let (actor, now) = (desk.actor(), desk.now);
    desk.app.db.write(move |tx| links::send_to(tx, &actor, id, now)).await
}

/// Revokes one link at once.
pub(super) async fn revoke(
    desk: Desk,
    Segments((id, link)): Segments<(i64, i64)>,
    form: Form,
) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    desk.app.db.write(move |tx| links::revoke(tx, &actor, id, link, now)).await?;
    go(&format!("{LIST}/{id}?said=revoked#links"))
}

/// Revokes every link of the customer at once.
pub(super) async fn revoke_all(desk: Desk, Segments(id): Segments<i64>, form: Form) -> Reply {
    form.fields().finish()?;
    let (actor, now) = (desk.actor(), desk.now);
    desk.app.db.write(move |tx| links::revoke_all(tx, &actor, id, now)).await?;
    go(&format!("{LIST}/{id}?said=all_revoked#links"))
}
