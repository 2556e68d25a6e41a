//! Openings of the portal and of tickets, and uses of staff's sessions and of API keys, gathered in memory and written in batches: never on a
//! page's way, and never a change of the ticket.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::access::Viewer;
use crate::domain::sessions::{self, Session};
use crate::error::Error;
use crate::store;

/// What was opened since the last batch was written.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// By link: how often, and when last.
    links: HashMap<i64, (i64, Millis)>,
    /// By customer and ticket: when last.
    tickets: HashMap<(i64, i64), Millis>,
    /// By session of staff: when last.
    sessions: HashMap<i64, Millis>,
    /// By API key: when last.
    keys: HashMap<i64, Millis>,
}

/// Gathers openings.
#[derive(Debug, Default)]
pub struct Uses {
    batch: Mutex<Batch>,
    /// When the use of each API key was last noted here.
    keys_noted: Mutex<HashMap<i64, Millis>>,
}

impl Uses {
    /// Notes that the portal was opened with the viewer's link.
    pub fn portal_opened(&self, viewer: &Viewer, now: Millis) {
        let mut batch = self.lock();
        let (uses, last) = batch.links.entry(viewer.link_id).or_insert((0, now));
        *uses += 1;
        *last = now;
    }

    /// Notes that the viewer saw a ticket as it was at its last update.
    pub fn ticket_seen(&self, viewer: &Viewer, ticket_id: i64, updated_at: Millis) {
        self.lock().tickets.insert((viewer.customer_id, ticket_id), updated_at);
    }

    /// Notes that staff used a session, if the last use that was written down is old enough.
    pub fn session_used(&self, session: &Session, now: Millis) {
        if now.since(session.last_used_at) >= sessions::USE_NOTED_AFTER {
            self.lock().sessions.insert(session.id, now);
        }
    }

    /// Notes that a program used its key, about once a minute: some ask many times a second.
    pub fn key_used(&self, key_id: i64, now: Millis) {
        let mut noted = self.keys_noted.lock().unwrap_or_else(PoisonError::into_inner);
        let last = noted.get(&key_id);
        if last.is_none_or(|last| now.since(*last) >= sessions::USE_NOTED_AFTER) {
            noted.insert(key_id, now);
            self.lock().keys.insert(key_id, now);
        }
    }

    /// Takes what was gathered; none if there is nothing to write.
    pub fn take(&self) -> Option<Batch> {
        let batch = std::mem::take(&mut *self.lock());
        (!batch.is_empty()).then_some(batch)
    }

    fn lock(&self) -> MutexGuard<'_, Batch> {
        // A panic elsewhere leaves at worst a count that is one short.
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.links.is_empty()
            && self.tickets.is_empty()
            && self.sessions.is_empty()
            && self.keys.is_empty()
    }
}

/// Writes a batch.
pub fn write(tx: &mut Tx<'_>, batch: &Batch) -> Result<(), Error> {
    // In the order of their keys, so that two processes cannot wait for each other.
    let mut links: Vec<_> = batch.links.iter().collect();
    links.sort_unstable();
    for (&link_id, &(uses, last)) in links {
        store::links::add_uses(tx, link_id, uses, last)?;
    }
    let mut tickets: Vec<_> = batch.tickets.iter().collect();
    tickets.sort_unstable();
    for (&(customer_id, ticket_id), &at) in tickets {
        store::reads::put(tx, customer_id, ticket_id, at)?;
    }
    let mut sessions: Vec<_> = batch.sessions.iter().collect();
    sessions.sort_unstable();
    for (&id, &at) in sessions {
        store::sessions::set_used(tx, id, at)?;
    }
    let mut keys: Vec<_> = batch.keys.iter().collect();
    keys.sort_unstable();
    for (&id, &at) in keys {
        store::api_keys::set_used(tx, id, at)?;
    }
    Ok(())
}
