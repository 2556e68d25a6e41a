//! The audit log: who did what to whom, when, and from where. What a ticket's timeline tells
//! already is not in it.
//!
//! A line is written by the transaction that makes the change, through [`record`]. Which request it
//! was for, and where that came from, the transaction knows. Lines are never changed; what a person
//! was called can be taken out when they are to be forgotten ([`forget()`]).

mod action;
mod export;
mod forget;
mod words;

use serde_json::{Map, Value, json};

pub use action::Action;
pub use export::export;
pub(in crate::domain) use forget::forget_customer;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::answers::Answer;
use crate::domain::api_keys::ApiKey;
use crate::domain::customers::Customer;
use crate::domain::events::Changes;
use crate::domain::outbox::StoredMail;
use crate::domain::page::{self, Page};
use crate::domain::staff::Staff;
use crate::domain::tickets::Ticket;
use crate::domain::webhooks::Webhook;
use crate::domain::{Actor, text};
use crate::error::Error;
use crate::{ids, store};

/// A name or an address is kept to this many characters, and so is a value in the details.
const LONGEST: usize = 300;
/// Lines that one page looks at, at most, when it is asked for several things at once.
const LOOKED_AT: usize = 5_000;
/// Lines that are read at once after the first, where those did not fill the page.
const CHUNK: i64 = 500;
/// An id tells its time, and may have run ahead of it by so many milliseconds (see [`ids::new_id`]).
const AHEAD: i64 = 1_001;

/// What kind of hand did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByKind {
    /// A member of staff at the desk.
    Staff,
    /// A program with an API key.
    Program,
    /// A customer.
    Customer,
    /// Somebody at the command line.
    Operator,
    /// Doorkey by itself.
    System,
}

impl ByKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Staff, Self::Program, Self::Customer, Self::Operator, Self::System];

    /// The word for it in the database and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Program => "program",
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// What kind of hand.
    pub kind: ByKind,
    /// The row of the member of staff, the API key or the customer; 0 if there is none.
    pub id: i64,
    /// What they were called then; empty if they had no name, or were forgotten.
    pub name: String,
}

impl By {
    fn of(tx: &Tx<'_>, actor: &Actor) -> Self {
        let (kind, id) = match actor {
            Actor::Staff { id, .. } => (ByKind::Staff, *id),
            Actor::Program { id, .. } => (ByKind::Program, *id),
            Actor::Customer { id, .. } => (ByKind::Customer, *id),
            Actor::System if tx.is_typed() => (ByKind::Operator, 0),
            Actor::System => (ByKind::System, 0),
        };
        Self { kind, id, name: short(&actor.name().unwrap_or_default()) }
    }
}

/// What it was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What kind of thing: `staff`, `customer`, `api_key`, `webhook`, `ticket`, `answer`, `mail`,
    /// `doorkey`.
    pub kind: String,
    /// Its row; 0 if it has none.
    pub id: i64,
    /// What it was called then: an address, a name, a URL. Empty if it was forgotten.
    pub words: String,
}

impl Subject {
    /// Anything; `words` are what people call it and look for.
    pub fn new(kind: &str, id: i64, words: &str) -> Self {
        Self { kind: kind.to_owned(), id, words: short(words) }
    }

    /// The installation as a whole.
    pub fn doorkey() -> Self {
        Self::new("doorkey", 0, "Doorkey")
    }

    /// A member of staff, by their address.
    pub fn staff(staff: &Staff) -> Self {
        Self::new("staff", staff.id, staff.email.as_str())
    }

    /// A customer, by their address.
    pub fn customer(customer: &Customer) -> Self {
        Self::new("customer", customer.id, customer.email.as_str())
    }

    /// An API key, by its name.
    pub fn api_key(key: &ApiKey) -> Self {
        Self::new("api_key", key.id, &key.name)
    }

    /// A webhook, by where it leads, without the query: it may hold a secret.
    pub fn webhook(webhook: &Webhook) -> Self {
        let url = webhook.url.split('?').next().unwrap_or_default();
        Self::new("webhook", webhook.id, url)
    }

    /// A ticket, by its reference.
    pub fn ticket(ticket: &Ticket) -> Self {
        Self::new("ticket", ticket.id, ticket.reference.as_str())
    }

    /// A saved answer, by its name.
    pub fn answer(answer: &Answer) -> Self {
        Self::new("answer", answer.id, &answer.name)
    }

