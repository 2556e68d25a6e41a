//! Brings what tickets are found by after a customer who is called otherwise.

use crate::app::App;
use crate::domain::search;
use crate::error::Error;

/// Looks at some tickets of a renamed customer. Returns whether there may be more.
pub async fn follow_names(app: &App) -> Result<bool, Error> {
    app.db.write(search::follow_names).await
}
