//! Who listens at open pages, and the words that each is told: in memory, for this process alone.
//!
//! A job reads what happened and tells it here ([`Live::tell`]); what listens is a [`Stream`] that
//! whoever answers the request reads. Nothing here waits, knows a request or reads the database.
//! A stream is a place in a few lists and a short queue: thousands of them cost no task and no
//! timer each.

mod rooms;
mod stream;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use rooms::Rooms;
pub use stream::Stream;

use crate::clock::Millis;
use crate::domain::live::{Ended, News};
use crate::domain::presence::Present;
use crate::metrics::{OpenStream, StreamKind};
use stream::Slot;

/// A stream that was told nothing for so long hears a heartbeat: proxies and phones forget silent
/// connections.
pub const HEARTBEAT: Duration = Duration::from_secs(20);

/// So long a stream lasts at most; its page opens another, and says again who it is.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How many streams there may be.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Over all, in this process.
    pub all: usize,
    /// For one person: a stream for each tab in sight.
    pub person: usize,
    /// Words that wait for a slow reader; more, and the reader loads its page again.
    pub waiting: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { all: 10_000, person: 24, waiting: 64 }
    }
}

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Person {
    /// A member of staff.
    Staff(i64),
    /// A customer.
    Customer(i64),
}

/// What lets them in: when it is ended, so is the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// A session at the desk.
    Session(i64),
    /// A link to the portal.
    Link(i64),
}

/// What they want to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Every ticket.
    Everything,
    /// One ticket.
    Ticket(i64),
}

/// Who listens, to what, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// Who.
    pub person: Person,
    /// What lets them in.
    pub pass: Pass,
    /// To what.
    pub about: About,
    /// When it stops letting them in by itself.
    pub until: Millis,
}

/// What a stream is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// Something happened to a ticket; for staff.
    Ticket(Arc<News>),
    /// A customer's ticket is in this version now.
    Version(i64),
    /// Who is at the ticket.
    Present(Arc<[Present]>),
    /// More happened than can be told one by one, up to the event of this number.
    Reload(i64),
    /// Nothing, so that the connection is not forgotten.
    Beat,
}

/// There is no room for another stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Not for this person.
    Person,
    /// For nobody: all places are taken, or the process is about to end.
    All,
}

/// Everybody who listens in this process.
pub struct Live {
    caps: Caps,
    state: Mutex<State>,
    /// Who is at which ticket.
    pub rooms: Rooms,
    next: AtomicU64,
}

#[derive(Default)]
struct State {
    slots: HashMap<u64, Arc<Slot>>,
    by_ticket: HashMap<i64, Vec<Arc<Slot>>>,
    everywhere: Vec<Arc<Slot>>,
    persons: HashMap<Person, usize>,
    /// The last event that was told; none while nobody listens.
    head: Option<i64>,
    closed: bool,
}

