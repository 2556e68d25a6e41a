//! What a ticket counts as, and the counters that follow it.

use std::collections::BTreeMap;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::tickets::{Status, Ticket};
use crate::error::Error;
use crate::store::desk_counts::Place;
use crate::{ids, store};

/// What a ticket counts as. Taken before a change, so that it can be taken off afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Standing {
    status: Status,
    place: Place,
    resolved_on: Option<i64>,
}

impl Standing {
    /// How `ticket` stands now.
    pub(in crate::domain) fn of(ticket: &Ticket) -> Self {
        let place = Place {
            status: ticket.status.as_str(),
            customer_last: ticket.customer_last,
            assignee_id: ticket.assignee.as_ref().map_or(0, |person| person.id),
        };
        let resolved_on = ticket.resolved_at.map(day);
        Self { status: ticket.status, place, resolved_on }
    }
}

/// The day of a moment, counted from 1970 in UTC.
pub(in crate::domain) fn day(at: Millis) -> i64 {
    at.0.div_euclid(86_400_000)
}

/// Writes everything that changed about a ticket which was `before`, and counts it as what it is
/// now. The caller holds the ticket's lock.
pub(in crate::domain) fn save(
    tx: &mut Tx<'_>,
    before: Standing,
    ticket: &Ticket,
) -> Result<(), Error> {
    store::tickets::update(tx, ticket)?;
    let now = Standing::of(ticket);
    if before.status != now.status {
        // Always in the same order, so that two tickets of one customer cannot wait for each other.
        let mut counts = [(before.status, -1), (now.status, 1)];
        counts.sort_unstable_by_key(|(status, _)| status.as_str());
        for (status, change) in counts {
            store::tickets::count(tx, ticket.customer.id, status, change)?;
        }
    }
    // For the case that others hold all slots; any number will do that nobody else draws.
    let slot = ids::new_id(ticket.updated_at);
    if before.place != now.place {
        store::desk_counts::add(tx, &before.place, slot, -1)?;
        store::desk_counts::add(tx, &now.place, slot, 1)?;
    }
    if before.resolved_on != now.resolved_on {
        for (day, change) in [(before.resolved_on, -1), (now.resolved_on, 1)] {
            if let Some(day) = day {
                store::desk_counts::add_resolved(tx, day, slot, change)?;
            }
        }
    }
    Ok(())
}

/// Counts a ticket that was not there before.
pub(in crate::domain) fn count_new(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<(), Error> {
    store::tickets::count(tx, ticket.customer.id, ticket.status, 1)?;
    let mut tally = Tally::default();
    tally.add(ticket);
    tally.write(tx)
}

/// Tickets that were not there before, counted as what they are, but for their customers' own counts.
#[derive(Clone, Debug, Default)]
pub(in crate::domain) struct Tally {
    // By what is counted: in which slot if there is none yet, and how many.
    places: BTreeMap<Place, (i64, i64)>,
    days: BTreeMap<i64, (i64, i64)>,
}

impl Tally {
    /// Counts one more.
    pub(in crate::domain) fn add(&mut self, ticket: &Ticket) {
        let standing = Standing::of(ticket);
        self.places.entry(standing.place).or_insert((ticket.id, 0)).1 += 1;
        if let Some(day) = standing.resolved_on {
            self.days.entry(day).or_insert((ticket.id, 0)).1 += 1;
        }
    }

    /// Adds them to what was counted before.
    pub(in crate::domain) fn write(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        for (place, (slot, tickets)) in &self.places {
            store::desk_counts::add(tx, place, *slot, *tickets)?;
        }
        for (day, (slot, tickets)) in &self.days {
            store::desk_counts::add_resolved(tx, *day, *slot, *tickets)?;
        }
        Ok(())
    }
}
