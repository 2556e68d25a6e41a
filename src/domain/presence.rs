//! Who is at a ticket of the desk at the moment, and who writes there: for colleagues alone.
//!
//! Each process says of its own people, in a row for each person and ticket that lapses by itself:
//! what a killed process leaves behind is over within [`PRESENT`].

use std::time::Duration;

use crate::clock::Millis;
use crate::db::Tx;
use crate::error::Error;
use crate::store;

/// So long a row counts.
pub const PRESENT: Duration = Duration::from_secs(45);
/// A row that is still true is written again after so long.
pub const RENEWED: Duration = Duration::from_secs(15);
/// So long after their last word somebody is taken to be writing.
pub const WRITING: Duration = Duration::from_secs(15);
/// People who are looked at, in all rooms together: more are not at a desk at the same time.
const MOST: i64 = 5_000;

/// Somebody at a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The ticket.
    pub ticket_id: i64,
    /// Who.
    pub staff_id: i64,
    /// Their name.
    pub name: String,
    /// Whether they are writing.
    pub writing: bool,
}

/// What a process says of one person at one ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The ticket.
    pub ticket_id: i64,
    /// Who.
    pub staff_id: i64,
    /// Until when they are taken to be writing.
    pub writing_until: Millis,
    /// Until when this counts.
    pub until: Millis,
}

/// What a process has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Which process.
    pub process_id: i64,
    /// Who is there.
    pub here: Vec<Seat>,
    /// Who went, by ticket and member of staff.
    pub gone: Vec<(i64, i64)>,
}

impl Batch {
    /// Nothing to say yet.
    pub fn of(process_id: i64) -> Self {
        Self { process_id, here: Vec::new(), gone: Vec::new() }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.here.is_empty() && self.gone.is_empty()
    }
}

/// Writes what a process has to say.
pub fn write(tx: &mut Tx<'_>, batch: &Batch) -> Result<(), Error> {
    for seat in &batch.here {
        store::presences::put(tx, batch.process_id, seat)?;
    }
    for &(ticket_id, staff_id) in &batch.gone {
        store::presences::remove(tx, batch.process_id, ticket_id, staff_id)?;
    }
    Ok(())
}

/// Everybody who is at a ticket, in all processes.
pub fn list(tx: &mut Tx<'_>, now: Millis) -> Result<Vec<Present>, Error> {
    Ok(store::presences::list(tx, now, MOST)?)
}

/// Everybody who is at this ticket.
pub fn at_ticket(tx: &mut Tx<'_>, ticket_id: i64, now: Millis) -> Result<Vec<Present>, Error> {
    Ok(store::presences::of_ticket(tx, ticket_id, now)?)
}

/// Forgets rows that lapsed, `limit` at most. Returns how many.
pub fn forget_old(tx: &mut Tx<'_>, now: Millis, limit: i64) -> Result<u64, Error> {
    Ok(store::presences::purge(tx, now, limit)?)
}
