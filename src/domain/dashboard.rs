//! What a member of staff sees first: how much there is to do. Every figure is a stored counter or
//! a read of bounded length, so it takes the same time however many tickets there are.

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::outbox::TEXT_KEPT;
use crate::domain::tickets::{Status, day};
use crate::error::Error;
use crate::store;

/// Failed mails that are counted at most.
pub const MAILS_COUNTED: i64 = 1_000;

/// How much there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dashboard {
    /// Assigned to me, open or in progress, and the last word is the customer's.
    pub waiting_for_me: i64,
    /// Assigned to me, open or in progress.
    pub mine: i64,
    /// Assigned to nobody, open or in progress.
    pub unassigned: i64,
    /// Anybody's, open or in progress, and the last word is the customer's.
    pub customer_last: i64,
    /// Open or in progress, whoever works on them.
    pub unfinished: i64,
    /// Resolved since Monday and not reopened or closed since.
    pub resolved_this_week: i64,
    /// When that Monday began, in UTC.
    pub week_began: Millis,
    /// Mails given up in the last 14 days that can still be tried again; [`MAILS_COUNTED`] means
    /// that there are so many or more.
    pub failed_mails: i64,
}

/// Looks, for the member of staff `staff_id`.
///
/// # Errors
/// Those of the database.
pub fn look(tx: &mut Tx<'_>, staff_id: i64, now: Millis) -> Result<Dashboard, Error> {
    let monday = monday(now);
    let since = now.minus(TEXT_KEPT);
    let mut dashboard = Dashboard {
        resolved_this_week: store::desk_counts::resolved_since(tx, day(monday))?,
        week_began: monday,
        failed_mails: store::outbox::count_failed_since(tx, since, MAILS_COUNTED)?,
        waiting_for_me: 0,
        mine: 0,
        unassigned: 0,
        customer_last: 0,
        unfinished: 0,
    };
    for share in store::desk_counts::shares(tx, staff_id)? {
        if !matches!(share.status, Status::Open | Status::InProgress) {
            continue;
        }
        dashboard.unfinished += share.all;
        dashboard.unassigned += share.unassigned;
        dashboard.mine += share.assigned;
        if share.customer_last {
            dashboard.customer_last += share.all;
            dashboard.waiting_for_me += share.assigned;
        }
    }
    Ok(dashboard)
}

/// When the week of `now` began: Monday, midnight UTC.
pub fn monday(now: Millis) -> Millis {
    let today = day(now);
    // 1970-01-01 was a Thursday.
    Millis((today - (today + 3).rem_euclid(7)) * 86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday() {
        // 2026-11-12 is a Thursday.
        let thursday = Millis(1_794_474_840_000);
        assert_eq!(monday(thursday).rfc3339(), "2026-11-09T00:00:00.000Z");
        assert_eq!(monday(monday(thursday)), monday(thursday));
        assert_eq!(monday(Millis(monday(thursday).0 - 1)).rfc3339(), "2026-11-02T00:00:00.000Z");
        assert_eq!(monday(Millis(-1)).rfc3339(), "1969-12-29T00:00:00.000Z");
    }
}
