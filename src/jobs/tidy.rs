//! Closes what was resolved long ago, ends what is over, and forgets what is no longer needed.

use crate::app::App;
use crate::domain::{
    Tx, codes, customer_uploads, idempotency, limits, links, oidc, outbox, passkeys, presence,
    sessions, staff_sign_ins, tickets, webhooks,
};
use crate::error::Error;

/// Closes some tickets that have been resolved for long. Returns whether there may be more.
pub async fn close(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    app.decide(move |tx, rules| tickets::close_due(tx, rules, now)).await
}

/// Rows of one kind that one transaction looks after: it holds the only writer of SQLite.
const AT_ONCE: i64 = 500;

/// Notes of links and sessions whose time is over that it is. Returns whether there may be more.
pub async fn end(app: &App) -> Result<bool, Error> {
    let (now, some) = (app.clock.now(), AT_ONCE);
    let work = move |tx: &mut Tx<'_>| {
        let ended = [links::note_ends(tx, now, some)?, sessions::note_ends(tx, now, some)?];
        Ok::<_, Error>(is_more(&ended))
    };
    app.db.write(work).await
}

/// Whether one of these is as much as one transaction does.
fn is_more(done: &[u64]) -> bool {
    done.iter().any(|count| i64::try_from(*count).is_ok_and(|count| count >= AT_ONCE))
}

/// Forgets some old links, sessions, requests, keys, counters and rows of who was at a ticket. Returns whether there may be more.
pub async fn forget(app: &App) -> Result<bool, Error> {
    let (now, some) = (app.clock.now(), AT_ONCE);
    app.db
        .write(move |tx| {
            let forgotten = [
                links::forget_old(tx, now, some)?,
                codes::forget_old(tx, now, some)?,
                idempotency::forget_old(tx, now, some)?,
                limits::forget_old(tx, now, some)?,
                outbox::forget_texts(tx, now, some)?,
                webhooks::forget_old(tx, now, some)?,
                sessions::forget_old(tx, now, some)?,
                staff_sign_ins::forget_old(tx, now, some)?,
                passkeys::forget_old(tx, now, some)?,
                oidc::forget_old(tx, now, some)?,
                presence::forget_old(tx, now, some)?,
                customer_uploads::forget_old(tx, now, some)?,
            ];
            Ok::<_, Error>(is_more(&forgotten))
        })
        .await
}
