//! Takes tables of customers that were uploaded and confirmed.

use crate::app::App;
use crate::domain::customer_uploads;
use crate::error::Error;

/// Takes the next part of one. Returns whether there may be more.
pub async fn work(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    app.db.write(move |tx| customer_uploads::work(tx, now)).await
}
