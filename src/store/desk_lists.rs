//! Lists of everybody's tickets, for the desk and for programs: each reads one range of an index
//! for each status, and merges these. So an index serves lists of one status and of all, and a
//! ticket has few indexes to keep.

use crate::clock::Millis;
use crate::db::{DbError, FromRow, Row, Tx, Value};
use crate::domain::tickets::{Sort, Status, Ticket};

/// Which range of which index is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// All tickets; in every order.
    All,
    /// Those of one customer, by update.
    Customer(i64),
    /// Those of one technician or of nobody, by update.
    Assignee(Option<i64>),
    /// Those where the last word is the customer's, by update.
    CustomerLast,
    /// Those of one category, by update.
    Category(String),
    /// Those of one priority, by update.
    Priority(i64),
}

/// What of a list is read.
pub struct Reading<'a> {
    /// The ranges, merged.
    pub ranges: &'a [Range],
    /// Only tickets of these statuses.
    pub statuses: &'a [Status],
    /// In which order: [`Range::All`] has every one.
    pub sort: Sort,
    /// Only what comes after these keys in that order.
    pub after: Option<&'a [i64]>,
    /// Only what was updated at or after this.
    pub since: Option<Millis>,
    /// So many, or up to 24 more.
    pub limit: usize,
}

/// What a filter asks about a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The ticket.
    pub id: i64,
    /// When it was created.
    pub created_at: Millis,
    /// When the last thing happened that the customer can see.
    pub updated_at: Millis,
    /// 0 low to 3 urgent.
    pub priority: i64,
    /// How far it is.
    pub status: Status,
    /// Its category.
    pub category: Option<String>,
    /// Who works on it.
    pub assignee_id: Option<i64>,
    /// Whose it is.
    pub customer_id: i64,
    /// Whether the last word is the customer's.
    pub customer_last: bool,
    /// Since when it is resolved.
    pub resolved_at: Option<Millis>,
}

const COLUMNS: &str = "id, created_at, updated_at, priority, status, category, assignee_id, customer_id, \
     customer_last, resolved_at";

impl FromRow for Candidate {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get(0)?,
            created_at: row.get(1)?,
            updated_at: row.get(2)?,
            priority: row.get(3)?,
            status: row.word(4, super::tickets::status)?,
            category: row.get(5)?,
            assignee_id: row.get(6)?,
            customer_id: row.get(7)?,
            customer_last: row.get(8)?,
            resolved_at: row.get(9)?,
        })
    }
}

/// Reads candidates in their order.
pub fn candidates(tx: &mut Tx<'_>, reading: &Reading<'_>) -> Result<Vec<Candidate>, DbError> {
    let mut values: Vec<Value<'_>> = Vec::new();
    let (keys, order) = keys(reading.sort);
    let mut arms = Vec::new();
    for range in reading.ranges {
        for status in reading.statuses {
            values.push(status.as_str().into());
            let mut arm = format!("SELECT {COLUMNS} FROM tickets WHERE status = ${}", values.len());
            push_range(&mut arm, &mut values, range);
            if let Some(after) = reading.after {
                arm.push_str(&format!(" AND ({keys}) < ({})", push_all(&mut values, after)));
            }
            if let Some(since) = reading.since {
                values.push(since.into());
                arm.push_str(&format!(" AND updated_at >= ${}", values.len()));
            }
            arms.push(arm);
        }
    }
    if arms.is_empty() {
        return Ok(Vec::new());
    }
    // Each range gives no more than the page takes, whatever the engine makes of the rest. Said as a
    // number, by which PostgreSQL plans; rounded, so that there are few statements to prepare.
    let limit = reading.limit.next_multiple_of(25);
    let end = format!("ORDER BY {order} LIMIT {limit}");
    if let [arm] = &arms[..] {
        return tx.rows(&format!("{arm} {end}"), &values);
    }
    let bounded = |arm: &String| format!("SELECT * FROM ({arm} {end}) AS arm");
    let arms: Vec<String> = arms.iter().map(bounded).collect();
    tx.rows(&format!("{} {end}", arms.join(" UNION ALL ")), &values)
}

fn keys(sort: Sort) -> (&'static str, &'static str) {
    match sort {
        Sort::Updated => ("updated_at, id", "updated_at DESC, id DESC"),
        Sort::Created => ("created_at, id", "created_at DESC, id DESC"),
        Sort::Priority => ("priority, updated_at, id", "priority DESC, updated_at DESC, id DESC"),
    }
}

fn push_range<'a>(sql: &mut String, values: &mut Vec<Value<'a>>, range: &'a Range) {
    let (column, value): (_, Value<'a>) = match range {
        Range::All => return,
        Range::CustomerLast => return sql.push_str(" AND customer_last"),
        Range::Assignee(None) => return sql.push_str(" AND assignee_id IS NULL"),
        Range::Assignee(Some(id)) => ("assignee_id", (*id).into()),
        Range::Customer(id) => ("customer_id", (*id).into()),
        Range::Category(name) => ("category", name.into()),
        Range::Priority(rank) => ("priority", (*rank).into()),
    };
    values.push(value);
    sql.push_str(&format!(" AND {column} = ${}", values.len()));
}

fn push_all(values: &mut Vec<Value<'_>>, keys: &[i64]) -> String {
    let places = keys.iter().map(|&key| {
        values.push(key.into());
        format!("${}", values.len())
    });
    places.collect::<Vec<_>>().join(", ")
}

/// What filters ask about these tickets; those not there are left out.
pub fn candidates_of(tx: &mut Tx<'_>, ids: &[i64]) -> Result<Vec<Candidate>, DbError> {
    let (places, values) = super::places(ids);
    tx.rows(&format!("SELECT {COLUMNS} FROM tickets WHERE id IN ({places})"), &values)
}

/// These tickets, whole, in any order.
pub fn tickets(tx: &mut Tx<'_>, ids: &[i64]) -> Result<Vec<Ticket>, DbError> {
    let (places, values) = super::places(ids);
    tx.rows(
        &format!(
            "SELECT {} FROM {} WHERE t.id IN ({places})",
            super::tickets::COLUMNS,
            super::tickets::TABLES
        ),
        &values,
    )
}
