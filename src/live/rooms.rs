//! Who is at which ticket in this process, and what of it the other processes do not know yet.
//!
//! One row a person and ticket says it to them ([`crate::domain::presence`]). It is written when
//! somebody comes, begins to write or goes, and again before it would lapse: never once a look.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Millis;
use crate::domain::presence::{Batch, PRESENT, RENEWED, Seat, WRITING};

/// Who closed their last tab is still there for so long: they may have loaded the page again.
pub(super) const LINGER: Duration = Duration::from_secs(4);

/// The rooms of this process: one for each ticket that somebody has open.
#[derive(Debug)]
pub struct Rooms {
    process_id: i64,
    /// By ticket and member of staff.
    guests: Mutex<HashMap<(i64, i64), Guest>>,
}

#[derive(Clone, Copy, Debug)]
struct Guest {
    /// Tabs in which they have it open, here.
    streams: usize,
    /// Whether they closed the last one, and since when that is known.
    left: Option<Option<Millis>>,
    /// Until when they are taken to be writing.
    writing_until: Millis,
    /// When the row that says so was written, and what it says of the writing.
    told: Option<(Millis, Millis)>,
}

impl Guest {
    const NEW: Self = Self { streams: 0, left: None, writing_until: Millis(0), told: None };

    /// Whether they have it open, or had until a moment ago.
    fn is_in(&self, now: Millis) -> bool {
        let lingers = |since: Option<Millis>| since.is_none_or(|it| now.since(it) < LINGER);
        self.streams > 0 || self.left.is_some_and(lingers)
    }

    fn is_due(&self, now: Millis) -> bool {
        self.told.is_none_or(|(at, writing_until)| {
            writing_until != self.writing_until || now.since(at) >= RENEWED
        })
    }
}

impl Rooms {
    pub(super) fn new(process_id: i64) -> Self {
        Self { process_id, guests: Mutex::default() }
    }

    pub(super) fn come(&self, ticket_id: i64, staff_id: i64) {
        let mut guests = self.lock();
        let guest = guests.entry((ticket_id, staff_id)).or_insert(Guest::NEW);
        guest.streams += 1;
        guest.left = None;
    }

    pub(super) fn leave(&self, ticket_id: i64, staff_id: i64) {
        if let Some(guest) = self.lock().get_mut(&(ticket_id, staff_id)) {
            guest.streams = guest.streams.saturating_sub(1);
            if guest.streams == 0 {
                guest.left = Some(None);
                guest.writing_until = Millis(0);
            }
        }
    }

    /// Somebody writes. Their stream may be with another process.
    pub fn write(&self, ticket_id: i64, staff_id: i64, now: Millis) {
        self.lock().entry((ticket_id, staff_id)).or_insert(Guest::NEW).writing_until =
            now.plus(WRITING);
    }

    /// The tickets that somebody has open here.
    pub fn tickets(&self) -> Vec<i64> {
        let guests = self.lock();
        let open = guests.iter().filter(|(_, guest)| guest.streams > 0);
        let mut tickets: Vec<i64> = open.map(|((ticket_id, _), _)| *ticket_id).collect();
        tickets.sort_unstable();
        tickets.dedup();
        tickets
    }

    /// What has to be written now, so that other processes know. It counts as written.
    pub fn take_due(&self, now: Millis) -> Batch {
        let mut batch = Batch::of(self.process_id);
        self.lock().retain(|&(ticket_id, staff_id), guest| {
            if guest.left == Some(None) {
                guest.left = Some(Some(now));
            }
            let is_in = guest.is_in(now);
            if !is_in && guest.writing_until <= now {
                if guest.told.is_some() {
                    batch.gone.push((ticket_id, staff_id));
                }
                return false;
            }
            if guest.is_due(now) {
                guest.told = Some((now, guest.writing_until));
                let writing_until = guest.writing_until;
                let until = if is_in { now.plus(PRESENT) } else { writing_until };
                batch.here.push(Seat { ticket_id, staff_id, writing_until, until });
            }
            true
        });
        // In the order of their keys, so that two processes cannot wait for each other.
        batch.here.sort_unstable_by_key(|seat| (seat.ticket_id, seat.staff_id));
        batch.gone.sort_unstable();
        batch
    }

    /// What was taken could not be written: all of it is due again. Rows of those who went lapse.
    pub fn write_again(&self) {
        for guest in self.lock().values_mut() {
            guest.told = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(i64, i64), Guest>> {
        // No method leaves it half changed.
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
