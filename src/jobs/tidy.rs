//! Closes what was resolved long ago, and forgets what is no longer needed.

use crate::app::App;
use crate::domain::{codes, idempotency, limits, links, tickets};
use crate::error::Error;

/// Closes some tickets that have been resolved for long. Returns whether there may be more.
pub async fn close(app: &App) -> Result<bool, Error> {
    let (rules, now) = (app.rules.clone(), app.clock.now());
    app.db.write(move |tx| tickets::close_due(tx, &rules, now)).await
}

/// Forgets old links, requests, keys and counters.
pub async fn forget(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    app.db
        .write(move |tx| {
            links::forget_old(tx, now)?;
            codes::forget_old(tx, now)?;
            idempotency::forget_old(tx, now)?;
            limits::forget_old(tx, now)
        })
        .await?;
    Ok(false)
}
