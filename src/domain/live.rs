//! What open pages are told of, read off the events: what changed and for whom, not how.

use std::collections::HashSet;
use std::time::Duration;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::events::EventKind;
use crate::error::Error;
use crate::ids::Reference;
use crate::store;

/// Events that a page which was away catches up with; more, and it loads itself again.
pub const CATCH_UP: i64 = 200;
/// Events read at a time.
pub const BATCH: i64 = 200;
/// So far back it is looked for what was ended: a transaction says when it began, and other
/// machines' clocks may lag.
const LOOK_BACK: Duration = Duration::from_secs(30);
/// Sessions or links ended within [`LOOK_BACK`] that are told one by one.
const ENDED: i64 = 10_000;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Its place among all events.
    pub number: i64,
    /// What kind of thing happened.
    pub kind: EventKind,
    /// The ticket it happened to.
    pub ticket: Option<Subject>,
    /// The customer it happened to, or whose ticket it is.
    pub customer_id: i64,
    /// Whether they may know that it happened.
    pub for_customer: bool,
    /// Whether the customer may come in at the moment.
    pub customer_active: bool,
}

/// The ticket that something happened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The row.
    pub id: i64,
    /// Its name.
    pub reference: Reference,
    /// What of it its customer can see now, as [`crate::domain::tickets::version`] counts.
    pub version: i64,
}

/// What happened after the event of this number, oldest first, [`BATCH`] at most.
pub fn after(tx: &mut Tx<'_>, number: i64) -> Result<Vec<News>, Error> {
    Ok(store::events::news_after(tx, number, BATCH)?)
}

/// The number of the last event.
pub fn last(tx: &mut Tx<'_>) -> Result<i64, Error> {
    Ok(store::events::last_number(tx)?)
}

/// What a page that shows everything up to `number` has missed.
#[derive(Clone, Debug)]
pub struct Missed {
    /// The last event.
    pub last: i64,
    /// What happened; `None` if it is too much to tell, or `number` is of another database.
    pub news: Option<Vec<News>>,
}

/// Looks up what happened after the event of this number.
pub fn catch_up(tx: &mut Tx<'_>, number: i64) -> Result<Missed, Error> {
    let last = store::events::last_number(tx)?;
    if number > last || last - number > CATCH_UP {
        return Ok(Missed { last, news: None });
    }
    Ok(Missed { last, news: Some(store::events::news_after(tx, number, CATCH_UP)?) })
}

/// Those who may not listen any more.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// Sessions at the desk.
    pub sessions: HashSet<i64>,
    /// Links to the portal.
    pub links: HashSet<i64>,
    /// Customers.
    pub customers: HashSet<i64>,
    /// More than can be told one by one: everybody says again who they are.
    pub all: bool,
}

impl Ended {
    /// Customers whom `news` shuts out.
    pub fn of_news(news: &[News]) -> Self {
        let shut_out = news.iter().filter(|one| !one.customer_active).map(|one| one.customer_id);
        Self { customers: shut_out.collect(), ..Self::default() }
    }

    /// Whether nobody was.
    pub fn is_nobody(&self) -> bool {
        let named = [&self.sessions, &self.links, &self.customers];
        !self.all && named.into_iter().all(HashSet::is_empty)
    }
}

/// Sessions and links that were ended of late.
pub fn ended(tx: &mut Tx<'_>, now: Millis) -> Result<Ended, Error> {
    let since = now.minus(LOOK_BACK);
    let sessions = store::sessions::revoked_since(tx, since, ENDED)?;
    let links = store::links::revoked_since(tx, since, ENDED)?;
    let all = [sessions.len(), links.len()].into_iter().any(|many| many as i64 >= ENDED);
    Ok(Ended {
        sessions: sessions.into_iter().collect(),
        links: links.into_iter().collect(),
        all,
        ..Ended::default()
    })
}
