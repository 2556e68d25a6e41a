//! What tickets leave in tables that are kept in the order of customers, and in counters.
//!
//! Tickets are made in the order of time, so these rows of theirs lie far apart. Kept back and
//! sorted they are written side by side, and each counter once.

use std::collections::BTreeMap;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::tickets::{Status, Tally, Ticket};
use crate::error::Error;
use crate::store;
use crate::store::bulk::SearchText;

use super::Told;

/// Texts written at once: their values are made for so many.
const TEXTS: usize = 10_000;

/// Rows that were kept back, of any number of tickets.
#[derive(Clone, Debug, Default)]
pub struct Apart {
    texts: Vec<SearchText>,
    reads: Vec<(i64, i64, Millis)>,
    /// By customer and status: how many tickets. In the order of their keys, so that two processes
    /// cannot wait for each other.
    counts: BTreeMap<(i64, &'static str), (Status, i64)>,
    tally: Tally,
    bytes: usize,
}

impl Apart {
    /// Takes what these tickets leave here.
    pub fn take(&mut self, told: &mut [Told]) {
        for Told { history, .. } in told {
            self.bytes += history.texts.iter().map(|text| text.text.len()).sum::<usize>();
            self.texts.append(&mut history.texts);
            let Ticket { id, customer, status, .. } = &history.ticket;
            self.reads.extend(history.read_at.map(|at| (customer.id, *id, at)));
            self.counts.entry((customer.id, status.as_str())).or_insert((*status, 0)).1 += 1;
            self.tally.add(&history.ticket);
        }
    }

    /// How many bytes of text there are.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same in the order in which it is kept, so that neighbours are written together.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.texts.sort_unstable_by_key(|text| (text.customer_id, text.ticket_id, text.entry_id));
        self.reads.sort_unstable();
        self
    }

    /// Adds these rows. Their tickets must be there by the end of the transaction; on PostgreSQL,
    /// before.
    ///
    /// # Errors
    /// [`crate::db::DbError::Unique`] if they are there already.
    pub fn add(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        for some in self.texts.chunks(TEXTS) {
            store::bulk::search_texts(tx, some)?;
        }
        store::bulk::reads(tx, &self.reads)?;
        let counts: Vec<(i64, Status, i64)> = self
            .counts
            .iter()
            .map(|((customer, _), (status, tickets))| (*customer, *status, *tickets))
            .collect();
        store::bulk::counts(tx, &counts)?;
        self.tally.write(tx)
    }
}
