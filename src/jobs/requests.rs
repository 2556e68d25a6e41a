//! Looks at requests for links and for sign-ins of staff: whose address it is, and whether they are
//! mailed.

use crate::app::App;
use crate::domain::{links, staff_sign_ins};
use crate::error::Error;

/// Looks at some. Returns whether there may be more.
pub async fn work(app: &App) -> Result<bool, Error> {
    let (key, now) = (app.key, app.clock.now());
    let waiting = |tx: &mut crate::db::Tx<'_>| {
        Ok::<_, Error>((links::any_request_waits(tx)?, staff_sign_ins::any_request_waits(tx)?))
    };
    let (for_portal, for_desk) = app.db.read(waiting).await?;
    if !for_portal && !for_desk {
        return Ok(false);
    }
    app.decide(move |tx, rules| {
        let more_for_portal = links::work_requests(tx, rules, &key, now)?;
        Ok(staff_sign_ins::work_requests(tx, rules, &key, now)? || more_for_portal)
    })
    .await
}
