//! Lists of everybody's tickets, for staff and programs. Whatever is asked for, a page reads a
//! bounded number of rows: the range of an index that fits, or all of a set that is known to be
//! small, or else it walks an index for a while and then stops. A page may so be short and still
//! have a next one.

use std::cmp::Reverse;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::email::Email;
use crate::domain::page::{self, Page};
use crate::domain::tickets::desk_search;
use crate::domain::tickets::{Counts, Priority, Sort, Status, Ticket};
use crate::error::{Error, FieldCode, FieldError};
use crate::store;
use crate::store::desk_lists::{Candidate, Range, Reading};

/// Rows that one page walks past at most.
pub(super) const WALK: usize = 5_000;
/// Sets of so many tickets are read whole and sorted.
pub(super) const SMALL: i64 = 2_000;
/// Rows read at once on a walk.
const STRIDE: usize = 500;

/// What of everybody's tickets staff or a program wants to see.
#[derive(Clone, Debug, Default)]
pub struct DeskQuery {
    /// Only of this status.
    pub status: Option<Status>,
    /// Only open and in progress.
    pub unfinished: bool,
    /// Only of this priority.
    pub priority: Option<Priority>,
    /// Only of this category.
    pub category: Option<String>,
    /// Only assigned to who has this address.
    pub assignee: Option<Email>,
    /// Only assigned to nobody.
    pub unassigned: bool,
    /// Only of who has this address.
    pub customer: Option<Email>,
    /// Only those where the last word is the customer's.
    pub customer_last: bool,
    /// Only those that are resolved since then.
    pub resolved_since: Option<Millis>,
    /// Only those with all these words in their reference, texts, or customer. Then exact
    /// references, addresses and names come first, and the newest tickets next, whatever `sort` is.
    pub query: Option<String>,
    /// In which order.
    pub sort: Sort,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// At most so many, 1–100.
    pub limit: i64,
}

/// The same with names looked up.
pub(super) struct Filter {
    pub(super) statuses: Vec<Status>,
    priority: Option<i64>,
    category: Option<String>,
    /// `Some(None)`: nobody.
    assignee: Option<Option<i64>>,
    customer: Option<i64>,
    customer_last: bool,
    resolved_since: Option<Millis>,
}

/// Everybody's tickets. A page can be shorter than its limit and have a next one all the same: when
/// what is asked for is rare among many.
///
/// # Errors
/// [`Error::Invalid`] naming `cursor`, or `assignee` or `customer` if nobody has that address.
pub fn list(tx: &mut Tx<'_>, query: &DeskQuery) -> Result<Page<Ticket>, Error> {
    let filter = Filter::of(tx, query)?;
    let limit = usize::try_from(query.limit).unwrap_or(0);
    let typed = query.query.as_deref().unwrap_or_default();
    if !typed.trim().is_empty() {
        return desk_search::list(tx, &filter, typed, query.cursor.as_deref(), limit);
    }
    let after = match &query.cursor {
        Some(cursor) => Some(page::decode("cursor", cursor, keys(query.sort))?),
        None => None,
    };
    let found = match choose(tx, &filter, query.sort)? {
        Choice::Walk(range) => walk(tx, &filter, &[range], query.sort, after, limit + 1, |_| true)?,
        Choice::Small(range) => {
            let mut all = whole(tx, &filter, range)?;
            all.sort_by_key(|it| Reverse(place(it, query.sort)));
            all.retain(|it| after.as_ref().is_none_or(|after| place(it, query.sort) < *after));
            Found { kept: all, stopped: None }
        }
    };
    page(tx, found, limit, |it| place(it, query.sort))
}

/// Whether `cursor` is one of [`list`] for this query: a page has no field to blame for another.
pub fn is_desk_cursor(query: &DeskQuery, cursor: &str) -> bool {
    let searches = query.query.as_deref().is_some_and(|typed| !typed.trim().is_empty());
    page::decode("cursor", cursor, if searches { 3 } else { keys(query.sort) }).is_ok()
}

