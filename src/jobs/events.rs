//! Gives numbers to events.

use crate::app::App;
use crate::domain::events;
use crate::error::Error;

/// Numbers some. Returns whether there may be more.
pub async fn number(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    let waiting = app.db.read(events::any_waits).await?;
    if !waiting {
        return Ok(false);
    }
    app.db.write(move |tx| events::number(tx, now)).await
}
