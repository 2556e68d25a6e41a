//! Tickets whose whole life is told at once: for data that is made to try Doorkey under load.
//!
//! A history is made by the rules that a living ticket obeys (what an entry means, what a status
//! means), so nothing tells its rows from rows that grew. Nobody is mailed.

mod apart;

pub use apart::Apart;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::customers::Customer;
use crate::domain::entries::{self, Draft, Entry, Kind, Visibility};
use crate::domain::tickets::{self, NewTicket, Person, Status, Ticket};
use crate::domain::{Actor, Rules, search};
use crate::error::Error;
use crate::ids::{self, Reference};
use crate::store;
use crate::store::bulk::SearchText;

/// When something happens, and what is put in place of chance into the id of its row.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// When.
    pub at: Millis,
    /// Any number, another for each moment: see [`ids::id_at`].
    pub noise: u32,
}

impl Moment {
    /// The id of a row that is made at this moment.
    pub fn id(self) -> i64 {
        ids::id_at(self.at, self.noise)
    }
}

/// A ticket and everything that happened to it.
#[derive(Clone, Debug)]
pub struct History {
    ticket: Ticket,
    entries: Vec<(Entry, Option<i64>)>,
    texts: Vec<SearchText>,
    /// What the customer is found by, folded.
    customer: String,
    read_at: Option<Millis>,
}

impl History {
    /// A ticket is created for `customer`.
    pub fn begin(
        new: &NewTicket,
        reference: Reference,
        customer: &Customer,
        assignee: Option<Person>,
        actor: &Actor,
        moment: Moment,
    ) -> Self {
        let search = customer.search_text();
        let Customer { id, email, name, .. } = customer;
        let customer = Person { id: *id, email: email.clone(), name: name.clone() };
        let assigned = assignee.as_ref().map(|technician| technician.name.clone());
        let ticket = tickets::begin(moment.id(), reference, new, customer, assignee, moment.at);
        let mut history = Self {
            ticket,
            entries: Vec::new(),
            texts: Vec::new(),
            customer: search,
            read_at: None,
        };
        history.keep_text(0, true, tickets::search_text(&history.ticket));
        history.append(actor, Draft::new(Kind::Created), moment);
        if assigned.is_some() {
            history.append(actor, Draft::assigned(assigned), moment);
        }
        history
    }

    /// The ticket as it is by now.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// How many entries there are.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Staff write a note.
    pub fn note(&mut self, actor: &Actor, body: String, visibility: Visibility, moment: Moment) {
        let draft = Draft { visibility, body: Some(body), ..Draft::new(Kind::Note) };
        self.append(actor, draft, moment);
    }

    /// The customer replies, which reopens a resolved ticket if the rules say so.
    ///
    /// # Errors
    /// [`Error::TicketClosed`].
    pub fn reply(&mut self, rules: &Rules, body: String, moment: Moment) -> Result<(), Error> {
        if self.ticket.status == Status::Closed {
            return Err(Error::TicketClosed);
        }
        let Person { id, name, .. } = &self.ticket.customer;
        let actor = Actor::Customer { id: *id, name: name.clone() };
        self.append(&actor, Draft { body: Some(body), ..Draft::new(Kind::Reply) }, moment);
        if self.ticket.status == Status::Resolved && rules.reopen_on_reply {
            self.turn(&actor, Status::Open, moment)?;
        }
        Ok(())
    }

    /// The ticket gets a status that needs no text.
    ///
    /// # Errors
    /// [`Error::TransitionRefused`].
    pub fn turn(&mut self, actor: &Actor, to: Status, moment: Moment) -> Result<(), Error> {
        let draft = tickets::turn(&mut self.ticket, to)?;
        self.append(actor, draft, moment);
        Ok(())
    }

    /// The ticket is resolved.
    ///
    /// # Errors
    /// [`Error::TransitionRefused`].
    pub fn resolve(&mut self, actor: &Actor, text: &str, moment: Moment) -> Result<(), Error> {
        let draft = tickets::settle(&mut self.ticket, text, moment.at)?;
        self.append(actor, draft, moment);
        Ok(())
    }

    /// The customer has seen everything so far.
    pub fn read(&mut self) {
        self.read_at = Some(self.ticket.updated_at);
    }

    fn append(&mut self, actor: &Actor, draft: Draft, moment: Moment) {
        let (entry, by_id) =
            entries::append(&mut self.ticket, actor, draft, moment.id(), moment.at);
        if let Some(text) = entries::search_text(&entry) {
            self.keep_text(entry.id, entry.visibility == Visibility::Public, text);
        }
        self.entries.push((entry, by_id));
    }

    fn keep_text(&mut self, entry_id: i64, is_public: bool, text: String) {
        let (customer_id, ticket_id) = (self.ticket.customer.id, self.ticket.id);
        self.texts.push(SearchText { customer_id, ticket_id, entry_id, is_public, text });
    }
}

/// A history with what can be worked out of it before it is written.
#[derive(Clone, Debug)]
pub struct Told {
    history: History,
    /// The words the ticket is found by.
    words: String,
}

impl From<History> for Told {
    fn from(history: History) -> Self {
        let texts = history.texts.iter().map(|text| text.text.as_str());
        let words = search::words_of(std::iter::once(history.customer.as_str()).chain(texts));
        Self { history, words }
    }
}

impl Told {
    /// How many entries the ticket has.
    pub fn entries(&self) -> usize {
        self.history.entries()
    }
}

/// Adds tickets with all that happened to them, but for what stands [`Apart`].
///
/// # Errors
/// [`crate::db::DbError::Unique`] if a reference or an id is taken.
pub fn add(tx: &mut Tx<'_>, told: &[Told]) -> Result<(), Error> {
    let histories = || told.iter().map(|it| &it.history);
    store::bulk::tickets(tx, histories().map(|history| &history.ticket))?;
    let entries = histories().flat_map(|history| {
        history.entries.iter().map(|(entry, by_id)| (history.ticket.id, entry, *by_id))
    });
    store::bulk::entries(tx, entries)?;
    let words = told.iter().map(|it| (it.history.ticket.id, it.words.as_str()));
    Ok(store::bulk::ticket_words(tx, words)?)
}

/// References read at once, when all are read.
const REFERENCES: i64 = 10_000;

/// The numbers of all references that are taken, the least first: see [`Reference::number`].
pub fn taken_references(tx: &mut Tx<'_>) -> Result<Vec<u32>, Error> {
    let mut numbers = Vec::new();
    let mut last = String::new();
    loop {
        let some = store::bulk::references_after(tx, &last, REFERENCES)?;
        numbers.extend(some.iter().filter_map(|word| Some(Reference::parse(word)?.number())));
        match some.into_iter().next_back() {
            Some(word) => last = word,
            None => break,
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