/// How many tickets [`list`] has in each status, whatever status it asks for; none if that is not
/// kept: it is for a customer, and for an assignee and the last word in any combination.
///
/// # Errors
/// As [`list`].
pub fn desk_counts(tx: &mut Tx<'_>, query: &DeskQuery) -> Result<Option<Counts>, Error> {
    let filter = Filter::of(tx, query)?;
    let searches = query.query.as_deref().is_some_and(|typed| !typed.trim().is_empty());
    let other = filter.priority.is_some()
        || filter.category.is_some()
        || filter.resolved_since.is_some()
        || searches;
    match filter.customer {
        _ if other => Ok(None),
        Some(_) if filter.assignee.is_some() || filter.customer_last => Ok(None),
        Some(customer) => Ok(Some(store::tickets::counts(tx, customer)?)),
        None => Ok(Some(kept_counts(tx, filter.assignee, filter.customer_last)?)),
    }
}

fn kept_counts(
    tx: &mut Tx<'_>,
    assignee: Option<Option<i64>>,
    customer_last: bool,
) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    let asked = assignee.flatten().unwrap_or_default();
    for share in store::desk_counts::shares(tx, asked)? {
        let tickets = match assignee {
            _ if customer_last && !share.customer_last => 0,
            None => share.all,
            Some(None) => share.unassigned,
            Some(Some(_)) => share.assigned,
        };
        match share.status {
            Status::Open => counts.open += tickets,
            Status::InProgress => counts.in_progress += tickets,
            Status::Resolved => counts.resolved += tickets,
            Status::Closed => counts.closed += tickets,
        }
    }
    Ok(counts)
}

impl Filter {
    pub(super) fn of(tx: &mut Tx<'_>, query: &DeskQuery) -> Result<Self, Error> {
        let mut statuses = match query.status {
            Some(status) => vec![status],
            None => Status::ALL.to_vec(),
        };
        statuses.retain(|status| {
            let is_unfinished = matches!(status, Status::Open | Status::InProgress);
            (is_unfinished || !query.unfinished)
                && (*status == Status::Resolved || query.resolved_since.is_none())
        });
        let assignee = match &query.assignee {
            Some(email) => Some(Some(staff_id(tx, email)?)),
            None => query.unassigned.then_some(None),
        };
        let customer = match &query.customer {
            Some(email) => Some(customer_id(tx, email)?),
            None => None,
        };
        Ok(Self {
            statuses,
            priority: query.priority.map(Priority::rank),
            category: query.category.clone(),
            assignee,
            customer,
            customer_last: query.customer_last,
            resolved_since: query.resolved_since,
        })
    }

    /// Whether a ticket is asked for.
    pub(super) fn admits(&self, it: &Candidate) -> bool {
        self.statuses.contains(&it.status)
            && self.priority.is_none_or(|priority| it.priority == priority)
            && (self.category.is_none() || it.category == self.category)
            && self.assignee.is_none_or(|assignee| it.assignee_id == assignee)
            && self.customer.is_none_or(|customer| it.customer_id == customer)
            && (!self.customer_last || it.customer_last)
            && self.resolved_since.is_none_or(|since| it.resolved_at.is_some_and(|at| at >= since))
    }

    /// The range of people who have few tickets among all, or of their last words.
    fn narrow(&self) -> Option<Range> {
        match (self.customer, self.assignee) {
            (Some(customer), _) => Some(Range::Customer(customer)),
            (None, Some(Some(staff))) => Some(Range::Assignee(Some(staff))),
            (None, _) if self.customer_last => Some(Range::CustomerLast),
            (None, Some(None)) => Some(Range::Assignee(None)),
            (None, None) => None,
        }
    }

    /// The same, if its tickets are known to be few.
    pub(super) fn small(&self, tx: &mut Tx<'_>) -> Result<Option<Range>, Error> {
        let Some(range) = self.narrow() else { return Ok(None) };
        let counts = match range {
            Range::Customer(customer) => store::tickets::counts(tx, customer)?,
            Range::CustomerLast => kept_counts(tx, None, true)?,
            Range::Assignee(assignee) => kept_counts(tx, Some(assignee), false)?,
            Range::All | Range::Category(_) | Range::Priority(_) => return Ok(None),
        };
        let tickets: i64 = self.statuses.iter().map(|&status| counts.of(status)).sum();
        Ok((tickets <= SMALL).then_some(range))
    }
}

enum Choice {
    /// Read in the order of its index.
    Walk(Range),
    /// Read whole and sort.
    Small(Range),
}

fn choose(tx: &mut Tx<'_>, filter: &Filter, sort: Sort) -> Result<Choice, Error> {
    let category = filter.category.clone().map(Range::Category);
    let priority = filter.priority.map(Range::Priority);
    let walk = match sort {
        Sort::Updated => filter.narrow().or(category).or(priority),
        Sort::Created | Sort::Priority => match filter.small(tx)? {
            Some(range) => return Ok(Choice::Small(range)),
            None => priority.filter(|_| sort == Sort::Priority),
        },
    };
    Ok(Choice::Walk(walk.unwrap_or(Range::All)))
}

