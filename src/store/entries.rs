//! Rows of timeline entries.

use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::entries::{By, Entry, Kind, Visibility};
use crate::domain::tickets::Status;
use crate::params;

impl FromRow for Entry {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        read(row, 0)
    }
}

/// The entry whose columns begin at `first`.
pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Entry, DbError> {
    let kind: String = row.get(first + 1)?;
    let by: String = row.get(first + 4)?;
    let is_public: bool = row.get(first + 2)?;
    Ok(Entry {
        id: row.get(first)?,
        kind: Kind::parse(&kind).ok_or_else(|| super::unknown("entries.kind", &kind))?,
        visibility: if is_public { Visibility::Public } else { Visibility::Internal },
        at: row.get(first + 3)?,
        by: By::parse(&by).ok_or_else(|| super::unknown("entries.by_kind", &by))?,
        author: row.get(first + 5)?,
        body: row.get(first + 6)?,
        from: status(row.get::<Option<String>>(first + 7)?.as_deref())?,
        to: status(row.get::<Option<String>>(first + 8)?.as_deref())?,
    })
}

fn status(word: Option<&str>) -> Result<Option<Status>, DbError> {
    word.map(super::tickets::status).transpose()
}

/// Adds a row. `by_id` is the row of who did it.
pub fn insert(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    entry: &Entry,
    by_id: Option<i64>,
) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO entries (ticket_id, id, kind, is_public, at, by_kind, by_id, author, body, \
           from_status, to_status) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            ticket_id,
            entry.id,
            entry.kind.as_str(),
            entry.visibility == Visibility::Public,
            entry.at,
            entry.by.as_str(),
            by_id,
            entry.author.as_deref(),
            entry.body.as_deref(),
            entry.from.map(Status::as_str),
            entry.to.map(Status::as_str)
        ],
    )?;
    Ok(())
}

/// The newest entries before `before` that a customer may see, newest first. A program's name
/// stays with staff.
pub fn public_before(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    before: i64,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    tx.rows(
        "SELECT id, kind, is_public, at, by_kind, \
           CASE WHEN by_kind = 'program' THEN NULL ELSE author END, body, from_status, to_status \
         FROM entries WHERE ticket_id = $1 AND is_public AND id < $2 ORDER BY id DESC LIMIT $3",
        params![ticket_id, before, limit],
    )
}

/// The newest entries in which something was written, internal ones included, newest first: for
/// staff and programs.
pub fn written_last(tx: &mut Tx<'_>, ticket_id: i64, limit: i64) -> Result<Vec<Entry>, DbError> {
    tx.rows(
        "SELECT id, kind, is_public, at, by_kind, author, body, from_status, to_status FROM entries \
         WHERE ticket_id = $1 AND body IS NOT NULL ORDER BY id DESC LIMIT $2",
        params![ticket_id, limit],
    )
}

/// Entries after `after` that a customer may see, oldest first. A program's name stays with staff.
pub fn public_after(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    tx.rows(
        "SELECT id, kind, is_public, at, by_kind, \
           CASE WHEN by_kind = 'program' THEN NULL ELSE author END, body, from_status, to_status \
         FROM entries WHERE ticket_id = $1 AND is_public AND id > $2 ORDER BY id LIMIT $3",
        params![ticket_id, after, limit],
    )
}

/// All entries after `after`, oldest first: for staff and programs.
pub fn all_after(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    tx.rows(
        "SELECT id, kind, is_public, at, by_kind, author, body, from_status, to_status \
         FROM entries WHERE ticket_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        params![ticket_id, after, limit],
    )
}

/// The newest entries before `before`, newest first: for staff.
pub fn all_before(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    before: i64,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    tx.rows(
        "SELECT id, kind, is_public, at, by_kind, author, body, from_status, to_status \
         FROM entries WHERE ticket_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        params![ticket_id, before, limit],
    )
}

/// An entry, and the address of the member of staff whose hand it is from.
pub struct Signed {
    /// The entry.
    pub entry: Entry,
    /// Who of the staff wrote it, if they are still there.
    pub staff: Option<String>,
}

impl FromRow for Signed {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self { entry: Entry::from_row(row)?, staff: row.get(9)? })
    }
}

/// As [`all_after`], with who of the staff wrote them.
pub fn signed_after(
    tx: &mut Tx<'_>,
    ticket_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Signed>, DbError> {
    tx.rows(
        "SELECT e.id, e.kind, e.is_public, e.at, e.by_kind, e.author, e.body, e.from_status, \
           e.to_status, s.email \
         FROM entries e LEFT JOIN staff s ON e.by_kind = 'staff' AND s.id = e.by_id \
         WHERE e.ticket_id = $1 AND e.id > $2 ORDER BY e.id LIMIT $3",
        params![ticket_id, after, limit],
    )
}

/// One entry, whoever may see it: for who wrote it.
pub fn find(tx: &mut Tx<'_>, ticket_id: i64, id: i64) -> Result<Option<Entry>, DbError> {
    tx.row(
        "SELECT id, kind, is_public, at, by_kind, author, body, from_status, to_status \
         FROM entries WHERE ticket_id = $1 AND id = $2",
        params![ticket_id, id],
    )
}