    /// A mail, by whom it is for.
    pub fn mail(mail: &StoredMail) -> Self {
        Self::new("mail", mail.id, mail.recipient.as_str())
    }

    /// What it is found by.
    pub fn key(&self) -> String {
        text::fold(&self.words)
    }
}

/// What else there is to say: what changed from what to what, or a fact. Never a secret, a token or
/// the text of a ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details(pub Map<String, Value>);

impl Details {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same with a fact.
    #[must_use]
    pub fn with(mut self, what: &str, is: impl Into<Value>) -> Self {
        self.0.insert(what.to_owned(), shortened(is.into()));
        self
    }

    /// The same with what changed, if it did.
    #[must_use]
    pub fn changed<T: Into<Value> + PartialEq>(mut self, what: &str, from: T, to: T) -> Self {
        if from != to {
            let (from, to) = (shortened(from.into()), shortened(to.into()));
            self.0.insert(what.to_owned(), json!({ "from": from, "to": to }));
        }
        self
    }

    /// What changed, as an event has it.
    pub(in crate::domain) fn of(changes: &Changes) -> Self {
        let change = |(what, change): (&String, &Value)| {
            let (from, to) = (shortened(change["from"].clone()), shortened(change["to"].clone()));
            (what.clone(), json!({ "from": from, "to": to }))
        };
        Self(changes.map().iter().map(change).collect())
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn short(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => short(&text).into(),
        other => other,
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The row. Ids grow in the order in which things happened.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// Who.
    pub by: By,
    /// What they did, as [`Action::as_str`] says it; a newer program may know more actions.
    pub action: String,
    /// To whom or what.
    pub subject: Subject,
    /// What else there is to say.
    pub details: Details,
    /// Roughly where from, in words: `192.0.2.x`; empty for what came over no network.
    pub network: String,
    /// The id of the request, as the log has it.
    pub cause: Option<String>,
}

/// Writes down what `actor` does, in the transaction that does it.
///
/// # Errors
/// [`Error::Db`] alone.
pub fn record(
    tx: &mut Tx<'_>,
    actor: &Actor,
    action: Action,
    subject: &Subject,
    details: Details,
    now: Millis,
) -> Result<(), Error> {
    let line = Line {
        id: ids::new_id(now),
        at: now,
        by: By::of(tx, actor),
        action: action.as_str().to_owned(),
        subject: subject.clone(),
        details,
        network: tx.network().map(|network| network.to_string()).unwrap_or_default(),
        cause: tx.cause().map(|cause| cause.to_string()),
    };
    Ok(store::audit::insert(tx, &line)?)
}

/// Takes what somebody was called out of the log: as `kind` and `id` they did things or things were
/// done to them, and `words`, an address, may be what a mail's line says. That something was done
/// stays, and by which row.
pub fn forget(tx: &mut Tx<'_>, kind: &str, id: i64, words: &str) -> Result<(), Error> {
    store::audit::forget_name(tx, kind, id)?;
    store::audit::forget_subject(tx, kind, id)?;
    Ok(store::audit::forget_words(tx, &text::fold(words))?)
}

/// Takes out of the log how a ticket was changed, whose texts are to be forgotten: its old subjects.
pub(in crate::domain) fn forget_changes(tx: &mut Tx<'_>, ticket_id: i64) -> Result<(), Error> {
    Ok(store::audit::forget_details(tx, "ticket", ticket_id)?)
}

/// The newest changes of a ticket's details, the newest first.
pub(in crate::domain) fn of_ticket(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    limit: i64,
) -> Result<Vec<Line>, Error> {
    Ok(store::audit::of_subject(tx, ("ticket", ticket_id), limit)?)
}

/// Which lines are asked for. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Whose hand, as a kind, and which row of it.
    pub by: Option<(ByKind, Option<i64>)>,
    /// What they did.
    pub action: Option<Action>,
    /// What it was done to: its whole address, name or URL, in any case.
    pub about: Option<String>,
    /// Not before.
    pub from: Option<Millis>,
    /// Before.
    pub until: Option<Millis>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// How many.
    pub limit: i64,
}

impl Query {
    fn matches(&self, line: &Line) -> bool {
        let by = |(kind, id): (ByKind, Option<i64>)| {
            line.by.kind == kind && id.is_none_or(|id| line.by.id == id)
        };
        self.by.is_none_or(by)
            && self.action.is_none_or(|action| action.as_str() == line.action)
            && self.about.as_ref().is_none_or(|about| text::fold(about) == line.subject.key())
            && self.from.is_none_or(|from| line.at >= from)
            && self.until.is_none_or(|until| line.at < until)
    }

