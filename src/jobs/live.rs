//! Tells open pages what happened, and looks after their streams. One reader for all of a process:
//! how many people look makes no difference to the database.

use crate::app::App;
use crate::domain::live::{self, BATCH, Ended};
use crate::domain::{Tx, presence};
use crate::error::Error;

/// Tells what happened since the last time. Returns whether there may be more.
pub async fn tell(app: &App) -> Result<bool, Error> {
    let Some(head) = app.live.head() else { return Ok(false) };
    let news = app.db.read(move |tx| live::after(tx, head)).await?;
    let more = news.len() as i64 == BATCH;
    app.live.end(&Ended::of_news(&news));
    app.live.tell(news);
    Ok(more)
}

/// Keeps streams alive, ends those that lost their session or link, and says who is at which ticket.
pub async fn tend(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    app.live.beat(now);
    tell_others(app).await?;
    if app.live.is_idle() {
        return Ok(false);
    }
    let is_somebody_in = !app.live.rooms.tickets().is_empty();
    let work = move |tx: &mut Tx<'_>| {
        let present = if is_somebody_in { presence::list(tx, now)? } else { Vec::new() };
        Ok::<_, Error>((live::ended(tx, now)?, present))
    };
    let (ended, present) = app.db.read(work).await?;
    app.live.end(&ended);
    app.live.tell_present(&present);
    Ok(false)
}

/// Lets the other processes know who came and went here.
async fn tell_others(app: &App) -> Result<(), Error> {
    let batch = app.live.rooms.take_due(app.clock.now());
    if batch.is_empty() {
        return Ok(());
    }
    let written = app.db.write(move |tx| presence::write(tx, &batch)).await;
    if written.is_err() {
        app.live.rooms.write_again();
    }
    written
}
