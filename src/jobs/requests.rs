//! Looks at requests for links: whose address it is, and whether they are mailed.

use crate::app::App;
use crate::domain::links;
use crate::error::Error;

/// Looks at some. Returns whether there may be more.
pub async fn work(app: &App) -> Result<bool, Error> {
    let (rules, key, now) = (app.rules.clone(), app.key, app.clock.now());
    let waiting = app.db.read(links::any_request_waits).await?;
    if !waiting {
        return Ok(false);
    }
    app.db.write(move |tx| links::work_requests(tx, &rules, &key, now)).await
}
