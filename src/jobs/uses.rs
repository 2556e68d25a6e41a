//! Writes openings of the portal and of tickets, many in one transaction.

use crate::app::App;
use crate::domain::uses;
use crate::error::Error;

/// Writes what was gathered. A batch that cannot be written is dropped: it counts uses, no more.
pub async fn write(app: &App) -> Result<bool, Error> {
    if let Some(batch) = app.uses.take() {
        app.db.write(move |tx| uses::write(tx, &batch)).await?;
    }
    Ok(false)
}
