//! Erases people step by step.

use crate::app::App;
use crate::domain::erasures;
use crate::error::Error;

/// Takes the next step of an erasure. Returns whether there may be more.
pub async fn work(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    app.db.write(move |tx| erasures::work(tx, now)).await
}
