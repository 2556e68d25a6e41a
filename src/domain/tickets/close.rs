//! Resolved tickets close by themselves after a while, without a word.

use std::time::Duration;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::tickets::change::move_to;
use crate::domain::tickets::{Standing, Status, find, save};
use crate::domain::{Actor, Rules};
use crate::error::Error;
use crate::store;

/// Tickets closed in one transaction at most, so that other writers get their turn.
const BATCH: i64 = 50;

/// Closes tickets that have been resolved for `tickets.auto_close_days`. Returns whether
/// there may be more.
pub fn close_due(tx: &mut Tx<'_>, rules: &Rules, now: Millis) -> Result<bool, Error> {
    if rules.auto_close_days == 0 {
        return Ok(false);
    }
    let days = Duration::from_secs(u64::from(rules.auto_close_days) * 86_400);
    let before = now.minus(days);
    let due = store::tickets::resolved_until(tx, before, BATCH)?;
    for reference in &due {
        let mut ticket = find::take(tx, &Actor::System, reference)?;
        // Another process or a reply may have been first; it may even be resolved anew.
        let still_due = ticket.resolved_at.is_some_and(|at| at <= before);
        if still_due && ticket.status == Status::Resolved {
            let before = Standing::of(&ticket);
            move_to(tx, &mut ticket, &Actor::System, Status::Closed, now)?;
            save(tx, before, &ticket)?;
        }
    }
    Ok(i64::try_from(due.len()).is_ok_and(|count| count == BATCH))
}
