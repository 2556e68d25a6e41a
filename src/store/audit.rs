//! Rows of the audit log. They are added, and stay as they are: there is no statement here that changes
//! one but those that take a person's words out, and the database refuses any other.

use crate::db::{DbError, FromRow, Row, Tx};
use crate::domain::audit::{By, ByKind, Details, Line, Subject};
use crate::params;

impl FromRow for Line {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        let by: String = row.get(3)?;
        let details: String = row.get(9)?;
        let details = serde_json::from_str(&details);
        Ok(Self {
            id: row.get(0)?,
            at: row.get(1)?,
            action: row.get(2)?,
            by: By {
                kind: ByKind::parse(&by).ok_or_else(|| super::unknown("audit.by_kind", &by))?,
                id: row.get(4)?,
                name: row.get(5)?,
            },
            subject: Subject { kind: row.get(6)?, id: row.get(7)?, words: row.get(8)? },
            details: Details(
                details.map_err(|error| DbError::Bug(format!("audit.details: {error}")))?,
            ),
            network: row.get(10)?,
            cause: row.get(11)?,
        })
    }
}

const COLUMNS: &str = "id, at, action, by_kind, by_id, by_name, subject_kind, subject_id, subject, details, \
     network, cause";

/// Adds a line.
pub fn insert(tx: &mut Tx<'_>, line: &Line) -> Result<(), DbError> {
    let Line { by, subject, .. } = line;
    let details = serde_json::Value::from(line.details.0.clone()).to_string();
    let sql = format!(
        "INSERT INTO audit ({COLUMNS}, subject_key) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    );
    tx.run(
        &sql,
        params![
            line.id,
            line.at,
            &line.action,
            by.kind.as_str(),
            by.id,
            &by.name,
            &subject.kind,
            subject.id,
            &subject.words,
            &details,
            &line.network,
            &line.cause,
            &subject.key()
        ],
    )?;
    Ok(())
}

/// Which lines: ids after the first and before the second, and how many at most.
pub type Range = (i64, i64, i64);

/// Lines of a range, the newest first.
pub fn newest(tx: &mut Tx<'_>, (after, before, limit): Range) -> Result<Vec<Line>, DbError> {
    let sql =
        format!("SELECT {COLUMNS} FROM audit WHERE id > $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    tx.rows(&sql, params![after, before, limit])
}

/// The same of one hand: its kind and its row.
pub fn by(
    tx: &mut Tx<'_>,
    (kind, id): (&str, i64),
    (after, before, limit): Range,
) -> Result<Vec<Line>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE by_kind = $1 AND by_id = $2 AND id > $3 AND id < $4 \
         ORDER BY id DESC LIMIT $5"
    );
    tx.rows(&sql, params![kind, id, after, before, limit])
}

/// The same of one action.
pub fn of_action(
    tx: &mut Tx<'_>,
    action: &str,
    (after, before, limit): Range,
) -> Result<Vec<Line>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE action = $1 AND id > $2 AND id < $3 \
         ORDER BY id DESC LIMIT $4"
    );
    tx.rows(&sql, params![action, after, before, limit])
}

/// The same about what is called so; `key` is folded.
pub fn about(
    tx: &mut Tx<'_>,
    key: &str,
    (after, before, limit): Range,
) -> Result<Vec<Line>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE subject_key = $1 AND id > $2 AND id < $3 \
         ORDER BY id DESC LIMIT $4"
    );
    tx.rows(&sql, params![key, after, before, limit])
}

/// The newest about one thing: its kind and its row.
pub fn of_subject(
    tx: &mut Tx<'_>,
    (kind, id): (&str, i64),
    limit: i64,
) -> Result<Vec<Line>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE subject_kind = $1 AND subject_id = $2 \
         ORDER BY id DESC LIMIT $3"
    );
    tx.rows(&sql, params![kind, id, limit])
}

/// Takes out what a hand was called.
pub fn forget_name(tx: &mut Tx<'_>, kind: &str, id: i64) -> Result<(), DbError> {
    tx.run("UPDATE audit SET by_name = '' WHERE by_kind = $1 AND by_id = $2", params![kind, id])?;
    Ok(())
}

/// Takes out what was done to, was called, and how it was changed.
pub fn forget_subject(tx: &mut Tx<'_>, kind: &str, id: i64) -> Result<(), DbError> {
    tx.run(
        "UPDATE audit SET subject = '', subject_key = '', details = '{}' \
         WHERE subject_kind = $1 AND subject_id = $2",
        params![kind, id],
    )?;
    Ok(())
}

/// The same for whatever is called so; `key` is folded.
pub fn forget_words(tx: &mut Tx<'_>, key: &str) -> Result<(), DbError> {
    tx.run(
        "UPDATE audit SET subject = '', subject_key = '', details = '{}' WHERE subject_key = $1",
        params![key],
    )?;
    Ok(())
}

/// Takes out how something was changed; what it is called stays.
pub fn forget_details(tx: &mut Tx<'_>, kind: &str, id: i64) -> Result<(), DbError> {
    tx.run(
        "UPDATE audit SET details = '{}' WHERE subject_kind = $1 AND subject_id = $2",
        params![kind, id],
    )?;
    Ok(())
}

/// Takes out what else there is to say of one line.
pub fn silence_line(tx: &mut Tx<'_>, id: i64) -> Result<(), DbError> {
    tx.run("UPDATE audit SET details = '{}' WHERE id = $1", params![id])?;
    Ok(())
}
