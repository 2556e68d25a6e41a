//! `/admin/live`: what happens at the desk, told to an open page; and that its reader is writing.

use axum::Router;
use axum::routing::{get, post};

use super::desk::Desk;
use super::ticket::named;
use crate::domain::Tx;
use crate::domain::live::{self, Missed};
use crate::domain::sessions::IDLE;
use crate::domain::tickets;
use crate::error::{Error, FieldCode, FieldError};
use crate::ids::Reference;
use crate::live::{About, Listener, Pass, Person, Word};
use crate::web::ctx::Shared;
use crate::web::input::{Query, Segments};
use crate::web::reply::{self, Reply};
use crate::web::streams;

/// The address of the stream. Opening it is no use of a session: a page does that by itself.
pub const PATH: &str = "/admin/live";

/// A page that asks for itself by itself says so in this header: that is no use of a session
/// either.
pub const BY_ITSELF: &str = "doorkey-live";

/// Its addresses.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/live", get(listen))
        .route("/admin/tickets/{reference}/writing", post(writing))
}

/// `?after=` the last event that the page shows; `&ticket=` for one ticket alone.
async fn listen(desk: Desk, Query(mut fields): Query) -> Reply {
    let after = fields.required("after", |name, text| {
        let message = "Name the last event that the page shows.";
        streams::place(Some(text))
            .ok_or_else(|| FieldError::new(name, FieldCode::Malformed, message))
    });
    let ticket = fields.optional_string("ticket");
    let after = fields.finish_with(|| after)?;
    let after = streams::place(desk.header("last-event-id")).unwrap_or(after);
    let about = match ticket {
        Some(text) => About::Ticket(ticket_id(&desk, named(&text)?).await?),
        None => About::Everything,
    };
    let stream = desk.app.live.open(listener(&desk, about), desk.now).map_err(streams::refused)?;
    if desk.app.live.head() == Some(after) {
        stream.is_at(after);
        return Ok(streams::answer(stream));
    }
    // Whatever happens from here on the stream is told; this is what happened before.
    let Missed { last, news } = desk.app.db.read(move |tx| live::catch_up(tx, after)).await?;
    desk.app.live.begin_at(last);
    let missed = match news {
        Some(news) => {
            let news = news.into_iter().filter(|news| match (about, &news.ticket) {
                (About::Ticket(id), Some(ticket)) => ticket.id == id,
                (_, ticket) => ticket.is_some(),
            });
            news.map(|news| Word::Ticket(news.into())).collect()
        }
        None => vec![Word::Reload(last)],
    };
    stream.catch_up(missed, last);
    Ok(streams::answer(stream))
}

fn listener(desk: &Desk, about: About) -> Listener {
    let session = &desk.me.session;
    Listener {
        person: Person::Staff(desk.me.staff.id),
        pass: Pass::Session(session.id),
        about,
        until: session.expires_at.min(session.last_used_at.plus(IDLE)),
    }
}

async fn ticket_id(desk: &Desk, reference: Reference) -> Result<i64, Error> {
    let actor = desk.actor();
    let work = move |tx: &mut Tx<'_>| Ok::<_, Error>(tickets::find(tx, &actor, &reference)?.id);
    desk.app.db.read(work).await
}

/// The reader has just typed something into a note or a resolution. Colleagues see it for a while.
async fn writing(desk: Desk, Segments(text): Segments<String>) -> Reply {
    let id = ticket_id(&desk, named(&text)?).await?;
    desk.app.live.rooms.write(id, desk.me.staff.id, desk.now);
    reply::no_content()
}