/// What a page of a list is made of.
pub(super) struct Found {
    /// In their order, one more than the page has if there are more.
    pub(super) kept: Vec<Candidate>,
    /// Where a walk stopped that found too little for its page.
    pub(super) stopped: Option<Vec<i64>>,
}

/// Walks merged ranges from `after` on, until there are `wanted` that the filter and `more` admit,
/// or for [`WALK`] rows.
pub(super) fn walk(
    tx: &mut Tx<'_>,
    filter: &Filter,
    ranges: &[Range],
    sort: Sort,
    mut after: Option<Vec<i64>>,
    wanted: usize,
    more: impl Fn(&Candidate) -> bool,
) -> Result<Found, Error> {
    let (mut kept, mut walked) = (Vec::new(), 0);
    // The first look is enough for a list that its range fits.
    let mut stride = wanted;
    while walked < WALK {
        let reading = Reading {
            ranges,
            statuses: &filter.statuses,
            sort,
            after: after.as_deref(),
            since: filter.resolved_since.filter(|_| sort == Sort::Updated),
            limit: stride,
        };
        let some = store::desk_lists::candidates(tx, &reading)?;
        walked += some.len();
        let is_all = some.len() < stride;
        after = some.last().map(|last| place(last, sort)).or(after);
        kept.extend(some.into_iter().filter(|it| filter.admits(it) && more(it)));
        if kept.len() >= wanted || is_all {
            kept.truncate(wanted);
            return Ok(Found { kept, stopped: None });
        }
        stride = STRIDE;
    }
    Ok(Found { kept, stopped: after })
}

/// All that the filter admits of a range that is known to be small, by update.
pub(super) fn whole(
    tx: &mut Tx<'_>,
    filter: &Filter,
    range: Range,
) -> Result<Vec<Candidate>, Error> {
    let reading = Reading {
        ranges: &[range],
        statuses: &filter.statuses,
        sort: Sort::Updated,
        after: None,
        since: None,
        limit: usize::try_from(SMALL).unwrap_or(0) + 1,
    };
    let mut all = store::desk_lists::candidates(tx, &reading)?;
    all.retain(|it| filter.admits(it));
    Ok(all)
}

/// Cuts what was found to a page of whole tickets.
pub(super) fn page(
    tx: &mut Tx<'_>,
    found: Found,
    limit: usize,
    place: impl Fn(&Candidate) -> Vec<i64>,
) -> Result<Page<Ticket>, Error> {
    let Found { mut kept, stopped } = found;
    let more = kept.len() > limit;
    kept.truncate(limit);
    let next = match kept.last() {
        Some(last) if more => Some(place(last)),
        _ => stopped,
    };
    let ids: Vec<i64> = kept.iter().map(|it| it.id).collect();
    let mut items = Vec::new();
    if !ids.is_empty() {
        items = store::desk_lists::tickets(tx, &ids)?;
        items.sort_by_key(|ticket| ids.iter().position(|&id| id == ticket.id));
    }
    Ok(Page { items, next: next.map(|keys| page::cursor(&keys)) })
}

fn keys(sort: Sort) -> usize {
    if sort == Sort::Priority { 3 } else { 2 }
}

pub(super) fn place(it: &Candidate, sort: Sort) -> Vec<i64> {
    match sort {
        Sort::Updated => vec![it.updated_at.0, it.id],
        Sort::Created => vec![it.created_at.0, it.id],
        Sort::Priority => vec![it.priority, it.updated_at.0, it.id],
    }
}

fn staff_id(tx: &mut Tx<'_>, email: &Email) -> Result<i64, Error> {
    let staff = store::staff::find_by_email(tx, email)?.ok_or_else(|| nobody("assignee"))?;
    Ok(staff.id)
}

fn customer_id(tx: &mut Tx<'_>, email: &Email) -> Result<i64, Error> {
    let customer = store::customers::find_by_email(tx, email)?.ok_or_else(|| nobody("customer"))?;
    Ok(customer.id)
}

fn nobody(field: &str) -> FieldError {
    FieldError::new(field, FieldCode::UnknownValue, "Nobody with this e-mail address is known.")
}
