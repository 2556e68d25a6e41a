//! `/portal/tickets/{reference}/live`: tells an open ticket that it has news. Nothing else: neither
//! what, nor anything that its reader could not see on the page.

use crate::domain::Tx;
use crate::domain::access::{self, Viewer};
use crate::domain::live;
use crate::domain::tickets;
use crate::error::Error;
use crate::ids::Reference;
use crate::live::{About, Listener, Pass, Person, Word};
use crate::web::ctx::Ctx;
use crate::web::input::Segments;
use crate::web::reply::Reply;
use crate::web::streams;

/// Listens. `Last-Event-ID` is the version that the page shows, if it knows.
pub async fn listen(ctx: Ctx, Segments(text): Segments<String>) -> Reply {
    let (viewer, reference, id) = enter(&ctx, Reference::parse(&text)).await?;
    let listener = Listener {
        person: Person::Customer(viewer.customer_id),
        pass: Pass::Link(viewer.link_id),
        about: About::Ticket(id),
        until: viewer.expires_at,
    };
    let stream = ctx.app.live.open(listener, ctx.now).map_err(streams::refused)?;
    // Read again now that nothing can be missed.
    let work = move |tx: &mut Tx<'_>| {
        Ok::<_, Error>((live::last(tx)?, tickets::version(tx, &viewer, &reference)?))
    };
    let (last, version) = ctx.app.db.read(work).await?;
    ctx.app.live.begin_at(last);
    let shown = streams::place(ctx.header("last-event-id"));
    let missed = if shown == Some(version) { vec![] } else { vec![Word::Version(version)] };
    stream.catch_up(missed, version);
    Ok(streams::answer(stream))
}

async fn enter(ctx: &Ctx, reference: Option<Reference>) -> Result<(Viewer, Reference, i64), Error> {
    let (token, now) = (ctx.token()?, ctx.now);
    let work = move |tx: &mut Tx<'_>| {
        let viewer = access::viewer(tx, &token, now)?;
        let reference = reference.clone().ok_or(Error::NotFound)?;
        let id = tickets::find(tx, &viewer.actor(), &reference)?.id;
        Ok((viewer, reference, id))
    };
    ctx.app.db.read(work).await
}
