//! Searching everybody's tickets, for staff and programs.
//!
//! What is exactly a reference, an address or a name comes first: the ticket of that reference, and
//! the tickets of whoever has that address or name, by their last update. Then come the others
//! that hold all the words, the newest ticket first.
//!
//! These are looked for twice. Among the newest tickets each is looked at: a common word is found
//! there at once, however many tickets hold it. What is not found there is rare, and the full-text
//! index is asked for the rest.

use std::cmp::Reverse;

use crate::db::Tx;
use crate::domain::email::Email;
use crate::domain::entries::{Entry, Visibility};
use crate::domain::highlight::{self, Piece, Snippet};
use crate::domain::page::{self, Page};
use crate::domain::text::{fold, without_controls};
use crate::domain::tickets::desk::{self, Filter, Found, WALK};
use crate::domain::tickets::{Sort, Ticket};
use crate::domain::words::{self, Term};
use crate::error::Error;
use crate::ids::Reference;
use crate::store;
use crate::store::desk_lists::{Candidate, Range};

/// Customers of exactly the same name whose tickets come first, at most.
const NAMESAKES: i64 = 10;
/// Newest tickets that are looked at one by one.
const NEWEST: i64 = 2_000;
/// Hits of the full-text index that are looked at together.
const STRIDE: usize = 250;
/// Entries of a ticket in which the snippet is looked for, the newest.
const ENTRIES: i64 = 100;

/// Where in the order a ticket stands: in which part, and by what within it.
const REFERENCE: i64 = 0;
const PEOPLE: i64 = 1;
const WORDS: i64 = 2;

/// A search.
struct Search<'a> {
    filter: &'a Filter,
    terms: Vec<Term>,
    patterns: Vec<String>,
    reference: Option<i64>,
    people: Vec<i64>,
}

