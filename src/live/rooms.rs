//! Who is at which ticket in this process, and what of it the other processes do not know yet.
//!
//! One row a person and ticket says it to them ([`crate::domain::presence`]). It is written when
//! somebody comes, begins to write or goes, and again before it would lapse: never once a look.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Millis;
use crate::domain::presence::{Batch, PRESENT, RENEWED, Seat, WRITING};

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
    /// Until when they are taken to be writing.
    writing_until: Millis,
    /// When the row that says so was written, and what it says of the writing.
    told: Option<(Millis, Millis)>,
}

impl Guest {
    const NEW: Self = Self { streams: 0, writing_until: Millis(0), told: None };

    fn is_here(&self, now: Millis) -> bool {
        self.streams > 0 || self.writing_until > now
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
        self.lock().entry((ticket_id, staff_id)).or_insert(Guest::NEW).streams += 1;
    }

    pub(super) fn leave(&self, ticket_id: i64, staff_id: i64) {
        if let Some(guest) = self.lock().get_mut(&(ticket_id, staff_id)) {
            guest.streams = guest.streams.saturating_sub(1);
            if guest.streams == 0 {
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
            if !guest.is_here(now) {
                if guest.told.is_some() {
                    batch.gone.push((ticket_id, staff_id));
                }
                return false;
            }
            if guest.is_due(now) {
                guest.told = Some((now, guest.writing_until));
                let Guest { writing_until, streams, .. } = *guest;
                let until = if streams > 0 { now.plus(PRESENT) } else { writing_until };
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