impl Live {
    /// Nobody listens yet.
    pub fn new(process_id: i64, caps: Caps) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self { caps, state, rooms: Rooms::new(process_id), next: AtomicU64::default() })
    }

    /// Opens a stream. What happens from now on is kept for it; what happened before is for the
    /// caller to look up ([`Stream::catch_up`], [`Stream::is_at`]).
    ///
    /// # Errors
    /// [`Full`].
    pub fn open(self: &Arc<Self>, listener: Listener, now: Millis) -> Result<Stream, Full> {
        let until = listener.until.min(now.plus(LONGEST));
        let listener = Listener { until, ..listener };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::new(Slot::new(number, listener, self.caps.waiting, now));
        self.lock().add(Arc::clone(&slot), self.caps)?;
        if let (Person::Staff(staff_id), About::Ticket(ticket_id)) =
            (listener.person, listener.about)
        {
            self.rooms.come(ticket_id, staff_id);
        }
        let kind = match listener.person {
            Person::Staff(_) => StreamKind::Desk,
            Person::Customer(_) => StreamKind::Portal,
        };
        Ok(Stream::new(Arc::clone(self), slot, OpenStream::begin(kind)))
    }

    /// Whether nobody listens.
    pub fn is_idle(&self) -> bool {
        self.lock().slots.is_empty()
    }

    /// Up to which event everything was told. None while nobody listens.
    pub fn head(&self) -> Option<i64> {
        self.lock().head
    }

    /// Tells from the event after `number` on, unless a place to begin at is known already.
    pub fn begin_at(&self, number: i64) {
        let mut state = self.lock();
        if !state.slots.is_empty() && state.head.is_none() {
            state.head = Some(number);
        }
    }

    /// Tells what happened, in the order of the events' numbers.
    pub fn tell(&self, news: Vec<News>) {
        for news in news {
            // Whoever comes after this finds the event told, and looks it up.
            let slots = self.lock().pass_on(&news);
            let news = Arc::new(news);
            for slot in slots {
                slot.tell(&news);
            }
        }
    }

    /// Tells the streams of tickets who is there.
    pub fn tell_present(&self, present: &[Present]) {
        let mut here: HashMap<i64, Vec<Present>> = HashMap::new();
        for one in present {
            here.entry(one.ticket_id).or_default().push(one.clone());
        }
        for ticket_id in self.rooms.tickets() {
            let here: Arc<[Present]> = here.remove(&ticket_id).unwrap_or_default().into();
            let slots = self.lock().by_ticket.get(&ticket_id).cloned().unwrap_or_default();
            for slot in slots.iter().filter(|slot| slot.is_staffs()) {
                slot.tell_present(&here);
            }
        }
    }

    /// Lets silent streams hear that we are there, and ends those whose time is over.
    pub fn beat(&self, now: Millis) {
        for slot in self.slots() {
            slot.beat(now);
        }
    }

    /// Ends the streams of those who may not listen any more.
    pub fn end(&self, ended: &Ended) {
        if ended.is_nobody() {
            return;
        }
        for slot in self.slots() {
            if is_over(ended, &slot.listener) {
                slot.end();
            }
        }
    }

    /// Ends every stream, and takes no more.
    pub fn close(&self) {
        self.lock().closed = true;
        for slot in self.slots() {
            slot.end();
        }
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.lock().slots.values().cloned().collect()
    }

    /// What [`Live::open`] added goes.
    fn forget(&self, slot: &Slot) {
        self.lock().remove(slot);
        let Listener { person, about, .. } = slot.listener;
        if let (Person::Staff(staff_id), About::Ticket(ticket_id)) = (person, about) {
            self.rooms.leave(ticket_id, staff_id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No method leaves the lists half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, slot: Arc<Slot>, caps: Caps) -> Result<(), Full> {
        if self.closed || self.slots.len() >= caps.all {
            return Err(Full::All);
        }
        let count = self.persons.entry(slot.listener.person).or_default();
        if *count >= caps.person {
            return Err(Full::Person);
        }
        *count += 1;
        match slot.listener.about {
            About::Everything => self.everywhere.push(Arc::clone(&slot)),
            About::Ticket(id) => self.by_ticket.entry(id).or_default().push(Arc::clone(&slot)),
        }
        self.slots.insert(slot.number, slot);
        Ok(())
    }

    fn remove(&mut self, slot: &Slot) {
        if self.slots.remove(&slot.number).is_none() {
            return;
        }
        let Listener { person, about, .. } = slot.listener;
        if let Some(count) = self.persons.get_mut(&person) {
            *count -= 1;
            if *count == 0 {
                self.persons.remove(&person);
            }
        }
        match about {
            About::Everything => self.everywhere.retain(|other| other.number != slot.number),
            About::Ticket(id) => {
                let others = self.by_ticket.entry(id).or_default();
                others.retain(|other| other.number != slot.number);
                if others.is_empty() {
                    self.by_ticket.remove(&id);
                }
            }
        }
        if self.slots.is_empty() {
            self.head = None;
        }
    }

    /// Whom an event is for; from now on it is told.
    fn pass_on(&mut self, news: &News) -> Vec<Arc<Slot>> {
        self.head = self.head.map(|head| head.max(news.number));
        let Some(ticket) = &news.ticket else { return Vec::new() };
        let at_ticket = self.by_ticket.get(&ticket.id).into_iter().flatten();
        self.everywhere.iter().chain(at_ticket).cloned().collect()
    }
}

/// Whether a listener is among those who may not listen any more.
fn is_over(ended: &Ended, listener: &Listener) -> bool {
    let by_pass = match listener.pass {
        Pass::Session(id) => ended.sessions.contains(&id),
        Pass::Link(id) => ended.links.contains(&id),
    };
    let shut_out = matches!(listener.person, Person::Customer(id) if ended.customers.contains(&id));
    ended.all || by_pass || shut_out
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("caps", &self.caps).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