pub(super) fn list(
    tx: &mut Tx<'_>,
    filter: &Filter,
    typed: &str,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<Ticket>, Error> {
    let after = match cursor {
        Some(cursor) => page::decode("cursor", cursor, 3)?,
        None => vec![REFERENCE - 1, 0, 0],
    };
    let search = Search::of(tx, filter, typed)?;
    let found = search.find(tx, &after, limit + 1)?;
    desk::page(tx, found, limit, |it| search.place(it))
}

impl<'a> Search<'a> {
    fn of(tx: &mut Tx<'_>, filter: &'a Filter, typed: &str) -> Result<Self, Error> {
        let typed = without_controls(typed);
        let terms = words::terms(&typed);
        let patterns = terms.iter().map(|term| {
            let end = if term.is_prefix { "" } else { " " };
            format!("% {}{end}%", term.word)
        });
        let reference = match Reference::parse_loosely(&typed) {
            Some(reference) => store::tickets::find_by_reference(tx, &reference)?,
            None => None,
        };
        let address = Email::parse("q", typed.trim()).map(|email| email.key()).unwrap_or_default();
        Ok(Self {
            filter,
            patterns: patterns.collect(),
            terms,
            reference: reference.map(|ticket| ticket.id),
            people: store::customers::called(tx, &address, &fold(typed.trim()), NAMESAKES)?,
        })
    }

    /// What comes after these keys, `wanted` at most.
    fn find(&self, tx: &mut Tx<'_>, after: &[i64], wanted: usize) -> Result<Found, Error> {
        let (part, inner) = (after[0], &after[1..]);
        let mut kept = Vec::new();
        if part < REFERENCE
            && let Some(id) = self.reference
        {
            let named = store::desk_lists::candidates_of(tx, &[id])?;
            kept.extend(named.into_iter().filter(|it| self.filter.admits(it)));
        }
        if part <= PEOPLE && !self.people.is_empty() {
            let ranges: Vec<Range> = self.people.iter().map(|&id| Range::Customer(id)).collect();
            let from = (part == PEOPLE).then(|| inner.to_vec());
            let other = |it: &Candidate| Some(it.id) != self.reference;
            let left = wanted.saturating_sub(kept.len());
            let found = desk::walk(tx, self.filter, &ranges, Sort::Updated, from, left, other)?;
            kept.extend(found.kept);
            if let Some(keys) = found.stopped {
                return Ok(Found { kept, stopped: Some([&[PEOPLE], &keys[..]].concat()) });
            }
        }
        if kept.len() >= wanted || self.terms.is_empty() {
            return Ok(Found { kept, stopped: None });
        }
        let before = if part == WORDS { inner[0] } else { i64::MAX };
        let found = match self.filter.small(tx)? {
            Some(range) => self.among(tx, range, before, wanted - kept.len())?,
            None => self.everywhere(tx, before, wanted - kept.len())?,
        };
        kept.extend(found.kept);
        Ok(Found { kept, stopped: found.stopped })
    }

    /// Not those that came before, in a part of their own.
    fn is_other(&self, it: &Candidate) -> bool {
        self.filter.admits(it)
            && Some(it.id) != self.reference
            && !self.people.contains(&it.customer_id)
    }

    fn place(&self, it: &Candidate) -> Vec<i64> {
        if Some(it.id) == self.reference {
            vec![REFERENCE, 0, 0]
        } else if self.people.contains(&it.customer_id) {
            vec![PEOPLE, it.updated_at.0, it.id]
        } else {
            vec![WORDS, it.id, 0]
        }
    }

    /// Looks at each of a few tickets.
    fn among(
        &self,
        tx: &mut Tx<'_>,
        range: Range,
        before: i64,
        wanted: usize,
    ) -> Result<Found, Error> {
        let mut all = desk::whole(tx, self.filter, range)?;
        all.retain(|it| it.id < before && self.is_other(it));
        all.sort_by_key(|it| Reverse(it.id));
        let mut kept = Vec::new();
        for some in all.chunks(STRIDE) {
            let ids: Vec<i64> = some.iter().map(|it| it.id).collect();
            let found = store::ticket_words::among(tx, &ids, &self.patterns)?;
            kept.extend(some.iter().filter(|it| found.contains(&it.id)).cloned());
            if kept.len() >= wanted {
                kept.truncate(wanted);
                break;
            }
        }
        Ok(Found { kept, stopped: None })
    }

    /// Looks at the newest tickets, then asks the full-text index.
    fn everywhere(&self, tx: &mut Tx<'_>, mut before: i64, wanted: usize) -> Result<Found, Error> {
        let Some(from) = store::ticket_words::window(tx, before, NEWEST)? else {
            return Ok(Found { kept: Vec::new(), stopped: None });
        };
        let (mut kept, mut walked) = (Vec::new(), 0);
        let mut is_newest = true;
        while walked < WALK {
            let limit = if walked == 0 { wanted } else { STRIDE };
            let ids = self.next(tx, is_newest.then_some(from), before, limit)?;
            walked += ids.len();
            let is_over = ids.len() < limit;
            before = ids.last().copied().unwrap_or(before);
            let mut some = store::desk_lists::candidates_of(tx, &ids)?;
            some.retain(|it| self.is_other(it));
            some.sort_by_key(|it| Reverse(it.id));
            kept.extend(some);
            if kept.len() >= wanted {
                kept.truncate(wanted);
                return Ok(Found { kept, stopped: None });
            }
            match (is_over, is_newest) {
                (true, true) => (is_newest, before) = (false, from),
                (true, false) => return Ok(Found { kept, stopped: None }),
                (false, _) => {}
            }
        }
        Ok(Found { kept, stopped: Some(vec![WORDS, before, 0]) })
    }

    fn next(
        &self,
        tx: &mut Tx<'_>,
        from: Option<i64>,
        before: i64,
        limit: usize,
    ) -> Result<Vec<i64>, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(match from {
            Some(from) => store::ticket_words::holding(tx, &self.patterns, from, before, limit)?,
            None => {
                let words = self.terms.iter().map(|term| (term.word.as_str(), term.is_prefix));
                store::ticket_words::hits(tx, words, before, limit)?
            }
        })
    }
}

/// How a ticket that was found is shown, with what was searched for marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The subject in pieces.
    pub subject: Vec<Piece>,
    /// The part of the text that holds most of it; none if the subject, the reference or the
    /// customer are all that does.
    pub snippet: Option<Snippet>,
    /// Whether the snippet is from an internal entry.
    pub is_internal: bool,
}

/// How a ticket is shown that was found for `typed`. Reads its newest 100 entries, so it is for
/// the tickets of one page.
///
/// # Errors
/// Those of the database.
pub fn show(tx: &mut Tx<'_>, ticket: &Ticket, typed: &str) -> Result<Shown, Error> {
    let terms = words::terms(typed);
    let entries: Vec<Entry> = store::entries::written_last(tx, ticket.id, ENTRIES)?;
    let mut best: Option<(usize, &str, bool)> = None;
    let texts = entries.iter().filter_map(|entry| {
        Some((entry.body.as_deref()?, entry.visibility == Visibility::Internal))
    });
    for (text, is_internal) in std::iter::once((ticket.description.as_str(), false)).chain(texts) {
        let found = highlight::found(text, &terms);
        if found > best.map_or(0, |(most, ..)| most) {
            best = Some((found, text, is_internal));
        }
    }
    Ok(Shown {
        subject: highlight::mark(&ticket.subject, &terms),
        snippet: best.and_then(|(_, text, _)| highlight::snippet(text, &terms)),
        is_internal: best.is_some_and(|(_, _, is_internal)| is_internal),
    })
}