    /// The ids that can be meant: after the first, before the second.
    fn range(&self, before: Option<i64>) -> (i64, i64) {
        let after = self.from.map_or(-1, |from| ids::id_at(from.min(ids::LAST_MOMENT), 0) - 1);
        let until = |until: Millis| match Millis(until.0.saturating_add(AHEAD)) {
            late if late > ids::LAST_MOMENT => i64::MAX,
            until => ids::id_at(until, 0),
        };
        let end = self.until.map_or(i64::MAX, until);
        (after, before.map_or(end, |before| before.min(end)))
    }

    /// The lines of a range, by the narrowest index that holds all that are asked for.
    fn read(&self, tx: &mut Tx<'_>, range: store::audit::Range) -> Result<Vec<Line>, Error> {
        Ok(match (&self.about, self.by, self.action) {
            (Some(about), _, _) => store::audit::about(tx, &text::fold(about), range)?,
            (None, Some((kind, Some(id))), _) => store::audit::by(tx, (kind.as_str(), id), range)?,
            (None, _, Some(action)) => store::audit::of_action(tx, action.as_str(), range)?,
            _ => store::audit::newest(tx, range)?,
        })
    }
}

/// Lines, the newest first. A page that was asked for several things at once may be short and have a
/// next one all the same: it has then looked at 5,000 lines.
///
/// # Errors
/// [`Error::Invalid`] naming `cursor`.
pub fn list(tx: &mut Tx<'_>, query: &Query) -> Result<Page<Line>, Error> {
    let place = page::place("cursor", query.cursor.as_deref())?;
    let (after, mut before) = query.range(place);
    let limit = usize::try_from(query.limit).unwrap_or(0);
    let (mut found, mut looked) = (Vec::new(), 0);
    // Asked for one thing or none, every line that is read belongs to the page.
    let mut at_once = query.limit + 1;
    loop {
        let chunk = query.read(tx, (after, before, at_once))?;
        let is_last = chunk.len() < usize::try_from(at_once).unwrap_or(0);
        at_once = CHUNK;
        looked += chunk.len();
        for line in chunk {
            if found.len() == limit {
                return Ok(Page { items: found, next: Some(page::cursor(&[before])) });
            }
            before = line.id;
            if query.matches(&line) {
                found.push(line);
            }
        }
        if is_last {
            return Ok(Page { items: found, next: None });
        }
        if looked >= LOOKED_AT {
            return Ok(Page { items: found, next: Some(page::cursor(&[before])) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_and_values_are_cut() {
        let long = "ä".repeat(LONGEST + 1);
        let subject = Subject::new("webhook", 1, &long);
        assert_eq!(subject.words.chars().count(), LONGEST);
        assert!(subject.words.ends_with('…'));
        let details = Details::none().with("about", long.as_str()).with("count", 3);
        assert_eq!(details.0["about"].as_str().map(|it| it.chars().count()), Some(LONGEST));
        assert_eq!(details.0["count"], 3);
        assert_eq!(Subject::new("staff", 1, &"a".repeat(LONGEST)).words.len(), LONGEST);
    }

    #[test]
    fn only_what_changed_is_told() {
        let details =
            Details::none().changed("name", "A", "A").changed("role", "admin", "technician");
        assert_eq!(json!(details.0), json!({ "role": { "from": "admin", "to": "technician" } }));
    }

    #[test]
    fn the_end_of_a_day_holds_ids_that_ran_ahead() {
        let day = Millis(1_794_441_600_000);
        let query = Query { from: Some(day), until: Some(Millis(day.0 + 1)), ..Query::default() };
        let (after, before) = query.range(None);
        assert!(after < ids::id_at(day, 0) && ids::id_at(Millis(day.0 + 1_000), u32::MAX) < before);
        assert_eq!(query.range(Some(7)).1, 7);
        let late = Some(Millis(253_339_228_800_000));
        let (after, before) = Query { from: late, until: late, ..Query::default() }.range(None);
        assert!(after > ids::id_at(day, 0) && before == i64::MAX, "{after} {before}");
    }
}
